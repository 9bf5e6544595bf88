"""The decoders of TRELLIS.2: from latents on a coarse grid to voxels sixteen times finer.

Four times a network of sparse convolutions (ConvNeXt-like, Liu et al. 2022) splits every voxel into
some of its children and hands them its channels. `ShapeDecoder` decides which children there are
and what surface passes through the finest; `TextureDecoder` follows it and tells their material.
What becomes of voxels is for `o_voxels` and the pipeline to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, softplus

from ..kernels.norm import Scale, add_norm
from ..sparse.convolution import pieces
from ..sparse.grid import VoxelGrid
from ..sparse.octree import CORNERS, Children, OctreeConv3d, split
from .transformer import BLOCK_EPS, FloatLayerNorm

LEVELS = 4
"""How often voxels are split: the finest grid has 2^LEVELS times the resolution of the latents."""

MATERIAL_CHANNELS = 6
"""Red, green, blue, metallic, roughness, alpha."""

_SHAPE_CHANNELS = 7

_BLOCK, _UP_BLOCK = "SparseConvNeXtBlock3d", "SparseResBlockC2S3d"


@dataclass(frozen=True, kw_only=True)
class BlockArguments:
    """Arguments of a block: none but one that matters in training only."""

    use_checkpoint: bool = False


@dataclass(frozen=True, kw_only=True)
class OctreeDecoderConfig:
    """Arguments that the json of both decoders has."""

    model_channels: tuple[int, ...]
    """Width of each level, coarsest first."""
    latent_channels: int
    num_blocks: tuple[int, ...] = field(metadata={"least": 0})
    """Blocks of each level, before its voxels are split."""
    block_type: tuple[str, ...]
    up_block_type: tuple[str, ...]
    block_args: tuple[BlockArguments, ...] = ()
    use_fp16: bool = False
    pred_subdiv: bool = True

    def __post_init__(self) -> None:
        for name, count in (
            ("model_channels", LEVELS + 1),
            ("num_blocks", LEVELS + 1),
            ("block_type", LEVELS + 1),
            ("up_block_type", LEVELS),
        ):
            entries = cast(Sequence[object], getattr(self, name))
            if len(entries) != count:
                raise ValueError(f"{name} has {len(entries)} entries, but needs {count}")
        for name, known in (("block_type", _BLOCK), ("up_block_type", _UP_BLOCK)):
            if other := set[str](getattr(self, name)) - {known}:
                raise ValueError(f"{name} '{min(other)}' is not known: only '{known}' is")
        for wide, narrow in zip(self.model_channels, self.model_channels[1:], strict=False):
            if wide % CORNERS or narrow % (wide // CORNERS):
                raise ValueError(
                    f"channels {wide} cannot be handed to eight children with {narrow} each"
                )


@dataclass(frozen=True, kw_only=True)
class ShapeDecoderConfig(OctreeDecoderConfig):
    """Arguments as in a checkpoint's json."""

    resolution: int | None = None
    """Means nothing: the latents' grid decides."""
    voxel_margin: float = 0.5
    """How far a dual vertex may leave its voxel, in voxels."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.pred_subdiv:
            raise ValueError("pred_subdiv of a shape decoder must be true: nobody else splits")


@dataclass(frozen=True, kw_only=True)
class TextureDecoderConfig(OctreeDecoderConfig):
    """Arguments as in a checkpoint's json."""

    out_channels: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.pred_subdiv:
            raise ValueError("pred_subdiv of a texture decoder must be false: it follows the shape")
        if self.out_channels != MATERIAL_CHANNELS:
            raise ValueError(f"out_channels must be {MATERIAL_CHANNELS}, got {self.out_channels}")


@dataclass(frozen=True, eq=False)
class Octree:
    """The voxels of every level that was reached."""

    root: VoxelGrid
    """Level 0, the voxels that have a latent."""
    children: tuple[Children, ...]
    """Of each level, what its voxels were split into."""
    logits: tuple[Tensor, ...]
    """Of each level that was split: [N,8], above 0 for children that are there."""

    @property
    def levels(self) -> tuple[VoxelGrid, ...]:
        """The voxels of each level, coarsest first."""
        return (self.root, *(each.grid for each in self.children))


@dataclass(frozen=True, eq=False, kw_only=True)
class Surface:
    """What passes through the finest voxels: a flexible dual grid. One row a voxel, float32."""

    dual: Tensor
    """[N,3] the dual vertex, in voxels from the lower corner; may leave the voxel by the margin."""
    crossed: Tensor
    """[N,3] bool: whether the surface crosses the grid edge along x, y, z."""
    quad: Tensor
    """[N,1] weight with which the voxel's quads are split into triangles."""


class ConvNeXtBlock(nn.Module):
    """A convolution, then two linear layers for each voxel, beside an identity."""

    def __init__(self, channels: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm = FloatLayerNorm(channels, eps=BLOCK_EPS)
        self.conv = OctreeConv3d(channels, channels, dtype=dtype)
        self.mlp = nn.Sequential(
            nn.Linear(channels, 4 * channels, dtype=dtype),
            nn.SiLU(),
            nn.Linear(4 * channels, channels, dtype=dtype),
        )

    def forward(self, x: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,C]→[N,C]"""
        h = self.conv(x, grid)
        scale = Scale(self.norm.weight, self.norm.bias)
        # Four times as wide inside, which for millions of voxels would be the most of all.
        for piece in pieces(len(x), 4 * x.shape[1] * x.element_size()):
            h[piece] = x[piece] + self.mlp(_normed(h[piece], scale))
        return h


class UpBlock(nn.Module):
    """Two convolutions between which voxels are split; each child takes an eighth of the channels.

    With `decides`, a layer tells which children there are.
    """

    def __init__(self, channels: int, out: int, *, decides: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm1 = FloatLayerNorm(channels, eps=BLOCK_EPS)
        self.conv1 = OctreeConv3d(channels, CORNERS * out, dtype=dtype)
        self.conv2 = OctreeConv3d(out, out, dtype=dtype)
        if decides:
            self.to_subdiv = nn.Linear(channels, CORNERS, dtype=dtype)

    def forward(self, x: Tensor, grid: VoxelGrid, children: Children) -> Tensor:
        """[N,C]→[M,out] for the children."""
        scale = Scale(self.norm1.weight, self.norm1.bias, silu=True)
        h = self.conv1.forward_split(_normed(x, scale), grid, children)
        h = self.conv2(_normed(h, Scale(silu=True), into=h), children.grid)
        shares = x.view(-1, CORNERS, x.shape[1] // CORNERS)  # [N,C]→[N,8,C/8]
        times = h.shape[1] // shares.shape[2]
        for piece in pieces(len(h), h.shape[1] * h.element_size()):
            own = shares[children.parent[piece], children.corner[piece]]  # [n,C/8]
            h[piece] += own.repeat_interleave(times, dim=1)
        return h


def _normed(x: Tensor, scale: Scale, *, into: Tensor | None = None) -> Tensor:
    """The layer norm of [N,C], scaled; `into` may be the tensor itself."""
    both = None if into is None else (x[None], into[None])
    return add_norm(x[None], None, scale, eps=BLOCK_EPS, into=both)[1][0]


class OctreeDecoder(nn.Module):
    """The trunk of both decoders. `dtype` is that of the blocks; both ends are float32."""

    def __init__(
        self, config: OctreeDecoderConfig, out_channels: int, *, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.dtype = dtype
        widths = config.model_channels
        self.from_latent = nn.Linear(config.latent_channels, widths[0])
        self.blocks = nn.ModuleList()
        for level, (width, count) in enumerate(zip(widths, config.num_blocks, strict=True)):
            stage = nn.ModuleList(ConvNeXtBlock(width, dtype=dtype) for _ in range(count))
            if level < LEVELS:
                decides = config.pred_subdiv
                stage.append(UpBlock(width, widths[level + 1], decides=decides, dtype=dtype))
            self.blocks.append(stage)
        self.output_layer = nn.Linear(widths[-1], out_channels)

    def along(self, slat: Tensor, octree: Octree) -> Tensor:
        """Down to voxels that are known: latents [N,C] of the root →[M,out] of the last level."""
        x = self._begin(slat)
        for level, (grid, children) in enumerate(
            zip(octree.levels[:-1], octree.children, strict=True)
        ):
            x = self.up_block(level)(self._refine(x, grid, level), grid, children)
        return self._end(self._refine(x, octree.levels[-1], LEVELS))

    def _begin(self, slat: Tensor) -> Tensor:
        """Latents [N,C] →[N,width of level 0]."""
        return self.from_latent(slat.float()).to(self.dtype)

    def _refine(self, x: Tensor, grid: VoxelGrid, level: int) -> Tensor:
        """The blocks of one level: [N,C]→[N,C]"""
        stage = cast(nn.ModuleList, self.blocks[level])
        for block in list(stage)[: len(stage) - (level < LEVELS)]:
            x = block(x, grid)
        return x

    def up_block(self, level: int) -> UpBlock:
        """What splits the voxels of one level."""
        return cast(UpBlock, cast(nn.ModuleList, self.blocks[level])[-1])

    def _end(self, x: Tensor) -> Tensor:
        """[N,width of the last level] →[N,out] float32."""
        out = x.new_empty(len(x), self.output_layer.out_features, dtype=torch.float32)
        for piece in pieces(len(x), 8 * x.shape[1]):
            wide = x[piece].float()
            out[piece] = self.output_layer(layer_norm(wide, wide.shape[-1:], eps=1e-5))
        return out


class ShapeDecoder(OctreeDecoder):
    """Which voxels there are, and the surface in the finest of them."""

    def __init__(self, config: ShapeDecoderConfig, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(config, _SHAPE_CHANNELS, dtype=dtype)
        self.config = config

    def forward(self, slat: Tensor, grid: VoxelGrid) -> tuple[Octree, Surface]:
        """Latents [N,C] of a grid → voxels of all levels and the surface in the last."""
        x, octree = self._grow(slat, grid, LEVELS)
        x = self.up_block(LEVELS - 1)(x, octree.levels[-2], octree.children[-1])
        return octree, self.surface(self._end(self._refine(x, octree.levels[-1], LEVELS)))

    def occupancy(self, slat: Tensor, grid: VoxelGrid, *, level: int = LEVELS) -> Octree:
        """The voxels down to one level; what only finer levels or the surface need is left out."""
        return self._grow(slat, grid, level)[1]

    def surface(self, raw: Tensor) -> Surface:
        """The seven channels that the network gives a voxel, read."""
        margin = self.config.voxel_margin
        return Surface(
            dual=(1 + 2 * margin) * raw[:, :3].sigmoid() - margin,
            crossed=raw[:, 3:6] > 0,
            quad=softplus(raw[:, 6:]),
        )

    def _grow(self, slat: Tensor, root: VoxelGrid, depth: int) -> tuple[Tensor, Octree]:
        """The octree, and the features [N,C] of the last level that was split."""
        x, grid = self._begin(slat), root
        grown, logits = list[Children](), list[Tensor]()
        for level in range(depth):
            if level:
                x = self.up_block(level - 1)(x, grid, grown[-1])
                grid = grown[-1].grid
            x = self._refine(x, grid, level)
            logits.append(self.up_block(level).to_subdiv(x))
            grown.append(split(grid, logits[-1] > 0))
        return x, Octree(root, tuple(grown), tuple(logits))


class TextureDecoder(OctreeDecoder):
    """The material of every voxel that a `ShapeDecoder` found."""

    def __init__(self, config: TextureDecoderConfig, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(config, config.out_channels, dtype=dtype)
        self.config = config

    def forward(self, slat: Tensor, octree: Octree) -> Tensor:
        """Latents [N,C] of the root → [M,6] float32 of the last level, nominally 0 to 1.

        Red, green, blue as displayed (sRGB-like), metallic, roughness, alpha.
        """
        return self.along(slat, octree) * 0.5 + 0.5
