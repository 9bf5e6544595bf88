"""A checkpoint of the first generation that is nowhere: networks of the released sizes with random
weights, whose solid cells are always a sphere's shell (`random_checkpoint`)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..checkpoint import Checkpoint, PipelineDescription
from ..checkpoint.roles import GAUSSIAN_DECODER, LATENT_FLOW, STRUCTURE_DECODER, STRUCTURE_FLOW
from ..checkpoint.source import Folder
from ..models import released
from ..models.image_encoder import ImageEncoder, ImageEncoderConfig, build_network
from ..models.structure_decoder import StructureDecoder
from ..sampler import SamplerSettings
from .bench_work import shell

SETTINGS = SamplerSettings(steps=25, cfg_strength=5.0, cfg_interval=(0.5, 1.0), rescale_t=3.0)
"""Of both stages, as the released checkpoint recommends them but for the number of steps."""

ENCODER = ImageEncoderConfig(
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    mlp_ratio=4,
    image_size=518,
    patch_size=14,
    num_register_tokens=4,
    layer_norm_eps=1e-6,
    hidden_act="gelu",
    qkv_bias=True,
    use_swiglu_ffn=False,
)
"""A DINOv2 of the size that the released checkpoint has."""


@dataclass(frozen=True, eq=False, kw_only=True)
class RandomCheckpoint(Checkpoint):
    """Makes networks where others read them."""

    voxels: int
    """Cells of the shell, about."""

    def config(self, role: str) -> Any:
        return {
            STRUCTURE_FLOW: released.STRUCTURE_FLOW,
            STRUCTURE_DECODER: released.STRUCTURE_DECODER,
            LATENT_FLOW: released.LATENT_FLOW,
            GAUSSIAN_DECODER: released.GAUSSIAN_DECODER,
        }[role]

    def fetch(self, outputs: Iterable[str]) -> None:
        """There is nothing to fetch."""

    def others(self, roles: Iterable[str]) -> list[str]:
        """Nothing comes from elsewhere."""
        return []

    def load(self, role: str, *, device: torch.device, dtype: torch.dtype) -> Any:
        with torch.device(device):
            if role == STRUCTURE_DECODER:
                made = ShellDecoder(self.voxels, dtype=dtype)
            else:
                made = self.family.roles[role].module(self.config(role), dtype=dtype)
        return made.eval().requires_grad_(False)

    def encoder_folder(self, folder: object = None) -> Path:
        return Path("random", "encoder")

    def load_image_encoder(self, *, device: torch.device, folder: object = None) -> ImageEncoder:
        with torch.device(device):
            return ImageEncoder(build_network(ENCODER), ENCODER).requires_grad_(False)


class ShellDecoder(StructureDecoder):
    """Does its work, and answers a shell."""

    def __init__(self, voxels: int, *, dtype: torch.dtype) -> None:
        super().__init__(released.STRUCTURE_DECODER, dtype=dtype)
        side = released.LATENT_FLOW.resolution
        logits = torch.full((side, side, side), -1.0)
        x, y, z = shell(voxels, side)[:, 1:].long().unbind(1)
        logits[x, y, z] = 1.0
        self.register_buffer("shell", logits)

    def forward(self, z: Tensor) -> Tensor:
        """[B,…]→[B,1,R,R,R]"""
        real = super().forward(z)
        return self.get_buffer("shell").expand_as(real)


def random_checkpoint(voxels: int) -> RandomCheckpoint:
    """One whose objects have about so many voxels."""
    channels = released.LATENT_FLOW.in_channels
    return RandomCheckpoint(
        source=Folder(Path()),
        identity="random",
        offline=True,
        download=None,
        description=PipelineDescription(
            models={},
            structure_sampler=SETTINGS,
            latent_sampler=replace(SETTINGS),
            latent_mean=(0.0,) * channels,
            latent_std=(1.0,) * channels,
        ),
        voxels=voxels,
    )


def some_picture(side: int = 800) -> Image.Image:
    """A disc of many colours on nothing."""
    y, x = np.mgrid[:side, :side]
    inside = (x - side / 2) ** 2 + (y - side / 2) ** 2 < (0.375 * side) ** 2
    pixels = np.dstack([x % 256, y % 256, (x + y) % 256, 255 * inside])
    return Image.fromarray(pixels.astype(np.uint8))
