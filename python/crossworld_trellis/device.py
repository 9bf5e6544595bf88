"""Where and in which precision the networks run, and what happens when memory is short."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from .errors import DeviceMemoryError
from .sampler import SettingsError

_DTYPES = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def choose_device(name: str) -> torch.device:
    """The device of a name ("cpu", "cuda", "cuda:1", "mps"), or the best there is for "auto".

    Raises `SettingsError` when this machine or this build of torch has no such device.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        cause = str(error).strip().split("\n")[0].rstrip(".")
        raise SettingsError(
            f"device '{name}' cannot be used: {cause}; use cpu, or auto for the best there is"
        ) from error
    return device


def choose_dtype(
    name: str, device: torch.device, *, trained: torch.dtype = torch.float16
) -> torch.dtype:
    """The dtype of a name for the networks' torsos; "auto" is the one that they were `trained` for,
    and float32 on a CPU, which is slower with any other.

    Raises `SettingsError` for an unknown name.
    """
    if name == "auto":
        return torch.float32 if device.type == "cpu" else trained
    if name not in _DTYPES:
        raise SettingsError(f"unknown dtype '{name}': use auto, {', '.join(_DTYPES)}")
    return _DTYPES[name]


def free_cached_memory(device: torch.device) -> None:
    """Gives memory that torch keeps for later back to the system."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


@contextmanager
def exact_convolutions(dtype: torch.dtype) -> Generator[None]:
    """Keeps CUDA from rounding float32 convolutions to TF32, which it does by default."""
    if dtype != torch.float32:
        yield
        return
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


@contextmanager
def rounded_products(active: bool) -> Generator[None]:
    """Lets CUDA round what float32 products multiply to TF32, if `active`: ten bits, as many as
    float16 has."""
    if not active:
        yield
        return
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


@contextmanager
def memory_errors(device: torch.device, doing: str) -> Generator[None]:
    """Turns "out of memory" of any device into a `DeviceMemoryError` that says what to lower."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _too_little(device, doing) from error
    except RuntimeError as error:
        # The CPU's allocator and MPS have no error class of their own.
        if not any(sign in str(error) for sign in ("DefaultCPUAllocator", "out of memory")):
            raise
        raise _too_little(device, doing) from error


def _too_little(device: torch.device, doing: str) -> DeviceMemoryError:
    room = ""
    if device.type == "cuda":
        free, total = torch.cuda.mem_get_info(device)
        room = f" ({free / 2**30:.1f} of {total / 2**30:.1f} GiB are free)"
    return DeviceMemoryError(
        f"{device} ran out of memory while {doing}{room}: use low_vram, fewer samples or a lower "
        "resolution, or close what else uses the device"
    )
