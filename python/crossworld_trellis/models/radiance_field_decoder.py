"""Radiance-field decoder: structured latents to a factored radiance field, a few factors a voxel.

The original's `SLatRadianceFieldDecoder`. Input rows are the active voxels (grid axes x, y, z, z
up), the result is in the unit cube. Rendering it is out of scope.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ..radiance_field import RadianceField
from ..sparse.grid import VoxelGrid
from .decoder_trunk import HEAD_EPS, TrunkBlocks, TrunkConfig


@dataclass(frozen=True, kw_only=True)
class RadianceFieldRepresentation:
    """Sizes of a voxel's field. The defaults are those of the released model."""

    rank: int = 16
    """Factors of each voxel."""
    dim: int = 8
    """Samples of a factor along an axis."""


@dataclass(frozen=True, kw_only=True)
class RadianceFieldDecoderConfig(TrunkConfig):
    """Arguments as in a checkpoint's json."""

    representation_config: RadianceFieldRepresentation = RadianceFieldRepresentation()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resolution.bit_count() != 1:
            raise ValueError(
                f"resolution {self.resolution} is no power of two: an octree needs one"
            )


class RadianceFieldDecoder(nn.Module):
    """The network. `dtype` is that of the blocks; what surrounds them is float32."""

    def __init__(
        self, config: RadianceFieldDecoderConfig, *, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.config = config
        rules = config.representation_config
        self._widths = [3 * rules.rank * rules.dim, rules.rank, 3 * rules.rank]
        self.input_layer = nn.Linear(config.latent_channels, config.model_channels)
        self.blocks = TrunkBlocks(config, dtype=dtype)
        self.out_layer = nn.Linear(config.model_channels, sum(self._widths))

    def forward(self, slat: Tensor, grid: VoxelGrid) -> list[RadianceField]:
        """[N,8] latents of the voxels → the radiance field of each item."""
        raw = self.raw(slat, grid)
        return [self._split(raw[span], grid.positions[span]) for span in grid.spans]

    def raw(self, slat: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,8]→[N,r·(3·D+4)] float32, what the output layer gives."""
        h = self.blocks(self.input_layer(slat.float()), grid).float()
        return self.out_layer(layer_norm(h, h.shape[-1:], eps=HEAD_EPS))

    def _split(self, raw: Tensor, positions: Tensor) -> RadianceField:
        """The channels of one item, and its voxels [n,3]; SPEC 13."""
        rules, resolution = self.config.representation_config, self.config.resolution
        trivec, density, color = torch.split(raw, self._widths, dim=1)
        rows, depth = len(raw), resolution.bit_length() - 1
        return RadianceField(
            position=(positions.float() + 0.5) / resolution,
            trivec=trivec.reshape(rows, rules.rank, 3, rules.dim) + 1,
            density=density,
            features_dc=color.reshape(rows, rules.rank, 3),
            depth=torch.full((rows, 1), depth, dtype=torch.uint8, device=raw.device),
        )
