"""A tiny TRELLIS.2 checkpoint with random weights, in the official layout; the twin of `tiny`.

Only the dense latent grid is smaller than the official one (8^3). What comes out is noise, but of a
plausible amount: biases are set so that about `ACTIVE_CELLS` cells become solid and each voxel is
split into about `CHILDREN`.
"""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from ..guidance import GuidanceSettings, sample
from ..models.dinov3_encoder import build_network, layout
from ..models.octree_decoder import LEVELS, ShapeDecoder, TextureDecoder
from ..models.rotary_flow import DenseRotaryFlow, RotaryFlow, pack, unpack
from ..models.structure_decoder import StructureDecoder, active_voxels
from ..sampler import TIME_SCALE
from ..sparse.grid import VoxelGrid
from ..sparse.grouping import first_of_each
from .arguments import Object, to_config
from .description import PIPELINE_FILE, PIPELINE_NAME_2
from .encoder import CONFIG_FILE, ENCODER_FOLDER
from .roles import STRUCTURE_DECODER, STRUCTURE_FLOW
from .tiny import random_weights, stored, write_json, write_tensors
from .trellis2_roles import SHAPE_DECODER, TEXTURE_DECODER, TRELLIS_2, shape_flow, texture_flow

ACTIVE_CELLS = 150
"""Solid cells that a picture gives, about."""

CHILDREN = 2.5
"""Voxels that a voxel is split into, about: as many as a plane would be, and some are lost."""

_WIDTH, _LATENT = 32, 32

_FLOW: Object = {
    "in_channels": _LATENT,
    "out_channels": _LATENT,
    "model_channels": _WIDTH,
    "cond_channels": _WIDTH,
    "num_blocks": 2,
    "num_heads": 2,
    "mlp_ratio": 4,
    "pe_mode": "rope",
    "share_mod": True,
    "initialization": "scaled",
    "qk_rms_norm": True,
    "qk_rms_norm_cross": True,
    "dtype": "bfloat16",
}

_DECODER: Object = {
    "model_channels": [_WIDTH, 32, 16, 16, 8],
    "latent_channels": _LATENT,
    "num_blocks": [1, 1, 1, 1, 0],
    "block_type": ["SparseConvNeXtBlock3d"] * (LEVELS + 1),
    "up_block_type": ["SparseResBlockC2S3d"] * LEVELS,
    "block_args": [{"use_checkpoint": False}] * (LEVELS + 1),
    "use_fp16": True,
}

_MODELS: Mapping[str, tuple[str, Object]] = {
    STRUCTURE_FLOW: (
        "ss_flow_tiny",
        {**_FLOW, "resolution": 8, "in_channels": 8, "out_channels": 8},
    ),
    STRUCTURE_DECODER: (
        "ss_dec_tiny",
        {
            "out_channels": 1,
            "latent_channels": 8,
            "num_res_blocks": 1,
            "num_res_blocks_middle": 1,
            "channels": [_WIDTH, 16, 8, 8],
            "use_fp16": True,
        },
    ),
    shape_flow(512): ("shape_flow_512_tiny", {**_FLOW, "resolution": 32}),
    shape_flow(1024): ("shape_flow_1024_tiny", {**_FLOW, "resolution": 64}),
    SHAPE_DECODER: ("shape_dec_tiny", {**_DECODER, "resolution": 256}),
    texture_flow(512): (
        "tex_flow_512_tiny",
        {**_FLOW, "resolution": 32, "in_channels": 2 * _LATENT},
    ),
    texture_flow(1024): (
        "tex_flow_1024_tiny",
        {**_FLOW, "resolution": 64, "in_channels": 2 * _LATENT},
    ),
    TEXTURE_DECODER: ("tex_dec_tiny", {**_DECODER, "out_channels": 6, "pred_subdiv": False}),
}

_ENCODER: Object = {
    "model_type": "dinov3_vit",
    "architectures": ["DINOv3ViTModel"],
    "hidden_size": _WIDTH,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 4 * _WIDTH,
    "image_size": 224,
    "patch_size": 16,
    "num_register_tokens": 4,
    "layer_norm_eps": 1e-5,
    "hidden_act": "gelu",
    "query_bias": True,
    "key_bias": False,
    "value_bias": True,
    "proj_bias": True,
    "mlp_bias": True,
    "use_gated_mlp": False,
    "rope_theta": 100.0,
}

_GUIDED: Object = {
    "steps": 6,
    "guidance_strength": 7.5,
    "guidance_rescale": 0.7,
    "guidance_interval": [0.6, 1.0],
    "rescale_t": 5.0,
}
_UNGUIDED: Object = {"steps": 6, "guidance_strength": 1.0, "rescale_t": 3.0}


def write_tiny(folder: Path, *, seed: int = 0) -> None:
    """Writes a tiny checkpoint with its image encoder into an empty folder.

    The same seed gives the same files. Raises `OSError` when they cannot be written.
    """
    generator = torch.Generator().manual_seed(seed)
    modules = {role: _module(role, generator) for role in _MODELS}
    _make_some_voxels(modules, generator)
    (folder / "ckpts").mkdir()
    for role, (stem, arguments) in _MODELS.items():
        name = TRELLIS_2.roles[role].classes()[-1]
        write_json(folder / "ckpts" / f"{stem}.json", {"name": name, "args": arguments})
        write_tensors(folder / "ckpts" / f"{stem}.safetensors", _tensors(modules[role]))
    _write_encoder(folder / ENCODER_FOLDER, generator)
    write_json(folder / PIPELINE_FILE, _pipeline())


def _module(role: str, generator: torch.Generator) -> nn.Module:
    """A float32 module of a role whose weights are random and exact in what they are stored as."""
    _, arguments = _MODELS[role]
    entry = TRELLIS_2.roles[role]
    module = entry.module(to_config(entry.config, arguments, where=role))
    for name, parameter in module.named_parameters():
        weights = random_weights(name, tuple(parameter.shape), generator)
        parameter.data = weights.to(_dtype(module)).float()
    return module.eval().requires_grad_(False)


def _dtype(module: nn.Module) -> torch.dtype:
    return torch.bfloat16 if isinstance(module, RotaryFlow) else torch.float16


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """The tensors as official files hold them: all of one dtype but in the structure decoder."""
    if isinstance(module, StructureDecoder):
        return stored(module)
    return {name: tensor.to(_dtype(module)) for name, tensor in module.state_dict().items()}


@torch.inference_mode()
def _make_some_voxels(modules: Mapping[str, nn.Module], generator: torch.Generator) -> None:
    """Moves the decoders' logits so that a run from noise gives a plausible number of voxels."""
    structure, decoder = modules[STRUCTURE_FLOW], modules[STRUCTURE_DECODER]
    flow, shape, texture = (
        modules[shape_flow(512)],
        modules[SHAPE_DECODER],
        modules[TEXTURE_DECODER],
    )
    assert isinstance(structure, DenseRotaryFlow) and isinstance(decoder, StructureDecoder)
    assert isinstance(flow, RotaryFlow) and isinstance(shape, ShapeDecoder)
    assert isinstance(texture, TextureDecoder)
    settings = to_config(GuidanceSettings, _GUIDED, where="the sampler")
    times = torch.tensor(settings.times()[:-1]) * TIME_SCALE
    # The encoder's tokens are normed as well, so any will do.
    tokens = layer_norm(torch.randn(1, 1, 64, _WIDTH, generator=generator), (_WIDTH,))

    noise = torch.randn(structure.noise_shape(1), generator=generator)
    dense = structure.grid(1, noise.device)
    field = structure.field(tokens, times, dense)
    state = sample(field, pack(noise), settings, dense.items)
    logits = decoder(unpack(state, noise.shape))
    above = logits.flatten().kthvalue(logits.numel() - ACTIVE_CELLS).values
    decoder.state_dict()["out_layer.2.bias"] -= above

    cells = active_voxels(logits - above)
    cells[:, 1:] //= 2
    cells = cells[first_of_each(cells)]
    grid = VoxelGrid(cells, items=[len(cells)])
    start = torch.randn(len(grid), _LATENT, generator=generator)
    latents = sample(flow.field(tokens, times, grid), start, settings, grid.items)
    for level in range(LEVELS):
        octree = shape.occupancy(latents, grid, level=level + 1)
        logits = octree.logits[level].flatten()
        wanted = int(CHILDREN * len(octree.levels[level]))
        bias = shape.up_block(level).to_subdiv.bias
        bias -= logits.kthvalue(logits.numel() - wanted).values
    # Alpha: mostly opaque, or one would see nothing.
    texture.state_dict()["output_layer.bias"][5] += 1.0


def _write_encoder(folder: Path, generator: torch.Generator) -> None:
    shapes = {
        name: tuple(tensor.shape) for name, tensor in build_network(_ENCODER).state_dict().items()
    }
    entries = layout(shapes, ())
    folder.mkdir()
    tensors = {
        name: random_weights(name, entry.shape, generator) for name, entry in entries.items()
    }
    write_tensors(folder / "model.safetensors", tensors)
    write_json(folder / CONFIG_FILE, _ENCODER)


def _pipeline() -> Object:
    def sampler(params: Object) -> Object:
        return {
            "name": "FlowEulerGuidanceIntervalSampler",
            "args": {"sigma_min": 1e-5},
            "params": params,
        }

    normal = {"mean": [0.0] * _LATENT, "std": [1.0] * _LATENT}
    args: Object = {
        "models": {role: f"ckpts/{stem}" for role, (stem, _) in _MODELS.items()},
        "sparse_structure_sampler": sampler(_GUIDED),
        "shape_slat_sampler": sampler({**_GUIDED, "guidance_rescale": 0.5, "rescale_t": 3.0}),
        "tex_slat_sampler": sampler(_UNGUIDED),
        "shape_slat_normalization": normal,
        "tex_slat_normalization": normal,
        "image_cond_model": {
            "name": "DinoV3FeatureExtractor",
            "args": {"model_name": "facebook/dinov3-vitl16-pretrain-lvd1689m"},
        },
        "default_pipeline_type": "1024_cascade",
        "low_vram": True,
    }
    return {"name": PIPELINE_NAME_2, "args": args}
