"""What both benches measure with: times, how much arithmetic the networks are, how fast the device
multiplies, and voxels to work on.

Operations are counted while torch's own operators run once (`kernels.choice.plain`), a
multiplication and an addition as two. Only matrix products, attention and convolutions count.
"""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..kernels.choice import plain
from ..sparse.grid import VoxelGrid

Value = TypeVar("Value")

_SIDE = {"cuda": 8192, "mps": 4096, "cpu": 1024}
_PRODUCTS = 10


def operations(work: Callable[[], object]) -> int:
    """Operations of some work."""
    with plain(), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def product_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Operations a second of large matrix products, the best of a few rounds."""
    side = _SIDE.get(device.type, 1024)
    # Not zeros, of which a device makes less heat and so more speed.
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best = 0.0
    for _ in range(3):
        wait(device)
        started = time.perf_counter()
        for _ in range(_PRODUCTS):
            _ = left @ right
        wait(device)
        best = max(best, _PRODUCTS * 2 * side**3 / (time.perf_counter() - started))
    return best


def timed(
    spent: dict[str, float], name: str, device: torch.device, work: Callable[[], Value]
) -> Value:
    """What some work gives, and in `spent` the milliseconds that it took."""
    wait(device)
    started = time.perf_counter()
    result = work()
    wait(device)
    spent[name] = (time.perf_counter() - started) * 1e3
    return result


def wait(device: torch.device) -> None:
    """Until the device has done all that it was told to."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def medians(runs: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each stage, over some runs."""
    return {name: statistics.median(run[name] for run in runs) for name in runs[0]}


def shell(voxels: int, resolution: int) -> Tensor:
    """[N,4] int32: about as many cells around a sphere's surface as asked for, sorted."""
    axis = torch.arange(resolution) - (resolution - 1) / 2
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    depth = ((x * x + y * y + z * z).sqrt() - 0.42 * resolution).abs()
    chosen = depth <= depth.flatten().kthvalue(min(voxels, depth.numel())).values
    return torch.nn.functional.pad(chosen.nonzero(), (1, 0)).int()


def repeated(coords: Tensor, batch: int) -> VoxelGrid:
    """A grid of several items with the same voxels [N,4]."""
    copies = coords.repeat(batch, 1)
    copies[:, 0] = torch.arange(batch, device=coords.device).repeat_interleave(len(coords))
    return VoxelGrid(copies, items=[len(coords)] * batch)
