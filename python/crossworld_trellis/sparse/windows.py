"""Attention inside the windows of a grid: `Windows` (the plan) and `window_attention`.

A window is a cube of voxels; voxels attend to each other exactly when they share one (SPEC 11).
Windows hold between one voxel and all of the cube, so they are sorted into a few classes of length,
padded within a class and computed in one masked call a class; where `kernels.attention` runs, each
is an item of its own length. Separate from `models/attention`, where all tokens of an item see each
other. Plans are kept by `VoxelGrid.windows`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ..kernels.attention import packed_attention, packs
from .grouping import group_rows, host_numbers

# Windows are padded to a power of two, and to no less than this: fewer calls, which a GPU spends
# more time on than on the padding of short windows.
_SHORTEST = 64


@dataclass(frozen=True, eq=False, kw_only=True)
class Windows:
    """The voxels of a grid sorted by window, and the windows by length."""

    rows: Tensor
    """[P] int64: voxel row of every padded place, class after class; padding repeats the first
    voxel of its window."""
    places: Tensor
    """[N] int64: the place of each voxel row."""
    classes: "tuple[LengthClass, ...]"
    order: Tensor
    """[N] int64: the voxel rows, window after window."""
    ranks: Tensor
    """[N] int64: where in `order` each voxel row stands."""
    starts: Tensor
    """[W+1] int32: where in `order` each window begins, and the end of the last."""
    longest: int
    """Most voxels that a window can have."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LengthClass:
    """Windows that are padded to the same length."""

    count: int
    length: int
    real: Tensor
    """[count,1,1,length] bool: False for padding."""


def partition(coords: Tensor, *, size: int, shift: int) -> Windows:
    """The windows of [N,4] (item, x, y, z): same item and same floor((coordinate + shift) / size).

    Waits for the device. Raises `ValueError` for a size that is no window.
    """
    if size < 1 or shift < 0:
        raise ValueError(f"a window of size {size} and shift {shift} is none: use 1, 0 or more")
    device = coords.device
    windows = torch.cat([coords[:, :1], (coords[:, 1:] + shift) // size], 1).long()
    item, x, y, z = windows.unbind(1)
    groups = group_rows(((item * 65536 + x) * 65536 + y) * 65536 + z)
    bounds = [_SHORTEST]
    while bounds[-1] < size**3:
        bounds.append(2 * bounds[-1])
    kind = torch.searchsorted(torch.tensor(bounds, device=device), groups.lengths)
    counts = host_numbers(torch.bincount(kind, minlength=len(bounds)))

    rows: list[Tensor] = []
    classes: list[LengthClass] = []
    start = torch.empty_like(groups.first)  # the place of each window's first voxel
    done = 0
    for length, members in zip(bounds, torch.split(kind.argsort(stable=True), counts), strict=True):
        count = len(members)
        if not count:
            continue
        slot = torch.arange(length, device=device)
        real = slot < groups.lengths[members, None]  # [count,length]
        entry = groups.first[members, None] + torch.where(real, slot, 0)
        rows.append(groups.order[entry].flatten())
        classes.append(LengthClass(count=count, length=length, real=real[:, None, None]))
        start[members] = done + length * torch.arange(count, device=device)
        done += count * length

    entries = torch.arange(len(coords), device=device)
    places = torch.empty_like(groups.order)
    places[groups.order] = (start - groups.first)[groups.group] + entries
    ranks = torch.empty_like(groups.order)
    ranks[groups.order] = entries
    end = torch.full((1,), len(coords), device=device)
    return Windows(
        rows=torch.cat(rows) if rows else groups.order,
        places=places,
        classes=tuple(classes),
        order=groups.order,
        ranks=ranks,
        starts=torch.cat([groups.first, end]).int(),
        longest=size**3,
    )


def window_attention(q: Tensor, k: Tensor, v: Tensor, windows: Windows) -> Tensor:
    """Softmax attention inside each window, scaled by 1/√d. Each [N,H,d]→[N,H,d]."""
    if not windows.classes:
        return torch.zeros_like(q)
    if packs(q, k, v):
        q, k, v = (x.index_select(0, windows.order)[None] for x in (q, k, v))
        result = packed_attention(q, k, v, windows.starts, windows.longest)  # [1,N,H·d]
        return result[0].index_select(0, windows.ranks).view(-1, *q.shape[2:])
    results: list[Tensor] = []
    start = 0
    # [N,H,d]→[P,H,d]
    q, k, v = (x.index_select(0, windows.rows) for x in (q, k, v))
    for each in windows.classes:
        part = slice(start, start + each.count * each.length)
        results.append(_class_attention(q[part], k[part], v[part], each))
        start = part.stop
    return torch.cat(results).index_select(0, windows.places)


def _class_attention(q: Tensor, k: Tensor, v: Tensor, each: LengthClass) -> Tensor:
    """[count*length,H,d]→[count*length,H,d]; places that are padding hold nothing of use."""
    shape = (each.count, each.length, *q.shape[1:])
    q, k, v = (x.view(shape).transpose(1, 2) for x in (q, k, v))  # →[count,H,length,d]
    # No row is masked everywhere: padding asks too, and every window has a voxel that answers.
    result = F.scaled_dot_product_attention(q, k, v, attn_mask=each.real)
    return result.transpose(1, 2).flatten(0, 1)
