"""What went wrong, as clients are told: RFC 9457 (`application/problem+json`) and its statuses."""

import logging
from http import HTTPStatus

from pydantic import ValidationError

from ..errors import DeviceMemoryError, TrellisError
from ..image import PictureError

MEDIA_TYPE = "application/problem+json"

_LOG = logging.getLogger("crossworld_trellis.server")

# The first word of a message about settings is often the setting's name.
_FIELDS = {
    "seed": "seed",
    "resolution": "resolution",
    "steps": "steps",
    "cfg_strength": "cfg",
    "mode": "mode",
    "guidance_strength": "cfg",
    "output_format": "output_format",
    "latents": "latents",
    "forecast": "forecast",
    "shape": "shape",
    "texture": "texture",
    "pipeline_type": "pipeline_type",
    "max_tokens": "max_tokens",
}


CLIENT_LEFT = 499
"""The status of what no client waits for any more; it is counted, and never sent."""


class Problem(Exception):
    """A request that ends without a result: one line says what, which value, and what to do."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        field: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = "Client Left" if status == CLIENT_LEFT else HTTPStatus(status).phrase
        self.detail = detail
        self.field = field
        self.retry_after = retry_after

    def copy(self) -> "Problem":
        """The same to raise elsewhere: raised exceptions collect where they have been."""
        return Problem(self.status, self.detail, field=self.field, retry_after=self.retry_after)

    def body(self) -> dict[str, object]:
        """What both ways in tell: status, title, detail, the field where one is to blame, and the
        seconds after which to try again where that helps."""
        body: dict[str, object] = {
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
        }
        if self.field is not None:
            body["field"] = self.field
        if self.retry_after is not None:
            body["retry_after"] = self.retry_after
        return body

    def headers(self) -> dict[str, str]:
        """The headers that go with it."""
        headers: dict[str, str] = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        return headers


def from_validation(error: ValidationError, *, status: int = 422) -> Problem:
    """The first thing that is wrong with some settings."""
    first = error.errors(include_url=False, include_context=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if field is None:
        return Problem(400, f"the settings are not understood: {_one_line(message)}")
    if first["type"] == "extra_forbidden":
        return Problem(status, f"there is no setting '{field[:60]}': remove it", field=field[:60])
    if first["type"] == "missing":
        return Problem(status, f"'{field}' is missing: give it", field=field)
    shown = repr(first["input"])
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return Problem(status, f"{field}: {_one_line(message)}, got {shown}", field=field)


def from_error(error: Exception) -> Problem:
    """What a client learns of an error that the model raised."""
    message = _one_line(str(error))
    if isinstance(error, Problem):
        return error
    if isinstance(error, DeviceMemoryError):
        return Problem(507, message)
    if isinstance(error, PictureError):
        return Problem(422, message, field="image")
    if isinstance(error, TrellisError):
        # By their names, since their modules import torch.
        names = {kind.__name__ for kind in type(error).__mro__}
        # Errors that are also ValueErrors speak of what was asked, others of what was found.
        if isinstance(error, ValueError) and "CheckpointError" not in names:
            return Problem(422, message, field=_FIELDS.get(message.split(" ")[0]))
        if "EmptyResultError" in names:
            return Problem(422, message)
        return Problem(503, message, retry_after=60)
    _LOG.error("a generation failed by a fault of the server", exc_info=error)
    return Problem(500, f"the server made a mistake ({type(error).__name__}): its log tells more")


def _one_line(text: str) -> str:
    return " ".join(text.split())
