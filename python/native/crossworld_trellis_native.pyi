"""What the compiled module offers to `crossworld_trellis.native`, which programs use."""

from collections.abc import Callable

__version__: str

class Refused(ValueError):
    """Data or settings that were refused; the message is that of the Rust side, on one line."""

def convert(data: bytes, format: str, palette: str, named: bool, dither: bool) -> bytes: ...
def preview(data: bytes, yaw: float, pitch: float, size: int, transparent: bool) -> bytes: ...
def inflate(
    picture: bytes, resolution: int, on_progress: Callable[[str, int, int], object] | None
) -> bytes: ...
