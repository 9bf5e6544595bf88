"""Convolutions over active voxels: `SubmanifoldConv3d` (3x3x3) and `PointwiseConv3d` (1x1x1).

Output voxels are the input voxels; a neighbour that is not active counts as zero (SPEC 8.1). Both
are dense matrix products around a gather by `VoxelGrid.neighbours`, so no sparse-convolution
library is needed. The inner module `conv` gives the parameters the names they have in checkpoints.
Which voxels are neighbours is found in `grid`.
"""

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..kernels.convolution import convolve, convolves, multiply_then_sum, sums_products
from .gathering import Rows
from .grid import VoxelGrid, with_zero_row

BUFFER_BYTES = 128 << 20
"""Most bytes of gathered features, or of products to gather, that a convolution holds at a time."""

_TAPS = 27


class Kernel(nn.Module):
    """The parameters of a convolution: weight [out, size, size, size, in] and bias [out]."""

    def __init__(self, inputs: int, outputs: int, size: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(outputs, size, size, size, inputs, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(outputs, dtype=dtype))
        bound = 1 / math.sqrt(inputs * size**3)  # as nn.Conv3d begins
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)


class SubmanifoldConv3d(nn.Module):
    """A 3x3x3 convolution whose output voxels are its input voxels."""

    def __init__(self, inputs: int, outputs: int, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.conv = Kernel(inputs, outputs, 3, dtype=dtype)

    def forward(self, feats: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,in]→[N,out]"""
        outputs, inputs = len(self.conv.weight), self.conv.weight.shape[-1]
        weight = self.conv.weight.flatten(1)  # [out,27*in]
        if convolves(feats, weight):
            return convolve(feats, grid.neighbours, weight, self.conv.bias)
        # Products to gather are written and read again, and narrow rows cost as much as wide ones.
        if inputs > 4 * outputs:
            return self._multiply_then_gather(feats, grid.neighbours)
        result = feats.new_empty(len(grid), outputs)
        gather_then_multiply(Rows(feats), grid.neighbours, weight, self.conv.bias, into=result)
        return result

    def forward_unpooled(self, feats: Tensor, grid: VoxelGrid) -> Tensor:
        """The same as `forward(unpool(feats, grid.pooled), grid)`, with fewer multiplications.

        All voxels of a cell share their features, so these are multiplied once a cell.
        [M,in]→[N,out]
        """
        return self._multiply_then_gather(feats, grid.pooled_neighbours)

    def forward_subdivided(self, feats: Tensor, grid: VoxelGrid) -> Tensor:
        """The same as `forward(subdivide(feats), grid.subdivided)`, with fewer multiplications.

        Along an axis a child sees its own voxel twice and one neighbour of it once, so the 27
        products of a child are 8 with summed weights (SPEC 18.10). [N,in]→[8N,out]
        """
        rows = Rows(feats)
        result = feats.new_empty(len(grid), 8, len(self.conv.weight))
        for child, corner in enumerate(itertools.product((0, 1), repeat=3)):
            # The voxels that the taps reach: along an axis from i-1 to i, as rows of neighbours.
            seen = [
                9 * i + 3 * j + k for i, j, k in itertools.product(*((c, c + 1) for c in corner))
            ]
            neighbours = grid.neighbours[:, torch.tensor(seen, device=feats.device)]  # [N,8]
            weight, into = self._summed_weight(corner), result[:, child]
            if convolves(feats, weight):
                convolve(feats, neighbours, weight, self.conv.bias, into=into)
            else:
                gather_then_multiply(rows, neighbours, weight, self.conv.bias, into=into)
        return result.flatten(0, 1)

    def _summed_weight(self, corner: tuple[int, ...]) -> Tensor:
        """[out,8*in]: for a child at this corner, the weight of each voxel that it sees."""
        weight = self.conv.weight.float()  # [out,3,3,3,in]
        for axis, side in enumerate(corner, start=1):
            low, middle, high = weight.unbind(axis)
            pair = (low, middle + high) if side == 0 else (low + middle, high)
            weight = torch.stack(pair, axis)
        return weight.flatten(1).to(self.conv.weight.dtype)

    def _multiply_then_gather(self, feats: Tensor, neighbours: Tensor) -> Tensor:
        """`neighbours` [N,27] are rows of `feats`, or one more where there is none."""
        count, outputs, size = len(neighbours), len(self.conv.weight), feats.element_size()
        weight = self.conv.weight.flatten(1, 3).permute(1, 2, 0)  # [out,27,in]→[27,in,out]
        fits = _TAPS * len(feats) * outputs * size <= BUFFER_BYTES
        if fits and sums_products(feats, outputs):
            return multiply_then_sum(feats, neighbours, weight, self.conv.bias)
        padded = with_zero_row(feats)
        total = self.conv.bias.float().repeat(count, 1)
        for taps in pieces(_TAPS, len(padded) * outputs * size):
            some = weight[taps]
            products = Rows(torch.bmm(padded.expand(len(some), -1, -1), some).flatten(0, 1))
            first = torch.arange(len(some), device=feats.device) * len(padded)
            for rows in pieces(count, len(some) * outputs * size):
                gathered = products.take(neighbours[rows, taps] + first)
                gathered = gathered.view(-1, len(some), outputs)
                total[rows] += gathered.sum(1, dtype=torch.float32)  # [n,taps,out]→[n,out]
        return total.to(feats.dtype)


def gather_then_multiply(
    rows: Rows, neighbours: Tensor, weight: Tensor, bias: Tensor, *, into: Tensor
) -> None:
    """The rows that `neighbours` [n,taps] lists, side by side, times `weight` [out,taps*in]."""
    for piece in pieces(len(neighbours), weight.shape[1] * weight.element_size()):
        gathered = rows.take(neighbours[piece]).view(-1, weight.shape[1])  # [n,taps*in]
        into[piece] = F.linear(gathered, weight, bias)


def pieces(count: int, bytes_each: int) -> list[slice]:
    """0 to `count` in slices of at most `BUFFER_BYTES`."""
    step = max(1, BUFFER_BYTES // bytes_each)
    return [slice(start, start + step) for start in range(0, count, step)]


class PointwiseConv3d(nn.Module):
    """A 1x1x1 convolution that reads its weight as an (in, out) matrix.

    The shape says [out, 1, 1, 1, in], but the library that the networks were trained with reads the
    same memory the other way round, and so they must be used (SPEC 8.2).
    """

    def __init__(self, inputs: int, outputs: int, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.conv = Kernel(inputs, outputs, 1, dtype=dtype)

    def forward(self, feats: Tensor) -> Tensor:
        """[N,in]→[N,out]"""
        outputs, inputs = len(self.conv.weight), self.conv.weight.shape[-1]
        return torch.addmm(self.conv.bias, feats, self.conv.weight.reshape(inputs, outputs))
