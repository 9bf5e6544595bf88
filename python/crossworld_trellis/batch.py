"""Requests on their way through the networks together: `Batch` and its `Member`s.

Each has its own noise, watch and end. What fails or is cancelled leaves: at once as far as its
caller can tell, and out of the networks' input at the next stage. The rest goes on as if it had
been alone.
"""

import itertools
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import Cancelled, TrellisError
from .gaussians import Gaussians
from .mesh import Mesh
from .radiance_field import RadianceField
from .request import Request
from .sparse.grid import VoxelGrid
from .voxels import SparseVoxels
from .watch import Preview, Stage


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample:
    """One object; what was not asked for is `None`."""

    voxels: SparseVoxels | None
    gaussians: Gaussians | None
    radiance_field: RadianceField | None
    mesh: Mesh | None
    reduced: str | None = None
    """What was done differently than asked: nothing ever, unlike in the second generation."""


class NobodyLeft(Exception):
    """Every member of the batch has ended: the work should stop."""


class Member:
    """One request, and what is known of its samples so far."""

    condition: Tensor
    """[K,1,L,C] float32: its pictures as the networks see them, the same for all its samples."""
    grid: VoxelGrid
    """The active voxels of its samples."""
    latents: Tensor
    """[N,C] de-normalised."""
    samples: list[Sample]

    def __init__(self, request: Request) -> None:
        self.request = request
        self.watch = request.watch
        self.random = torch.Generator().manual_seed(request.seed)
        self.error: TrellisError | None = None

    @contextmanager
    def alone(self, kind: type[TrellisError] = TrellisError) -> Generator[None]:
        """An error of this kind ends this member, and nobody else."""
        try:
            yield
        except kind as error:
            # The traceback would keep the tensors of all members.
            self.error = self.error or error.with_traceback(None)

    def show(self, sample: int, voxels: SparseVoxels) -> None:
        """Hands a preview to whoever listens."""
        on_preview = self.watch.on_preview
        if on_preview is not None and self.error is None:
            with self.alone(Cancelled):
                on_preview(Preview(sample, voxels))

    def result(self) -> list[Sample] | TrellisError:
        """The samples once they are made, or why there are none."""
        return self.samples if self.error is None else self.error


class Batch:
    """Members in the order of their requests."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.members = [Member(request) for request in requests]

    def living(self) -> list[Member]:
        """Those that have not ended. Raises `NobodyLeft` when there are none."""
        living = [member for member in self.members if member.error is None]
        if not living:
            raise NobodyLeft
        return living

    def tell(self, stage: Stage, step: int, steps: int) -> None:
        """Reports progress to all, who may cancel. Raises `NobodyLeft` once all have ended."""
        for member in self.living():
            with member.alone(Cancelled):
                member.watch.tell(stage, step, steps)
        self.living()


def conditions(members: Sequence[Member]) -> Tensor:
    """[K,M,L,C]: what the networks see of all members."""
    return torch.cat([member.condition for member in members], dim=1)


def grid_of(members: Sequence[Member]) -> VoxelGrid:
    """The active voxels of all samples of all members, in their order."""
    if len(members) == 1:
        return members[0].grid
    parts: list[Tensor] = []
    items: list[int] = []
    for member in members:
        parts.append(renumbered(member.grid.coords, len(items)))
        items += member.grid.items
    return VoxelGrid(torch.cat(parts), items=items)


def rows_of(members: Sequence[Member], values: Tensor) -> list[Tensor]:
    """Each member's own part of what belongs to the voxels of `grid_of`: [N,C]→[n,C] for each."""
    ends = list(itertools.accumulate((len(member.grid) for member in members), initial=0))
    return [values[start:end] for start, end in itertools.pairwise(ends)]


def renumbered(coords: Tensor, by: int) -> Tensor:
    """Coordinates [N,4] whose items have numbers greater by so much."""
    if by == 0:
        return coords
    step = torch.tensor([by, 0, 0, 0], dtype=coords.dtype, device=coords.device)
    return coords + step
