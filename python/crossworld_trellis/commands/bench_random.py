"""A TRELLIS.2 checkpoint that is nowhere: networks of the released sizes with random weights, and
how near half precision comes to float32 on them (`cosines`)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from ..cascade import PIPELINE_TYPES, PipelineType
from ..checkpoint.description import Normalization
from ..checkpoint.roles import STRUCTURE_DECODER, STRUCTURE_FLOW
from ..checkpoint.source import Folder
from ..checkpoint.trellis2 import Trellis2Checkpoint, Trellis2Description
from ..checkpoint.trellis2_roles import (
    DECODERS,
    SHAPE_DECODER,
    TEXTURE_DECODER,
    roles_for,
    shape_flow,
    texture_flow,
)
from ..device import free_cached_memory
from ..guidance import GuidanceSettings
from ..models import released, released_trellis2
from ..models.dinov3_encoder import Dinov3Encoder, build_network
from ..models.octree_decoder import OctreeDecoder, ShapeDecoder
from ..models.rotary_flow import DenseRotaryFlow, RotaryFlow
from ..sampler import TIME_SCALE
from ..sparse.grid import VoxelGrid

RELEASED: Mapping[str, Any] = {
    STRUCTURE_FLOW: released_trellis2.STRUCTURE_FLOW,
    STRUCTURE_DECODER: released.STRUCTURE_DECODER,
    shape_flow(512): released_trellis2.SHAPE_FLOW_512,
    shape_flow(1024): released_trellis2.SHAPE_FLOW_1024,
    SHAPE_DECODER: released_trellis2.SHAPE_DECODER,
    texture_flow(512): released_trellis2.TEXTURE_FLOW_512,
    texture_flow(1024): released_trellis2.TEXTURE_FLOW_1024,
    TEXTURE_DECODER: released_trellis2.TEXTURE_DECODER,
}
"""The config of every role."""

# Condition tokens of a comparison, as many as a picture of 512 x 512 pixels has.
_TOKENS = 1029


@dataclass(frozen=True, eq=False, kw_only=True)
class RandomCheckpoint(Trellis2Checkpoint):
    """Makes networks where others read them."""

    configs: Mapping[str, Any]
    encoder: Mapping[str, Any]
    """What the config.json of the image encoder would say."""

    def config(self, role: str) -> Any:
        return self.configs[role]

    def load(self, role: str, *, device: torch.device, dtype: torch.dtype) -> Any:
        with torch.device(device):
            module = self.family.roles[role].module(self.configs[role], dtype=dtype)
        return module.eval().requires_grad_(False)

    def load_image_encoder(self, *, device: torch.device, folder: object = None) -> Dinov3Encoder:
        network = build_network(self.encoder)
        state = {
            name: 0.02 * torch.randn(tensor.shape, device=device)
            for name, tensor in network.state_dict().items()
        }
        network.load_state_dict(state, assign=True)
        return Dinov3Encoder(network.to(device), self.encoder).requires_grad_(False)


def random_checkpoint(
    configs: Mapping[str, Any] = RELEASED,
    encoder: Mapping[str, Any] = released_trellis2.IMAGE_ENCODER,
) -> RandomCheckpoint:
    """One with the settings that the released checkpoint recommends."""
    plain = Normalization((0.0,) * 32, (1.0,) * 32)
    guided = GuidanceSettings(
        steps=12, guidance_strength=7.5, guidance_interval=(0.6, 1.0), rescale_t=3.0
    )
    return RandomCheckpoint(
        source=Folder(Path()),
        identity="random",
        offline=True,
        download=None,
        description=Trellis2Description(
            models={},
            structure_sampler=replace(guided, guidance_rescale=0.7, rescale_t=5.0),
            shape_sampler=replace(guided, guidance_rescale=0.5),
            texture_sampler=replace(guided, guidance_strength=1.0),
            shape_latents=plain,
            texture_latents=plain,
            image_encoder="",
            default_type=PIPELINE_TYPES["512"],
        ),
        configs=configs,
        encoder=encoder,
    )


@torch.inference_mode()
def cosines(
    checkpoint: RandomCheckpoint,
    kind: PipelineType,
    grid: VoxelGrid,
    *,
    half: torch.dtype,
) -> dict[str, float]:
    """Of the answers of each network that a type needs, in float32 and in half precision (decoders:
    float16). Flows answer at a time in the middle, with guidance. The first generation's structure
    decoder is not among them."""
    made: dict[str, float] = {}
    for role in roles_for(kind, ["voxels"]):
        if role == STRUCTURE_DECODER:
            continue
        dtype = torch.float16 if role in DECODERS else half
        full, other = (
            checkpoint.load(role, device=grid.coords.device, dtype=each)
            for each in (torch.float32, dtype)
        )
        other.load_state_dict(full.state_dict())
        if isinstance(full, OctreeDecoder):
            made[role] = _decoded(checkpoint, full, other, grid)
        else:
            made[role] = _velocities(full, other, grid)
        del full, other
        free_cached_memory(grid.coords.device)
    return made


def _velocities(full: RotaryFlow, other: RotaryFlow, grid: VoxelGrid) -> float:
    """The lesser cosine of the two branches."""
    device = grid.coords.device
    if isinstance(full, DenseRotaryFlow):
        grid = full.grid(1, device)
    sizes = full.config
    condition = torch.randn(1, 1, _TOKENS, sizes.cond_channels, device=device)
    state = torch.randn(len(grid), sizes.out_channels, device=device)
    constant = None
    if sizes.constant_channels:
        constant = torch.randn(len(grid), sizes.constant_channels, device=device)
    time = torch.full((1,), TIME_SCALE / 2, device=device)
    one, two = (
        flow.field(condition, time, grid, constant)(state, 0, pictures=slice(1), guided=True)
        for flow in (full, other)
    )
    return min(_cosine(x, y) for x, y in zip(one, two, strict=True))


def _decoded(
    checkpoint: RandomCheckpoint, full: OctreeDecoder, other: OctreeDecoder, grid: VoxelGrid
) -> float:
    """Along the same voxels, since those whose logit is almost 0 differ."""
    latents = torch.randn(len(grid), full.from_latent.in_features, device=grid.coords.device)
    shape = full
    if not isinstance(shape, ShapeDecoder):
        shape = checkpoint.load(SHAPE_DECODER, device=grid.coords.device, dtype=torch.float32)
    octree = shape.occupancy(latents, grid)
    return _cosine(full.along(latents, octree), other.along(latents, octree))


def _cosine(one: Tensor, other: Tensor) -> float:
    return cosine_similarity(one.double().flatten(), other.double().flatten(), dim=0).item()
