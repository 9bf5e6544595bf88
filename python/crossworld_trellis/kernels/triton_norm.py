# pyright: basic, reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false
"""The kernels behind `norm`; imported where Triton is."""

from collections.abc import Sequence

import torch
import triton
import triton.language as tl
from torch import Tensor

from .norm import Scale, Update
from .rotary import Rotation
from .triton_launch import launch


@triton.jit
def _add_norm(
    x,
    value,
    gate,
    constant,
    gain,
    bias,
    stream,
    normed,
    x_branch,
    value_branch,
    stream_branch,
    normed_branch,
    channels,
    eps,
    HAS_VALUE: tl.constexpr,
    HAS_GATE: tl.constexpr,
    HAS_CONSTANT: tl.constexpr,
    HAS_GAIN: tl.constexpr,
    AROUND_ONE: tl.constexpr,
    SILU: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # A program does one token. Rows are far apart, so offsets need 64 bits.
    row = tl.program_id(0).to(tl.int64) * channels
    branch = tl.program_id(1).to(tl.int64)
    c = tl.arange(0, BLOCK)
    inside = c < channels
    h = tl.load(x + branch * x_branch + row + c, mask=inside, other=0.0).to(tl.float32)
    if HAS_VALUE:
        v = tl.load(value + branch * value_branch + row + c, mask=inside, other=0.0)
        v = v.to(tl.float32)
        if HAS_GATE:
            v *= tl.load(gate + c, mask=inside, other=0.0).to(tl.float32)
        h += v
        if HAS_CONSTANT:
            h += tl.load(constant + c, mask=inside, other=0.0).to(tl.float32)
        # What is stored is what the norm must see.
        kept = h.to(stream.dtype.element_ty)
        tl.store(stream + branch * stream_branch + row + c, kept, mask=inside)
        h = kept.to(tl.float32)
    centred = tl.where(inside, h - tl.sum(h, 0) / channels, 0.0)
    n = centred * tl.rsqrt(tl.sum(centred * centred, 0) / channels + eps)
    if HAS_GAIN:
        factor = tl.load(gain + c, mask=inside, other=0.0).to(tl.float32)
        if AROUND_ONE:
            factor += 1.0
        n = n * factor + tl.load(bias + c, mask=inside, other=0.0).to(tl.float32)
    if SILU:
        n = n * tl.sigmoid(n)
    n = n.to(normed.dtype.element_ty)
    tl.store(normed + branch * normed_branch + row + c, n, mask=inside)


def launch_add_norm(
    x: Tensor,
    update: Update | None,
    scale: Scale,
    eps: float,
    into: tuple[Tensor, Tensor] | None,
) -> tuple[Tensor, Tensor]:
    """`norm.add_norm` on a GPU."""
    x = _with_rows(x)
    branches, tokens, channels = x.shape
    value = x if update is None else _with_rows(update.value)
    gate = None if update is None else update.gate
    constant = None if update is None else update.constant
    stream, normed = into or (x if update is None else torch.empty_like(x), torch.empty_like(x))
    if not x.numel():
        return stream, normed
    launch(
        _add_norm,
        (tokens, branches, 1),
        (
            x,
            value,
            x if gate is None else gate,
            x if constant is None else constant,
            x if scale.gain is None else scale.gain,
            x if scale.bias is None else scale.bias,
            stream,
            normed,
        ),
        (x.stride(0), value.stride(0), stream.stride(0), normed.stride(0), channels, eps),
        {
            "HAS_VALUE": update is not None,
            "HAS_GATE": gate is not None,
            "HAS_CONSTANT": constant is not None,
            "HAS_GAIN": scale.gain is not None,
            "AROUND_ONE": scale.around_one,
            "SILU": scale.silu,
            "BLOCK": triton.next_power_of_2(channels),
        },
        num_warps=4,
    )
    return stream, normed


def _with_rows(x: Tensor) -> Tensor:
    """The tensor, copied unless the channels of a branch's tokens lie side by side."""
    dense = x.stride(-1) == 1 and x.stride(-2) == x.shape[-1]
    return x if dense else x.contiguous()


@triton.jit
def _unit_heads(
    parts,
    first,
    second,
    cos,
    sin,
    tokens,
    row_size,
    eps,
    TURNS: tl.constexpr,
    HEADS: tl.constexpr,
    ROWS: tl.constexpr,
    WIDTH: tl.constexpr,
    BLOCK: tl.constexpr,
):
    # A program does all heads of one part of one token.
    part = tl.program_id(1)
    h = tl.arange(0, ROWS)[:, None]
    c = tl.arange(0, BLOCK)[None, :]
    inside = (h < HEADS) & (c < WIDTH)
    place = h * WIDTH + c
    start = parts + tl.program_id(0).to(tl.int64) * row_size + part * HEADS * WIDTH
    x = tl.load(start + place, mask=inside, other=0.0).to(tl.float32)
    scale = tl.rsqrt(tl.sum(x * x, 1) / WIDTH + eps)
    gain = tl.load(tl.where(part == 0, first, second) + place, mask=inside, other=0.0)
    x = x * scale[:, None] * gain.to(tl.float32)
    if TURNS:
        pair = tl.arange(0, BLOCK // 2)[None, :]
        angle = tl.program_id(0) % tokens * (WIDTH // 2) + pair
        cosine = tl.load(cos + angle, mask=pair < WIDTH // 2, other=0.0)
        sine = tl.load(sin + angle, mask=pair < WIDTH // 2, other=0.0)
        even, odd = tl.split(tl.reshape(x, [ROWS, BLOCK // 2, 2]))
        turned = tl.join(even * cosine - odd * sine, even * sine + odd * cosine)
        x = tl.reshape(turned, [ROWS, BLOCK])
    tl.store(start + place, x.to(parts.dtype.element_ty), mask=inside)


def launch_unit_heads(
    parts: Tensor, gains: Sequence[Tensor], turn: Rotation | None, eps: float
) -> None:
    """`norm.unit_heads` on a GPU, in place, for one or two gains."""
    _, tokens, count, heads, width = parts.shape
    rows = parts.numel() // (count * heads * width)
    if not rows:
        return
    launch(
        _unit_heads,
        (rows, len(gains), 1),
        (
            parts,
            gains[0],
            gains[-1],
            parts if turn is None else turn.cos,
            parts if turn is None else turn.sin,
        ),
        (tokens, count * heads * width, eps),
        {
            "TURNS": turn is not None,
            "HEADS": heads,
            "ROWS": triton.next_power_of_2(heads),
            "WIDTH": width,
            "BLOCK": triton.next_power_of_2(width),
        },
        num_warps=4,
    )
