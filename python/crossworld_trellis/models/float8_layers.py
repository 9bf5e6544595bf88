"""Linear layers of a transformer's blocks in eight bits: `round_blocks`.

Only the three products that most of the time goes into: queries, keys and values together, and both
of the feed-forward. What they read and write, and all else, stays as it is.
"""

from collections.abc import Iterable

from torch import Tensor, nn

from ..kernels.float8 import Float8, multiply, rounded
from .transformer import Block, FeedForward


class Float8Linear(nn.Module):
    """A linear layer that keeps its weight, and multiplies, in eight bits."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight = rounded(layer.weight.detach())
        self.register_buffer("values", weight.values)
        self.register_buffer("scales", weight.scales)
        self.bias = layer.bias

    def forward(self, x: Tensor) -> Tensor:
        """[…,in]→[…,out]"""
        return self._multiply(x, after_gelu=False)

    def after_gelu(self, x: Tensor) -> Tensor:
        """The layer of the GELU (tanh form) of […,in]."""
        return self._multiply(x, after_gelu=True)

    def _multiply(self, x: Tensor, *, after_gelu: bool) -> Tensor:
        weight = Float8(self.get_buffer("values"), self.get_buffer("scales"))
        rows = rounded(x.flatten(0, -2), after_gelu=after_gelu)
        return multiply(rows, weight, self.bias).view(*x.shape[:-1], -1)


class Float8FeedForward(nn.Module):
    """A `FeedForward` in eight bits."""

    def __init__(self, network: FeedForward) -> None:
        super().__init__()
        first, _, second = network.mlp
        assert isinstance(first, nn.Linear) and isinstance(second, nn.Linear)
        self.first, self.second = Float8Linear(first), Float8Linear(second)

    def forward(self, x: Tensor) -> Tensor:
        """[…,C]→[…,C]"""
        return self.second.after_gelu(self.first(x))


def round_blocks(blocks: Iterable[Block]) -> None:
    """Turns the large products of blocks into such of eight bits, for good."""
    for block in blocks:
        block.self_attn.register_module("to_qkv", Float8Linear(block.self_attn.to_qkv))
        block.register_module("mlp", Float8FeedForward(block.mlp))
