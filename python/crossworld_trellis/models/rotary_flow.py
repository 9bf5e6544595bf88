"""The flow of TRELLIS.2: one network for all three stages, a plain transformer over the cells.

The original's dense `SparseStructureFlowModel` and its `SLatFlowModel` without window, pooling or
convolution do the same to a list of cells, so that here a dense grid is the list of all its cells.
Against the first generation (`structure_flow`, `latent_flow`): positions turn queries and keys
instead of being added, and all blocks share one modulation, to which each adds a vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, linear

from ..kernels.attention import starts_of
from ..kernels.rotary import Rotation
from ..sparse.grid import VoxelGrid
from .attention import Memory
from .embedding import TimestepEmbedder
from .rotary import rotation
from .transformer import Block, Blocks, BlockSizes, ModulatedBlock, spread


@dataclass(frozen=True, kw_only=True)
class RotaryFlowConfig:
    """Arguments as in a checkpoint's json."""

    resolution: int
    """Cells per axis of a dense flow; means nothing to a sparse one."""
    in_channels: int
    out_channels: int
    model_channels: int
    cond_channels: int
    num_blocks: int
    num_heads: int | None = None
    num_head_channels: int = 64
    mlp_ratio: float = 4
    pe_mode: str = "ape"
    rope_freq: tuple[float, float] = (1.0, 10_000.0)
    share_mod: bool = False
    qk_rms_norm: bool = False
    qk_rms_norm_cross: bool = False
    dtype: str = "float32"
    initialization: str = "vanilla"

    def __post_init__(self) -> None:
        if self.pe_mode != "rope":
            raise ValueError(f"pe_mode {self.pe_mode!r} is not known: only 'rope' is")
        if self.out_channels > self.in_channels:
            raise ValueError(
                f"out_channels {self.out_channels} are more than in_channels {self.in_channels}"
            )
        if self.model_channels % self.heads or self.model_channels // self.heads % 2:
            raise ValueError(
                f"model_channels {self.model_channels} cannot be split into {self.heads} heads of "
                "an even width"
            )
        if min(self.rope_freq) <= 0:
            raise ValueError(f"rope_freq must be above 0, got {list(self.rope_freq)}")

    @property
    def heads(self) -> int:
        """Heads of the attention."""
        return self.num_heads or max(1, self.model_channels // self.num_head_channels)

    @property
    def constant_channels(self) -> int:
        """Channels of the input that no step changes: what a stage is told of the one before."""
        return self.in_channels - self.out_channels

    def blocks(self) -> BlockSizes:
        """Sizes of the transformer's blocks."""
        return BlockSizes(
            channels=self.model_channels,
            condition_channels=self.cond_channels,
            heads=self.heads,
            mlp_ratio=self.mlp_ratio,
            qk_norm=self.qk_rms_norm,
            qk_norm_cross=self.qk_rms_norm_cross,
        )


class SharingBlock(Block):
    """A block whose modulation is the network's plus a vector of its own."""

    def __init__(self, sizes: BlockSizes, *, dtype: torch.dtype) -> None:
        super().__init__(sizes, dtype=dtype)
        self.modulation = nn.Parameter(torch.zeros(6 * sizes.channels))


class RotaryFlow(nn.Module):
    """The network. `dtype` is that of the blocks; what surrounds them is float32.

    States are packed as [N,C], one row a cell. The first channels of the input are the state, those
    after it are constant (`RotaryFlowConfig.constant_channels`).
    """

    def __init__(self, config: RotaryFlowConfig, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config
        self.dtype = dtype
        width, sizes = config.model_channels, config.blocks()
        self.t_embedder = TimestepEmbedder(width)
        if config.share_mod:
            self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))
        kind = SharingBlock if config.share_mod else ModulatedBlock
        self.blocks = Blocks[Block](kind(sizes, dtype=dtype) for _ in range(config.num_blocks))
        self.input_layer = nn.Linear(config.in_channels, width)
        self.out_layer = nn.Linear(width, config.out_channels)

    def field(
        self, condition: Tensor, times: Tensor, grid: VoxelGrid, constant: Tensor | None = None
    ) -> "RotaryField":
        """Binds the network to pictures [K,B,L,C] (B is 1 where samples share them), to the times
        [S] of a run, already times 1000, to the cells, and to the constant channels [N,C]."""
        steps = zip(*(rows.unbind(0) for rows in self.modulations(times)), strict=True)
        return RotaryField(
            flow=self,
            modulations=list(steps),
            memories=self.blocks.memories(condition.to(self.dtype)),
            items=grid.items,
            rotation=self._rotation(grid),
            constant=self._constant(constant),
        )

    def forward(
        self,
        x: Tensor,
        times: Tensor,
        condition: Tensor,
        grid: VoxelGrid,
        constant: Tensor | None = None,
    ) -> Tensor:
        """Velocity without guidance, each item with a time of its own.

        `x` [N,C], `times` [B] already times 1000, `condition` [B,L,C] →[N,C].
        """
        field = RotaryField(
            flow=self,
            modulations=[tuple(spread(rows, grid.items) for rows in self.modulations(times))],
            memories=self.blocks.memories(condition[None].to(self.dtype)),
            items=grid.items,
            rotation=self._rotation(grid),
            constant=self._constant(constant),
        )
        return field(x, 0, pictures=slice(None), guided=False)[0]

    def modulations(self, times: Tensor) -> list[Tensor]:
        """Of every block at every time: [S] already times 1000 → list of [S,6,1,C]."""
        embedded = self.t_embedder(times)
        if not self.config.share_mod:
            made = (cast(ModulatedBlock, block) for block in self.blocks)
            return [block.modulation(embedded.to(self.dtype)) for block in made]
        shared = self.adaLN_modulation(embedded).to(self.dtype)  # [S,6C]
        vectors = (cast(SharingBlock, block).modulation for block in self.blocks)
        rows = ((shared + vector).to(self.dtype) for vector in vectors)
        return [row.view(len(times), 6, 1, -1) for row in rows]

    def _rotation(self, grid: VoxelGrid) -> Rotation:
        width = self.config.model_channels // self.config.heads
        return rotation(grid.positions, width, frequencies=self.config.rope_freq)

    def _constant(self, constant: Tensor | None) -> Tensor:
        """What the input layer makes of everything but the state: [N,C], or [C] if nothing."""
        channels = 0 if constant is None else constant.shape[1]
        if channels != self.config.constant_channels:
            raise ValueError(
                f"this flow takes {self.config.constant_channels} constant channels, got {channels}"
            )
        if constant is None:
            return self.input_layer.bias
        weight = self.input_layer.weight[:, self.config.out_channels :]
        return linear(constant.float(), weight, self.input_layer.bias)


class DenseRotaryFlow(RotaryFlow):
    """The flow of the first stage, whose cells are all those of a small grid, x slowest."""

    def __init__(self, config: RotaryFlowConfig, *, dtype: torch.dtype = torch.float32) -> None:
        if config.constant_channels:
            raise ValueError(
                f"in_channels {config.in_channels} and out_channels {config.out_channels} of a "
                "dense flow must be equal"
            )
        super().__init__(config, dtype=dtype)

    def noise_shape(self, samples: int) -> tuple[int, ...]:
        """Shape of the state of some samples, before `pack`."""
        return (samples, self.config.in_channels, *[self.config.resolution] * 3)

    def grid(self, samples: int, device: torch.device) -> VoxelGrid:
        """All cells of some samples."""
        axis = torch.arange(self.config.resolution, dtype=torch.int32, device=device)
        item = torch.arange(samples, dtype=torch.int32, device=device)
        cells = torch.cartesian_prod(item, axis, axis, axis)
        return VoxelGrid(cells, items=[len(axis) ** 3] * samples)

    def _rotation(self, grid: VoxelGrid) -> Rotation:
        # Like the original, which has the default frequencies here whatever the arguments say.
        return rotation(grid.positions, self.config.model_channels // self.config.heads)


def pack(x: Tensor) -> Tensor:
    """[B,C,R,R,R]→[B·R³,C], one row a cell of `DenseRotaryFlow.grid`."""
    return x.movedim(1, -1).reshape(-1, x.shape[1])


def unpack(x: Tensor, shape: Sequence[int]) -> Tensor:
    """The inverse of `pack`, to a shape [B,C,R,R,R]."""
    batch, channels, *size = shape
    return x.reshape(batch, *size, channels).movedim(-1, 1).contiguous()


@dataclass(frozen=True, kw_only=True)
class RotaryField:
    """A `RotaryFlow` bound to a picture, times and cells: a `graphs.StepField`."""

    flow: RotaryFlow
    modulations: list[tuple[Tensor, ...]]
    """Of every step, then of every block: [6,R,C]."""
    memories: list[Memory]
    items: tuple[int, ...]
    rotation: Rotation
    constant: Tensor
    """[N,C] or [C]: the share of the input layer's answer that no step changes."""

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        """Velocities of a state [N,C] →[branches,N,C]."""
        of_step = list(self.modulations[step])
        return self.velocities(state, of_step, pictures=pictures, guided=guided)

    def steps(self) -> list[list[Tensor]]:
        """The modulations."""
        return [list(each) for each in self.modulations]

    def constants(self) -> list[Tensor] | None:
        """What blocks know of the pictures; told for the dense flow, since a sparse one has as many
        cells as the object needs."""
        if not isinstance(self.flow, DenseRotaryFlow):
            return None
        memories = [tensor for memory in self.memories for tensor in memory.tensors()]
        # The turns are the same in every run, but tell how many samples there are.
        return [*memories, self.rotation.cos]

    def prepare(self, state: Tensor) -> Tensor:
        """Finds where the items begin."""
        return starts_of(self.items, state.device)

    def velocities(
        self, state: Tensor, of_step: list[Tensor], *, pictures: slice, guided: bool
    ) -> Tensor:
        """As the call."""
        flow = self.flow
        weight = flow.input_layer.weight[:, : state.shape[1]]
        h = flow.blocks(
            (linear(state, weight) + self.constant).to(flow.dtype)[None],
            of_step,
            [memory.of(pictures) for memory in self.memories],
            self.items,
            guided=guided,
            rotation=self.rotation,
        ).float()
        return flow.out_layer(layer_norm(h, h.shape[-1:], eps=1e-5))
