"""A tiny checkpoint with random weights, in the official layout: every path runs, nothing is known.

For trying things out and for tests, with no download. Grids have their official sizes, networks are
as narrow as they can be. What comes out is noise, but of a plausible amount: the last bias of the
structure decoder is set so that about `ACTIVE_CELLS` cells become solid.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ..models.image_encoder import ImageEncoderConfig, build_network
from ..models.image_encoder_weights import layout
from ..models.structure_decoder import StructureDecoder
from ..models.structure_flow import StructureFlow
from ..sampler import TIME_SCALE, SamplerSettings, sample
from .arguments import Object, to_config
from .description import PIPELINE_FILE, PIPELINE_NAME
from .encoder import CONFIG_FILE, ENCODER_FOLDER
from .roles import (
    GAUSSIAN_DECODER,
    LATENT_FLOW,
    MESH_DECODER,
    RADIANCE_FIELD_DECODER,
    ROLES,
    STRUCTURE_DECODER,
    STRUCTURE_FLOW,
)

ACTIVE_CELLS = 1000
"""Solid cells that a picture gives, about: of 64^3."""

_WIDTH = 32

_FLOW: Object = {
    "in_channels": 8,
    "out_channels": 8,
    "model_channels": _WIDTH,
    "cond_channels": _WIDTH,
    "num_blocks": 2,
    "num_heads": 2,
    "mlp_ratio": 4,
    "pe_mode": "ape",
    "qk_rms_norm": True,
    "use_fp16": True,
}

_DECODER: Object = {
    "resolution": 64,
    "model_channels": _WIDTH,
    "latent_channels": 8,
    "num_blocks": 2,
    "num_heads": 2,
    "mlp_ratio": 4,
    "attn_mode": "swin",
    "window_size": 8,
    "use_fp16": True,
}

_GAUSSIANS: Object = {
    "lr": {
        "_xyz": 1.0,
        "_features_dc": 1.0,
        "_opacity": 1.0,
        "_scaling": 1.0,
        "_rotation": 0.1,
    },
    "perturb_offset": True,
    "voxel_size": 1.5,
    "num_gaussians": 32,
    "2d_filter_kernel_size": 0.1,
    "3d_filter_kernel_size": 0.0009,
    "scaling_bias": 0.004,
    "opacity_bias": 0.1,
    "scaling_activation": "softplus",
}

_MODELS: Mapping[str, tuple[str, Object]] = {
    STRUCTURE_FLOW: ("ss_flow_img_dit_tiny", {**_FLOW, "resolution": 16, "patch_size": 1}),
    STRUCTURE_DECODER: (
        "ss_dec_conv3d_tiny",
        {
            "out_channels": 1,
            "latent_channels": 8,
            "num_res_blocks": 1,
            "num_res_blocks_middle": 1,
            "channels": [_WIDTH, 16, 8],
            "use_fp16": True,
        },
    ),
    LATENT_FLOW: (
        "slat_flow_img_dit_tiny",
        {
            **_FLOW,
            "resolution": 64,
            "patch_size": 2,
            "num_io_res_blocks": 2,
            "io_block_channels": [16],
        },
    ),
    GAUSSIAN_DECODER: ("slat_dec_gs_tiny", {**_DECODER, "representation_config": _GAUSSIANS}),
    RADIANCE_FIELD_DECODER: (
        "slat_dec_rf_tiny",
        {**_DECODER, "representation_config": {"rank": 16, "dim": 8}},
    ),
    # Its narrowest layer has an eighth of the width, and a group norm of 32 groups.
    MESH_DECODER: (
        "slat_dec_mesh_tiny",
        {
            **_DECODER,
            "model_channels": 256,
            "num_blocks": 1,
            "mlp_ratio": 1,
            "representation_config": {"use_color": True},
        },
    ),
}

_ENCODER: Object = {
    "hidden_size": _WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "mlp_ratio": 4,
    "image_size": 518,
    "patch_size": 14,
    "num_register_tokens": 4,
    "layer_norm_eps": 1e-6,
    "hidden_act": "gelu",
    "qkv_bias": True,
    "use_swiglu_ffn": False,
}

_SAMPLER = {"steps": 6, "cfg_interval": [0.5, 1.0], "rescale_t": 3.0}

_CHANNELS = 8


def write_tiny(folder: Path, *, seed: int = 0) -> None:
    """Writes a tiny checkpoint with its image encoder into an empty folder.

    The same seed gives the same files. Raises `OSError` when they cannot be written.
    """
    generator = torch.Generator().manual_seed(seed)
    modules = {role: _module(role, generator) for role in _MODELS}
    _make_some_cells_active(modules[STRUCTURE_FLOW], modules[STRUCTURE_DECODER], generator)
    (folder / "ckpts").mkdir()
    for role, (stem, arguments) in _MODELS.items():
        write_json(
            folder / "ckpts" / f"{stem}.json",
            {"name": ROLES[role].classes()[-1], "args": arguments},
        )
        write_tensors(folder / "ckpts" / f"{stem}.safetensors", stored(modules[role]))
    _write_encoder(folder / ENCODER_FOLDER, generator)
    write_json(folder / PIPELINE_FILE, _pipeline())


def _module(role: str, generator: torch.Generator) -> nn.Module:
    """A float32 module of a role whose weights are random and exact in float16."""
    _, arguments = _MODELS[role]
    module = ROLES[role].module(to_config(ROLES[role].config, arguments, where=role))
    for name, parameter in module.named_parameters():
        parameter.data = random_weights(name, tuple(parameter.shape), generator).half().float()
    return module.eval().requires_grad_(False)


def random_weights(name: str, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Weights that keep the size of what flows through them; norms start near the identity."""
    noise = torch.randn(shape, generator=generator)
    if len(shape) > 1 and not name.endswith("gamma"):
        return noise / math.sqrt(math.prod(shape[1:]))
    return 0.05 * noise + (0.0 if name.endswith(("bias", "modulation")) else 1.0)


@torch.inference_mode()
def _make_some_cells_active(
    flow: nn.Module, decoder: nn.Module, generator: torch.Generator
) -> None:
    """Moves the decoder's logits so that a run from noise gives about `ACTIVE_CELLS` of them."""
    assert isinstance(flow, StructureFlow) and isinstance(decoder, StructureDecoder)
    settings = to_config(SamplerSettings, {**_SAMPLER, "cfg_strength": 5.0}, where="the sampler")
    times = torch.tensor(settings.times()[:-1] * TIME_SCALE, dtype=torch.float32)
    # The encoder's tokens are normed as well, so any will do.
    tokens = layer_norm(torch.randn(1, 1, 64, _WIDTH, generator=generator), (_WIDTH,))
    noise = torch.randn(flow.noise_shape(1), generator=generator)
    logits = decoder(sample(flow.field(tokens, times), noise, settings)).flatten()
    threshold = logits.kthvalue(logits.numel() - ACTIVE_CELLS).values
    bias = decoder.state_dict()["out_layer.2.bias"]
    bias -= threshold


def stored(module: nn.Module) -> dict[str, Tensor]:
    """The tensors as official files hold them: the torso in float16, the rest in float32."""
    half = type(module)(module.config, dtype=torch.float16).state_dict()
    return {name: t.to(half[name].dtype).contiguous() for name, t in module.state_dict().items()}


def _write_encoder(folder: Path, generator: torch.Generator) -> None:
    with torch.device("meta"):
        network = build_network(ImageEncoderConfig(**_ENCODER))
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    # torch.hub's names are the ones that no version of a library changes.
    entries = layout(shapes, {"cls_token"})
    folder.mkdir()
    tensors = {
        name: random_weights(name, entry.shape, generator) for name, entry in entries.items()
    }
    write_tensors(folder / "hub_state.safetensors", tensors)
    write_json(folder / CONFIG_FILE, _ENCODER)


def _pipeline() -> Object:
    def sampler(cfg_strength: float) -> Object:
        return {
            "name": "FlowEulerGuidanceIntervalSampler",
            "args": {"sigma_min": 1e-5},
            "params": {**_SAMPLER, "cfg_strength": cfg_strength},
        }

    args: Object = {
        "models": {role: f"ckpts/{stem}" for role, (stem, _) in _MODELS.items()},
        "sparse_structure_sampler": sampler(5.0),
        "slat_sampler": sampler(3.0),
        "slat_normalization": {"mean": [0.0] * _CHANNELS, "std": [1.0] * _CHANNELS},
        "image_cond_model": "dinov2_vitl14_reg",
    }
    return {"name": PIPELINE_NAME, "args": args}


def write_json(path: Path, value: Any) -> None:
    """A value as a JSON file."""
    path.write_text(json.dumps(value, indent=4) + "\n", encoding="utf-8")


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> None:
    """Tensors as a safetensors file."""
    # Not by the package's own function for files, which lets only the owner read them.
    path.write_bytes(safetensors.torch.save(tensors))
