"""From the bytes that a client sent to the squares that the model sees.

Done before a request waits, so that bad pictures are told at once and waiting ones are small.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import anyio
import anyio.to_thread
from PIL import Image, UnidentifiedImageError

from ..image import CutOut, Framing, PictureError, cut_from_background, framed
from .problem import Problem

# A decoded picture of 16 megapixels takes some hundred megabytes while it is prepared.
_AT_ONCE = 2


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture, framed for the model; in every way, while it is not known which model it is."""

    squares: Mapping[Framing, Image.Image]

    def framed(self, framing: Framing) -> Image.Image:
        """The square that a model sees."""
        return self.squares[framing]


class Preparer:
    """Decodes and prepares pictures in a few threads."""

    def __init__(self, cut_out: CutOut | None, framing: Callable[[], Framing | None]) -> None:
        """`framing` is the model's, once it is known."""
        self._cut_out = cut_out
        self._framing = framing
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def prepare(self, files: Sequence[bytes]) -> list[Prepared]:
        """Squares for each file. Raises `Problem`: 415 for what is no picture, else 422."""
        known = self._framing()
        framings: Sequence[Framing] = get_args(Framing) if known is None else (known,)
        prepared: list[Prepared] = []
        for index, data in enumerate(files):
            name = "image" if len(files) == 1 else f"image {index + 1} of {len(files)}"
            work = functools.partial(self._prepared, data, name, framings)
            prepared.append(await anyio.to_thread.run_sync(work, limiter=self._limiter))
        return prepared

    def _prepared(self, data: bytes, name: str, framings: Sequence[Framing]) -> Prepared:
        try:
            cut = cut_from_background(data, cut_out=self._cut_out)
            return Prepared({framing: framed(cut, framing) for framing in framings})
        except PictureError as error:
            unknown = isinstance(error.__cause__, UnidentifiedImageError)
            detail = f"{name}: {' '.join(str(error).split())}"
            raise Problem(415 if unknown else 422, detail, field="image") from error
