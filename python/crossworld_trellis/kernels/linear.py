"""A linear layer with what follows it: `linear_gelu`."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import gelu, linear

from .choice import usable


def linear_gelu(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A linear layer and a GELU (tanh form): […,in]→[…,out].

    Libraries of matrix products apply it to results before these are written, if torch asks.
    """
    if usable(x):
        # Of torch's own, without a public name.
        fused: Any = getattr(torch, "_addmm_activation")  # noqa: B009
        rows: Tensor = fused(bias, x.flatten(0, -2), weight.t(), use_gelu=True)
        return rows.view(*x.shape[:-1], -1)
    return gelu(linear(x, weight, bias), approximate="tanh")
