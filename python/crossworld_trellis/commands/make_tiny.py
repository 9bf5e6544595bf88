"""`make-tiny`: writes a tiny checkpoint with random weights, for trying out all the rest."""

import argparse
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from ..errors import TrellisError

# What a checkpoint's folder holds; a folder with anything else is never replaced.
_OURS = {"pipeline.json", "ckpts", "image_cond"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder to make")
    parser.add_argument(
        "--family",
        choices=("trellis", "trellis2"),
        default="trellis",
        help="generation of the model (default: the first)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the random weights")
    parser.add_argument(
        "--force", action="store_true", help="replace a checkpoint that is there already"
    )


def run(options: argparse.Namespace) -> int:
    """Writes the checkpoint, whole or not at all."""
    # Only after the parser had its say: torch takes seconds.
    from ..checkpoint import tiny, tiny_trellis2

    write = tiny_trellis2.write_tiny if options.family == "trellis2" else tiny.write_tiny
    folder: Path = options.folder
    _check_place(folder, force=options.force)
    with _replacing(folder) as unfinished:
        write(unfinished, seed=options.seed)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"wrote a tiny checkpoint of {size / 1e6:.1f} MB to {folder}")
    print(f"try it: python -m crossworld_trellis generate PICTURE -o OUT.voxels --model {folder}")
    return 0


def _check_place(folder: Path, *, force: bool) -> None:
    """Raises `TrellisError` when something lies there that must not be lost."""
    if not folder.is_dir():
        if folder.exists():
            raise TrellisError(f"this is a file: name a folder to make ({folder})")
        return
    there = {path.name for path in folder.iterdir()}
    if there - _OURS:
        other = sorted(there - _OURS)[0]
        raise TrellisError(f"the folder holds other things ('{other}'): name a new one ({folder})")
    if there and not force:
        raise TrellisError(f"a checkpoint is there already: replace it with --force ({folder})")


@contextmanager
def _replacing(folder: Path) -> Generator[Path]:
    """A new folder that takes the place of another when all went well, and vanishes otherwise."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished, old = (folder.with_name(f".{folder.name}.{uuid4().hex}.tmp") for _ in range(2))
    unfinished.mkdir()
    try:
        yield unfinished
        if folder.exists():
            folder.rename(old)
        try:
            unfinished.rename(folder)
        except OSError:
            old.rename(folder)
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    shutil.rmtree(old, ignore_errors=True)
