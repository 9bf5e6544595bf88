"""`SparseVoxels`: the solid cells of a grid with their true colours.

The same value as on the Rust side (`src/voxel/sparse.rs`). Frame: right-handed, +Y up, the object's
front faces +Z; coordinates count cells from the grid's minimum corner. Colours are sRGB bytes with
straight alpha. A model that thinks in other axes converts before it builds this value.
"""

import operator
import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import morton, wire
from .export.atomic import write_atomically

MAX_RESOLUTION = 1024
"""Most cells an axis may have (octree depth 10)."""

MAX_FILE_BYTES = 1 << 30
"""Most bytes of a file that `SparseVoxels.load` reads: about 100 million voxels."""


class VoxelsError(ValueError):
    """Voxels that contradict each other or their grid."""


@dataclass(frozen=True)
class Bounds:
    """Smallest and largest solid cell (x, y, z), both inside."""

    min: tuple[int, int, int]
    max: tuple[int, int, int]

    def size(self) -> tuple[int, int, int]:
        """Cells on each axis."""
        x, y, z = (high - low + 1 for low, high in zip(self.min, self.max, strict=True))
        return x, y, z


@dataclass(frozen=True, eq=False)
class SparseVoxels:
    """Solid cells of a cubic grid, each with a colour and optionally a surface finish.

    Construction checks the columns, copies them and sorts them in Morton order; the arrays are
    read-only afterwards.

    Raises `VoxelsError` when the resolution is not 1 to 1024, a column has another shape or dtype
    than below, columns differ in length, or a cell lies outside the grid or is listed twice.
    """

    resolution: int
    """Cells per axis."""
    coords: NDArray[np.integer[Any]]
    """[N,3] solid cells (x, y, z); given in any integer dtype, kept as uint16."""
    rgba: NDArray[np.uint8]
    """[N,4] colour of each cell: sRGB, straight alpha."""
    metallic_roughness: NDArray[np.uint8] | None = None
    """[N,2] metallic and perceptual roughness of each cell, bytes for 0 to 1."""

    def __post_init__(self) -> None:
        resolution = operator.index(self.resolution)
        if not 1 <= resolution <= MAX_RESOLUTION:
            raise VoxelsError(f"resolution {resolution} is out of range: use 1 to {MAX_RESOLUTION}")
        _check_shape("coords", self.coords, np.integer, width=3)
        _check_shape("rgba", self.rgba, np.uint8, width=4)
        _check_length("rgba", self.rgba, self.coords)
        if self.metallic_roughness is not None:
            _check_shape("metallic_roughness", self.metallic_roughness, np.uint8, width=2)
            _check_length("metallic_roughness", self.metallic_roughness, self.coords)
        _check_inside(self.coords, resolution)
        cells = self.coords.astype(np.uint16)
        order = np.argsort(morton.encode(cells), kind="stable")
        _check_unique(cells[order])

        object.__setattr__(self, "resolution", resolution)
        for name, column in {**self._columns(), "coords": cells}.items():
            sorted_column = column[order]
            sorted_column.flags.writeable = False
            object.__setattr__(self, name, sorted_column)

    def __len__(self) -> int:
        """Number of solid cells."""
        return len(self.coords)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SparseVoxels):
            return NotImplemented
        ours, theirs = self._columns(), other._columns()
        return (
            self.resolution == other.resolution
            and ours.keys() == theirs.keys()
            and all(np.array_equal(ours[name], theirs[name]) for name in ours)
        )

    def bounds(self) -> Bounds | None:
        """The smallest box around the solid cells, or `None` where there are none."""
        if not len(self):
            return None
        low, high = self.coords.min(axis=0).tolist(), self.coords.max(axis=0).tolist()
        return Bounds(min=(low[0], low[1], low[2]), max=(high[0], high[1], high[2]))

    def to_bytes(self) -> bytes:
        """The voxels as a `.voxels` file. Equal voxels give equal bytes."""
        return wire.encode(self.resolution, self._columns())

    @classmethod
    def from_bytes(cls, data: bytes) -> "SparseVoxels":
        """Reads a `.voxels` file held in memory.

        Raises `wire.FormatError` when the bytes are no such file, `VoxelsError` when they break the
        rules of a grid.
        """
        resolution, columns = wire.decode(data)
        return cls(resolution, **columns)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes a `.voxels` file; a crash leaves the old file or the new one.

        Raises `OSError` when the file cannot be written.
        """
        write_atomically(path, self.to_bytes())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "SparseVoxels":
        """Reads a `.voxels` file.

        Raises `OSError` when the file cannot be read, `wire.FormatError` when it has more than
        `MAX_FILE_BYTES`, else as `from_bytes`.
        """
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
        if len(data) > MAX_FILE_BYTES:
            limit = f"{MAX_FILE_BYTES >> 20} MiB"
            raise wire.FormatError(f"the file has more than {limit}: nothing that large is read")
        return cls.from_bytes(data)

    def _columns(self) -> wire.Columns:
        """The columns there are, by name."""
        columns: wire.Columns = {"coords": self.coords, "rgba": self.rgba}
        if self.metallic_roughness is not None:
            columns["metallic_roughness"] = self.metallic_roughness
        return columns


def _check_shape(name: str, column: NDArray[Any], kind: type[np.integer[Any]], width: int) -> None:
    if not np.issubdtype(column.dtype, kind) or column.ndim != 2 or column.shape[1] != width:
        got = f"{column.dtype} of shape {list(column.shape)}"
        raise VoxelsError(f"{name} must be {kind.__name__} of shape [N, {width}], got {got}")


def _check_length(name: str, column: NDArray[Any], coords: NDArray[Any]) -> None:
    if len(column) != len(coords):
        raise VoxelsError(f"{name} has {len(column)} entries, but there are {len(coords)} voxels")


def _check_inside(coords: NDArray[Any], resolution: int) -> None:
    outside = np.flatnonzero(((coords < 0) | (coords >= resolution)).any(axis=1))
    if outside.size:
        index = int(outside[0])
        raise VoxelsError(
            f"voxel {index} at {coords[index].tolist()} lies outside "
            f"a grid of resolution {resolution}"
        )


def _check_unique(cells: NDArray[np.uint16]) -> None:
    """Refuses a cell that stands twice in a sorted list."""
    twice = np.flatnonzero((cells[1:] == cells[:-1]).all(axis=1))
    if twice.size:
        raise VoxelsError(f"cell {cells[twice[0]].tolist()} is listed twice")
