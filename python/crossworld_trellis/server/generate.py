"""`POST /generate`: a form in, a file out."""

import asyncio
import contextlib

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from .. import native
from .form import read_form
from .job import Failed, Finished, Order
from .metrics import Metrics
from .model import CONVERTED
from .pictures import Preparer
from .problem import Problem
from .schemas import OutputFormat
from .settings import ServerSettings
from .ticket import Ticket, gone, ticket
from .worker import Worker

MEDIA_TYPES: dict[OutputFormat, str] = {
    "glb": "model/gltf-binary",
    "ply": "application/octet-stream",
    "npy": "application/octet-stream",
    "voxels": "application/vnd.crossworld.voxels",
    "vox": "application/octet-stream",
    "csm": "text/plain",
    "bcf": "application/octet-stream",
}


async def generate(
    request: Request, settings: ServerSettings, worker: Worker, preparer: Preparer, metrics: Metrics
) -> Response:
    """Answers with the file. Raises `Problem`."""
    files, form = await read_form(request, settings)
    _check_available(form.output_format)
    metrics.asked(form.output_format)
    worker.check_room(client_of(request))
    order = Order(
        pictures=await preparer.prepare(files),
        settings=form.settings(),
        output_format=form.output_format,
    )
    async with ticket(worker, order, client=client_of(request), deadline=settings.deadline) as mine:
        made = await _result(request, mine)
    name = f"object-{form.seed}.{form.output_format}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    if made.note is not None:
        headers["Trellis-Note"] = made.note
    return Response(made.data, media_type=MEDIA_TYPES[form.output_format], headers=headers)


def _check_available(output_format: OutputFormat) -> None:
    if output_format in CONVERTED:
        try:
            native.check()
        except native.NativeMissingError as error:
            detail = f"output_format: '{output_format}' cannot be made here, {error}"
            raise Problem(422, detail, field="output_format") from error


async def _result(request: Request, mine: Ticket) -> Finished:
    leaving = asyncio.create_task(_stop_when_left(request, mine))
    try:
        while True:
            match await mine.next():
                case Finished() as made:
                    return made
                case Failed(problem):
                    raise problem.copy()
                case _:
                    pass
    finally:
        leaving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await leaving


async def _stop_when_left(request: Request, mine: Ticket) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    mine.stop(gone())


def client_of(connection: HTTPConnection) -> str:
    """Whose turn a request takes in the line: an address."""
    return connection.client.host if connection.client is not None else "unknown"
