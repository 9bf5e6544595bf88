"""What half precision, and products of eight bits, do to a result: `compare`.

Against float32 made by torch's own operators, with random weights that float16 can hold, as the
released ones are. Velocities are compared at the same states; cells and colours are what comes of
all steps, each precision following its own velocities from the same noise.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from ..kernels.choice import plain
from ..kernels.float8 import multiplies
from ..models import released
from ..models.float8_layers import round_blocks
from ..models.gaussian_decoder import GaussianDecoder
from ..models.latent_flow import LatentFlow
from ..models.structure_decoder import StructureDecoder, active_voxels
from ..models.structure_flow import StructureFlow
from ..sampler import TIME_SCALE, SamplerSettings, sample
from ..sparse.grid import VoxelGrid
from ..voxelize import voxels_from_gaussians
from ..voxels import SparseVoxels
from .bench_first import SETTINGS
from .bench_work import shell

# Steps, as shares of all, at whose times velocities are compared.
_PLACES = (0.0, 0.3, 0.6, 0.9)

_TOKENS = 1374


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of one precision from float32."""

    structure_cosine: float
    """The least of the velocities of the first stage."""
    latent_cosine: float
    equal_cells: float
    """Share of the cells that either calls solid which both do."""
    color_difference: float
    """Mean over voxels and channels, in steps of a byte."""


@dataclass(frozen=True, kw_only=True)
class _Answers:
    structure: Tensor
    latents: Tensor
    cells: Tensor
    """[R,R,R] bool"""
    voxels: SparseVoxels


class _Networks:
    def __init__(self, dtype: torch.dtype) -> None:
        self.structure = StructureFlow(released.STRUCTURE_FLOW, dtype=dtype)
        self.occupancy = StructureDecoder(released.STRUCTURE_DECODER, dtype=dtype)
        self.latents = LatentFlow(released.LATENT_FLOW, dtype=dtype)
        self.gaussians = GaussianDecoder(released.GAUSSIAN_DECODER, dtype=dtype)

    @classmethod
    def like(cls, others: "_Networks", dtype: torch.dtype) -> "_Networks":
        """The same weights, as networks of another precision have them."""
        with torch.device("meta"):
            made = cls(dtype)
        for own, other in zip(made.all(), others.all(), strict=True):
            kinds = own.state_dict()
            given = {name: each.to(kinds[name].dtype) for name, each in other.state_dict().items()}
            own.load_state_dict(given, assign=True)
        return made

    def all(self) -> list[torch.nn.Module]:
        return [self.structure, self.occupancy, self.latents, self.gaussians]


class _Inputs:
    def __init__(self, device: torch.device, voxels: int, settings: SamplerSettings) -> None:
        self.settings = settings
        self.times = torch.tensor(settings.times()[:-1] * TIME_SCALE, dtype=torch.float32)
        self.condition = torch.randn(
            1, 1, _TOKENS, released.STRUCTURE_FLOW.cond_channels, device=device
        )
        self.grid = VoxelGrid(shell(voxels, released.LATENT_FLOW.resolution).to(device))
        sizes = released.STRUCTURE_FLOW
        self.dense = torch.randn(1, sizes.in_channels, *[sizes.resolution] * 3, device=device)
        self.sparse = torch.randn(len(self.grid), released.LATENT_FLOW.in_channels, device=device)


@torch.inference_mode()
def compare(device: torch.device, *, voxels: int, steps: int) -> dict[str, Difference]:
    """Of every precision that the device has."""
    inputs = _Inputs(device, voxels, SETTINGS.override(steps=steps))
    with torch.device(device):
        full = _Networks(torch.float32)
    for network in full.all():
        for tensor in network.state_dict().values():
            tensor.copy_(tensor.half())
    with plain():
        exact = _answers(full, inputs)
    made: dict[str, Difference] = {}
    for name, dtype in (
        ("float16", torch.float16),
        ("bfloat16", torch.bfloat16),
        ("bfloat16 with float8 products", torch.bfloat16),
    ):
        eight = "float8" in name
        if eight and not multiplies(device):
            continue
        other = _Networks.like(full, dtype)
        if eight:
            round_blocks(other.structure.blocks)
            round_blocks(other.latents.blocks)
        made[name] = _difference(exact, _answers(other, inputs))
        del other
    return made


def _answers(networks: _Networks, inputs: _Inputs) -> _Answers:
    settings, grid = inputs.settings, inputs.grid
    field = networks.structure.field(inputs.condition, inputs.times)
    bound = networks.latents.field(inputs.condition, inputs.times, grid)
    places = [int(share * settings.steps) for share in _PLACES]
    structure, latents = (
        torch.stack([made(state, step, pictures=slice(1), guided=True) for step in places])
        for made, state in ((field, inputs.dense), (bound, inputs.sparse))
    )
    logits = networks.occupancy(sample(field, inputs.dense, settings))
    cells = torch.zeros(logits.shape[2:], dtype=torch.bool, device=logits.device)
    x, y, z = active_voxels(logits)[:, 1:].long().unbind(1)
    cells[x, y, z] = True
    side = released.LATENT_FLOW.resolution
    [gaussians] = networks.gaussians(sample(bound, inputs.sparse, settings), grid)
    return _Answers(
        structure=structure,
        latents=latents,
        cells=cells,
        voxels=voxels_from_gaussians(
            grid.positions, gaussians, grid_resolution=side, resolution=side
        ),
    )


def _difference(exact: _Answers, other: _Answers) -> Difference:
    either = (exact.cells | other.cells).sum()
    colors = exact.voxels.rgba[:, :3].astype(float) - other.voxels.rgba[:, :3]
    return Difference(
        structure_cosine=_least_cosine(exact.structure, other.structure),
        latent_cosine=_least_cosine(exact.latents, other.latents),
        equal_cells=((exact.cells & other.cells).sum() / either.clamp(min=1)).item(),
        color_difference=float(abs(colors).mean()),
    )


def _least_cosine(one: Tensor, other: Tensor) -> float:
    """Of velocities [times,branches,…]."""
    rows = (each.flatten(0, 1).flatten(1).double() for each in (one, other))
    return cosine_similarity(*rows, dim=1).min().item()


def describe(differences: dict[str, Difference]) -> str:
    """The differences as lines of text."""
    return "\n".join(
        f"{name:30} cosine {each.structure_cosine:.6f} and {each.latent_cosine:.6f}, "
        f"equal cells {each.equal_cells:.2%}, colours {each.color_difference:.2f}"
        for name, each in differences.items()
    )
