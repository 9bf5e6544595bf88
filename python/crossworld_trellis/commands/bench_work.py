"""How much arithmetic the networks are, and how fast the device multiplies: what `bench` compares.

Operations are counted while torch's own operators run once (`kernels.choice.plain`), a
multiplication and an addition as two. Only matrix products, attention and convolutions count.
"""

import time
from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..kernels.choice import plain

_SIDE = {"cuda": 8192, "mps": 4096, "cpu": 1024}
_PRODUCTS = 10


def operations(work: Callable[[], object]) -> int:
    """Operations of some work."""
    with plain(), FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def product_rate(device: torch.device, dtype: torch.dtype, wait: Callable[[], None]) -> float:
    """Operations a second of large matrix products, the best of a few rounds."""
    side = _SIDE.get(device.type, 1024)
    # Not zeros, of which a device makes less heat and so more speed.
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    best = 0.0
    for _ in range(3):
        wait()
        started = time.perf_counter()
        for _ in range(_PRODUCTS):
            _ = left @ right
        wait()
        best = max(best, _PRODUCTS * 2 * side**3 / (time.perf_counter() - started))
    return best
