# pyright: basic, reportMissingImports=false
"""Launching a kernel for little of the host's time: `launch`.

Triton examines every argument of every launch to find the variant of a kernel that fits, which on a
slow host takes longer than short kernels run. Here it is asked once for each kind of arguments, and
what it answered is launched again. A kind holds all that a variant may depend on: types, constants,
where tensors are aligned, and the values of numbers, unless the kernel is told not to look at them.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import torch
import triton
from torch import Tensor

# Numbers of a new object make new kinds.
_MOST = 4096

# The first that is known to launch a variant with all arguments of its kernel.
_REPEATS = tuple(int(part) for part in triton.__version__.split(".")[:2]) >= (3, 6)

_variants: dict[tuple[Any, ...], Any] = {}


def launch(
    kernel: Any,
    grid: tuple[int, int, int],
    tensors: Sequence[Any],
    numbers: Sequence[float],
    constants: Mapping[str, Any],
    *,
    free: Sequence[int] = (),
    **options: Any,
) -> None:
    """Launches a kernel that takes tensors (or descriptors), numbers, free numbers and constants,
    in this order. Free ones are those that it does not specialize on. Needs one tensor."""
    device = next(each.device for each in tensors if isinstance(each, Tensor))
    if device.type == "cuda" and device.index != torch.cuda.current_device():
        with torch.cuda.device(device):
            return launch(kernel, grid, tensors, numbers, constants, free=free, **options)
    key = (kernel, device.index, *map(_kind, tensors), *numbers, *constants.values())
    variant = _variants.get(key)
    if variant is not None:
        # A version of Triton that wants other arguments says so before it launches anything.
        with suppress(TypeError):
            variant[grid](*tensors, *numbers, *free, *constants.values())
            return None
    made = kernel[grid](*tensors, *numbers, *free, **constants, **options)
    # The interpreter makes none.
    if made is not None and _REPEATS:
        if len(_variants) >= _MOST:
            _variants.clear()
        _variants[key] = made
    return None


def _kind(tensor: Any) -> tuple[Any, ...]:
    if isinstance(tensor, Tensor):
        return tensor.dtype, tensor.data_ptr() % 16
    return tensor.base.dtype, *tensor.block_shape
