"""`VoxelGrid`: a list of active voxels and everything that follows from the coordinates alone.

Neighbours, the pooled and the subdivided grid and the windows are found on first use and kept, so
that the steps of a sampler and the three decoders share them. Finding them may wait for the device;
using them never does. Coordinates count cells (x, y, z) of a cubic grid, z up, of any resolution to
1024. No dense grid is ever made: voxels are looked up by sorted keys. Features live outside, as
plain tensors with one row a voxel; the operators on them are in the files next to this one.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..errors import TrellisError
from .grouping import group_rows, host_numbers
from .windows import Windows, partition

MAX_RESOLUTION = 1024
"""Most cells an axis of a grid given from outside may have."""

# A voxel's key: item, x + 1, y + 1, z + 1 as the digits of a number. The ones make room for the
# neighbours beyond the border, so that a neighbour's key is the voxel's plus a constant.
_DIGIT = 1 << 16
_STEPS = [
    (i * _DIGIT + j) * _DIGIT + k
    for i, j, k in itertools.product((-1, 0, 1), (-1, 0, 1), (-1, 0, 1))
]

# Rows whose neighbours are looked up at once: 14 MiB of keys.
_LOOKUP_ROWS = 1 << 16


class GridError(TrellisError, ValueError):
    """Coordinates that make no grid."""


class VoxelGrid:
    """Active voxels of one or several items. Immutable; plans are cached on first use."""

    coords: Tensor
    """[N,4] int32 (item, x, y, z); rows of one item contiguous, items ascending, otherwise in any
    order."""
    items: tuple[int, ...]
    """Rows of each batch item."""

    def __init__(self, coords: Tensor, *, items: Sequence[int] | None = None) -> None:
        """Takes the coordinates as they are.

        Without `items` they are checked and counted, which waits for the device; with `items` only
        their number is checked. Raises `GridError`.
        """
        if coords.dtype != torch.int32 or coords.ndim != 2 or coords.shape[1] != 4:
            got = f"{str(coords.dtype).removeprefix('torch.')} of shape {list(coords.shape)}"
            raise GridError(f"coords must be int32 of shape [N, 4] (item, x, y, z), got {got}")
        self.coords = coords
        self.items = _count_items(coords) if items is None else tuple(items)
        if sum(self.items) != len(coords):
            raise GridError(f"items {list(self.items)} do not add up to {len(coords)} coords")
        self._parent: VoxelGrid | None = None
        self._windows: dict[tuple[int, int], Windows] = {}

    def __len__(self) -> int:
        """Number of voxels."""
        return len(self.coords)

    @property
    def positions(self) -> Tensor:
        """[N,3] int32 (x, y, z)."""
        return self.coords[:, 1:]

    @cached_property
    def spans(self) -> tuple[slice, ...]:
        """The rows of each item."""
        ends = list(itertools.accumulate(self.items, initial=0))
        return tuple(slice(start, end) for start, end in itertools.pairwise(ends))

    @cached_property
    def neighbours(self) -> Tensor:
        """[N,27] int64: row of the neighbour at (x+i-1, y+j-1, z+k-1) in column 9i+3j+k, N if none.

        Column 13 is the voxel itself. Give features a zero row at the end before gathering.
        """
        if self._parent is not None:
            return _children_neighbours(self._parent.neighbours)
        return _find_neighbours(_keys(self.coords))

    def prepare(self) -> None:
        """Finds what convolutions on this grid and on the pooled one use."""
        _ = self.neighbours, self.pooled_neighbours, self.pooled.grid.neighbours

    @cached_property
    def pooled(self) -> "Pooling":
        """The grid of half the resolution and how the two are linked."""
        return _pool_grid(self)

    @cached_property
    def pooled_neighbours(self) -> Tensor:
        """[N,27] int64: row in the pooled grid of each neighbour's cell, M if none.

        What a convolution gathers when its input is the same all over a cell.
        """
        cell = self.pooled.cell
        none = torch.full((1,), len(self.pooled.grid), device=cell.device)
        return torch.cat([cell, none])[self.neighbours]

    @cached_property
    def subdivided(self) -> "VoxelGrid":
        """The grid of twice the resolution: child (i, j, k) of voxel n in row 8n+4i+2j+k.

        Its rows are not sorted, even where these are.
        """
        corner = torch.tensor(
            [(0, *child) for child in itertools.product((0, 1), repeat=3)],
            dtype=torch.int32,
            device=self.coords.device,
        )
        scale = torch.tensor((1, 2, 2, 2), dtype=torch.int32, device=self.coords.device)
        children = (self.coords * scale)[:, None] + corner  # [N,4]→[N,8,4]
        grid = VoxelGrid(children.reshape(-1, 4), items=[8 * rows for rows in self.items])
        grid._parent = self
        return grid

    def windows(self, size: int, *, shift: int) -> Windows:
        """The partition into cubes of `size` voxels an axis, moved by `shift`, for attention."""
        key = (size, shift)
        if key not in self._windows:
            self._windows[key] = partition(self.coords, size=size, shift=shift)
        return self._windows[key]


@dataclass(frozen=True, eq=False, kw_only=True)
class Pooling:
    """A grid of half the resolution and where the voxels of the finer one went."""

    grid: VoxelGrid
    """The M occupied cells, sorted by (item, x, y, z)."""
    cell: Tensor
    """[N] int64: row of the cell that each fine voxel belongs to."""
    count: Tensor
    """[M] float32: fine voxels in each cell, 1 to 8."""
    members: Tensor
    """[M,8] int64: row of the fine voxel (2x+i, 2y+j, 2z+k) in column 4i+2j+k, N if none."""


def pool(feats: Tensor, pooling: Pooling) -> Tensor:
    """Features of the cells: the sum of their voxels divided by their number plus one.

    The one too many is what the networks were trained with (SPEC 8.3). Summed in float32 and in a
    fixed order. [N,C]→[M,C]
    """
    padded = with_zero_row(feats)
    total = padded[pooling.members[:, 0]].float()
    for column in pooling.members.unbind(1)[1:]:
        total += padded[column]
    return (total / (pooling.count + 1)[:, None]).to(feats.dtype)


def unpool(feats: Tensor, pooling: Pooling) -> Tensor:
    """Every fine voxel gets the features of its cell. [M,C]→[N,C]"""
    return feats[pooling.cell]


def subdivide(feats: Tensor) -> Tensor:
    """Every child gets the features of its voxel. [N,C]→[8N,C]"""
    return feats[:, None].expand(-1, 8, -1).reshape(-1, feats.shape[1])


def with_zero_row(feats: Tensor) -> Tensor:
    """The features and a row of zeros, which stands for a neighbour that is not there."""
    return torch.cat([feats, feats.new_zeros(1, feats.shape[1])])


def _count_items(coords: Tensor) -> tuple[int, ...]:
    """Rows of each item of coordinates that come from outside, once they are checked."""
    if not len(coords):
        return ()
    low, high = coords.amin(0), coords.amax(0)
    item = coords[:, 0]
    shuffled = (item[1:] < item[:-1]).any()
    ordered, _ = _keys(coords).sort()
    doubled = (ordered[1:] == ordered[:-1]).any()
    # One transfer for all of it.
    facts = host_numbers(torch.cat([low, high, torch.stack([shuffled, doubled]).int()]))
    (first, *lows), (last, *highs) = facts[:4], facts[4:8]
    if min(lows) < 0 or max(highs) >= MAX_RESOLUTION:
        raise GridError(
            f"coords run from {lows} to {highs}: every coordinate must be 0 to {MAX_RESOLUTION - 1}"
        )
    if first < 0 or last >= _DIGIT // 2:
        raise GridError(f"items run from {first} to {last}: they must be 0 to {_DIGIT // 2 - 1}")
    if facts[8]:
        raise GridError("the items of coords do not ascend: put the rows of each item together")
    if facts[9]:
        raise GridError("coords list a voxel twice: keep one row for each voxel of an item")
    return tuple(host_numbers(torch.bincount(item)))


def _keys(coords: Tensor) -> Tensor:
    """[N] int64: a number for each voxel, in the order of (item, x, y, z)."""
    item, x, y, z = coords.long().unbind(1)
    return ((item * _DIGIT + x + 1) * _DIGIT + y + 1) * _DIGIT + z + 1


def _find_neighbours(keys: Tensor) -> Tensor:
    rows = len(keys)
    table = keys.new_empty((rows, len(_STEPS)))
    if not rows:
        return table
    ordered, order = keys.sort()
    steps = torch.tensor(_STEPS, device=keys.device)
    for start in range(0, rows, _LOOKUP_ROWS):
        wanted = keys[start : start + _LOOKUP_ROWS, None] + steps  # [n]→[n,27]
        place = torch.searchsorted(ordered, wanted).clamp_(max=rows - 1)
        found = ordered[place] == wanted
        table[start : start + _LOOKUP_ROWS] = torch.where(found, order[place], rows)
    return table


def _children_neighbours(parents: Tensor) -> Tensor:
    """The neighbours in a subdivided grid, from those of the grid before: nothing is looked up.

    Along an axis the neighbour at step s of child c is child (c + s) mod 2 of the parent's
    neighbour at step floor((c + s) / 2).
    """
    parent_column: list[int] = []
    child: list[int] = []
    for corner in itertools.product((0, 1), repeat=3):
        for step in itertools.product((-1, 0, 1), repeat=3):
            i, j, k = (c + s for c, s in zip(corner, step, strict=True))
            parent_column.append(9 * (i // 2 + 1) + 3 * (j // 2 + 1) + k // 2 + 1)
            child.append(4 * (i % 2) + 2 * (j % 2) + k % 2)
    rows = len(parents)
    parent = parents[:, torch.tensor(parent_column, device=parents.device)]  # [N,27]→[N,8*27]
    row = 8 * parent + torch.tensor(child, device=parents.device)
    return row.clamp_(max=8 * rows).reshape(8 * rows, 27)


def _pool_grid(grid: VoxelGrid) -> Pooling:
    coords = grid.coords
    cells = torch.cat([coords[:, :1], coords[:, 1:] // 2], 1)
    groups = group_rows(_keys(cells))
    pooled = cells[groups.order[groups.first]]
    counts = host_numbers(torch.bincount(pooled[:, 0], minlength=len(grid.items)))
    cell = torch.empty_like(groups.order)
    cell[groups.order] = groups.group
    corner = (coords[:, 1:] % 2).long()
    column = 4 * corner[:, 0] + 2 * corner[:, 1] + corner[:, 2]
    rows = len(grid)
    members = torch.full((len(pooled), 8), rows, device=coords.device)
    members[cell, column] = torch.arange(rows, device=coords.device)
    return Pooling(
        grid=VoxelGrid(pooled, items=counts),
        cell=cell,
        count=groups.lengths.float(),
        members=members,
    )
