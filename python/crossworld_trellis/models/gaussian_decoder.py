"""Gaussian decoder: structured latents to 3D Gaussians, a few dozen for each voxel.

The original's `SLatGaussianDecoder`. Input rows are the active voxels (grid axes, z up), the
result is in the object's frame [-0.5, 0.5]^3, z up. Exporting and voxelising are elsewhere.
"""

import math
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import layer_norm, normalize, softplus

from ..gaussians import Gaussians
from ..sparse.grid import VoxelGrid
from .decoder_trunk import HEAD_EPS, TrunkBlocks, TrunkConfig


@dataclass(frozen=True, kw_only=True)
class LearningRates:
    """What each block of output channels is multiplied with before use."""

    xyz: float = field(default=1.0, metadata={"json": "_xyz"})
    features_dc: float = field(default=1.0, metadata={"json": "_features_dc"})
    opacity: float = field(default=1.0, metadata={"json": "_opacity"})
    scaling: float = field(default=1.0, metadata={"json": "_scaling"})
    rotation: float = field(default=0.1, metadata={"json": "_rotation"})


@dataclass(frozen=True, kw_only=True)
class GaussianRepresentation:
    """How output channels become Gaussians. The defaults are those of the released model."""

    num_gaussians: int = 32
    """Gaussians of each voxel."""
    voxel_size: float = 1.5
    """Voxels that the offsets of a voxel's Gaussians can span."""
    perturb_offset: bool = True
    """Whether the Gaussians of a voxel start from well spread places instead of its centre."""
    lr: LearningRates = LearningRates()
    scaling_bias: float = 0.004
    """Scale where the network answers 0."""
    opacity_bias: float = 0.1
    """Opacity where the network answers 0."""
    scaling_activation: str = "softplus"
    kernel_3d: float = field(default=0.0009, metadata={"json": "3d_filter_kernel_size"})
    """Smoothing that is added to every scale, in quadrature."""
    kernel_2d: float = field(default=0.1, metadata={"json": "2d_filter_kernel_size"})
    """For renderers only."""

    def __post_init__(self) -> None:
        if self.scaling_activation not in {"softplus", "exp"}:
            raise ValueError(
                f"scaling_activation '{self.scaling_activation}' is not known: "
                "'softplus' and 'exp' are"
            )
        for name in ("voxel_size", "scaling_bias"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} {getattr(self, name)} is out of range: it must be over 0")
        if not 0 < self.opacity_bias < 1:
            raise ValueError(
                f"opacity_bias {self.opacity_bias} is out of range: it must lie between 0 and 1"
            )
        if self.perturb_offset and self.voxel_size <= 1:
            raise ValueError(
                f"voxel_size {self.voxel_size} is too small: perturb_offset needs more than 1"
            )


@dataclass(frozen=True, kw_only=True)
class GaussianDecoderConfig(TrunkConfig):
    """Arguments as in a checkpoint's json."""

    representation_config: GaussianRepresentation = GaussianRepresentation()


class GaussianDecoder(nn.Module):
    """The network. `dtype` is that of the blocks; what surrounds them is float32."""

    offset_perturbation: Tensor

    def __init__(
        self, config: GaussianDecoderConfig, *, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.config = config
        rules = config.representation_config
        self._widths = [width * rules.num_gaussians for width in (3, 3, 3, 4, 1)]
        self.input_layer = nn.Linear(config.latent_channels, config.model_channels)
        self.blocks = TrunkBlocks(config, dtype=dtype)
        self.out_layer = nn.Linear(config.model_channels, sum(self._widths))
        if rules.perturb_offset:
            offsets = spread_offsets(rules.num_gaussians, rules.voxel_size)
            self.register_buffer("offset_perturbation", offsets)

    def forward(self, slat: Tensor, grid: VoxelGrid) -> list[Gaussians]:
        """[N,8] latents of the voxels → the Gaussians of each item."""
        raw = self.raw(slat, grid)
        return [self._activate(raw[span], grid.positions[span]) for span in grid.spans]

    def raw(self, slat: Tensor, grid: VoxelGrid) -> Tensor:
        """[N,8]→[N,14·G] float32, what the output layer gives."""
        h = self.blocks(self.input_layer(slat.float()), grid).float()
        return self.out_layer(layer_norm(h, h.shape[-1:], eps=HEAD_EPS))

    def _activate(self, raw: Tensor, positions: Tensor) -> Gaussians:
        """[n,14·G] of one item, and its voxels [n,3]; SPEC 12.4."""
        rules, resolution = self.config.representation_config, self.config.resolution
        lr, count = rules.lr, rules.num_gaussians
        xyz, color, scaling, rotation, opacity = (
            part.reshape(-1, count, part.shape[1] // count)  # [n,G·width]→[n,G,width]
            for part in torch.split(raw, self._widths, dim=1)
        )
        offset = lr.xyz * xyz
        if rules.perturb_offset:
            offset = offset + self.offset_perturbation
        centre = (positions.float() + 0.5) / resolution
        reach = 0.5 * rules.voxel_size / resolution
        identity = torch.tensor((1.0, 0.0, 0.0, 0.0), device=raw.device)
        flat = partial(torch.flatten, start_dim=0, end_dim=1)  # [n,G,width]→[n·G,width]
        return Gaussians(
            xyz=flat(centre[:, None] + reach * offset.tanh() - 0.5),
            features_dc=flat(lr.features_dc * color),
            scaling=flat(self._scale(lr.scaling * scaling)),
            rotation=flat(normalize(lr.rotation * rotation + identity, dim=-1, eps=1e-12)),
            opacity=flat((lr.opacity * opacity + _logit(rules.opacity_bias)).sigmoid()),
            per_cell=count,
        )

    def _scale(self, raw: Tensor) -> Tensor:
        rules = self.config.representation_config
        if rules.scaling_activation == "exp":
            scale = (raw + math.log(rules.scaling_bias)).exp()
        else:
            # The inverse of softplus at the bias.
            scale = softplus(raw + math.log(math.expm1(rules.scaling_bias)))
        return (scale.square() + rules.kernel_3d**2).sqrt()


def spread_offsets(count: int, voxel_size: float) -> Tensor:
    """[count,3] float32: where the Gaussians of a voxel begin, before the tanh of the positions.

    Their places in the voxel are a Hammersley set: i/count and the radical inverses of i in the
    bases 2 and 3.
    """
    places = [(i / count, _radical_inverse(i, 2), _radical_inverse(i, 3)) for i in range(count)]
    offsets = [[math.atanh((2 * place - 1) / voxel_size) for place in row] for row in places]
    return torch.tensor(offsets, dtype=torch.float32)


def _radical_inverse(number: int, base: int) -> float:
    """The digits of a number mirrored at the point."""
    value, weight = 0.0, 1.0
    while number:
        number, digit = divmod(number, base)
        weight /= base
        value += digit * weight
    return value


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
