"""Sparse convolution in one kernel: rows are gathered on their way into the matrix product.

Saves writing and reading what was gathered, which for narrow features takes longer than the
product. So does summing products while they are gathered (`multiply_then_sum`). Wide outputs would
gather once for each tile of columns, so they are left to torch.
"""

import torch
from torch import Tensor

from .choice import usable

_WIDEST = 256


def convolves(feats: Tensor, weight: Tensor) -> bool:
    """Whether `convolve` can be used and pays for features [N,in] and a weight [out,taps·in]."""
    inputs = feats.shape[1]
    return (
        usable(feats)
        and feats.dtype == weight.dtype
        and inputs % 16 == 0
        and inputs <= _WIDEST
        and len(weight) <= _WIDEST
    )


def convolve(
    feats: Tensor, table: Tensor, weight: Tensor, bias: Tensor, *, into: Tensor | None = None
) -> Tensor:
    """The rows of [N,in] that a table [n,taps] lists, side by side, times a weight [out,taps·in].

    Row N stands for zeros. →[n,out], `into` where that is given (its rows may lie apart).
    """
    from .triton_convolution import launch

    return launch(feats, table, weight, bias, into)


def sums_products(feats: Tensor, outputs: int) -> bool:
    """Whether `multiply_then_sum` can be used for features [M,in]."""
    return usable(feats) and outputs <= _WIDEST


def multiply_then_sum(feats: Tensor, table: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As `convolve` for a weight [taps,in,out], for few rows that a table lists often: products of
    all rows first, then the sum of those that the table lists. [M,in]→[n,out]"""
    from .triton_convolution import launch_sum

    products = torch.bmm(feats.expand(len(weight), -1, -1), weight)  # [taps,M,out]
    return launch_sum(products, table, bias)
