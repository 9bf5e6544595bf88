# pyright: basic, reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false
"""The kernel behind `convolution`; imported where Triton is."""

import triton
import triton.language as tl
from torch import Tensor

from .triton_launch import launch as launch_variant

_ROWS = 64


# What differs from object to object does not make another kernel.
@triton.jit(do_not_specialize=["count", "given"])
def _convolve(
    feats,
    table,
    weight,
    bias,
    out,
    outputs,
    out_row,
    count,
    given,
    INPUTS: tl.constexpr,
    TAPS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    STAGES: tl.constexpr,
):
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    depth = tl.arange(0, DEPTH)
    total = tl.zeros([ROWS, COLUMNS], tl.float32)
    parts: tl.constexpr = INPUTS // DEPTH
    for step in tl.range(0, TAPS * parts, num_stages=STAGES):
        tap = step // parts
        channel = step % parts * DEPTH + depth
        source = tl.load(table + rows.to(tl.int64) * TAPS + tap, mask=rows < count, other=given)
        place = source.to(tl.int64)[:, None] * INPUTS + channel[None, :]
        x = tl.load(feats + place, mask=(source < given)[:, None], other=0.0)
        place = columns[None, :] * (TAPS * INPUTS) + tap * INPUTS + channel[:, None]
        w = tl.load(weight + place, mask=(columns < outputs)[None, :], other=0.0)
        total = tl.dot(x, w, total)
    total += tl.load(bias + columns, mask=columns < outputs, other=0.0).to(tl.float32)[None, :]
    place = rows.to(tl.int64)[:, None] * out_row + columns[None, :]
    inside = (rows < count)[:, None] & (columns < outputs)[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty), mask=inside)


def launch(
    feats: Tensor, table: Tensor, weight: Tensor, bias: Tensor, into: Tensor | None
) -> Tensor:
    """`convolution.convolve` on a GPU."""
    feats = feats.contiguous()
    count, taps = table.shape
    outputs, inputs = len(weight), feats.shape[1]
    out = feats.new_empty(count, outputs) if into is None else into
    if not count:
        return out
    columns = min(128, max(16, triton.next_power_of_2(outputs)))
    launch_variant(
        _convolve,
        (triton.cdiv(count, _ROWS), triton.cdiv(outputs, columns), 1),
        (feats, table.contiguous(), weight.contiguous(), bias, out),
        (outputs, out.stride(0)),
        {
            "INPUTS": inputs,
            "TAPS": taps,
            "ROWS": _ROWS,
            "COLUMNS": columns,
            "DEPTH": 64 if inputs % 64 == 0 else 32 if inputs % 32 == 0 else 16,
            "STAGES": 3,
        },
        free=(count, len(feats)),
        num_warps=4,
    )
    return out


@triton.jit(do_not_specialize=["count", "given"])
def _sum_products(
    products,
    table,
    bias,
    out,
    outputs,
    count,
    given,
    TAPS: tl.constexpr,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.arange(0, COLUMNS)
    inside = columns < outputs
    total = tl.zeros([ROWS, COLUMNS], tl.float32)
    for tap in tl.range(0, TAPS):
        source = tl.load(table + rows.to(tl.int64) * TAPS + tap, mask=rows < count, other=given)
        place = (tap * given + source.to(tl.int64))[:, None] * outputs + columns[None, :]
        there = (source < given)[:, None] & inside[None, :]
        total += tl.load(products + place, mask=there, other=0.0).to(tl.float32)
    total += tl.load(bias + columns, mask=inside, other=0.0).to(tl.float32)[None, :]
    place = rows.to(tl.int64)[:, None] * outputs + columns[None, :]
    there = (rows < count)[:, None] & inside[None, :]
    tl.store(out + place, total.to(out.dtype.element_ty), mask=there)


def launch_sum(products: Tensor, table: Tensor, bias: Tensor) -> Tensor:
    """The second half of `convolution.multiply_then_sum`, of products [taps,M,out]."""
    taps, given, outputs = products.shape
    out = products.new_empty(len(table), outputs)
    if not out.numel():
        return out
    columns = triton.next_power_of_2(outputs)
    rows = max(1, 2048 // columns)
    launch_variant(
        _sum_products,
        (triton.cdiv(len(table), rows), 1, 1),
        (products.contiguous(), table.contiguous(), bias, out),
        (outputs,),
        {"TAPS": taps, "ROWS": rows, "COLUMNS": columns},
        free=(len(table), given),
        num_warps=4,
    )
    return out
