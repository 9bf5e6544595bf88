"""Strict loading of one model's weights from a safetensors file.

The file is mapped into memory; each tensor goes to the device by itself and becomes the parameter's
dtype there, so that no second copy of the model exists at any time (on the CPU, a tensor that has
the right dtype already stays in the mapped file). Names and shapes are compared before the first
tensor is read. Nothing but safetensors is read: other formats can run code.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import safetensors
import torch
from torch import nn

from ..content import explain_content
from ..device import memory_errors
from .error import CheckpointError

Module = TypeVar("Module", bound=nn.Module)

# How many names a message lists of each kind.
_LISTED = 6

_FLOATS = frozenset({"F64", "F32", "F16", "BF16"})


@dataclass(frozen=True)
class StoredTensor:
    """What the header of a file says about a tensor."""

    dtype: str
    """The safetensors name: `F16`, `F32`, ..."""
    shape: tuple[int, ...]


def read_header(path: Path, *, ignored: frozenset[str] = frozenset()) -> dict[str, StoredTensor]:
    """The tensors of a file that is whole, by name, without the `ignored`; reads none of them.

    Raises `CheckpointError` when the file cannot be read, is cut or is no safetensors file.
    """
    with _opened(path) as file:
        names = [name for name in file.keys() if name not in ignored]  # noqa: SIM118
        slices = {name: file.get_slice(name) for name in names}
        return {
            name: StoredTensor(part.get_dtype(), tuple(part.get_shape()))
            for name, part in slices.items()
        }


def check_weights(
    module: nn.Module, path: Path, *, what: str, ignored: frozenset[str] = frozenset()
) -> dict[str, StoredTensor]:
    """The tensors of a file that is whole and fits a module, as `read_header` gives them.

    Those with an `ignored` name are left out. Raises `CheckpointError` when the file is not whole
    or does not fit; `what` names the module in messages.
    """
    stored = read_header(path, ignored=ignored)
    _compare(module.state_dict(), stored, what=what, path=path)
    return stored


def load_weights(
    module: Module,
    path: Path,
    *,
    device: torch.device,
    what: str,
    ignored: frozenset[str] = frozenset(),
) -> Module:
    """Gives a module that was built on the meta device its weights from a file.

    Every parameter and buffer keeps its dtype and comes to lie on `device`; the module is then
    ready to run, in evaluation mode and without gradients. `what` names it in messages; tensors
    with an `ignored` name may be in the file.

    Raises `CheckpointError` when the file is not whole or does not fit the module tensor by
    tensor, `DeviceMemoryError` when the device has too little memory.
    """
    check_weights(module, path, what=what, ignored=ignored)
    expected = module.state_dict()
    state: dict[str, torch.Tensor] = {}
    with memory_errors(device, f"loading {what}"), _opened(path) as file:
        for name, parameter in expected.items():
            # First to the device, then to the dtype: the device converts faster.
            state[name] = file.get_tensor(name).to(device).to(parameter.dtype)
    module.load_state_dict(state, strict=True, assign=True)
    left = [n for n, t in _tensors(module) if t.is_meta]
    assert not left, f"these tensors of {what} are in no file: {left}"
    return module.eval().requires_grad_(False)


def _opened(path: Path) -> Any:
    """An open safetensors file; the package has no types."""
    try:
        return cast(Any, safetensors).safe_open(path, framework="pt")
    except safetensors.SafetensorError as error:
        what = explain_content(path)
        cause = f"this is {what}" if what else f"this is no whole safetensors file: {error}"
        raise CheckpointError(f"{cause}: copy or download it again ({path})") from error
    except OSError as error:
        raise CheckpointError(f"cannot read the file: {error} ({path})") from error


def _compare(
    expected: dict[str, torch.Tensor],
    stored: dict[str, StoredTensor],
    *,
    what: str,
    path: Path,
) -> None:
    """Refuses a file whose tensors are not exactly the expected ones, and lists what differs."""
    common = [name for name in expected if name in stored]
    misshaped = [
        f"{name} {list(stored[name].shape)} instead of {list(expected[name].shape)}"
        for name in common
        if stored[name].shape != tuple(expected[name].shape)
    ]
    no_numbers = [
        f"{name} {stored[name].dtype}" for name in common if stored[name].dtype not in _FLOATS
    ]
    faults = {
        "missing": [name for name in expected if name not in stored],
        "unexpected": [name for name in stored if name not in expected],
        "of another shape": misshaped,
        "no floating-point numbers": no_numbers,
    }
    told = [f"{len(names)} {fault}: {_listed(names)}" for fault, names in faults.items() if names]
    if told:
        raise CheckpointError(
            f"the tensors of {what} do not fit its json: {'; '.join(told)}; take both files from "
            f"the same checkpoint ({path})"
        )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"{name:.120}" for name in names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"


def _tensors(module: nn.Module) -> Iterable[tuple[str, torch.Tensor]]:
    return itertools.chain(module.named_parameters(), module.named_buffers())
