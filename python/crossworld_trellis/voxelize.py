"""From Gaussians or cubes to `SparseVoxels`: which cells are solid and what colour each has.

The one place that converts voxel axes: cell (x, y, z) of TRELLIS's grid (z up) becomes (x, z,
R-1-y) (y up, front at +z). Colours are averaged as displayed (sRGB-like): so the networks learned
them, and so renderers blend Gaussians. Alpha is always 255.

The colour of a cell with Gaussians is the mean of their base colours, weighted with

    opacity · A,    A = π (((ab)^p + (bc)^p + (ca)^p) / 3)^(1/p),    p = 1.6075,

where a, b, c are a Gaussian's standard deviations. A is the area of its projected ellipsoid, on
average over all directions: a quarter of the surface (Cauchy), which Thomsen's formula gives within
1.1 %. What a splat adds to a picture, if nothing hides it, is proportional to its opacity and this
area; so the mean is what a cell shows on average to somebody who walks around it.
"""

import math
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import TrellisError
from .gaussians import Gaussians
from .surface import Cubes
from .surface.cubes import SDF
from .surface.solid import solid_cubes
from .voxels import SparseVoxels

PREVIEW_COLOR = (176, 176, 176, 255)
"""sRGB of every cell whose colour is not known yet."""

# Exponent of Thomsen's formula.
_P = 1.6075

# A Gaussian of the object's own size covers all of it; a larger one does not cover more.
_MAX_SCALE = 1.0

# What a cube inside counts beside one that the surface crosses: enough to have a colour alone, too
# little to show. The network never learned colours where no picture shows any.
_INSIDE_WEIGHT = 2.0**-20


class VoxelizeError(TrellisError, ValueError):
    """A result that no voxels can be made of."""


def voxels_from_gaussians(
    coords: Tensor, gaussians: Gaussians, *, grid_resolution: int = 64, resolution: int = 64
) -> SparseVoxels:
    """The active cells [N,3] of a grid, each with the mean colour of the Gaussians it emits.

    Base colours are cut off below 0, as renderers do, their mean above 1. Where all Gaussians of a
    cell are fully transparent, opacity does not count. A `resolution` below the grid's pools cubes
    of cells: solid where any cell is, weights added up.

    Raises `VoxelizeError` when the Gaussians are not those of the cells or hold NaN or infinity,
    and when the grid cannot be divided into `resolution`.
    """
    factor = _pooling_factor(grid_resolution, resolution)
    count = len(coords)
    if len(gaussians) != count * gaussians.per_cell:
        raise VoxelizeError(
            f"{len(gaussians)} Gaussians cannot belong to {count} cells "
            f"with {gaussians.per_cell} each"
        )
    for name in ("features_dc", "scaling", "opacity"):
        check_finite(f"{name} of the Gaussians", getattr(gaussians, name))
    color = gaussians.rgb().float().clamp(min=0)
    area = mean_projected_area(gaussians.scaling.float())
    weight = gaussians.opacity.float()[:, 0].clamp(0, 1) * area
    per_cell = (count, gaussians.per_cell)
    mean, total = _weighted_mean(
        color.view(*per_cell, 3), weight.view(per_cell), area.view(per_cell)
    )
    return _voxels(coords, mean, total, factor=factor, resolution=resolution)


def voxels_from_cubes(cubes: Cubes, *, resolution: int = 256) -> SparseVoxels:
    """The cubes with a corner inside the surface; colours as `surface.solid` says.

    Thus every cube that the surface passes through is solid. A `resolution` below the grid's pools
    cubes of cubes: solid where any is, with the mean colour of those that the surface passes
    through, of all where it passes through none.

    Raises `VoxelizeError` when distances or colours are NaN or infinite or the grid cannot be
    divided into `resolution`.
    """
    factor = _pooling_factor(cubes.resolution, resolution)
    check_finite("distances of the cubes", cubes.feats[:, SDF])
    solid = solid_cubes(cubes)
    check_finite("colours of the cubes", solid.colors)
    weight = torch.where(solid.crossed, 1.0, _INSIDE_WEIGHT)
    return _voxels(solid.coords, solid.colors, weight, factor=factor, resolution=resolution)


def occupancy_preview(coords: Tensor, *, resolution: int = 64) -> SparseVoxels:
    """The active cells [N,3] of a grid in one neutral colour: what is known after stage one."""
    cells = y_up(host_array(coords), resolution)
    return SparseVoxels(
        resolution, cells, np.tile(np.array(PREVIEW_COLOR, np.uint8), (len(cells), 1))
    )


def mean_projected_area(scaling: Tensor) -> Tensor:
    """Mean area of ellipsoids with these half axes seen from all directions: [N,3]→[N]."""
    a, b, c = scaling.abs().clamp(max=_MAX_SCALE).pow(_P).unbind(1)
    return math.pi * ((a * b + b * c + c * a) / 3).pow(1 / _P)


def _weighted_mean(color: Tensor, weight: Tensor, spare: Tensor) -> tuple[Tensor, Tensor]:
    """[N,G,3] colours and [N,G] weights → mean [N,3] and sum of weights [N].

    Where the weights of a cell are all 0 the spare ones are taken, where these are, equal ones.
    """
    total = weight.sum(dim=1)
    for other in (spare, torch.ones_like(weight)):
        useless = weight.amax(dim=1, keepdim=True) <= 0
        weight = torch.where(useless, other, weight)
    # Divided by the largest first: the product with a tiny weight would lose digits.
    weight = weight / weight.amax(dim=1, keepdim=True)
    mean = (color * weight[:, :, None]).sum(dim=1) / weight.sum(dim=1, keepdim=True)
    return mean, total


def _voxels(
    coords: Tensor, color: Tensor, weight: Tensor, *, factor: int, resolution: int
) -> SparseVoxels:
    """Cells [N,3] of a grid `factor` times finer, their colours and weights, as voxels."""
    cells, colors = host_array(coords), host_array(color).astype(np.float64)
    if factor > 1:
        cells, colors = _pooled(cells // factor, colors, host_array(weight).astype(np.float64))
    rgba = np.full((len(cells), 4), 255, np.uint8)
    rgba[:, :3] = np.rint(colors.clip(0, 1) * 255)
    return SparseVoxels(resolution, y_up(cells, resolution), rgba)


def _pooled(
    cells: NDArray[Any], colors: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """One entry for each cell of a list that names cells several times: the weighted mean."""
    if not len(cells):
        return cells, colors
    order = np.lexsort((cells[:, 0], cells[:, 1], cells[:, 2]))
    cells, colors, weights = cells[order], colors[order], weights[order]
    first = np.flatnonzero(np.r_[True, (cells[1:] != cells[:-1]).any(axis=1)])
    # Where all weights of a cell are 0, all count alike.
    total = np.add.reduceat(weights, first)
    group = np.repeat(np.arange(len(first)), np.diff(first, append=len(cells)))
    weights = np.where(total[group] > 0, weights, 1.0)
    total = np.add.reduceat(weights, first)
    summed = np.add.reduceat(colors * weights[:, None], first)
    return cells[first], summed / total[:, None]


def y_up(cells: NDArray[Any], resolution: int) -> NDArray[Any]:
    """Cells (x, y, z) with z up → (x, z, R-1-y) with y up. [N,3]→[N,3]"""
    return np.stack([cells[:, 0], cells[:, 2], resolution - 1 - cells[:, 1]], axis=1)


def _pooling_factor(grid: int, resolution: int) -> int:
    if resolution < 1 or grid % resolution:
        raise VoxelizeError(
            f"a grid of {grid}^3 cells cannot become one of {resolution}^3: "
            f"use {grid} or an integer fraction of it"
        )
    return grid // resolution


def check_finite(name: str, tensor: Tensor) -> None:
    """Raises `VoxelizeError` where rows of a tensor hold NaN or infinity."""
    broken = int(torch.isfinite(tensor).flatten(1).all(1).logical_not().sum())
    if broken:
        raise VoxelizeError(
            f"{name}: NaN or infinity in {broken} of {len(tensor)} rows: "
            "generate again with dtype float32 or bfloat16"
        )


def host_array(tensor: Tensor) -> NDArray[Any]:
    """A tensor as an array in the host's memory."""
    # The method has no types.
    return cast(Any, tensor.detach().cpu()).numpy()
