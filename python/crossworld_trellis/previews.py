"""What a caller sees before the result: solid cells, and coarse guesses while a stage is sampled.

A guess decodes the data that a step's velocity points at (`sampler.Step.clean`). Only networks that
lie on the device anyway are used: in low memory nothing but the solid cells is shown, because a
network would have to be fetched for every guess. Nothing here changes the result, nor costs
anything where nobody listens. Guesses that are empty, or NaN, are not shown.
"""

from collections.abc import Sequence
from contextlib import suppress

from .batch import Batch, Member, rows_of
from .checkpoint.roles import GAUSSIAN_DECODER, STRUCTURE_DECODER
from .decoding import denormalised, solid_cells
from .request import Plan
from .sampler import Step
from .shelf import Shelf
from .voxelize import VoxelizeError, occupancy_preview, voxels_from_gaussians


def show_solid_cells(plan: Plan, batch: Batch) -> None:
    """The solid cells of every sample, once they are known."""
    for member in batch.living():
        if member.watch.on_preview is not None:
            for index, span in enumerate(member.grid.spans):
                cells = member.grid.positions[span]
                member.show(index, occupancy_preview(cells, resolution=plan.grid))


def guess_structure(shelf: Shelf, plan: Plan, members: Sequence[Member], step: Step) -> None:
    """Which cells look solid in the middle of the first stage."""
    eager = [index for index, member in enumerate(members) if _is_due(member, step)]
    if not eager or not shelf.holds(STRUCTURE_DECODER):
        return
    clean = step.clean()  # [M·S,C,R,R,R]
    for index in eager:
        coords = solid_cells(shelf, clean[index * plan.samples : (index + 1) * plan.samples])
        for sample in range(plan.samples):
            cells = coords[coords[:, 0] == sample, 1:]
            if len(cells):
                members[index].show(sample, occupancy_preview(cells, resolution=plan.grid))


def guess_appearance(shelf: Shelf, plan: Plan, members: Sequence[Member], step: Step) -> None:
    """What the solid cells look like in the middle of the second stage, at half the resolution."""
    eager = [_is_due(member, step) for member in members]
    if not any(eager) or not shelf.holds(GAUSSIAN_DECODER):
        return
    decoder = shelf.model(GAUSSIAN_DECODER)
    parts = rows_of(members, denormalised(shelf, step.clean()))
    for member, latents, due in zip(members, parts, eager, strict=True):
        if not due:
            continue
        grid = member.grid
        made = zip(grid.spans, decoder(latents, grid), strict=True)
        for sample, (span, gaussians) in enumerate(made):
            with suppress(VoxelizeError):
                voxels = voxels_from_gaussians(
                    grid.positions[span],
                    gaussians,
                    grid_resolution=plan.grid,
                    resolution=plan.grid // 2,
                )
                member.show(sample, voxels)


def _is_due(member: Member, step: Step) -> bool:
    """Whether somebody listens and it is time; what follows a last step is better than a guess."""
    watch = member.watch
    return (
        member.error is None
        and watch.on_preview is not None
        and watch.preview_every > 0
        and step.done % watch.preview_every == 0
        and step.done < step.steps
    )
