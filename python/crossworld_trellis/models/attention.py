"""Attention over packed tokens, as the flow networks of both stages use it.

Tokens lie as [G,M,C]: G branches of guidance (all of the same state), M tokens of all batch items
one after the other. `items` tells how many tokens each item has. Tokens see only their own branch
and item. Lengths are host integers, so nothing here waits for the device.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention

from ..kernels.attention import longest_of, packed_attention, packed_look_up, packs, starts_of
from ..kernels.norm import unit_head, unit_heads
from ..kernels.rotary import Rotation, rotate


@dataclass(frozen=True)
class Memory:
    """What one block attends to in the pictures, computed once for all steps."""

    keys: Tensor
    """[K,B,H,L,d] for K pictures of B items; B is 1 where all items share a picture."""
    values: Tensor
    """Like `keys`."""
    nothing: Tensor
    """[C] what the block adds where there is no picture.

    Of a condition of zeros all keys are equal and all values too, so the answer is the same vector
    for every token.
    """

    def tensors(self) -> list[Tensor]:
        """All of it."""
        return [self.keys, self.values, self.nothing]

    def of(self, pictures: slice) -> "Memory":
        """The memory of some of the pictures."""
        return Memory(self.keys[pictures], self.values[pictures], self.nothing)


class HeadNorm(nn.Module):
    """RMS norm over the channels of each head, with a gain each; float32 inside."""

    def __init__(self, heads: int, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(heads, width))

    def forward(self, x: Tensor) -> Tensor:
        """[…,H,d]→[…,H,d]."""
        return unit_head(x, self.gamma)


class SelfAttention(nn.Module):
    """Tokens look at all tokens of their branch and item."""

    def __init__(self, channels: int, heads: int, *, norm: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(channels, 3 * channels, dtype=dtype)
        self.q_rms_norm, self.k_rms_norm = _norms(channels, heads, norm=norm)
        self.to_out = nn.Linear(channels, channels, dtype=dtype)

    def forward(self, x: Tensor, items: Sequence[int], rotation: Rotation | None = None) -> Tensor:
        """[G,M,C]→[G,M,C]; a rotation tells queries and keys where each token lies."""
        qkv = self.to_qkv(x).unflatten(-1, (3, self.heads, -1))  # [G,M,3C]→[G,M,3,H,d]
        if gains := _gains(self.q_rms_norm, self.k_rms_norm):
            query, key, value = unit_heads(qkv, gains, rotation)
        else:
            query, key, value = qkv.unbind(2)
            if rotation is not None:
                query, key = rotate(query, rotation), rotate(key, rotation)
        return self.to_out(attend(query, key, value, items))


class CrossAttention(nn.Module):
    """Tokens look at the tokens of a picture."""

    def __init__(
        self, channels: int, condition: int, heads: int, *, norm: bool, dtype: torch.dtype
    ) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, channels, dtype=dtype)
        self.to_kv = nn.Linear(condition, 2 * channels, dtype=dtype)
        self.q_rms_norm, self.k_rms_norm = _norms(channels, heads, norm=norm)
        self.to_out = nn.Linear(channels, channels, dtype=dtype)

    def memory(self, condition: Tensor) -> Memory:
        """Keys and values of pictures' tokens [K,B,L,condition channels]."""
        pair = self.to_kv(condition).unflatten(-1, (2, self.heads, -1))  # [K,B,L,2,H,d]
        key, value = pair.unbind(3)
        _, bias = self.to_kv.bias.chunk(2)
        return Memory(
            keys=self.k_rms_norm(key).transpose(2, 3).contiguous(),  # [K,B,L,H,d]→[K,B,H,L,d]
            values=value.transpose(2, 3).contiguous(),
            nothing=linear(bias, self.to_out.weight, self.to_out.bias),
        )

    def forward(self, x: Tensor, memory: Memory, items: Sequence[int]) -> Tensor:
        """[K,M,C] tokens, one branch for each of K pictures →[K,M,C]."""
        query = self.to_q(x).unflatten(-1, (1, self.heads, -1))  # [K,M,C]→[K,M,1,H,d]
        gains = _gains(self.q_rms_norm)
        [query] = unit_heads(query, gains) if gains else query.unbind(2)
        return self.to_out(look_up(query, memory, items))


def attend(query: Tensor, key: Tensor, value: Tensor, items: Sequence[int]) -> Tensor:
    """Softmax attention within each branch and item: three of [G,M,H,d] →[G,M,H·d]."""
    if packs(query, key, value):
        starts = starts_of(tuple(items), query.device)
        return packed_attention(query, key, value, starts, longest_of(items))
    if len(set(items)) == 1:
        # Items of one length are a batch.
        split = (_by_item(x, len(items)) for x in (query, key, value))
        out = _softmax_attention(*split)  # [G·B,H,T,d]
        return out.transpose(1, 2).reshape(*query.shape[:2], -1)
    parts: list[Tensor] = []
    start = 0
    for length in items:
        own = (x.narrow(1, start, length).transpose(1, 2) for x in (query, key, value))
        parts.append(_softmax_attention(*own))  # [G,H,length,d]
        start += length
    return torch.cat(parts, dim=2).transpose(1, 2).flatten(2)


def look_up(query: Tensor, memory: Memory, items: Sequence[int]) -> Tensor:
    """Softmax attention of queries [K,M,H,d] to a memory →[K,M,H·d]."""
    pair = memory.keys.transpose(2, 3), memory.values.transpose(2, 3)  # [K,B,L,H,d]
    if packs(query, *pair):
        starts = starts_of(tuple(items), query.device)
        return packed_look_up(query, *pair, starts, longest_of(items))
    if len(set(items)) == 1:
        batch = (query.shape[0], len(items))
        keys, values = (
            x.expand(*batch, *x.shape[2:]).flatten(0, 1) for x in (memory.keys, memory.values)
        )
        out = _softmax_attention(_by_item(query, len(items)), keys, values)
        return out.transpose(1, 2).reshape(*query.shape[:2], -1)
    parts: list[Tensor] = []
    start = 0
    for item, length in enumerate(items):
        own = item if memory.keys.shape[1] > 1 else 0
        keys, values = memory.keys[:, own], memory.values[:, own]  # [K,H,L,d]
        part = query.narrow(1, start, length).transpose(1, 2)
        parts.append(_softmax_attention(part, keys, values))
        start += length
    return torch.cat(parts, dim=2).transpose(1, 2).flatten(2)


def _softmax_attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """[…,T,d], […,L,d], […,L,d] →[…,T,d]."""
    return scaled_dot_product_attention(query, key, value)


def _by_item(x: Tensor, items: int) -> Tensor:
    """[G,B·T,H,d]→[G·B,H,T,d]."""
    branches, tokens, heads, width = x.shape
    return x.reshape(branches * items, tokens // items, heads, width).transpose(1, 2)


def _gains(*norms: nn.Module) -> list[Tensor]:
    """Of those norms that are any."""
    return [norm.gamma for norm in norms if isinstance(norm, HeadNorm)]


def _norms(channels: int, heads: int, *, norm: bool) -> tuple[nn.Module, nn.Module]:
    if not norm:
        return nn.Identity(), nn.Identity()
    width = channels // heads
    return HeadNorm(heads, width), HeadNorm(heads, width)
