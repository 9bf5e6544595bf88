"""Background removal: the protocol, and the one implementation there is, the package `rembg`.

The package is an optional extra, because it brings a second inference runtime. It is imported when
a picture needs it and not before; on first use it downloads the weights of U2-Net itself.
"""

import importlib
from collections.abc import Callable
from typing import Any

from PIL import Image

from .opening import PictureError

CutOut = Callable[[Image.Image], Image.Image]
"""From an `RGB` picture to the same as `RGBA`, transparent where the background was."""

MODEL = "u2net"
"""The matting model that the original uses."""


def rembg_cut_out() -> CutOut:
    """Background removal by `rembg`, which is looked for when the first picture comes.

    The result raises `PictureError` where the package is missing.
    """
    return _Rembg()


class _Rembg:
    """A session of `rembg` that is opened once."""

    def __init__(self) -> None:
        self._session: Any = None

    def __call__(self, picture: Image.Image) -> Image.Image:
        rembg = _import_rembg()
        if self._session is None:
            self._session = rembg.new_session(MODEL)
        return rembg.remove(picture, session=self._session)


def _import_rembg() -> Any:
    try:
        return importlib.import_module("rembg")
    # Without a runtime for its model the package ends the program when it is imported.
    except (ImportError, SystemExit) as error:
        raise PictureError(
            "the picture has no transparency, and the package rembg that removes backgrounds does "
            f"not import ({' '.join(str(error).split())}): give a picture with a transparent "
            "background, or pip install 'crossworld-trellis[rembg]'"
        ) from error
