"""Sparse-structure flow, the first stage: velocities of a dense latent grid of 16^3 cells.

The original's `SparseStructureFlowModel`. Every cell (or patch of cells) is a token; tokens of all
batch items lie packed, x slowest and z fastest within an item.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ..kernels.attention import starts_of
from .attention import Memory
from .embedding import TimestepEmbedder, position_embedding
from .schedules import Schedules
from .transformer import FlowConfig, ModulatedBlocks, spread


@dataclass(frozen=True, kw_only=True)
class StructureFlowConfig(FlowConfig):
    """Arguments as in a checkpoint's json."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.resolution % self.patch_size:
            raise ValueError(
                f"patch_size {self.patch_size} does not divide resolution {self.resolution}"
            )


class StructureFlow(nn.Module):
    """The network. `dtype` is that of the blocks; what surrounds them is float32."""

    pos_emb: Tensor

    def __init__(self, config: StructureFlowConfig, *, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.config = config
        self.dtype = dtype
        patch, width = config.patch_size, config.model_channels
        self.t_embedder = TimestepEmbedder(width)
        self.input_layer = nn.Linear(config.in_channels * patch**3, width)
        self.blocks = ModulatedBlocks(config.num_blocks, config.blocks(), dtype=dtype)
        self.out_layer = nn.Linear(width, config.out_channels * patch**3)
        axis = torch.arange(config.resolution // patch)
        positions = torch.cartesian_prod(axis, axis, axis)
        self.register_buffer("pos_emb", position_embedding(positions, width))
        self._schedules = Schedules[list[tuple[Tensor, ...]]]()

    def noise_shape(self, samples: int) -> tuple[int, ...]:
        """Shape of the state of some samples."""
        return (samples, self.config.in_channels, *[self.config.resolution] * 3)

    def field(self, condition: Tensor, times: Tensor) -> "StructureField":
        """Binds the network to pictures [K,B,L,C] (B is 1 where samples share them) and to the
        times [S] of a run, already times 1000, which may lie on the host."""
        modulations = self._schedules.of(times, lambda: self._modulations(times))
        return StructureField(self, modulations, self.blocks.memories(condition.to(self.dtype)))

    def rest_modulations(self) -> None:
        """As `ModulatedBlocks.rest_modulations`. Weights may not change any more."""
        self.blocks.rest_modulations()
        self._schedules.keep()

    def _modulations(self, times: Tensor) -> list[tuple[Tensor, ...]]:
        embedded = self.t_embedder(times.to(self.pos_emb.device)).to(self.dtype)
        steps = zip(*(block.unbind(0) for block in self.blocks.modulations(embedded)), strict=True)
        return list(steps)

    def forward(self, x: Tensor, times: Tensor, condition: Tensor) -> Tensor:
        """Velocity without guidance, each item with a time of its own.

        `x` [B,C,R,R,R], `times` [B] already times 1000, `condition` [B,L,C] →[B,C,R,R,R].
        """
        items = self.items(x)
        embedded = self.t_embedder(times).to(self.dtype)
        modulations = [spread(rows, items) for rows in self.blocks.modulations(embedded)]
        memories = self.blocks.memories(condition[None].to(self.dtype))
        return self.velocities(x, modulations, memories, guided=False)[0]

    def velocities(
        self, x: Tensor, modulations: Sequence[Tensor], memories: Sequence[Memory], *, guided: bool
    ) -> Tensor:
        """[B,C,R,R,R]→[branches,B,C,R,R,R]."""
        patch, batch = self.config.patch_size, len(x)
        cells = patchify(x, patch).flatten(2).transpose(1, 2)  # [B,C·p³,S,S,S]→[B,S³,C·p³]
        h = (self.input_layer(cells) + self.pos_emb).to(self.dtype)
        h = h.flatten(0, 1)[None]  # [B,T,C]→[1,B·T,C]
        h = self.blocks(h, modulations, memories, self.items(x), guided=guided).float()
        out: Tensor = self.out_layer(layer_norm(h, h.shape[-1:], eps=1e-5))  # [G,B·T,C·p³]
        branches, _, channels = out.shape
        side = self.config.resolution // patch
        grid = out.reshape(branches * batch, -1, channels).transpose(1, 2)  # [G·B,C·p³,T]
        x = unpatchify(grid.reshape(branches * batch, channels, side, side, side), patch)
        return x.reshape(branches, batch, *x.shape[1:])

    def items(self, x: Tensor) -> tuple[int, ...]:
        """Tokens of each sample of a state [B,C,R,R,R]."""
        return (len(self.pos_emb),) * len(x)


@dataclass(frozen=True)
class StructureField:
    """A `StructureFlow` bound to pictures and times: a `graphs.StepField`."""

    flow: StructureFlow
    modulations: list[tuple[Tensor, ...]]
    """Of every step, then of every block: [6,1,C]."""
    memories: list[Memory]

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        """Velocities of a state [B,C,R,R,R] →[branches,B,C,R,R,R]."""
        of_step = list(self.modulations[step])
        return self.velocities(state, of_step, pictures=pictures, guided=guided)

    def steps(self) -> list[list[Tensor]]:
        """The modulations."""
        return [list(each) for each in self.modulations]

    def constants(self) -> list[Tensor]:
        """What the pictures are to the blocks."""
        return [each for memory in self.memories for each in memory.tensors()]

    def prepare(self, state: Tensor) -> Tensor:
        """Finds where the samples begin."""
        return starts_of(self.flow.items(state), state.device)

    def velocities(
        self, state: Tensor, of_step: list[Tensor], *, pictures: slice, guided: bool
    ) -> Tensor:
        """As the call."""
        memories = [memory.of(pictures) for memory in self.memories]
        return self.flow.velocities(state, of_step, memories, guided=guided)


def patchify(x: Tensor, patch: int) -> Tensor:
    """[B,C,R,R,R]→[B,C·p³,R/p,R/p,R/p]; channels slowest, then the offset along x, y, z."""
    if patch == 1:
        return x
    batch, channels, side = x.shape[0], x.shape[1], x.shape[2] // patch
    x = x.reshape(batch, channels, side, patch, side, patch, side, patch)
    x = x.permute(0, 1, 3, 5, 7, 2, 4, 6)  # [B,C,p,p,p,S,S,S]
    return x.reshape(batch, channels * patch**3, side, side, side)


def unpatchify(x: Tensor, patch: int) -> Tensor:
    """[B,C·p³,S,S,S]→[B,C,S·p,S·p,S·p], the inverse of `patchify`."""
    if patch == 1:
        return x
    batch, channels, side = x.shape[0], x.shape[1] // patch**3, x.shape[2]
    x = x.reshape(batch, channels, patch, patch, patch, side, side, side)
    x = x.permute(0, 1, 5, 2, 6, 3, 7, 4)  # [B,C,S,p,S,p,S,p]
    return x.reshape(batch, channels, *[side * patch] * 3)
