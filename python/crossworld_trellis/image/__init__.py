"""Pictures: from whatever a caller has to the square that the image encoder sees.

Nothing here needs torch or a GPU. Rows of pixels run from the top down.
"""

from .cut_out import CutOut, rembg_cut_out
from .framing import Framing, framed
from .opening import (
    MAX_PIXELS,
    MAX_SIDE,
    PictureError,
    Source,
    open_picture,
)
from .preprocessing import SIDE, cut_from_background, preprocess, squeeze, stack
from .tight_crop import crop_tightly, resized

__all__ = [
    "MAX_PIXELS",
    "MAX_SIDE",
    "SIDE",
    "CutOut",
    "Framing",
    "PictureError",
    "Source",
    "crop_tightly",
    "cut_from_background",
    "framed",
    "open_picture",
    "preprocess",
    "rembg_cut_out",
    "resized",
    "squeeze",
    "stack",
]
