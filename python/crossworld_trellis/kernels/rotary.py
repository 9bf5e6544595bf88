"""Turning the channels of queries and keys by angles: `rotate`.

`norm.unit_heads` does it along with its norm; the angles are found in `models.rotary`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Rotation:
    """The turns of M tokens."""

    cos: Tensor
    """[M,1,d/2] float32, one for each pair of channels; heads turn alike."""
    sin: Tensor
    """Like `cos`."""


def rotate(x: Tensor, by: Rotation) -> Tensor:
    """Queries or keys [G,M,H,d] turned, in their own dtype; float32 inside.

    Channels 2m and 2m + 1 of a head are a point in a plane.
    """
    wide = x.float()
    even, odd = wide[..., ::2], wide[..., 1::2]  # [G,M,H,d/2]
    turned = torch.stack([even * by.cos - odd * by.sin, even * by.sin + odd * by.cos], dim=-1)
    return turned.flatten(-2).to(x.dtype)
