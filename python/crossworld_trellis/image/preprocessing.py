"""From a picture to the 518 x 518 RGB square that the image encoder was trained on.

The object is cut out by its alpha, centred with a margin of a tenth on either side, resized and
laid on black. Every rounding is that of the original. Opening files is in `opening`, removing
backgrounds in `cut_out`, the encoder's normalisation in `models.image_encoder`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .cut_out import CutOut
from .opening import PictureError, Source, open_picture

SIDE = 518
"""Pixels of a side of the result: 37 patches of 14."""

# Of the square around the object to the object.
_MARGIN = 1.2

# Longest side of a picture whose background is removed.
_LONGEST_SIDE = 1024

# Alpha above which a pixel belongs to the object: 0.8 * 255.
_OPAQUE = 204


def preprocess(picture: Source, *, cut_out: CutOut | None = None) -> Image.Image:
    """The object of a picture on black, 518 x 518 RGB.

    A picture with some transparency shows its object by it. From any other `cut_out` removes the
    background. Raises `PictureError`.
    """
    picture = cut_from_background(picture, cut_out=cut_out)
    crop = square_around(picture, *object_square(picture, margin=_MARGIN))
    pixels = np.asarray(_resized(crop)).astype(np.float32)  # [518,518,4]
    # In place: on a slow host new memory takes longer than the numbers.
    pixels /= 255
    colors = pixels[:, :, :3] * pixels[:, :, 3:]
    colors *= 255
    return Image.fromarray(colors.astype(np.uint8))  # truncates


def _resized(crop: Image.Image) -> Image.Image:
    """An `RGBA` crop, 518 x 518, its four channels at the same time.

    Pillow resizes RGBA with the colours multiplied by alpha, so hidden colours do not bleed in, and
    each channel for itself.
    """
    bands = crop.convert("RGBa").split()
    with ThreadPoolExecutor(len(bands)) as threads:
        return Image.merge("RGBa", list(threads.map(_resized_band, bands))).convert("RGBA")


def _resized_band(band: Image.Image) -> Image.Image:
    return band.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def cut_from_background(picture: Source, *, cut_out: CutOut | None = None) -> Image.Image:
    """A picture as `RGBA`: with its own transparency, or that which `cut_out` gives it.

    Raises `PictureError`.
    """
    picture = open_picture(picture)
    return picture if shows_its_object(picture) else without_background(picture, cut_out)


def squeeze(picture: Source) -> Image.Image:
    """The whole picture as 518 x 518 RGB, whatever its aspect: for those who did the rest before.

    Alpha is dropped, not applied. Raises `PictureError`.
    """
    rgb = open_picture(picture).convert("RGB")
    return rgb.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def stack(pictures: Sequence[Image.Image]) -> NDArray[np.uint8]:
    """Prepared pictures as one array [K,518,518,3], as the image encoder takes them."""
    return np.stack([np.asarray(picture, np.uint8) for picture in pictures])


def shows_its_object(picture: Image.Image) -> bool:
    """Whether a picture has some transparency."""
    return picture.mode == "RGBA" and alpha(picture).min() < 255


def without_background(picture: Image.Image, cut_out: CutOut | None) -> Image.Image:
    """The picture with alpha, made by somebody else."""
    if cut_out is None:
        raise PictureError(
            "the picture has no transparency, so nothing tells its object from the background: "
            "give a picture with a transparent background, or a cut_out such as rembg_cut_out() "
            "(pip install 'crossworld-trellis[rembg]')"
        )
    result = cut_out(shrink(picture.convert("RGB")))
    if result.mode != "RGBA":
        raise PictureError(
            f"the background removal returned a picture of mode {result.mode}, but it must be RGBA"
        )
    return result


def shrink(picture: Image.Image) -> Image.Image:
    """The picture with at most 1024 pixels a side. Raises `PictureError` where none are left."""
    width, height = picture.size
    scale = min(1, _LONGEST_SIDE / max(width, height))
    if scale == 1:
        return picture
    size = int(width * scale), int(height * scale)
    if min(size) < 1:
        raise PictureError(
            f"the picture has {width}x{height} pixels: too thin to hold an object, crop it"
        )
    return picture.resize(size, Image.Resampling.LANCZOS)


def object_square(picture: Image.Image, *, margin: float) -> tuple[float, float, int]:
    """Centre and half side of the square to crop, `margin` times as large as the object."""
    opaque = alpha(picture) > _OPAQUE
    columns, rows = np.flatnonzero(opaque.any(axis=0)), np.flatnonzero(opaque.any(axis=1))
    if not len(columns):
        raise PictureError(
            f"the picture shows no object: no pixel has an alpha above {_OPAQUE}: give a picture "
            "whose object is opaque"
        )
    left, right, top, bottom = (int(edge) for edge in (*columns[[0, -1]], *rows[[0, -1]]))
    half = int(margin * max(right - left, bottom - top)) // 2
    if half == 0:
        raise PictureError(
            f"the object covers {right - left + 1}x{bottom - top + 1} pixels only, but needs at "
            "least 3: give a larger picture"
        )
    return (left + right) / 2, (top + bottom) / 2, half


def square_around(picture: Image.Image, x: float, y: float, half: int) -> Image.Image:
    """The square of 2 * half pixels around a point, transparent outside the picture."""
    # Halves go to the even number, here and at the far corner, so that both move alike.
    left, top = round(x - half), round(y - half)
    square = Image.new("RGBA", (2 * half, 2 * half))
    square.paste(picture, (-left, -top))
    return square


def alpha(picture: Image.Image) -> NDArray[np.uint8]:
    """[H,W] of a picture that has it."""
    return np.asarray(picture.getchannel("A"))
