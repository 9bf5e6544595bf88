"""Products of eight-bit numbers: `Float8` and `multiply`. An opt-in, since results differ.

A float8 (e4m3) has three bits behind its leading one. Every row of what is multiplied and every row
of a weight is scaled so that its largest number is the largest that float8 holds; sums are float32.
"""

import functools
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu

from .choice import plain, usable

FORMAT = torch.float8_e4m3fn
MOST = torch.finfo(FORMAT).max

# Of a row of zeros.
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class Float8:
    """A matrix [M,C] in eight bits."""

    values: Tensor
    """[M,C] float8"""
    scales: Tensor
    """[M,1] float32: what each row is multiplied with."""


@functools.cache
def multiplies(device: torch.device) -> bool:
    """Whether a device and torch multiply eight-bit numbers (NVIDIA, from Ada and Hopper on)."""
    if device.type != "cuda" or torch.version.hip is not None:
        return False
    with plain(), suppress(RuntimeError, TypeError):
        some = rounded(torch.ones(16, 16, device=device))
        multiply(some, some, torch.zeros(16, device=device, dtype=torch.bfloat16))
        return True
    return False


def rounded(x: Tensor, *, after_gelu: bool = False) -> Float8:
    """The rows of [M,C], or of its GELU (tanh form), in eight bits."""
    if usable(x):
        from .triton_float8 import launch

        return Float8(*launch(x.contiguous(), after_gelu))
    x = x.float()
    if after_gelu:
        x = gelu(x, approximate="tanh")
    scales = x.abs().amax(1, keepdim=True).clamp(min=_LEAST) / MOST
    return Float8((x / scales).to(FORMAT), scales)


def multiply(x: Float8, weight: Float8, bias: Tensor) -> Tensor:
    """A linear layer with a weight [out,C], in the dtype of its bias: [M,C]→[M,out]."""
    # Of torch's own, without a public name. It takes the weight's columns as they lie in memory.
    product: Any = getattr(torch, "_scaled_mm")  # noqa: B009
    return product(
        x.values,
        weight.values.t(),
        scale_a=x.scales,
        scale_b=weight.scales.t(),
        bias=bias,
        out_dtype=bias.dtype,
        use_fast_accum=True,
    )
