"""Rotary embedding of positions in a grid (Su et al. 2021), for the self-attention of TRELLIS.2.

Pairs of channels turn with the position (`kernels.rotary`), by an angle that a third of the pairs
take from each axis; what is left over at the end stays as it is. Everything here is float32
whatever the networks compute in. Where tokens learn their place by adding to them, see `embedding`.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..kernels.rotary import Rotation


def rotation(
    positions: Tensor, width: int, *, frequencies: tuple[float, float] = (1.0, 10_000.0)
) -> Rotation:
    """The turns of integer positions [M,3], for heads of an even width.

    `frequencies` are that of the first plane of an axis and what it falls to, as a divisor.
    """
    first, fall = frequencies
    planes = width // 2
    count = planes // 3
    steps = torch.arange(count, dtype=torch.float32, device=positions.device)
    omega = first / fall ** (steps / count)
    angles = positions.to(torch.float32)[:, :, None] * omega  # [M,3]→[M,3,F]
    angles = pad(angles.flatten(1), (0, planes - 3 * count))[:, None]  # [M,1,d/2]
    return Rotation(angles.cos(), angles.sin())
