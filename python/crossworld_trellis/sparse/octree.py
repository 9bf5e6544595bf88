"""Splitting voxels into those of their eight children that are wanted, and convolutions around it.

The decoders of TRELLIS.2 grow an octree level by level. Children are counted x fastest: child c of
a voxel lies at (2x + c & 1, 2y + (c >> 1) & 1, 2z + (c >> 2) & 1), unlike `VoxelGrid.subdivided`,
where z is fastest and no child is left out.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..kernels.convolution import convolve, convolves
from .convolution import Kernel, gather_then_multiply
from .gathering import Rows
from .grid import VoxelGrid
from .grouping import host_numbers

CORNERS = 8


@dataclass(frozen=True, eq=False, kw_only=True)
class Children:
    """The wanted children of a grid: voxel after voxel in its order, c ascending."""

    grid: VoxelGrid
    """The M children, in a grid of twice the resolution. Not sorted."""
    parent: Tensor
    """[M] int64: the row of each child's voxel."""
    corner: Tensor
    """[M] int64: which of the eight children of its voxel each is."""


def split(grid: VoxelGrid, wanted: Tensor) -> Children:
    """The children that [N,8] bool asks for. A voxel of which none is wanted vanishes.

    Waits for the device.
    """
    parent, corner = wanted.nonzero().unbind(1)
    shift = torch.arange(3, device=corner.device)
    offset = (corner[:, None] >> shift & 1).int()  # [M,3]
    coords = grid.coords[parent]
    coords = torch.cat([coords[:, :1], 2 * coords[:, 1:] + offset], dim=1)
    items = host_numbers(torch.bincount(coords[:, 0], minlength=len(grid.items)))
    return Children(grid=VoxelGrid(coords, items=items), parent=parent, corner=corner)


class OctreeConv3d(Kernel):
    """A 3x3x3 convolution as `SubmanifoldConv3d`, with its parameters at the top level."""

    def __init__(self, inputs: int, outputs: int, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(inputs, outputs, 3, dtype=dtype)

    def forward(self, feats: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,in]→[N,out]"""
        weight = self.weight.flatten(1)  # [out,27*in]
        if convolves(feats, weight):
            return convolve(feats, grid.neighbours, weight, self.bias)
        result = feats.new_empty(len(grid), len(self.bias))
        gather_then_multiply(Rows(feats), grid.neighbours, weight, self.bias, into=result)
        return result

    def forward_split(self, feats: Tensor, grid: VoxelGrid, children: Children) -> Tensor:
        """An eighth of the channels for each child: its own share of those of its voxel.

        The same as `forward` and then picking, but what no child takes is not computed.
        [N,in]→[M,out/8]
        """
        width = len(self.bias) // CORNERS
        weights, biases = self.weight.view(CORNERS, width, -1), self.bias.view(CORNERS, width)
        fused = convolves(feats, weights[0])
        rows = None if fused else Rows(feats)
        result = feats.new_empty(len(children.grid), width)
        for corner, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            own = (children.corner == corner).nonzero().squeeze(1)
            table = grid.neighbours[children.parent[own]]
            part = feats.new_empty(len(own), width)
            if rows is None:
                convolve(feats, table, weight, bias, into=part)
            else:
                gather_then_multiply(rows, table, weight, bias, into=part)
            result[own] = part
        return result
