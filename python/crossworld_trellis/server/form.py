"""Reading the body of `POST /generate`: counted, timed, and told apart into pictures and fields."""

import asyncio
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive

from .problem import Problem, from_validation
from .schemas import MAX_PICTURES, GenerateForm
from .settings import ServerSettings

_MAX_FIELD_BYTES = 4096


async def read_form(request: Request, settings: ServerSettings) -> tuple[list[bytes], GenerateForm]:
    """The pictures' bytes and the other fields. Raises `Problem`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise Problem(
            415, f"the body must be multipart/form-data with a field 'image', got '{kind[:60]}'"
        )
    limited = Request(request.scope, limited_receive(request, settings))
    fields = len(GenerateForm.model_fields)
    try:
        async with limited.form(
            max_files=MAX_PICTURES, max_fields=2 * fields, max_part_size=_MAX_FIELD_BYTES
        ) as form:
            return await _sorted(form.multi_items())
    except HTTPException as error:
        detail = " ".join(error.detail.split()).rstrip(".")
        field = "image" if "files" in detail else None
        raise Problem(400, f"the form cannot be read: {detail}", field=field) from error


async def _sorted(items: list[tuple[str, UploadFile | str]]) -> tuple[list[bytes], GenerateForm]:
    pictures: list[bytes] = []
    fields: dict[str, Any] = {}
    for name, value in items:
        if isinstance(value, UploadFile):
            if name != "image":
                raise Problem(
                    422,
                    f"there is no file '{name[:60]}': send pictures as 'image'",
                    field=name[:60],
                )
            pictures.append(await value.read())
        elif name == "image":
            raise Problem(
                422, "image: a text is no picture, send a file (curl -F image=@FILE)", field="image"
            )
        elif name in fields:
            raise Problem(422, f"'{name[:60]}' is given twice: give it once", field=name[:60])
        else:
            fields[name] = value
    # What is wrong with the settings is cheaper to find than what is wrong with a picture.
    form = _validated(fields)
    if not pictures:
        raise Problem(422, "'image' is missing: send at least one picture", field="image")
    return pictures, form


def _validated(fields: Mapping[str, Any]) -> GenerateForm:
    try:
        return GenerateForm.model_validate(fields)
    except ValidationError as error:
        raise from_validation(error) from error


def limited_receive(request: Request, settings: ServerSettings) -> Receive:
    """The request's messages, until they are too many bytes or come too slowly."""
    too_large = Problem(
        413,
        f"the body has more than {settings.max_body >> 20} MiB: send smaller or fewer pictures, "
        "1024 pixels along a side are enough",
    )
    length = request.headers.get("content-length", "")
    if length.isascii() and length.isdecimal() and int(length[:20]) > settings.max_body:
        raise too_large
    count = 0
    # Someone who sends a byte now and then is as silent as someone who sends none.
    give_up = asyncio.get_running_loop().time() + 6 * settings.read_timeout

    async def receive() -> Message:
        nonlocal count
        left = give_up - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(
                request.receive(), max(0.0, min(left, settings.read_timeout))
            )
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise Problem(
                408, f"the body stopped coming after {count} bytes: send it faster"
            ) from error
        count += len(message.get("body", b""))
        if count > settings.max_body:
            raise too_large
        return message

    return receive
