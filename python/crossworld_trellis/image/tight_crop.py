"""From a picture to the square RGB crop that TRELLIS.2's image encoder looks at.

Unlike `preprocessing`: no margin around the object, any size, and the crop is laid on black before
it is resized, which whoever encodes it does (`resized`).
"""

import numpy as np
from PIL import Image

from .cut_out import CutOut
from .opening import Source
from .preprocessing import cut_from_background, object_square, shrink, square_around


def crop_tightly(picture: Source, *, cut_out: CutOut | None = None) -> Image.Image:
    """The object of a picture on black: RGB, square, as large as it is there.

    Pictures are first reduced to 1024 pixels a side. A picture with some transparency shows its
    object by it. From any other `cut_out` removes the background. Raises `PictureError`.
    """
    picture = shrink(cut_from_background(picture, cut_out=cut_out))
    crop = square_around(picture, *object_square(picture, margin=1))
    pixels = np.asarray(crop).astype(np.float32) / 255  # [S,S,4]
    colors = pixels[:, :, :3] * pixels[:, :, 3:]
    return Image.fromarray((colors * 255).astype(np.uint8))  # truncates


def resized(picture: Image.Image, side: int) -> Image.Image:
    """An RGB picture with `side` pixels a side, whatever its aspect was."""
    return picture.resize((side, side), Image.Resampling.LANCZOS)
