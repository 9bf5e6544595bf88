"""What a file really is that lies where weights should be. Standard library only.

The usual accidents of copying and downloading, told by how the file begins.
"""

from pathlib import Path

_MISTAKEN = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file: run 'git lfs pull' there"),
    (b"<", "a web page: download the file again"),
    (b"PK\x03\x04", "a zip archive, perhaps pickled weights: only safetensors files are read"),
    (b"\x80\x02", "a pickle, which could run code: only safetensors files are read"),
)


def explain_content(path: Path) -> str | None:
    """What a file really is that often lies where a checkpoint's file should be, with a remedy."""
    with path.open("rb") as file:
        head = file.read(64).lstrip()
    if not head:
        return "empty: download it again"
    return next((what for start, what in _MISTAKEN if head.startswith(start)), None)
