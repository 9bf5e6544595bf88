"""DINOv2 with registers (Oquab et al. 2023, Darcet et al. 2023), the network of `image_encoder`.

A plain vision transformer whose layers scale what they add. Modules have the names that version 5
of the package transformers gives them, so that its files fit; the package itself takes seconds to
import, so it is not used. Everything is float32, but attention can be told to see ten bits.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

from .patches import PatchProjection

_DEVIATION = 0.02
"""Of random embeddings."""


class PatchEmbeddings(nn.Module):
    """The tokens of the patches, before they know where they are."""

    def __init__(self, width: int, patch: int) -> None:
        super().__init__()
        self.projection = PatchProjection(nn.Conv2d(3, width, patch, patch))

    def forward(self, pixels: Tensor) -> Tensor:
        """[K,3,H,W]→[K,P,C], row by row."""
        return self.projection(pixels).flatten(2).transpose(1, 2)


class Embeddings(nn.Module):
    """From pixels to tokens: the class, the registers, the patches."""

    def __init__(self, width: int, *, patch: int, patches: int, registers: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(_DEVIATION * torch.randn(1, 1, width))
        # Only training hides patches.
        self.mask_token = nn.Parameter(torch.zeros(1, width))
        self.register_tokens = nn.Parameter(_DEVIATION * torch.randn(1, registers, width))
        self.position_embeddings = nn.Parameter(_DEVIATION * torch.randn(1, 1 + patches, width))
        self.patch_embeddings = PatchEmbeddings(width, patch)

    def forward(self, pixels: Tensor) -> Tensor:
        """[K,3,H,W]→[K,L,C]"""
        count = len(pixels)
        patches = self.patch_embeddings(pixels)
        x = torch.cat([self.cls_token.expand(count, -1, -1), patches], dim=1)
        x = x + self.position_embeddings
        registers = self.register_tokens.expand(count, -1, -1)
        return torch.cat([x[:, :1], registers, x[:, 1:]], dim=1)


class Attention(nn.Module):
    """All tokens of a picture look at each other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.halves = False
        """Whether attention reads and writes float16, for which there are faster kernels."""
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.o_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[K,L,C]→[K,L,C]"""
        parts = (
            layer(x).unflatten(2, (self.heads, -1)).transpose(1, 2)  # [K,H,L,d]
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        if self.halves:
            parts = (part.half() for part in parts)
        out = scaled_dot_product_attention(*parts).to(x.dtype)
        return self.o_proj(out.transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    """Two linear layers with a GELU between."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """[…,C]→[…,C]"""
        return self.fc2(gelu(self.fc1(x)))


class LayerScale(nn.Module):
    """A factor for each channel."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lambda1 = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """[…,C]→[…,C]"""
        return x * self.lambda1


class Layer(nn.Module):
    """Attention, then feed-forward, each behind a norm, scaled and added."""

    def __init__(self, width: int, heads: int, hidden: int, eps: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps)
        self.attention = Attention(width, heads)
        self.layer_scale1 = LayerScale(width)
        self.norm2 = nn.LayerNorm(width, eps)
        self.mlp = FeedForward(width, hidden)
        self.layer_scale2 = LayerScale(width)

    def forward(self, x: Tensor) -> Tensor:
        """[K,L,C]→[K,L,C]"""
        x = x + self.layer_scale1(self.attention(self.norm1(x)))
        return x + self.layer_scale2(self.mlp(self.norm2(x)))

    def largest(self) -> Tensor:
        """A bound of all numbers in its queries, keys and values, whatever it looks at."""
        # A layer norm leaves a vector of a known length, and a product is at most that of lengths.
        gain, bias = self.norm1.weight, self.norm1.bias
        length = gain.abs().max() * gain.numel() ** 0.5 + _length(bias)
        attention = self.attention
        bounds = [
            (_length(layer.weight) * length + layer.bias.abs()).amax()
            for layer in (attention.q_proj, attention.k_proj, attention.v_proj)
        ]
        return torch.stack(bounds).amax()


def _length(rows: Tensor) -> Tensor:
    """[…,C]→[…]"""
    return rows.square().sum(-1).sqrt()


class Layers(nn.Module):
    """All of them."""

    def __init__(self, layers: list[Layer]) -> None:
        super().__init__()
        self.layer = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """[K,L,C]→[K,L,C]"""
        for layer in self.layer:
            x = layer(x)
        return x


class Dinov2(nn.Module):
    """The network up to its last norm, whose weights files have and nobody here wants."""

    def __init__(
        self,
        *,
        width: int,
        layers: int,
        heads: int,
        hidden: int,
        patch: int,
        patches: int,
        registers: int,
        eps: float,
    ) -> None:
        super().__init__()
        self.embeddings = Embeddings(width, patch=patch, patches=patches, registers=registers)
        self.encoder = Layers([Layer(width, heads, hidden, eps) for _ in range(layers)])
        self.layernorm = nn.LayerNorm(width, eps)

    def forward(self, pixels: Tensor) -> Tensor:
        """[K,3,H,W]→[K,L,C]"""
        return self.encoder(self.embeddings(pixels))

    def halve_attention(self) -> None:
        """From now on attention reads and writes float16, where that can hold what it reads."""
        for layer in self.encoder.layer:
            assert isinstance(layer, Layer)
            layer.attention.halves = bool(layer.largest() <= torch.finfo(torch.float16).max)
