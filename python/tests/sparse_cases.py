"""Voxel lists for the tests of the sparse room."""

import torch
from torch import Tensor

from crossworld_trellis.sparse.grid import VoxelGrid


def random_grid(
    *shape: int, items: int = 1, density: float = 0.4, seed: int = 0, shuffled: bool = False
) -> VoxelGrid:
    """A grid whose cells are active at random; `shuffled` breaks the order inside items."""
    generator = torch.Generator().manual_seed(seed)
    coords = (torch.rand(items, *shape, generator=generator) < density).nonzero().int()
    if shuffled:
        coords = coords[torch.randperm(len(coords), generator=generator)]
        coords = coords[coords[:, 0].argsort(stable=True)]
    return VoxelGrid(coords.contiguous())


def features(grid: VoxelGrid, width: int, *, seed: int = 1) -> Tensor:
    """Random features [N,width]."""
    return torch.randn(len(grid), width, generator=torch.Generator().manual_seed(seed))


def items_of(grid: VoxelGrid) -> list[VoxelGrid]:
    """Each item of a grid as a grid of its own."""
    grids: list[VoxelGrid] = []
    for span in grid.spans:
        coords = grid.coords[span].clone()
        coords[:, 0] = 0
        grids.append(VoxelGrid(coords))
    return grids
