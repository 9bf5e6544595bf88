"""When the kernels of this folder run: `usable`, and `plain`, which switches them off for a while.

Only half precision takes them: float32 is what results are compared against, so there everything
stays torch's own. So it does on GPUs that are not NVIDIA's, where nobody has tried them.
"""

import functools
import importlib.util
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor

_plain: ContextVar[bool] = ContextVar("plain", default=False)

_HALVES = (torch.float16, torch.bfloat16)


@contextmanager
def plain(active: bool = True) -> Generator[None]:
    """Inside, everything is made of torch operators, whatever the device; if `active`."""
    before = _plain.set(active or _plain.get())
    try:
        yield
    finally:
        _plain.reset(before)


def usable(x: Tensor) -> bool:
    """Whether an operation on this tensor may go to a kernel. Kernels have no gradients."""
    return (
        x.is_cuda
        and x.dtype in _HALVES
        and not _plain.get()
        and not (x.requires_grad and torch.is_grad_enabled())
        and _has_triton(x.device.index)
    )


def copies_tiles(x: Tensor) -> bool:
    """Whether the device of this tensor has an engine that copies tiles (Hopper and later)."""
    return _capability(x.device.index) >= (9, 0)


@functools.cache
def _has_triton(device: int) -> bool:
    # Older cards are not worth it, and lack bfloat16.
    if torch.version.hip is not None or _capability(device) < (8, 0):
        return False
    return importlib.util.find_spec("triton") is not None and _triton_works(device)


def _triton_works(device: int) -> bool:
    """Whether Triton can make a kernel here: it also takes a C compiler, for instance."""
    try:
        from .triton_norm import launch_unit_heads

        parts = torch.ones(1, 1, 1, 1, 16, dtype=torch.float16, device=f"cuda:{device}")
        launch_unit_heads(parts, [parts.new_ones(1, 16)], None, 0.0)
    except Exception as error:
        # Whatever it is, torch does the same work.
        cause = " ".join(str(error).split()).rstrip(".")
        warnings.warn(f"kernels are not used, because Triton does not work: {cause}", stacklevel=4)
        return False
    return True


@functools.cache
def _capability(device: int) -> tuple[int, int]:
    return torch.cuda.get_device_capability(device)
