"""The command line: `python -m crossworld_trellis info FILE`.

Exit codes: 0, 2 for wrong usage, 1 with one line on standard error for everything else.
"""

import argparse
import sys
from collections.abc import Sequence

import numpy as np

from .voxels import SparseVoxels, VoxelsError
from .wire import FormatError


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command (by default the process's arguments) and returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m crossworld_trellis")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    info = commands.add_parser("info", help="tell what a .voxels file holds")
    info.add_argument("file", metavar="FILE")
    file: str = parser.parse_args(arguments).file
    try:
        voxels = SparseVoxels.load(file)
    except OSError as error:
        return _fail(f"cannot read the file: {error.strerror} ({file})")
    except (FormatError, VoxelsError) as error:
        return _fail(f"{error} ({file})")
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


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
