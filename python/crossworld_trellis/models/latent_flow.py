"""Structured-latent flow, the second stage: velocities of a latent vector in each active voxel.

The original's `SLatFlowModel` with one level of pooling: a few sparse convolutions lead down to
half the resolution, where a transformer works on one token a cell, and back up. Features lie packed
as [N,C], one row a voxel of a `VoxelGrid`, or [G,M,C] where branches of guidance differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ..kernels.attention import starts_of
from ..kernels.cuts import cut
from ..kernels.norm import Scale, add_norm
from ..sparse.convolution import SubmanifoldConv3d
from ..sparse.grid import Pooling, VoxelGrid, pool, unpool
from .attention import Memory
from .embedding import TimestepEmbedder, position_embedding
from .schedules import Schedules
from .transformer import BLOCK_EPS, FloatLayerNorm, FlowConfig, ModulatedBlocks, spread

_OfSteps = list[tuple[Tensor, ...]]


@dataclass(frozen=True, kw_only=True)
class LatentFlowConfig(FlowConfig):
    """Arguments as in a checkpoint's json."""

    num_io_res_blocks: int = 2
    io_block_channels: tuple[int, ...]
    use_skip_connection: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value, known in (
            ("use_skip_connection", self.use_skip_connection, True),
            ("patch_size", self.patch_size, 2),
            ("number of io_block_channels", len(self.io_block_channels), 1),
        ):
            if value != known:
                raise ValueError(f"{name} {value!r} is not known: only {known!r} is")
        if self.num_io_res_blocks < 1:
            raise ValueError(f"num_io_res_blocks must be at least 1, got {self.num_io_res_blocks}")


class ResidualBlock(nn.Module):
    """Two sparse convolutions; the time scales and shifts what lies between them.

    A modulation is [2,R,C]: scale, then shift.
    """

    def __init__(self, channels: int, out: int, embedded: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.norm1 = FloatLayerNorm(channels, eps=BLOCK_EPS)
        self.conv1 = SubmanifoldConv3d(channels, out, dtype=dtype)
        self.conv2 = SubmanifoldConv3d(out, out, dtype=dtype)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedded, 2 * out, dtype=dtype))
        self.skip_connection = (
            nn.Identity() if channels == out else nn.Linear(channels, out, dtype=dtype)
        )

    def modulation(self, times: Tensor) -> Tensor:
        """Of every time: [S,C]→[S,2,1,out]."""
        return self.emb_layers(times).unflatten(1, (2, 1, -1))

    def forward(self, x: Tensor, modulation: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,in]→[N,out] on one grid."""
        h = self.conv1(self._first_norm(x), grid)
        return self._second(h, modulation, grid) + self.skip_connection(x)

    def down(self, x: Tensor, modulation: Tensor, pooling: Pooling) -> Tensor:
        """[N,in] pooled first, →[M,out] on the coarse grid."""
        return self(pool(x, pooling), modulation, pooling.grid)

    def up(self, x: Tensor, modulation: Tensor, grid: VoxelGrid) -> Tensor:
        """[M,in] on the coarse grid →[N,out] on the fine one.

        What acts on a voxel alone is done for the cells; their voxels share the result.
        """
        h = self.conv1.forward_unpooled(self._first_norm(x), grid)
        return self._second(h, modulation, grid) + unpool(self.skip_connection(x), grid.pooled)

    def _first_norm(self, x: Tensor) -> Tensor:
        return _norm(x, Scale(self.norm1.weight, self.norm1.bias, around_one=False, silu=True))

    def _second(self, h: Tensor, modulation: Tensor, grid: VoxelGrid) -> Tensor:
        scale, shift = modulation
        return self.conv2(_norm(h, Scale(scale, shift, around_one=True, silu=True)), grid)


def _norm(x: Tensor, scale: Scale) -> Tensor:
    """[N,C]→[N,C]"""
    return add_norm(x[None], None, scale, eps=BLOCK_EPS)[1][0]


class ResidualBlocks(nn.ModuleList):
    """The residual blocks of one way, in order."""

    def __iter__(self) -> Iterator[ResidualBlock]:
        return cast(Iterator[ResidualBlock], super().__iter__())


class LatentFlow(nn.Module):
    """The network. `dtype` is that of blocks and convolutions; what surrounds them is float32."""

    def __init__(self, config: LatentFlowConfig, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config
        self.dtype = dtype
        width, edge = config.model_channels, config.io_block_channels[0]
        plain = config.num_io_res_blocks - 1
        self.t_embedder = TimestepEmbedder(width)
        self.input_layer = nn.Linear(config.in_channels, edge)
        self.input_blocks = ResidualBlocks(
            ResidualBlock(edge, out, width, dtype=dtype) for out in [edge] * plain + [width]
        )
        self.blocks = ModulatedBlocks(config.num_blocks, config.blocks(), dtype=dtype)
        # Each meets the output of its twin on the way down.
        self.out_blocks = ResidualBlocks(
            ResidualBlock(2 * channels, edge, width, dtype=dtype)
            for channels in [width] + [edge] * plain
        )
        self.out_layer = nn.Linear(edge, config.out_channels)
        self._schedules = Schedules[tuple[_OfSteps, _OfSteps]]()

    def field(self, condition: Tensor, times: Tensor, grid: VoxelGrid) -> "LatentField":
        """Binds the network to pictures [K,B,L,C] (B is 1 where samples share them), to the times
        [S] of a run, already times 1000, which may lie on the host, and to the active voxels."""
        edges, blocks = self._schedules.of(times, lambda: self._modulations(times))
        return LatentField(
            flow=self,
            edges=edges,
            blocks=blocks,
            memories=self.blocks.memories(condition.to(self.dtype)),
            grid=grid,
            place=self._place(grid),
        )

    def forward(self, x: Tensor, times: Tensor, condition: Tensor, grid: VoxelGrid) -> Tensor:
        """Velocity without guidance, each item with a time of its own.

        `x` [N,C], `times` [B] already times 1000, `condition` [B,L,C] →[N,C].
        """
        embedded = self.t_embedder(times).to(self.dtype)
        edges = self._edges(embedded)
        fine, coarse = grid.items, grid.pooled.grid.items
        plain = self.config.num_io_res_blocks - 1
        where = [fine] * plain + [coarse] + [fine] * (plain + 1)
        field = LatentField(
            flow=self,
            edges=[tuple(spread(rows, items) for rows, items in zip(edges, where, strict=True))],
            blocks=[tuple(spread(rows, coarse) for rows in self.blocks.modulations(embedded))],
            memories=self.blocks.memories(condition[None].to(self.dtype)),
            grid=grid,
            place=self._place(grid),
        )
        return field(x, 0, pictures=slice(None), guided=False)[0]

    def rest_modulations(self) -> None:
        """As `ModulatedBlocks.rest_modulations`. Weights may not change any more."""
        self.blocks.rest_modulations()
        self._schedules.keep()

    def _modulations(self, times: Tensor) -> tuple[_OfSteps, _OfSteps]:
        """Of every step, then of every residual block; the same of the transformer's blocks."""
        embedded = self.t_embedder(times.to(self.input_layer.weight.device)).to(self.dtype)
        edges, blocks = (
            list(zip(*(rows.unbind(0) for rows in made), strict=True))
            for made in (self._edges(embedded), self.blocks.modulations(embedded))
        )
        return edges, blocks

    def _edges(self, embedded: Tensor) -> list[Tensor]:
        """Modulations [S,2,1,C] of the residual blocks, in order."""
        return [block.modulation(embedded) for block in [*self.input_blocks, *self.out_blocks]]

    def _place(self, grid: VoxelGrid) -> Tensor:
        """Position embedding of the coarse cells [M,C]."""
        positions = grid.pooled.grid.positions
        return position_embedding(positions, self.config.model_channels).to(self.dtype)

    def descend(
        self, x: Tensor, modulations: Sequence[Tensor], grid: VoxelGrid
    ) -> tuple[Tensor, list[Tensor]]:
        """[N,C] →[M,C] of the coarse cells, and the outputs of all blocks on the way."""
        h = self.input_layer(x).to(self.dtype)
        skips: list[Tensor] = []
        *plain, last = zip(self.input_blocks, modulations, strict=True)
        for block, modulation in plain:
            h = block(h, modulation, grid)
            skips.append(h)
        block, modulation = last
        h = block.down(h, modulation, grid.pooled)
        return h, [*skips, h]

    def ascend(
        self, h: Tensor, skips: Sequence[Tensor], modulations: Sequence[Tensor], grid: VoxelGrid
    ) -> Tensor:
        """[M,C] of the coarse cells →[N,C] velocity."""
        first, *plain = zip(self.out_blocks, modulations, reversed(skips), strict=True)
        block, modulation, skip = first
        h = block.up(torch.cat([h, skip], dim=1), modulation, grid)
        for block, modulation, skip in plain:
            h = block(torch.cat([h, skip], dim=1), modulation, grid)
        return self.out_layer(layer_norm(h, h.shape[-1:], eps=1e-5).float())


@dataclass(frozen=True, kw_only=True)
class LatentField:
    """A `LatentFlow` bound to pictures, times and voxels: a `graphs.StepField`."""

    flow: LatentFlow
    edges: list[tuple[Tensor, ...]]
    """Of every step, then of every residual block: [2,R,C]."""
    blocks: list[tuple[Tensor, ...]]
    """Of every step, then of every transformer block: [6,R,C]."""
    memories: list[Memory]
    grid: VoxelGrid
    place: Tensor
    """[M,C] position embedding of the coarse cells."""

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        """Velocities of a state [N,C] →[branches,N,C]."""
        of_step = [*self.edges[step], *self.blocks[step]]
        return self.velocities(state, of_step, pictures=pictures, guided=guided)

    def steps(self) -> list[list[Tensor]]:
        """The modulations, those of the residual blocks first."""
        return [[*edges, *blocks] for edges, blocks in zip(self.edges, self.blocks, strict=True)]

    def constants(self) -> None:
        """Not told: voxels are as many as the object needs."""

    def prepare(self, state: Tensor) -> Tensor:
        """Finds neighbours, which the grid keeps, and where the items begin."""
        self.grid.prepare()
        return starts_of(self.grid.pooled.grid.items, state.device)

    def velocities(
        self, state: Tensor, of_step: list[Tensor], *, pictures: slice, guided: bool
    ) -> Tensor:
        """As the call."""
        flow, grid = self.flow, self.grid
        down = len(flow.input_blocks)
        both = down + len(flow.out_blocks)
        edges, blocks = of_step[:both], of_step[both:]
        h, skips = flow.descend(state, edges[:down], grid)
        cut()
        h = flow.blocks(
            (h + self.place)[None],
            blocks,
            [memory.of(pictures) for memory in self.memories],
            grid.pooled.grid.items,
            guided=guided,
        )
        cut()
        return torch.stack([flow.ascend(branch, skips, edges[down:], grid) for branch in h])
