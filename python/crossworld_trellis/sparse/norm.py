"""Group norm over the voxels of each item: `SparseGroupNorm`.

Separate from torch's because the statistics run over the rows of one item, of which a batch holds
several of different lengths. Works in float32 whatever comes in, and in pieces, because the
features of a finely subdivided grid are the largest tensors of a run.
"""

import torch
from torch import Tensor, nn

from .grid import VoxelGrid

_PIECE_BYTES = 64 << 20


class SparseGroupNorm(nn.Module):
    """Mean 0 and variance 1 for each item and group of channels, then scale and bias (SPEC 8.6)."""

    def __init__(self, channels: int, groups: int = 32, *, eps: float = 1e-5) -> None:
        super().__init__()
        if channels % groups:
            raise ValueError(f"{channels} channels cannot be split into {groups} equal groups")
        self.groups = groups
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(channels, dtype=torch.float32))

    def forward(self, feats: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,C]→[N,C], in the dtype of `feats`."""
        result = torch.empty_like(feats)
        for span in grid.spans:
            self._normalise(feats[span], into=result[span])
        return result

    def _normalise(self, feats: Tensor, *, into: Tensor) -> None:
        """Over the rows of one item."""
        rows, channels = feats.shape
        step = max(1, _PIECE_BYTES // (4 * channels))
        pieces = [slice(start, start + step) for start in range(0, rows, step)]
        if not pieces:
            return
        # Half-precision features are read as float32 on the fly.
        mean = self._over_groups(feats.mean(0, dtype=torch.float32))
        squares = torch.stack([(feats[piece] - mean).square().sum(0) for piece in pieces]).sum(0)
        scale = self.weight * (self._over_groups(squares) / rows + self.eps).rsqrt()
        for piece in pieces:
            into[piece] = torch.addcmul(self.bias, feats[piece] - mean, scale)

    def _over_groups(self, values: Tensor) -> Tensor:
        """The mean of each group for each of its channels. [C]→[C]"""
        means = values.view(self.groups, -1).mean(1, keepdim=True)
        return means.expand(-1, len(values) // self.groups).flatten()
