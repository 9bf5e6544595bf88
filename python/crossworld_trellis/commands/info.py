"""`info`: tells what a .voxels file holds. Needs no torch."""

import argparse

import numpy as np

from ..errors import TrellisError
from ..voxels import SparseVoxels, VoxelsError
from ..wire import FormatError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("file", metavar="FILE")


def run(options: argparse.Namespace) -> int:
    """Prints the description; raises `TrellisError` when the file is no .voxels file."""
    try:
        voxels = SparseVoxels.load(options.file)
    except OSError as error:
        raise TrellisError(f"cannot read the file: {error.strerror} ({options.file})") from error
    except (FormatError, VoxelsError) as error:
        raise TrellisError(f"{error} ({options.file})") from error
    print(describe(voxels))
    return 0


def describe(voxels: SparseVoxels) -> str:
    """Voxels, resolution, bounds and number of colours, one a line."""
    bounds = voxels.bounds()
    box = "none"
    if bounds is not None:
        x, y, z = bounds.size()
        box = f"{list(bounds.min)} to {list(bounds.max)}, {x} x {y} x {z} cells"
    colors = len(np.unique(voxels.rgba, axis=0))
    return "\n".join(
        [
            f"voxels      {len(voxels)}",
            f"resolution  {voxels.resolution}",
            f"bounds      {box}",
            f"colors      {colors}",
        ]
    )
