"""Mesh decoder: structured latents to cubes of four times the resolution, for surface extraction.

The original's `SLatMeshDecoder`: the common trunk, then every voxel is divided twice into eight and
each of the resulting cubes gets 101 numbers (SPEC 14.1). Cubes count in the grid's axes, z up. What
the numbers mean and how they become a mesh is in `surface`, how they become voxels in `voxelize`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import silu

from ..sparse.convolution import BUFFER_BYTES, PointwiseConv3d, SubmanifoldConv3d
from ..sparse.grid import VoxelGrid
from ..sparse.norm import SparseGroupNorm
from ..surface.cubes import CHANNELS, Cubes
from .decoder_trunk import TrunkBlocks, TrunkConfig

UPSCALING = 4
"""Cubes along an edge of a voxel."""

_NORM_GROUPS = 32


@dataclass(frozen=True, kw_only=True)
class MeshRepresentation:
    """What the cubes carry."""

    use_color: bool = True
    """Whether corners have a colour and a normal."""

    def __post_init__(self) -> None:
        if not self.use_color:
            raise ValueError("use_color false is not supported: a mesh without colours has no use")


@dataclass(frozen=True, kw_only=True)
class MeshDecoderConfig(TrunkConfig):
    """Arguments as in a checkpoint's json."""

    representation_config: MeshRepresentation = MeshRepresentation()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.model_channels % (8 * _NORM_GROUPS):
            raise ValueError(
                f"model_channels {self.model_channels} does not suit a mesh decoder: "
                f"it must be a multiple of {8 * _NORM_GROUPS}"
            )


class SubdivideBlock(nn.Module):
    """Divides every voxel into eight and convolves twice; the skip is a 1x1x1 convolution."""

    def __init__(self, inputs: int, outputs: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        # Named and numbered as in checkpoints.
        self.act_layers = nn.ModuleList([SparseGroupNorm(inputs, _NORM_GROUPS)])
        self.out_layers = nn.ModuleList(
            [
                SubmanifoldConv3d(inputs, outputs, dtype=dtype),
                SparseGroupNorm(outputs, _NORM_GROUPS),
                nn.SiLU(inplace=True),
                SubmanifoldConv3d(outputs, outputs, dtype=dtype),
            ]
        )
        self.skip_connection = PointwiseConv3d(inputs, outputs, dtype=dtype)

    def forward(self, x: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,in] features of a grid → [8N,out] of its `subdivided`."""
        (norm_in,) = self.act_layers
        first, norm, activation, second = self.out_layers
        assert isinstance(first, SubmanifoldConv3d)
        children = grid.subdivided
        h = first.forward_subdivided(silu(norm_in(x, grid), inplace=True), grid)
        h = second(activation(norm(h, children)), children)
        # What needs no neighbours is done before dividing: siblings share it.
        h.view(len(x), 8, -1).add_(self.skip_connection(x)[:, None])  # [8N,out]→[N,8,out]
        return h


class MeshDecoder(nn.Module):
    """The network. `dtype` is that of blocks and subdivisions; what surrounds them is float32."""

    def __init__(self, config: MeshDecoderConfig, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config
        channels = config.model_channels
        self.input_layer = nn.Linear(config.latent_channels, channels)
        self.blocks = TrunkBlocks(config, dtype=dtype)
        self.upsample = nn.ModuleList(
            [
                SubdivideBlock(channels, channels // 4, dtype=dtype),
                SubdivideBlock(channels // 4, channels // 8, dtype=dtype),
            ]
        )
        self.out_layer = nn.Linear(channels // 8, CHANNELS)

    def forward(self, slat: Tensor, grid: VoxelGrid) -> list[Cubes]:
        """[N,8] latents of the voxels → the cubes of each item, 64 for every voxel."""
        raw = self.raw(slat, grid)
        fine = grid.subdivided.subdivided
        resolution = UPSCALING * self.config.resolution
        return [
            Cubes(coords=fine.positions[span], feats=raw[span], resolution=resolution)
            for span in fine.spans
        ]

    def raw(self, slat: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,8]→[64N,101] float32, rows as in `grid.subdivided.subdivided`."""
        h = self.blocks(self.input_layer(slat.float()), grid)
        for block in self.upsample:
            h = block(h, grid)
            grid = grid.subdivided
        result = torch.empty(len(h), CHANNELS, dtype=torch.float32, device=h.device)
        # In pieces: a float32 copy of all features would be as large as the result.
        for rows in _pieces(len(h), 4 * CHANNELS):
            result[rows] = self.out_layer(h[rows].float())
        return result


def _pieces(count: int, bytes_each: int) -> list[slice]:
    """0 to `count` in slices of at most `BUFFER_BYTES`."""
    step = max(1, BUFFER_BYTES // bytes_each)
    return [slice(start, start + step) for start in range(0, count, step)]
