"""From what the samplers leave to what was asked for: solid cells, latents, `Sample`s.

The last networks run one after the other, and each takes one request after the other, so that a
batch takes no more memory there than its largest request.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .batch import Batch, Member, Sample
from .checkpoint.roles import (
    GAUSSIAN_DECODER,
    MESH_DECODER,
    RADIANCE_FIELD_DECODER,
    STRUCTURE_DECODER,
)
from .device import exact_convolutions
from .gaussians import Gaussians
from .mesh import Mesh
from .models.structure_decoder import active_voxels
from .radiance_field import RadianceField
from .request import Plan
from .shelf import Shelf
from .surface import Cubes, extract
from .voxelize import voxels_from_cubes, voxels_from_gaussians
from .voxels import SparseVoxels


def solid_cells(shelf: Shelf, state: Tensor) -> Tensor:
    """The active voxels [N,4] (item, x, y, z) of the first stage's state [B,C,R,R,R]."""
    decoder = shelf.model(STRUCTURE_DECODER)
    with exact_convolutions(shelf.dtype):
        return active_voxels(decoder(state))


def denormalised(shelf: Shelf, state: Tensor) -> Tensor:
    """The second stage's state as the decoders take it: [N,C]→[N,C]."""
    description = shelf.checkpoint.description
    mean = torch.tensor(description.latent_mean, device=state.device)
    std = torch.tensor(description.latent_std, device=state.device)
    return state * std + mean


def decode(shelf: Shelf, plan: Plan, batch: Batch) -> None:
    """Gives every member that has latents its samples."""
    drafts = [_Draft(member, plan) for member in batch.living()]
    for role, take in _takers(plan):
        network = shelf.model(role)
        for draft in drafts:
            with draft.member.alone():
                take(draft, network)
        del network
    for draft in drafts:
        if draft.member.error is None:
            draft.member.samples = draft.samples()


class _Draft:
    """The outputs of a member so far: of each, one for every sample."""

    def __init__(self, member: Member, plan: Plan) -> None:
        self.member = member
        self._plan = plan
        self._voxels: list[SparseVoxels] | None = None
        self._gaussians: list[Gaussians] | None = None
        self._fields: list[RadianceField] | None = None
        self._meshes: list[Mesh] | None = None

    def take_gaussians(self, decoder: Any) -> None:
        """Gaussians, and voxels that are not finer than the grid."""
        plan, grid = self._plan, self.member.grid
        made: list[Gaussians] = decoder(self.member.latents, grid)
        if "voxels" in plan.outputs and plan.refinement <= 1:
            self._voxels = [
                voxels_from_gaussians(
                    grid.positions[span],
                    gaussians,
                    grid_resolution=plan.grid,
                    resolution=plan.resolution,
                )
                for span, gaussians in zip(grid.spans, made, strict=True)
            ]
        if "gaussians" in plan.outputs:
            self._gaussians = made

    def take_fields(self, decoder: Any) -> None:
        """Radiance fields."""
        self._fields = decoder(self.member.latents, self.member.grid)

    def take_cubes(self, decoder: Any) -> None:
        """Meshes, and voxels that are finer than the grid."""
        plan = self._plan
        cubes: list[Cubes] = decoder(self.member.latents, self.member.grid)
        if "voxels" in plan.outputs and plan.refinement > 1:
            self._voxels = [voxels_from_cubes(each, resolution=plan.resolution) for each in cubes]
        if "mesh" in plan.outputs:
            self._meshes = [extract(each) for each in cubes]

    def samples(self) -> list[Sample]:
        """What was asked for, sample by sample."""
        return [
            Sample(
                voxels=self._voxels[index] if self._voxels else None,
                gaussians=self._gaussians[index] if self._gaussians else None,
                radiance_field=self._fields[index] if self._fields else None,
                mesh=self._meshes[index] if self._meshes else None,
            )
            for index in range(self._plan.samples)
        ]


def _takers(plan: Plan) -> list[tuple[str, Callable[[_Draft, Any], None]]]:
    """The networks that a plan needs at its end, and what takes their results."""
    voxels, fine = "voxels" in plan.outputs, plan.refinement > 1
    takers: list[tuple[str, Callable[[_Draft, Any], None]]] = []
    if "gaussians" in plan.outputs or (voxels and not fine):
        takers.append((GAUSSIAN_DECODER, _Draft.take_gaussians))
    if "radiance_field" in plan.outputs:
        takers.append((RADIANCE_FIELD_DECODER, _Draft.take_fields))
    if "mesh" in plan.outputs or (voxels and fine):
        takers.append((MESH_DECODER, _Draft.take_cubes))
    return takers
