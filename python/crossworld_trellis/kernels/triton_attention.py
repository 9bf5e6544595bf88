# pyright: basic, reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false, reportOperatorIssue=false
# pyright: reportArgumentType=false
"""The kernel behind `attention`: softmax on the fly (Dao et al. 2022, "FlashAttention"), for packed
items; imported where Triton is.

A softmax may take any level from its scores, and the largest of a row is only the safest. Here the
level follows from the first tile of keys, so that the loop neither looks for larger scores nor
corrects what it has summed, which takes a seventh of the time. Where a score exceeds the level by
so much that its weight is no finite number, the tile of queries is done again in the usual way.
"""

import math

import torch
import triton
import triton.language as tl
from torch import Tensor
from triton.tools.tensor_descriptor import TensorDescriptor

from .triton_launch import launch as launch_variant

# Queries and keys of a tile. Small tiles leave room for four programs on a multiprocessor, of which
# some multiply while others are at the exponentials.
_QUERIES = 64
_KEYS = 64

# By how many powers of two the level may lie above the first scores, and which sum of weights is
# one too many. Weights go into the second product in half precision: as float16 they lose digits
# below 2^-14 and end at 65504.
_LEVELS = {torch.float16: (12.0, 6e4), torch.bfloat16: (0.0, 1e30)}

# How far it lies above them: a share of the distance between the lowest and the highest.
_ROOM_SHARE = 0.375
_LEAST_ROOM = 3.0

# Registers of a thread, with which four programs fit on a multiprocessor.
_REGISTERS = 128


# What differs from object to object does not make another kernel.
@triton.jit(do_not_specialize=["tiles", "memory_length", "memory_of_branch", "memory_of_item"])
def _attend(
    queries,
    keys,
    values,
    out,
    starts,
    heads,
    out_branch,
    out_row,
    to_log2,
    tiles,
    memory_length,
    memory_of_branch,
    memory_of_item,
    HAS_MEMORY: tl.constexpr,
    QUERIES: tl.constexpr,
    KEYS: tl.constexpr,
    WIDTH: tl.constexpr,
    LEAST_ROOM: tl.constexpr,
    ROOM: tl.constexpr,
    ROOM_SHARE: tl.constexpr,
    MOST: tl.constexpr,
):
    # Neighbouring programs share a head's keys and values, which so stay in the cache.
    item = tl.program_id(0) // tiles // heads
    head = tl.program_id(0) // tiles % heads
    branch = tl.program_id(1)
    begin = tl.load(starts + item)
    end = tl.load(starts + item + 1)
    first = begin + tl.program_id(0) % tiles * QUERIES
    if first < end:
        if HAS_MEMORY:
            memory = branch * memory_of_branch + item * memory_of_item
            low = 0
            high = memory_length
        else:
            memory = branch
            low = begin
            high = end
        q = queries.load([branch, first, head, 0]).reshape([QUERIES, WIDTH])
        # Tokens see most in those beside them, and in the first ones of a picture.
        near = low if HAS_MEMORY else first
        k = keys.load([memory, near, head, 0]).reshape([KEYS, WIDTH])
        real = near + tl.arange(0, KEYS) < high
        scores = tl.dot(q, k.T) * to_log2
        level = tl.max(tl.where(real[None, :], scores, float("-inf")), 1)
        if ROOM > 0:
            # Scores that differ much grow much.
            lowest = tl.min(tl.where(real[None, :], scores, float("inf")), 1)
            level += tl.minimum(tl.maximum(ROOM_SHARE * (level - lowest), LEAST_ROOM), ROOM)
        total = tl.zeros([QUERIES], tl.float32)
        mean = tl.zeros([QUERIES, WIDTH], tl.float32)
        whole = low + (high - low) // KEYS * KEYS
        for n in tl.range(low, whole, KEYS, num_stages=3):
            k = keys.load([memory, n, head, 0]).reshape([KEYS, WIDTH])
            weight = tl.exp2(tl.dot(q, k.T) * to_log2 - level[:, None])
            total += tl.sum(weight, 1)
            v = values.load([memory, n, head, 0]).reshape([KEYS, WIDTH])
            mean = tl.dot(weight.to(v.dtype), v, mean)
        if whole < high:
            k = keys.load([memory, whole, head, 0]).reshape([KEYS, WIDTH])
            real = whole + tl.arange(0, KEYS) < high
            weight = tl.exp2(tl.dot(q, k.T) * to_log2 - level[:, None])
            weight = tl.where(real[None, :], weight, 0.0)
            total += tl.sum(weight, 1)
            v = values.load([memory, whole, head, 0]).reshape([KEYS, WIDTH])
            # The rows beyond belong to another item, and what is broken there must stay there.
            v = tl.where(real[:, None], v, 0.0)
            mean = tl.dot(weight.to(v.dtype), v, mean)
        # Written so that it is true of NaN.
        if tl.max(tl.where(total < MOST, 0, 1)) > 0:
            best = tl.full([QUERIES], float("-inf"), tl.float32)
            total = tl.zeros([QUERIES], tl.float32)
            mean = tl.zeros([QUERIES, WIDTH], tl.float32)
            for n in tl.range(low, high, KEYS, num_stages=3):
                k = keys.load([memory, n, head, 0]).reshape([KEYS, WIDTH])
                real = n + tl.arange(0, KEYS) < high
                scores = tl.where(real[None, :], tl.dot(q, k.T), float("-inf"))
                higher = tl.maximum(best, tl.max(scores, 1) * to_log2)
                weight = tl.exp2(scores * to_log2 - higher[:, None])
                fade = tl.exp2(best - higher)
                total = total * fade + tl.sum(weight, 1)
                v = values.load([memory, n, head, 0]).reshape([KEYS, WIDTH])
                v = tl.where(real[:, None], v, 0.0)
                mean = tl.dot(weight.to(v.dtype), v, mean * fade[:, None])
                best = higher
        rows = first + tl.arange(0, QUERIES)
        place = rows.to(tl.int64)[:, None] * out_row + head * WIDTH + tl.arange(0, WIDTH)[None, :]
        mean = (mean / total[:, None]).to(out.dtype.element_ty)
        tl.store(out + branch.to(tl.int64) * out_branch + place, mean, mask=rows[:, None] < end)


def launch(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    starts: Tensor,
    longest: int,
    *,
    memory_of_item: int | None,
) -> Tensor:
    """`attention.packed_attention` without, `attention.packed_look_up` with a memory.

    `memory_of_item` is how many memories further the one of the next item lies.
    """
    branches, tokens, heads, width = query.shape
    items, tiles = len(starts) - 1, triton.cdiv(longest, _QUERIES)
    out = query.new_empty(branches, tokens, heads * width)
    if not out.numel():
        return out
    room, most = _LEVELS[query.dtype]
    launch_variant(
        _attend,
        (tiles * items * heads, branches, 1),
        (_tiles(query, _QUERIES), _tiles(key, _KEYS), _tiles(value, _KEYS), out, starts),
        (heads, out.stride(0), out.stride(1), math.log2(math.e) / math.sqrt(width)),
        {
            "HAS_MEMORY": memory_of_item is not None,
            "QUERIES": _QUERIES,
            "KEYS": _KEYS,
            "WIDTH": width,
            "LEAST_ROOM": _LEAST_ROOM,
            "ROOM": room,
            "ROOM_SHARE": _ROOM_SHARE,
            "MOST": most,
        },
        free=(tiles, key.shape[1], len(key) // branches, memory_of_item or 0),
        num_warps=4,
        # Wider heads do not fit in so few.
        maxnreg=_REGISTERS if width <= 64 else None,
    )
    return out


def _tiles(x: Tensor, rows: int) -> TensorDescriptor:
    """[G,M,H,d], of which tiles of some rows of one head are wanted."""
    return TensorDescriptor(x, list(x.shape), list(x.stride()), [1, rows, 1, x.shape[-1]])
