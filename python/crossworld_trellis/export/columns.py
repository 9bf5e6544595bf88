"""The tensors of a result as checked arrays on the host, ready to be written.

A file full of NaN opens nowhere, and the viewer's message would not tell why: so results are
checked here, before any byte is written.
"""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import TrellisError


class ExportError(TrellisError, ValueError):
    """A result that cannot be written as the file that was asked for."""


def host_column(name: str, tensor: Tensor, *, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """A float tensor as a float32 array.

    Raises `ExportError` when it has another shape or holds NaN or infinity.
    """
    if tuple(tensor.shape) != shape:
        raise ExportError(f"{name} has shape {list(tensor.shape)}, expected {list(shape)}")
    broken = int(torch.isfinite(tensor).flatten(1).all(1).logical_not().sum())
    if broken:
        raise ExportError(
            f"{name} holds NaN or infinity in {broken} of {shape[0]} rows, so nothing is written: "
            "generate again with dtype float32 or bfloat16"
        )
    return host_array(tensor.float())


def host_array(tensor: Tensor) -> NDArray[Any]:
    """A tensor as an array of the same kind, unchecked."""
    # The method has no types.
    return cast(Any, tensor.detach().cpu()).numpy()
