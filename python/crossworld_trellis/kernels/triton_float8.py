# pyright: basic, reportMissingImports=false, reportGeneralTypeIssues=false, reportCallIssue=false
"""The kernel behind `float8`; imported where Triton is."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from .triton_launch import launch as launch_variant

_FORMAT = torch.float8_e4m3fn


@triton.jit
def _round_rows(
    x,
    values,
    scales,
    channels,
    most,
    AFTER_GELU: tl.constexpr,
    BLOCK: tl.constexpr,
):
    row = tl.program_id(0).to(tl.int64)
    c = tl.arange(0, BLOCK)
    inside = c < channels
    h = tl.load(x + row * channels + c, mask=inside, other=0.0).to(tl.float32)
    if AFTER_GELU:
        # The tanh form: twice the square root of 2 / pi.
        h *= tl.sigmoid(1.5957691216057308 * (h + 0.044715 * h * h * h))
    scale = tl.maximum(tl.max(tl.abs(h), 0), 1e-12) / most
    tl.store(scales + row, scale)
    tl.store(values + row * channels + c, (h / scale).to(values.dtype.element_ty), mask=inside)


def launch(x: Tensor, after_gelu: bool) -> tuple[Tensor, Tensor]:
    """`float8.rounded` on a GPU: values and scales."""
    rows, channels = x.shape
    values, scales = (
        x.new_empty(x.shape, dtype=_FORMAT),
        x.new_empty((rows, 1), dtype=torch.float32),
    )
    if rows:
        launch_variant(
            _round_rows,
            (rows, 1, 1),
            (x, values, scales),
            (channels, torch.finfo(_FORMAT).max),
            {"AFTER_GELU": after_gelu, "BLOCK": triton.next_power_of_2(channels)},
            num_warps=4 if channels <= 2048 else 8,
        )
    return values, scales
