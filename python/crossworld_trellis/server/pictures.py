"""From the bytes that a client sent to the squares that the model sees.

Done before a request waits, so that bad pictures are told at once and waiting ones are small.
"""

import functools
from collections.abc import Sequence

import anyio
import anyio.to_thread
from PIL import Image, UnidentifiedImageError

from ..image import CutOut, PictureError, preprocess
from .problem import Problem

# A decoded picture of 16 megapixels takes some hundred megabytes while it is prepared.
_AT_ONCE = 2


class Preparer:
    """Decodes and prepares pictures in a few threads."""

    def __init__(self, cut_out: CutOut | None) -> None:
        self._cut_out = cut_out
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def prepare(self, files: Sequence[bytes]) -> list[Image.Image]:
        """A square for each file. Raises `Problem`: 415 for what is no picture, else 422."""
        squares: list[Image.Image] = []
        for index, data in enumerate(files):
            name = "image" if len(files) == 1 else f"image {index + 1} of {len(files)}"
            work = functools.partial(self._square, data, name)
            squares.append(await anyio.to_thread.run_sync(work, limiter=self._limiter))
        return squares

    def _square(self, data: bytes, name: str) -> Image.Image:
        try:
            return preprocess(data, cut_out=self._cut_out)
        except PictureError as error:
            unknown = isinstance(error.__cause__, UnidentifiedImageError)
            detail = f"{name}: {' '.join(str(error).split())}"
            raise Problem(415 if unknown else 422, detail, field="image") from error
