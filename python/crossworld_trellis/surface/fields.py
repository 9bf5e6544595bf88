"""From numbers of cubes to fields on the vertices of their grid, and which cubes the surface meets.

Cubes overlap in their corners; a grid vertex takes the mean over the active cubes that touch it.
Dense are only the distance and three index fields, and only in the box around the active cubes and
their neighbours (about 20 bytes a cell at the peak: 0.3 GB for a full 256^3 grid); everything else
is merged for the vertices that are asked for. Coordinates count from the box's corner (`low`). Sums
run in a fixed order: equal input gives equal output on every run.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..sparse.grouping import host_numbers
from .cases import CORNERS
from .cubes import SDF, Cubes


@dataclass(frozen=True, eq=False, kw_only=True)
class SurfaceGrid:
    """The box around the active cubes of a grid. X, Y, Z: its cubes on each axis."""

    low: tuple[int, int, int]
    """The grid coordinates of the box's first cube."""
    sdf: Tensor
    """[X+1,Y+1,Z+1] float32 signed distance of each vertex; +1 where no active cube touches."""
    inside: Tensor
    """[X+1,Y+1,Z+1] bool: whether the distance is negative."""
    cases: Tensor
    """[X,Y,Z] uint8 case of each cube; 0 also for everything outside the box."""
    rows: Tensor
    """[X+2,Y+2,Z+2] int32 row of each active cube, -1 for others; place (1,1,1) is the box's first
    cube, so that every vertex has eight cubes around it."""

    @classmethod
    def build(cls, cubes: Cubes) -> "SurfaceGrid":
        """The box of at least one cube.

        Raises `ValueError` for a cube outside the grid or listed twice.
        """
        low, size = _box(cubes)
        coords = cubes.coords.long() - torch.tensor(low, device=cubes.coords.device)
        rows = _rows(coords, size)
        sdf = _merged_distances(cubes, coords, size)
        inside = sdf < 0
        return cls(low=low, sdf=sdf, inside=inside, cases=_cases(inside), rows=rows)

    def rows_of(self, at: Tensor) -> Tensor:
        """[K] row of cubes [K,3] of the box, -1 where a cube is not active."""
        return self.rows.view(-1)[flat_index(at + 1, tuple(self.rows.shape))]


def lookup(field: Tensor, at: Tensor, missing: int) -> Tensor:
    """The values of a box's field [X,Y,Z] at positions [K,3]; `missing` beyond the box."""
    x, y, z = at.unbind(dim=1)
    width, height, depth = field.shape
    known = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (z >= 0) & (z < depth)
    index = torch.where(known, flat_index(at, tuple(field.shape)), 0)
    return torch.where(known, field.reshape(-1)[index], missing)


def flat_index(at: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Positions [K,3] as indices into a flattened box of that shape."""
    return (at[:, 0] * shape[1] + at[:, 1]) * shape[2] + at[:, 2]


def unflatten_index(index: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The inverse of `flat_index`: [K]→[K,3]."""
    plane = shape[1] * shape[2]
    x, rest = index // plane, index % plane
    return torch.stack([x, rest // shape[2], rest % shape[2]], dim=1)


def merge_at(
    cubes: Cubes, grid: SurfaceGrid, vertices: Tensor, parts: tuple[slice, ...]
) -> tuple[Tensor, Tensor]:
    """Mean of some raw channels over the active cubes that touch each vertex.

    `vertices` are [K,3] positions in the box; every part holds 8 corners times some numbers.
    Returns the means side by side, [K, numbers of all parts], and the number of cubes [K]; both are
    0 where no cube touches.
    """
    feats = [cubes.feats[:, part].reshape(len(cubes.feats), 8, -1) for part in parts]
    width = sum(part.shape[2] for part in feats)
    total = torch.zeros(len(vertices), width, dtype=torch.float32, device=vertices.device)
    count = torch.zeros(len(vertices), dtype=torch.float32, device=vertices.device)
    rows, shape = grid.rows.view(-1), tuple(grid.rows.shape)
    index = flat_index(vertices, shape)  # of the cube in which a vertex is the last corner
    for corner, (x, y, z) in enumerate(CORNERS):
        row = rows[index + ((1 - x) * shape[1] + 1 - y) * shape[2] + 1 - z]
        touches = row >= 0
        row = row.clamp(min=0)
        picked = torch.cat([part[:, corner][row] for part in feats], dim=1)  # [K,width]
        total += torch.where(touches[:, None], picked, 0.0)
        count += touches
    return total / count.clamp(min=1)[:, None], count


def _box(cubes: Cubes) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """First cube and size of the box: active cubes and one more on each side, within the grid."""
    extremes = torch.stack([cubes.coords.amin(dim=0), cubes.coords.amax(dim=0)])
    numbers = host_numbers(extremes.flatten())
    smallest, largest = numbers[:3], numbers[3:]
    if min(smallest) < 0 or max(largest) >= cubes.resolution:
        raise ValueError(
            f"cubes reach from {smallest} to {largest}: outside a grid of {cubes.resolution}"
        )
    low = [max(c - 1, 0) for c in smallest]
    high = [min(c + 1, cubes.resolution - 1) for c in largest]
    x, y, z = (last - first + 1 for first, last in zip(low, high, strict=True))
    return (low[0], low[1], low[2]), (x, y, z)


def _rows(coords: Tensor, size: tuple[int, int, int]) -> Tensor:
    count, shape = len(coords), (size[0] + 2, size[1] + 2, size[2] + 2)
    cells = shape[0] * shape[1] * shape[2]
    rows = torch.full((cells,), -1, dtype=torch.int32, device=coords.device)
    index = flat_index(coords + 1, shape)
    numbers = torch.arange(count, dtype=torch.int32, device=coords.device)
    rows[index] = numbers
    # A cube listed twice finds another row in its place than its own.
    doubled = int((rows[index] != numbers).sum())
    if doubled:
        raise ValueError(f"{doubled} of {count} cubes are listed twice")
    return rows.view(shape)


def _merged_distances(cubes: Cubes, coords: Tensor, size: tuple[int, int, int]) -> Tensor:
    shape = (size[0] + 1, size[1] + 1, size[2] + 1)
    cells = shape[0] * shape[1] * shape[2]
    total = torch.zeros(cells, dtype=torch.float32, device=coords.device)
    count = torch.zeros(cells, dtype=torch.float32, device=coords.device)
    one = torch.ones(1, dtype=torch.float32, device=coords.device).expand(len(coords))
    distances = cubes.feats[:, SDF].float() - 1 / cubes.resolution
    first = flat_index(coords, shape)
    for corner, (x, y, z) in enumerate(CORNERS):
        # Within one corner number no vertex occurs twice: nothing depends on the order of adding.
        index = first + (x * shape[1] + y) * shape[2] + z
        total.index_add_(0, index, distances[:, corner])
        count.index_add_(0, index, one)
    return torch.where(count > 0, total / count.clamp(min=1), 1.0).view(shape)


def _cases(inside: Tensor) -> Tensor:
    """[X+1,Y+1,Z+1]→[X,Y,Z]: bit c is set where corner c of the cube lies inside."""
    width, height, depth = (n - 1 for n in inside.shape)
    bits = inside.to(torch.uint8)
    cases = torch.zeros(width, height, depth, dtype=torch.uint8, device=inside.device)
    for corner, (x, y, z) in enumerate(CORNERS):
        cases |= bits[x : x + width, y : y + height, z : z + depth] * (1 << corner)
    return cases
