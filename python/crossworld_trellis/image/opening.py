"""Opening pictures that nobody has looked at: files, bytes, Pillow images and numpy arrays.

Whatever comes is a checked, decoded `RGB` or `RGBA` picture afterwards, turned the way its camera
was held. Size is judged before pixels are decoded. Colour profiles are ignored, as by the original,
and of an animation the first frame is taken. What becomes of the picture is not decided here.
"""

import contextlib
import io
import os
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import TrellisError

MAX_PIXELS = 1 << 24
"""Most pixels of a picture: 4096 x 4096."""

MAX_SIDE = 8192
"""Most pixels of a side: the square around an object has sides up to 1.2 times as long."""

Source = str | os.PathLike[str] | bytes | Image.Image | NDArray[np.uint8]
"""A path, the bytes of a file, a Pillow image, or an array [H,W], [H,W,3] or [H,W,4]."""

# Pillow knows more formats, among them some that start other programs (EPS) and some that take any
# bytes for a picture (TGA).
_FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM")

# Modes with one 16-bit number a pixel, as Pillow calls them in its versions.
_GREYS_OF_16_BITS = ("I", "I;16", "I;16L", "I;16B", "I;16N")


class PictureError(TrellisError, ValueError):
    """A picture that cannot be used."""


def open_picture(source: Source) -> Image.Image:
    """The picture as `RGBA` where it can be transparent, else as `RGB`.

    Palettes, greys, CMYK and others are converted; transparent palette entries and colour keys
    become alpha; greys of 16 bits keep the upper 8. Raises `PictureError`.
    """
    if isinstance(source, Image.Image):
        return _settle(source, "the picture")
    if isinstance(source, np.ndarray):
        return _settle(_from_array(source), "the picture")
    if isinstance(source, bytes):
        return _decode(io.BytesIO(source), f"the picture of {len(source)} bytes")
    if not isinstance(source, str | os.PathLike):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise PictureError(
            f"a {type(source).__name__} is no picture: give a path, the bytes of a file, a Pillow "
            "image or a numpy array"
        )
    try:
        file = open(source, "rb")  # noqa: SIM115 - errors of reading are told apart from this one
    except (OSError, ValueError) as error:  # a null character in a path is a ValueError
        raise PictureError(
            f"the picture cannot be opened: {_reason(error)}: check its path"
        ) from error
    with file:
        return _decode(file, f"the picture {os.fspath(source)}")


def _decode(file: IO[bytes], name: str) -> Image.Image:
    """The picture in an open file."""
    Image.init()
    known = [kind for kind in _FORMATS if kind in Image.OPEN]
    try:
        picture = Image.open(file, formats=known)
    except UnidentifiedImageError as error:
        raise PictureError(f"{name} is of no known format: save it as PNG, JPEG or WebP") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"{name} has far too many pixels: {_reason(error)}: scale it down, 1024 along a "
            "side are enough"
        ) from error
    except Exception as error:  # Pillow's parsers raise whatever bytes lead them to
        raise _damaged(name, error) from error
    return _settle(picture, name)


def _settle(picture: Image.Image, name: str) -> Image.Image:
    """The picture within our bounds, decoded, upright and in one of two modes."""
    _check_size(picture.size, name)
    try:
        picture.load()
    except Exception as error:  # as above
        raise _damaged(name, error) from error
    # A picture whose orientation cannot be read is still a picture.
    with contextlib.suppress(Exception):
        picture = ImageOps.exif_transpose(picture)
    return _in_color(picture, name)


def _in_color(picture: Image.Image, name: str) -> Image.Image:
    """The picture as `RGB` or `RGBA`."""
    if picture.mode in _GREYS_OF_16_BITS:
        return _upper_bits(picture, name).convert("RGB")
    if picture.mode == "F":
        raise PictureError(
            f"{name} has floating-point pixels, whose black and white are unknown: save it with 8 "
            "bits a channel"
        )
    if picture.mode == "La":
        picture = picture.convert("LA")  # Pillow knows no shorter way
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    try:
        return picture.convert(mode)
    except ValueError as error:
        raise PictureError(
            f"{name} has pixels of the kind {picture.mode}, which nothing converts: save it as RGB"
        ) from error


def _upper_bits(picture: Image.Image, name: str) -> Image.Image:
    """A grey of 16 bits as one of 8; Pillow's own conversion makes everything above 255 white."""
    numbers = np.asarray(picture)
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high > 0xFFFF:
        raise PictureError(
            f"{name} has greys from {low} to {high}, but 16 bits hold 0 to 65535: save it with 8 "
            "bits a channel"
        )
    return Image.fromarray((numbers >> 8).astype(np.uint8))


def _from_array(array: NDArray[Any]) -> Image.Image:
    shape = list(array.shape)
    if array.dtype != np.uint8:
        raise PictureError(
            f"the picture is an array of {array.dtype}, but must be of uint8, from 0 to 255"
        )
    if not (array.ndim == 2 or (array.ndim == 3 and shape[2] in (3, 4))):
        raise PictureError(
            f"the picture is an array of shape {shape}, but must be [H, W], [H, W, 3] or [H, W, 4]"
        )
    _check_size((shape[1], shape[0]), "the picture")
    return Image.fromarray(np.ascontiguousarray(array))


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise PictureError(f"{name} has {width}x{height} pixels, but needs at least one")
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise PictureError(
            f"{name} has {width}x{height} pixels: at most {MAX_PIXELS} are read and {MAX_SIDE} "
            "along a side: scale it down, 1024 along a side are enough"
        )


def _damaged(name: str, error: Exception) -> PictureError:
    return PictureError(f"{name} is damaged: {_reason(error)}: copy or save it again")


def _reason(error: Exception) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
