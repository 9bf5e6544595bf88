"""A float32 network whose products see ten bits: `round_matrices` and `ten_bits`.

CUDA can round what a float32 product multiplies to TF32, which has the ten bits of a float16, but
the range of a float32. Matrices whose numbers float16 can hold therefore take half the memory and
give the same products; each is made float32 again just before its own. Attention reads ten bits as
well, for which there is a fast kernel. Sums, norms and the stream itself stay float32.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, scaled_dot_product_attention
from torch.overrides import TorchFunctionMode

from ..device import rounded_products


class RoundedLinear(nn.Module):
    """A linear layer that keeps its matrix as float16."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.weight = nn.Parameter(layer.weight.detach().half(), requires_grad=False)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """[…,in] float32→[…,out]"""
        return linear(x, self.weight.float(), self.bias)


def round_matrices(network: nn.Module) -> None:
    """Replaces every linear layer of a float32 network whose matrix float16 can hold."""
    most = torch.finfo(torch.float16).max
    for module in list(network.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, nn.Linear) and bool(layer.weight.abs().max() <= most):
                setattr(module, name, RoundedLinear(layer))


@contextmanager
def ten_bits() -> Generator[None]:
    """Inside, products and attention of float32 on a CUDA device see ten bits of each number."""
    with rounded_products(True), _HalfAttention():
        yield


class _HalfAttention(TorchFunctionMode):
    """Lets attention of float32 read and write float16."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        named = dict(kwargs or {})
        if func is not scaled_dot_product_attention:
            return func(*args, **named)
        parts = {**dict(zip(("query", "key", "value"), args, strict=False)), **named}
        halves = {name: parts.pop(name).half() for name in ("query", "key", "value")}
        return func(**halves, **parts).float()
