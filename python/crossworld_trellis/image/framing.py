"""The square that an image encoder looks at, framed as the generation of the model wants it.

For those who prepare a picture before they know which generation will look at it: the object is cut
out once, which is what takes long, and framed in every way that may be needed.
"""

from collections.abc import Callable, Mapping
from typing import Literal

from PIL import Image

from .cut_out import CutOut
from .preprocessing import preprocess
from .tight_crop import crop_tightly

Framing = Literal["margin", "tight"]
"""The first generation wants a margin around the object (`preprocess`), the second none
(`crop_tightly`)."""

_WAYS: Mapping[Framing, Callable[..., Image.Image]] = {
    "margin": preprocess,
    "tight": crop_tightly,
}


def framed(cut: Image.Image, framing: Framing) -> Image.Image:
    """The square of a picture that `cut_from_background` gave. Raises `PictureError`."""
    keep: CutOut = _keep
    return _WAYS[framing](cut, cut_out=keep)


def _keep(picture: Image.Image) -> Image.Image:
    """In place of a background removal, for a picture in which one found no background."""
    return picture.convert("RGBA")
