"""O-voxels of known surfaces, found by the rule of the flexible dual grid from points inside.

A voxel is there when the surface crosses one of its twelve edges; it has the flags of the three
edges at the upper corner of two coordinates.
"""

import itertools

import torch
from torch import Tensor

from crossworld_trellis.models.octree_decoder import Surface
from crossworld_trellis.o_voxels import OVoxels

MIDDLE = 0.47
"""Coordinate of the middle of balls, in edges of the grid; off the grid's own, so that no corner
lies on the surface."""


def ball(resolution: int = 24, radius: float = 0.37, middle: float = MIDDLE) -> Tensor:
    """[R+1,R+1,R+1] bool: the corners of the grid inside a ball."""
    steps = torch.arange(resolution + 1) / resolution - middle
    x, y, z = torch.meshgrid(steps, steps, steps, indexing="ij")
    return x**2 + y**2 + z**2 < radius**2


def o_voxels(inside: Tensor, materials: Tensor | None = None) -> OVoxels:
    """The voxels between corners [R+1,R+1,R+1] inside and outside, each with its vertex in the
    middle of its crossed edges. Materials [N,6] are white, rough and opaque unless given."""
    resolution = len(inside) - 1

    def corner(i: int, j: int, k: int) -> Tensor:
        return inside[i : i + resolution, j : j + resolution, k : k + resolution]

    crossings: list[tuple[Tensor, Tensor]] = []  # of each edge: where it is crossed, its middle
    flags: list[Tensor] = []
    for axis in range(3):
        for low in itertools.product((0, 1), repeat=2):
            start = [*low[:axis], 0, *low[axis:]]
            end = [*low[:axis], 1, *low[axis:]]
            crossed = corner(*start) ^ corner(*end)
            crossings.append((crossed, (torch.tensor(start) + torch.tensor(end)) / 2))
        flags.append(crossings[-1][0])
    counts = torch.stack([crossed for crossed, _ in crossings], dim=-1).float()  # [R,R,R,12]
    coords = counts.any(dim=-1).nonzero()
    x, y, z = coords.unbind(1)
    counts = counts[x, y, z]
    middles = torch.stack([middle for _, middle in crossings])
    count = len(coords)
    if materials is None:
        materials = torch.tensor([1.0, 1, 1, 0, 1, 1]).expand(count, 6)
    return OVoxels(
        resolution=resolution,
        coords=coords.int(),
        surface=Surface(
            dual=counts @ middles / counts.sum(dim=1, keepdim=True),
            crossed=torch.stack(flags, dim=-1)[x, y, z],
            quad=torch.rand(count, 1, generator=torch.Generator().manual_seed(5)) + 0.1,
        ),
        materials=materials,
    )


def chosen(voxels: OVoxels, rows: Tensor) -> OVoxels:
    """Some rows of voxels, in that order."""
    surface = voxels.surface
    return OVoxels(
        resolution=voxels.resolution,
        coords=voxels.coords[rows],
        surface=Surface(
            dual=surface.dual[rows], crossed=surface.crossed[rows], quad=surface.quad[rows]
        ),
        materials=voxels.materials[rows],
    )
