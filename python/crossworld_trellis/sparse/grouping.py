"""Rows with equal keys, found by sorting: what pooling, windows and checks have in common.

Separate because `torch.unique` answers only half of it. Waits for the device, so it belongs into
plans, not into loops.
"""

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Groups:
    """N rows in M groups of equal keys, smallest key first."""

    keys: Tensor
    """[M] the key of each group."""
    order: Tensor
    """[N] int64: the rows, group after group, in their old order inside a group."""
    group: Tensor
    """[N] int64: the group of each entry of `order`."""
    first: Tensor
    """[M] int64: where each group begins in `order`."""
    lengths: Tensor
    """[M] int64: rows of each group."""


def group_rows(keys: Tensor) -> Groups:
    """The groups of [N] int64 keys."""
    ordered, order = keys.sort(stable=True)
    begins = torch.ones_like(ordered, dtype=torch.bool)
    begins[1:] = ordered[1:] != ordered[:-1]
    first = begins.nonzero().squeeze(1)
    end = torch.full((1,), len(keys), device=keys.device)
    return Groups(
        keys=ordered[first],
        order=order,
        group=torch.cumsum(begins, 0) - 1,
        first=first,
        lengths=torch.diff(first, append=end),
    )


def first_of_each(cells: Tensor) -> Tensor:
    """[M] int64: the first row of each distinct cell of [N,4] int (item, x, y, z), in their
    lexicographic order."""
    item, x, y, z = cells.long().unbind(1)
    groups = group_rows(((item * 65536 + x) * 65536 + y) * 65536 + z)
    return groups.order[groups.first]


def host_numbers(tensor: Tensor) -> list[int]:
    """The entries of an integer tensor [N]; waits for the device."""
    return cast(Any, tensor).tolist()
