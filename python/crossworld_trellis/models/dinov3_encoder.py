"""The image encoder of TRELLIS.2: a DINOv3 (Siméoni et al. 2025), as transformers implements it.

As in `image_encoder` the tokens are taken as the last block leaves them, go through a norm without
gain, and everything is float32; unlike there, pictures may have any size of whole patches. Its
weights are gated on the hub; where a folder with them comes from is for `checkpoint` to know.
"""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from .image_encoder import normalise
from .image_encoder_weights import EncoderError, Stored, load_weights
from .patches import PatchProjection

CONFIG = "config.json"
WEIGHTS = "model.safetensors"

# What TRELLIS.2 was trained with; the sizes are the encoder's own.
_FIXED = {"model_type": "dinov3_vit", "patch_size": 16}

# What of a config.json makes a network, as far as it says so.
_SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
_KNOWN = (
    *_SIZES,
    "patch_size",
    "image_size",
    "num_register_tokens",
    "layer_norm_eps",
    "hidden_act",
    "rope_theta",
    "query_bias",
    "key_bias",
    "value_bias",
    "proj_bias",
    "mlp_bias",
    "use_gated_mlp",
)

_REMEDY = "use a DINOv3 such as facebook/dinov3-vitl16-pretrain-lvd1689m"


class Dinov3Encoder(nn.Module):
    """A DINOv3 whose last norm gave way to one without gain."""

    def __init__(self, network: nn.Module, config: Mapping[str, Any]) -> None:
        """Takes over a network with its weights, as `build_network` makes one."""
        super().__init__()
        self.patch: int = config["patch_size"]
        self.width: int = config["hidden_size"]
        """Channels of a token."""
        self.network = cast(Any, network)
        # The tokens are wanted as they are before this norm.
        self.network.norm = nn.Identity()
        embeddings = self.network.embeddings
        embeddings.patch_embeddings = PatchProjection(embeddings.patch_embeddings)
        # In training the positions of patches would be random.
        self.eval()

    @classmethod
    def from_folder(
        cls, folder: Path | str, *, device: torch.device | str = "cpu"
    ) -> "Dinov3Encoder":
        """The encoder of a folder with `config.json` and `model.safetensors`.

        Raises `EncoderError`.
        """
        folder = Path(folder)
        config = read_config(folder / CONFIG)
        path = folder / WEIGHTS
        if not path.is_file():
            raise EncoderError(
                f"the image encoder has no weights: {WEIGHTS} is not in the folder: download it "
                f"({folder})"
            )
        network = build_network(config)
        load_weights(network, path, device=device, layout=layout)
        return cls(network.to(device), config).requires_grad_(False)

    @torch.inference_mode()
    def encode(self, pictures: Tensor) -> Tensor:
        """Pictures [K,S,S,3] uint8 → conditions [K,5+(S/16)²,C] float32.

        They may lie on another device. Raises `EncoderError`.
        """
        shape = list(pictures.shape)
        whole = len(shape) == 4 and shape[3] == 3 and not (shape[1] or 1) % self.patch
        if not whole or shape[1] != shape[2] or pictures.dtype != torch.uint8:
            raise EncoderError(
                f"the pictures are {pictures.dtype} of shape {shape}, but must be torch.uint8 of "
                f"shape [K, S, S, 3] with S a multiple of {self.patch}: resize them"
            )
        device = next(self.parameters()).device
        tokens = self.network(normalise(pictures.to(device))).last_hidden_state
        return layer_norm(tokens, (self.width,), eps=1e-5)


def read_config(path: Path) -> dict[str, Any]:
    """What a `config.json` says about the network; all else in it is ignored.

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
    for name, expected in _FIXED.items():
        if (value := entries.get(name)) != expected:
            raise EncoderError(
                f"the image encoder has {name} {value!r}, but TRELLIS.2 needs {expected!r}: "
                f"{_REMEDY} ({path})"
            )
    for name in _SIZES:
        value = entries.get(name)
        if type(value) is not int or not 1 <= value <= 1 << 16:
            raise EncoderError(
                f"the image encoder has {name} {value!r}, but needs a whole number from 1: "
                f"{_REMEDY} ({path})"
            )
    return {name: entries[name] for name in _KNOWN if name in entries}


def build_network(config: Mapping[str, Any]) -> nn.Module:
    """The network of transformers without weights, on the meta device. Raises `EncoderError`."""
    try:
        # It takes seconds to import, so whoever only looks at configs should not have to.
        from transformers import DINOv3ViTConfig, DINOv3ViTModel
    except ImportError as error:
        raise EncoderError(
            "this version of transformers does not know DINOv3: "
            "pip install --upgrade 'transformers>=4.56'"
        ) from error
    try:
        # What is common to all configs of transformers is in none of their signatures.
        made = cast(Any, DINOv3ViTConfig)(**config, attn_implementation="sdpa")
        with torch.device("meta"):
            network = cast(Any, DINOv3ViTModel)(made)
        # Its frequencies are in no file.
        network.rope_embeddings = type(network.rope_embeddings)(made)
    except (ValueError, TypeError, ArithmeticError, RuntimeError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise EncoderError(f"the image encoder's config makes no network: {reason:.200}") from error
    return network


def layout(shapes: Mapping[str, tuple[int, ...]], found: Iterable[str]) -> dict[str, Stored]:
    """What a file should hold: the names of transformers 4, which the published file has, or 5."""
    newer = any(name.startswith("model.layer.") for name in found)

    def spelled(name: str) -> str:
        name = name.removeprefix("model.")
        return f"model.{name}" if newer and name.startswith("layer.") else name

    return {spelled(name): Stored(shape=shape, parts=(name,)) for name, shape in shapes.items()}
