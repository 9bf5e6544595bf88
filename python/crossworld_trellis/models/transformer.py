"""The transformer of both flow networks: blocks whose norms the time modulates (adaLN, Peebles and
Xie 2023) and that look at the picture through cross-attention.

Three things are the same in every step and are therefore computed once per generation: each block's
memory of the pictures, its modulation at every time, and its answer where there is no picture. The
branches of guidance run as one batch, and split only where they first differ.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from ..kernels.cuts import cut
from ..kernels.linear import linear_gelu
from ..kernels.norm import Scale, Update, add_norm
from ..kernels.rotary import Rotation
from .attention import CrossAttention, Memory, SelfAttention

BLOCK_EPS = 1e-6
"""Of the layer norms inside blocks; those before an output layer have 1e-5."""

# Few enough that a device need not wait long for the first of them to be recorded.
_BLOCKS_A_CUT = 5


@dataclass(frozen=True, kw_only=True)
class BlockSizes:
    """What blocks of one network have in common."""

    channels: int
    condition_channels: int
    heads: int
    mlp_ratio: float
    qk_norm: bool
    qk_norm_cross: bool


@dataclass(frozen=True, kw_only=True)
class FlowConfig:
    """Arguments that both flow networks have, as in a checkpoint's json."""

    resolution: int
    in_channels: int
    out_channels: int
    model_channels: int
    cond_channels: int
    num_blocks: int
    num_heads: int | None = None
    num_head_channels: int = 64
    mlp_ratio: float = 4
    patch_size: int = 2
    pe_mode: str = "ape"
    qk_rms_norm: bool = False
    qk_rms_norm_cross: bool = False
    share_mod: bool = False
    use_fp16: bool = False
    use_checkpoint: bool = False

    def __post_init__(self) -> None:
        for name, value, known in (
            ("pe_mode", self.pe_mode, "ape"),
            ("share_mod", self.share_mod, False),
        ):
            if value != known:
                raise ValueError(f"{name} {value!r} is not known: only {known!r} is")

    def blocks(self) -> BlockSizes:
        """Sizes of the transformer's blocks."""
        return BlockSizes(
            channels=self.model_channels,
            condition_channels=self.cond_channels,
            heads=self.num_heads or self.model_channels // self.num_head_channels,
            mlp_ratio=self.mlp_ratio,
            qk_norm=self.qk_rms_norm,
            qk_norm_cross=self.qk_rms_norm_cross,
        )


class FloatLayerNorm(nn.LayerNorm):
    """Layer norm with gain and bias that computes in float32 and answers in its input's dtype."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.float()).to(input.dtype)


class FeedForward(nn.Module):
    """Two linear layers with a GELU (tanh form) between."""

    def __init__(self, channels: int, hidden: int, *, dtype: torch.dtype) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(channels, hidden, dtype=dtype),
            nn.GELU(approximate="tanh"),
            nn.Linear(hidden, channels, dtype=dtype),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[…,C]→[…,C]."""
        first, _, second = self.mlp
        assert isinstance(first, nn.Linear)
        return second(linear_gelu(x, first.weight, first.bias))


class Block(nn.Module):
    """Self-attention, cross-attention, feed-forward; the time shifts, scales and gates two of them.

    A modulation is [6,R,C]: R is 1 where all tokens share a time, else the number of tokens. How it
    follows from the time is for the subclasses to say. Halves of a block answer with the stream and
    what is still to be added to it, so that whoever reads it next does both at once.
    """

    def __init__(self, sizes: BlockSizes, *, dtype: torch.dtype) -> None:
        super().__init__()
        width, heads = sizes.channels, sizes.heads
        self.norm2 = FloatLayerNorm(width, eps=BLOCK_EPS)
        self.self_attn = SelfAttention(width, heads, norm=sizes.qk_norm, dtype=dtype)
        self.cross_attn = CrossAttention(
            width, sizes.condition_channels, heads, norm=sizes.qk_norm_cross, dtype=dtype
        )
        self.mlp = FeedForward(width, int(width * sizes.mlp_ratio), dtype=dtype)

    def mix(
        self,
        x: Tensor,
        update: Update | None,
        modulation: Tensor,
        items: Sequence[int],
        rotation: Rotation | None = None,
    ) -> tuple[Tensor, Update]:
        """The half before the picture: self-attention of a stream [G,M,C]."""
        shift, scale, gate, *_ = modulation
        modulated = Scale(scale, shift, around_one=True)
        x, normed = add_norm(x, update, modulated, eps=BLOCK_EPS)
        return x, Update(self.self_attn(normed, items, rotation), gate)

    def inform(
        self, x: Tensor, update: Update, modulation: Tensor, memory: Memory, items: Sequence[int]
    ) -> tuple[Tensor, Update]:
        """The half from the picture on, of a stream [G,M,C].

        The first branches see one picture each, those beyond the memory's see none.
        """
        _, _, _, shift, scale, gate = modulation
        modulated = Scale(scale, shift, around_one=True)
        own = Scale(self.norm2.weight, self.norm2.bias, around_one=False)
        seeing, blind = slice(len(memory.keys)), slice(len(memory.keys), None)
        stream, normed = x.new_empty(x.shape), x.new_empty(x.shape)
        some = stream[seeing], normed[seeing]
        add_norm(x[seeing], update.of(seeing), own, eps=BLOCK_EPS, into=some)
        told = Update(self.cross_attn(normed[seeing], memory, items))
        add_norm(stream[seeing], told, modulated, eps=BLOCK_EPS, into=some)
        if len(x) > len(memory.keys):
            rest = stream[blind], normed[blind]
            untold = update.of(blind, constant=memory.nothing)
            add_norm(x[blind], untold, modulated, eps=BLOCK_EPS, into=rest)
        return stream, Update(self.mlp(normed), gate)


class ModulatedBlock(Block):
    """A block with a layer of its own that makes its modulation of the time."""

    def __init__(self, sizes: BlockSizes, *, dtype: torch.dtype) -> None:
        super().__init__(sizes, dtype=dtype)
        width = sizes.channels
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width, dtype=dtype))

    def modulation(self, times: Tensor) -> Tensor:
        """Shift, scale, gate of the attention, then of the feed-forward: [S,C]→[S,6,1,C]."""
        _, layer = self.adaLN_modulation
        assert isinstance(layer, nn.Linear)
        # The layer may rest elsewhere.
        weight = layer.weight.to(times.device, non_blocking=True)
        bias = layer.bias.to(times.device, non_blocking=True)
        made: Tensor = linear(silu(times), weight, bias)
        return made.view(len(times), 6, 1, -1)


AnyBlock = TypeVar("AnyBlock", bound=Block)


class Blocks(nn.ModuleList, Generic[AnyBlock]):
    """A network's blocks in order."""

    def __iter__(self) -> Iterator[AnyBlock]:
        return cast(Iterator[AnyBlock], super().__iter__())

    def memories(self, condition: Tensor) -> list[Memory]:
        """Of every block: pictures' tokens [K,B,L,condition channels] → list."""
        return [block.cross_attn.memory(condition) for block in self]

    def forward(
        self,
        x: Tensor,
        modulations: Sequence[Tensor],
        memories: Sequence[Memory],
        items: Sequence[int],
        *,
        guided: bool,
        rotation: Rotation | None = None,
    ) -> Tensor:
        """[1,M,C] tokens →[K,M,C], one branch for each of K pictures, and one more if `guided`.

        `modulations` are those of one step, [6,R,C] for every block.
        """
        steps = zip(self, modulations, memories, strict=True)
        update: Update | None = None
        for index, (block, modulation, memory) in enumerate(steps):
            first = update is None
            if index % _BLOCKS_A_CUT == _BLOCKS_A_CUT - 1:
                cut()
            x, update = block.mix(x, update, modulation, items, rotation)
            if first:
                # Up to here all branches are the same.
                shape = (len(memory.keys) + guided, -1, -1)
                x, update = x.expand(shape), Update(update.value.expand(shape), update.gate)
            x, update = block.inform(x, update, modulation, memory, items)
        return x if update is None else update.added_to(x)


class ModulatedBlocks(Blocks[ModulatedBlock]):
    """Blocks that each make their modulation."""

    def __init__(self, count: int, sizes: BlockSizes, *, dtype: torch.dtype) -> None:
        super().__init__(ModulatedBlock(sizes, dtype=dtype) for _ in range(count))

    def modulations(self, times: Tensor) -> list[Tensor]:
        """Of every block at every time: [S,C] embedded times → list of [S,6,1,C]."""
        return [block.modulation(times) for block in self]

    def rest_modulations(self) -> None:
        """Moves the layers that make modulations, a quarter of all weights, to the host's memory,
        for whoever keeps what they make. From there a GPU fetches them in tens of milliseconds."""
        for block in self:
            for parameter in block.adaLN_modulation.parameters():
                resting = parameter.data.cpu()
                parameter.data = resting.pin_memory() if parameter.is_cuda else resting


def spread(modulation: Tensor, items: Sequence[int]) -> Tensor:
    """Modulations of batch items, one time each, laid out for their tokens: [B,n,1,C]→[n,M,C]."""
    lengths = torch.tensor(items, device=modulation.device)
    return modulation[:, :, 0].transpose(0, 1).repeat_interleave(lengths, dim=1)
