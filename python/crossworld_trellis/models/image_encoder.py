"""The image encoder: from prepared pictures to the tokens that both flows are conditioned on.

A DINOv2 with registers (`dinov2`), up to and without its last norm. Always float32, whatever the
flows compute in; its products may be told to see ten bits. Pictures come prepared from `image`;
where the folder of the encoder comes from is for `checkpoint` to know.
"""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ..device import rounded_products
from .dinov2 import Dinov2
from .image_encoder_weights import EncoderError, layout, load_weights
from .rounded_products import round_matrices

__all__ = ["EncoderError", "ImageEncoder", "ImageEncoderConfig", "build_network", "normalise"]

CONFIG = "config.json"

WEIGHTS = ("model.safetensors", "hub_state.safetensors")
"""The files that may hold the weights; the first there is read."""

# Mean and deviation of the channels of ImageNet, which every DINOv2 was trained with.
_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)

# What makes a DINOv2 the one that TRELLIS was trained with, but for its size.
_FIXED: dict[str, Any] = {
    "image_size": 518,
    "patch_size": 14,
    "num_register_tokens": 4,
    "layer_norm_eps": 1e-6,
    "hidden_act": "gelu",
    "qkv_bias": True,
    "use_swiglu_ffn": False,
}

_REMEDY = "use a DINOv2 with registers such as facebook/dinov2-with-registers-large"


@dataclass(frozen=True, kw_only=True)
class ImageEncoderConfig:
    """The part of a DINOv2's config.json that says which network it is."""

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    mlp_ratio: int
    image_size: int
    patch_size: int
    num_register_tokens: int
    layer_norm_eps: float
    hidden_act: str
    qkv_bias: bool
    use_swiglu_ffn: bool

    def __post_init__(self) -> None:
        for name, expected in _FIXED.items():
            if (value := getattr(self, name)) != expected:
                raise EncoderError(
                    f"the image encoder has {name} {value!r}, but TRELLIS needs {expected!r}: "
                    f"{_REMEDY}"
                )
        for name in ("hidden_size", "num_hidden_layers", "num_attention_heads", "mlp_ratio"):
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise EncoderError(
                    f"the image encoder has {name} {value!r}, but needs a whole number from 1: "
                    f"{_REMEDY}"
                )
        if self.hidden_size % self.num_attention_heads:
            raise EncoderError(
                f"the image encoder has hidden_size {self.hidden_size}, which its "
                f"{self.num_attention_heads} heads do not divide: {_REMEDY}"
            )

    @classmethod
    def read(cls, path: Path) -> "ImageEncoderConfig":
        """The config in a `config.json`; what else it holds is ignored.

        Raises `EncoderError`.
        """
        try:
            entries: Any = json.loads(path.read_bytes())
        except (OSError, ValueError, RecursionError) as error:
            reason = " ".join(str(error).split())
            raise EncoderError(
                f"the image encoder's config cannot be read: {reason}: download it again ({path})"
            ) from error
        if not isinstance(entries, dict):
            raise EncoderError(f"the image encoder's config is no JSON object: {_REMEDY} ({path})")
        entries = cast(dict[str, Any], entries)
        own = [field.name for field in fields(cls)]
        if missing := [name for name in own if name not in entries]:
            raise EncoderError(
                f"the image encoder's config does not tell {', '.join(missing)}: {_REMEDY} ({path})"
            )
        return cls(**{name: entries[name] for name in own})


class ImageEncoder(nn.Module):
    """A DINOv2 whose last norm gave way to one without gain."""

    def __init__(self, network: Dinov2, config: ImageEncoderConfig) -> None:
        """Takes over a network with its weights, as `build_network` makes one."""
        super().__init__()
        self.config = config
        self.network = network
        self._rounds = False
        self.eval()

    @classmethod
    def from_folder(
        cls,
        folder: Path | str,
        *,
        device: torch.device | str = "cpu",
        width: int | None = None,
    ) -> "ImageEncoder":
        """The encoder of a folder with `config.json` and one of `WEIGHTS`.

        `width` is what the flows expect, if known. Raises `EncoderError`.
        """
        folder = Path(folder)
        config = ImageEncoderConfig.read(folder / CONFIG)
        if width is not None and config.hidden_size != width:
            raise EncoderError(
                f"the image encoder has tokens of width {config.hidden_size}, but the flows need "
                f"{width}: use the encoder that belongs to the checkpoint ({folder})"
            )
        path = next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
        if path is None:
            raise EncoderError(
                f"the image encoder has no weights: neither {' nor '.join(WEIGHTS)} is in the "
                f"folder: download one of them ({folder})"
            )
        with torch.device("meta"):
            network = build_network(config)
        load_weights(network, path, device=device, layout=layout)
        return cls(network, config).requires_grad_(False)

    def round_products(self) -> None:
        """From now on products on a CUDA device see ten bits of each number, and matrices take half
        the memory. For flows in half precision, which round what comes out of this anyway."""
        self.network.halve_attention()
        round_matrices(self.network)
        self._rounds = True

    @property
    def width(self) -> int:
        """Channels of a token."""
        return self.config.hidden_size

    @property
    def tokens(self) -> int:
        """Tokens of a picture: a class token, the registers, the patches row by row."""
        return 1 + self.config.num_register_tokens + self._patches_a_side**2

    @property
    def _patches_a_side(self) -> int:
        return self.config.image_size // self.config.patch_size

    @torch.inference_mode()
    def encode(self, pictures: Tensor) -> Tensor:
        """Prepared pictures [K,518,518,3] uint8 → conditions [K,1374,C] float32.

        They may lie on another device. Raises `EncoderError`.
        """
        return self.conditions(self.pixels(pictures))

    @torch.inference_mode()
    def before_norm(self, pictures: Tensor) -> Tensor:
        """The tokens as the last block leaves them, else as `encode`."""
        return self._tokens(self.pixels(pictures))

    @torch.inference_mode()
    def pixels(self, pictures: Tensor) -> Tensor:
        """Prepared pictures as the network takes them: [K,518,518,3] uint8 →[K,3,518,518].

        They may lie on another device. Raises `EncoderError`.
        """
        side = self.config.image_size
        shape, expected = list(pictures.shape), [max(len(pictures), 1), side, side, 3]
        if shape != expected or pictures.dtype != torch.uint8:
            raise EncoderError(
                f"the pictures are {pictures.dtype} of shape {shape}, but must be "
                f"torch.uint8 of shape [K, {side}, {side}, 3]: prepare them with image.preprocess"
            )
        return normalise(pictures.to(self._device, non_blocking=True))

    @torch.inference_mode()
    def conditions(self, pixels: Tensor) -> Tensor:
        """The second half of `encode`, which needs nothing from the host: `pixels` → [K,1374,C]."""
        return layer_norm(self._tokens(pixels), (self.width,), eps=1e-5)

    def _tokens(self, pixels: Tensor) -> Tensor:
        with rounded_products(self._rounds):
            return self.network(pixels)

    @property
    def _device(self) -> torch.device:
        return next(self.parameters()).device


def normalise(pictures: Tensor) -> Tensor:
    """Pictures [K,H,W,3] uint8 as the network takes them: [K,3,H,W] float32."""
    x = pictures.float() / 255
    mean, std = x.new_tensor(_MEAN), x.new_tensor(_STD)
    return ((x - mean) / std).movedim(-1, 1).contiguous()


def build_network(config: ImageEncoderConfig) -> Dinov2:
    """The network with random weights, on the default device."""
    return Dinov2(
        width=config.hidden_size,
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        hidden=config.hidden_size * config.mlp_ratio,
        patch=config.patch_size,
        patches=(config.image_size // config.patch_size) ** 2,
        registers=config.num_register_tokens,
        eps=config.layer_norm_eps,
    )
