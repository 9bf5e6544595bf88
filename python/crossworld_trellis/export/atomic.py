"""Files that are written whole or not at all. Shared by every format; knows none of them."""

import os
from pathlib import Path
from uuid import uuid4


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes a file; a crash at any moment leaves the old one or the new one.

    Raises `OSError` when the file cannot be written.
    """
    path = Path(path)
    unfinished = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        with unfinished.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
