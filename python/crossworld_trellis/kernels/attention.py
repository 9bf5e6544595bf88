"""Attention of packed tokens, with a kernel that takes items of any length in one call.

Torch's fast attentions want a batch of equal lengths, and the fastest of them, cuDNN's, prepares
itself anew for every length, which takes longer than using it. Here a list of where the items begin
is all that changes between generations.
"""

import functools
import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from .choice import copies_tiles, usable


def packs(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Whether `packed_attention` can be used for […,H,d] tensors."""
    width = query.shape[-1]
    return (
        usable(query)
        and copies_tiles(query)
        and width in (16, 32, 64, 128)
        and query.dtype == key.dtype == value.dtype
        # The engine that copies tiles takes rows of whole 16 bytes.
        and all(_is_aligned(x) for x in (query, key, value))
    )


def packed_attention(
    query: Tensor, key: Tensor, value: Tensor, starts: Tensor, longest: int
) -> Tensor:
    """Softmax attention within each branch and item, scaled by 1/√d: [G,M,H,d]→[G,M,H·d].

    Item i has the tokens from `starts[i]` to before `starts[i + 1]` ([B+1] int32), no more than
    `longest`.
    """
    from .triton_attention import launch

    return launch(query, key, value, starts, longest, memory_of_item=None)


def packed_look_up(
    query: Tensor, key: Tensor, value: Tensor, starts: Tensor, longest: int
) -> Tensor:
    """As `packed_attention`, to memories [K,B,L,H,d], one of each branch and, unless B is 1, item:
    queries [K,M,H,d] →[K,M,H·d]."""
    from .triton_attention import launch

    shared = key.shape[1] == 1
    key, value = key.flatten(0, 1), value.flatten(0, 1)  # [K,B,L,H,d]→[K·B,L,H,d]
    return launch(query, key, value, starts, longest, memory_of_item=0 if shared else 1)


# Whoever records a graph that reads one keeps it (`StepField.prepare`): here the oldest go.
@functools.lru_cache(maxsize=256)
def starts_of(items: tuple[int, ...], device: torch.device) -> Tensor:
    """[B+1] int32: where items of these lengths begin, and the end of the last."""
    starts = list(itertools.accumulate(items, initial=0))
    return torch.tensor(starts, dtype=torch.int32).to(device)


def longest_of(items: Sequence[int]) -> int:
    """Tokens of the longest item."""
    return max(items, default=0)


def _is_aligned(x: Tensor) -> bool:
    size = x.element_size()
    return (
        x.stride(-1) == 1
        and x.data_ptr() % 16 == 0
        and all(stride * size % 16 == 0 for stride in x.stride()[:-1])
    )
