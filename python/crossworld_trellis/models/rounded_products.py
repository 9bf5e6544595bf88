"""A float32 network whose products see ten bits: `round_matrices`.

CUDA can round what a float32 product multiplies to TF32 (`device.rounded_products`), which has the
ten bits of a float16, but the range of a float32. Matrices whose numbers float16 can hold therefore
take half the memory and give nearly the same products: numbers below 2^-14 lose digits. Each is
made float32 again just before its own product.
Sums, norms and the stream itself stay float32.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import linear


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
