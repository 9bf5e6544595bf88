"""`OVoxels`: what TRELLIS.2 makes, the finest voxels with a surface and a material in each; the
`SparseVoxels` that a world wants of them, at any resolution up to theirs; and their mesh.

The voxels are a shell: those that the surface passes through, one or two thick; inside there are
none. Frame: the object lies in the unit cube around 0, z up; only `SparseVoxels` are y up.
"""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .material_mesh import MaterialMesh
from .models.octree_decoder import LEVELS, MATERIAL_CHANNELS, Octree, Surface
from .sparse.grouping import group_rows
from .surface.dual_grid import find_quads
from .surface.orientation import turned_outward
from .voxelize import VoxelizeError, check_finite, host_array, occupancy_preview, y_up
from .voxels import SparseVoxels


@dataclass(frozen=True, eq=False, kw_only=True)
class OVoxels:
    """The finest voxels of one object; one row a voxel, in no particular order."""

    resolution: int
    """Cells per axis; voxel i covers i/R - 1/2 to (i+1)/R - 1/2 of an axis."""
    coords: Tensor
    """[N,3] int32 (x, y, z)."""
    surface: Surface
    """The flexible dual grid that passes through them."""
    materials: Tensor
    """[N,6] float32: red, green, blue as displayed (sRGB-like), metallic, roughness, alpha;
    nominally 0 to 1, not cut off."""

    def __len__(self) -> int:
        """Number of voxels."""
        return len(self.coords)

    def mesh(self) -> MaterialMesh:
        """The surface as a mesh; without quads where no crossed edge has all its voxels.

        Raises `ValueError` for a voxel outside the grid or listed twice.
        """
        vertices = (self.coords + self.surface.dual) / self.resolution - 0.5
        quads = find_quads(
            self.coords,
            crossed=self.surface.crossed,
            weight=self.surface.quad,
            resolution=self.resolution,
        )
        turned = turned_outward(vertices, quads)
        return MaterialMesh(vertices=vertices, quads=quads, turned=turned, materials=self.materials)


def voxels_from_materials(
    coords: Tensor, materials: Tensor, *, grid: int, resolution: int
) -> SparseVoxels:
    """Voxels [N,3] of a grid with materials as in `OVoxels`, at its resolution or any below it.

    Coarser cells are solid where any voxel is, and have the plain mean of its materials, each cut
    off to 0 to 1 first. Raises `VoxelizeError` for NaN and infinity, and a finer resolution.
    """
    check_finite("materials of the voxels", materials)
    cells, means = pooled(coords, materials, grid=grid, resolution=resolution)
    # Few bytes a cell are left to move.
    bytes_: NDArray[np.uint8] = host_array((means * 255).round().to(torch.uint8))
    return SparseVoxels(
        resolution,
        y_up(host_array(cells.int()), resolution),
        rgba=np.concatenate([bytes_[:, :3], bytes_[:, 5:]], axis=1),
        metallic_roughness=np.ascontiguousarray(bytes_[:, 3:5]),
    )


def pooled(
    coords: Tensor, materials: Tensor, *, grid: int, resolution: int
) -> tuple[Tensor, Tensor]:
    """The cells [M,3] that voxels [N,3] of a grid lie in, and their mean materials [M,6] float64.

    Raises `VoxelizeError` for a resolution above the grid's.
    """
    if coords.device.type == "mps":
        # Has no float64.
        coords, materials = coords.cpu(), materials.cpu()
    cells = _coarser(coords, grid=grid, resolution=resolution)
    values = materials.clamp(0, 1).double()
    assert values.shape == (len(cells), MATERIAL_CHANNELS)
    if not len(cells):
        return cells, values
    groups = group_rows(_keys(cells, resolution))
    means: Tensor = cast(Any, torch).segment_reduce(
        values[groups.order], "mean", lengths=groups.lengths
    )
    return cells[groups.order[groups.first]], means


def level_for(resolution: int, *, finest: int) -> int:
    """The coarsest level of an octree that is at least as fine as a resolution."""
    level = 0
    while level < LEVELS and finest >> (LEVELS - level) < resolution:
        level += 1
    return level


def occupancy(octree: Octree, *, finest: int, resolution: int) -> SparseVoxels:
    """The solid cells of an octree with one item, in one neutral colour.

    From the coarsest level that is fine enough, as the decoder has it: a cell may be solid of which
    finer levels leave nothing. Raises `VoxelizeError` when no level is fine enough.
    """
    level = level_for(resolution, finest=finest)
    grid = finest >> (LEVELS - level)
    if level >= len(octree.levels):
        raise VoxelizeError(f"the octree ends before {grid}^3 cells: grow {level} levels of it")
    cells = _coarser(octree.levels[level].positions, grid=grid, resolution=resolution)
    groups = group_rows(_keys(cells, resolution))
    return occupancy_preview(cells[groups.order[groups.first]], resolution=resolution)


def _coarser(coords: Tensor, *, grid: int, resolution: int) -> Tensor:
    """[N,3]→[N,3] int64: the cell that holds each voxel's centre."""
    if not 1 <= resolution <= grid:
        raise VoxelizeError(
            f"a grid of {grid}^3 voxels cannot become one of {resolution}^3: use {grid} or less"
        )
    # In integers, so that a resolution that does not divide the grid's is exact too.
    return (2 * coords.long() + 1) * resolution // (2 * grid)


def _keys(cells: Tensor, resolution: int) -> Tensor:
    """[N] int64: a number for each cell [N,3]."""
    x, y, z = cells.unbind(1)
    return (x * resolution + y) * resolution + z
