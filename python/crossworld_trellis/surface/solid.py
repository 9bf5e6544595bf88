"""Which cubes are solid and what colour they have: voxels of the mesh decoder's own grid.

Coordinates count cubes of the grid, axes as in the object frame (z up); `voxelize` turns them into
voxels.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .cases import CORNERS, EDGES
from .cubes import COLOR, Cubes
from .fields import SurfaceGrid, flat_index, merge_at, unflatten_index


@dataclass(frozen=True, eq=False, kw_only=True)
class SolidCubes:
    """The solid cubes of one sample, ordered by (x, y, z)."""

    coords: Tensor
    """[S,3] int64 cubes of the whole grid."""
    colors: Tensor
    """[S,3] float32 in 0 to 1, as displayed (sRGB-like)."""
    crossed: Tensor
    """[S] bool: whether the surface passes through; the others lie wholly inside."""


def solid_cubes(cubes: Cubes) -> SolidCubes:
    """The cubes with at least one corner inside.

    So every cube that the surface passes through is solid, active or not, and the solid has no hole
    where the surface has none; at the surface it reaches half a cube further out on average.

    A crossed cube takes the colour that the surface has in it: the mean over its crossed edges of
    the colour at the crossing, interpolated by the distances of both ends. A cube wholly inside
    takes the mean of its corners. Corners that no active cube touches have no colour and do not
    count.

    Raises `ValueError` for a cube outside the grid or listed twice.
    """
    if not len(cubes.coords):
        return _none(cubes.feats.device)
    grid = SurfaceGrid.build(cubes)
    shape = tuple(grid.cases.shape)
    solid = grid.cases.reshape(-1).nonzero()[:, 0]
    at = unflatten_index(solid, shape)
    corners = _corner_index(at, tuple(grid.sdf.shape))  # [S,8] into the flattened vertices
    crossed = grid.cases.reshape(-1)[solid] != 255
    weight = torch.where(crossed[:, None], _crossing_weights(grid.sdf, corners), 1.0)
    return SolidCubes(
        coords=at + torch.tensor(grid.low, device=at.device),
        colors=_weighted_colors(cubes, grid, corners, weight),
        crossed=crossed,
    )


def _corner_index(at: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The corners of cubes [S,3] as indices into flattened vertices: [S,8]."""
    steps = [(x * shape[1] + y) * shape[2] + z for x, y, z in CORNERS]
    return flat_index(at, shape)[:, None] + torch.tensor(steps, device=at.device)


def _crossing_weights(sdf: Tensor, corners: Tensor) -> Tensor:
    """[S,8] what each corner counts: an end of a crossed edge the more, the nearer the crossing."""
    distance = sdf.reshape(-1)[corners]  # [S,8]
    weight = torch.zeros_like(distance)
    for a, b in EDGES:
        s_a, s_b = distance[:, a], distance[:, b]
        crossed = (s_a < 0) ^ (s_b < 0)
        # The ends have different signs: their difference is the length of the way between them.
        share = torch.where(crossed, s_a / torch.where(crossed, s_a - s_b, 1.0), 0.0)
        weight[:, a] += torch.where(crossed, 1 - share, 0.0)
        weight[:, b] += share
    return weight


def _weighted_colors(cubes: Cubes, grid: SurfaceGrid, corners: Tensor, weight: Tensor) -> Tensor:
    """[S,3] mean of the corners' colours; corners without data do not count."""
    needed = torch.zeros(grid.sdf.numel(), dtype=torch.bool, device=corners.device)
    needed[corners.reshape(-1)] = True
    found = needed.nonzero()[:, 0]
    slot = torch.zeros(needed.numel(), dtype=torch.int32, device=corners.device)
    slot[found] = torch.arange(len(found), dtype=torch.int32, device=corners.device)
    merged, count = merge_at(cubes, grid, unflatten_index(found, tuple(grid.sdf.shape)), (COLOR,))
    color = torch.sigmoid(merged[:, :3])
    total = torch.zeros(len(corners), 3, device=corners.device)
    weights = torch.zeros(len(corners), 1, device=corners.device)
    for corner in range(len(CORNERS)):
        row = slot[corners[:, corner]]
        counts = torch.where(count[row] > 0, weight[:, corner], 0.0)[:, None]
        total += counts * color[row]
        weights += counts
    return total / weights


def _none(device: torch.device) -> SolidCubes:
    return SolidCubes(
        coords=torch.zeros(0, 3, dtype=torch.int64, device=device),
        colors=torch.zeros(0, 3, device=device),
        crossed=torch.zeros(0, dtype=torch.bool, device=device),
    )
