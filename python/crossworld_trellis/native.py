"""The conversions, previews and the built-in method of the Rust side, for Python.

The same code that the program `trellis` and the game run, so the same bytes come out. Voxels go in
as the bytes of a `.voxels` file (`SparseVoxels.to_bytes`); what comes out are the bytes of a file.
Frame: +Y up, front at +Z, as everywhere; angles are degrees. Other threads run meanwhile. Files are
not read or written here, and one call works on one thread.

The compiled part is a package of its own, `crossworld-trellis-native`, which takes Rust to build.
Without it this module imports as well, and its functions raise `NativeMissingError`.

    from pathlib import Path
    from crossworld_trellis import native

    voxels = native.inflate(Path("robot.png").read_bytes(), resolution=64)
    Path("robot.vox").write_bytes(native.convert(voxels, "vox"))
    Path("robot-3d.png").write_bytes(native.preview(voxels, yaw=45))
"""

import operator
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Literal, SupportsFloat, SupportsIndex, cast

from . import __version__
from .errors import TrellisError
from .watch import Progress, Stage

Format = Literal["voxels", "csm", "bcf", "vox", "glb"]
"""Formats that `convert` writes; docs/formats.md tells what each can hold."""

Palette = Literal["auto", "model", "crossworld"]
"""Which colours a file gets: those of the model where the format holds colours, else Crossworld's
materials; those of the model; Crossworld's materials."""

Buffer = bytes | bytearray | memoryview
"""Bytes that are given; other objects with the buffer protocol do as well."""


class NativeError(TrellisError, ValueError):
    """Data or settings that the Rust side refused, in its words."""


class NativeMissingError(TrellisError):
    """The compiled part is not installed, does not load or is of another version."""


def check() -> None:
    """Raises `NativeMissingError` where the functions below would."""
    _compiled()


def convert(
    data: Buffer,
    format: Format,
    *,
    palette: Palette = "auto",
    named: bool = False,
    dither: bool = False,
) -> bytes:
    """The file in another format that says the same as a `.voxels` file.

    Crossworld's materials are its plain colours; `named` allows the named ones (stone, planks, ..)
    too, `dither` mixes two where neither comes near, and either of them means materials where
    `palette` says nothing. A `.glb` made here is the voxels' surface, not the mesh of the model.

    Raises `NativeError` for bytes that are no `.voxels` file, an unknown format or palette, and
    what the format cannot hold.
    """
    compiled, data = _compiled(), _bytes(data)
    with _refusals(compiled.Refused):
        return compiled.convert(data, str(format), str(palette), bool(named), bool(dither))


def preview(
    data: Buffer,
    *,
    yaw: SupportsFloat = 30.0,
    pitch: SupportsFloat = 20.0,
    size: SupportsIndex = 512,
    transparent: bool = False,
) -> bytes:
    """A picture of a `.voxels` file, lit as in a studio: a PNG file of `size` pixels an edge.

    `yaw` are degrees around the model, 0 sees its front and 90 its left side; `pitch` are degrees
    above the horizon, -89 to 89. `size` is 16 to 4096. The background is a sky, or `transparent`.

    Raises `NativeError` for bytes that are no `.voxels` file, angles and sizes out of range.
    """
    compiled, data, pixels = _compiled(), _bytes(data), _count("size", size)
    with _refusals(compiled.Refused):
        return compiled.preview(data, float(yaw), float(pitch), pixels, bool(transparent))


def inflate(
    picture: Buffer,
    *,
    resolution: SupportsIndex = 64,
    on_progress: Callable[[Progress], object] | None = None,
) -> bytes:
    """The `.voxels` file of the object in a picture (the bytes of a PNG, JPEG or WebP file).

    The method that needs no model: it cuts the object out of a plain or transparent background and
    inflates its outline, in milliseconds. `resolution` is 8 to 256 cells an axis. `on_progress`
    hears of every step; whatever it raises ends the work and is raised here.

    Raises `NativeError` for bytes that are no picture, a picture in which no object is found, and a
    resolution out of range.
    """
    compiled, picture, cells = _compiled(), _bytes(picture), _count("resolution", resolution)
    tell = on_progress

    def heard(stage: str, step: int, steps: int) -> None:
        assert tell is not None
        tell(Progress(cast(Stage, stage), step, steps))

    with _refusals(compiled.Refused):
        return compiled.inflate(picture, cells, None if tell is None else heard)


def _compiled():
    # Not imported above: most programs do well without it.
    remedy = "pip install ./python/native in the repository (it takes Rust)"
    try:
        import crossworld_trellis_native as compiled
    except ModuleNotFoundError:
        raise NativeMissingError(f"the compiled part is not installed: {remedy}") from None
    except ImportError as error:
        raise NativeMissingError(f"the compiled part does not load: {error}; {remedy}") from error
    if compiled.__version__ != __version__:
        raise NativeMissingError(
            f"the compiled part is of version {compiled.__version__}, "
            f"this package of {__version__}: {remedy}"
        )
    return compiled


@contextmanager
def _refusals(refused: type[Exception]) -> Generator[None, None, None]:
    """Refusals of the compiled part as errors of this package."""
    try:
        yield
    except refused as error:
        raise NativeError(str(error)) from None


def _bytes(data: Buffer) -> bytes:
    """What cannot change while others run; a copy, unless it is `bytes` already."""
    return data if type(data) is bytes else bytes(memoryview(data))


def _count(name: str, value: SupportsIndex) -> int:
    count = operator.index(value)
    if not 0 <= count < 2**32:
        raise NativeError(
            f"{name} {count} is out of range: give a positive number of at most 32 bits"
        )
    return count
