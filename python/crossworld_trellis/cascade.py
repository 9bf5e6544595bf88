"""The pipeline types of TRELLIS.2: which grids and flows each goes through, and how a cascade gets
from a coarse shape to the latent voxels of a finer one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from .sparse.grouping import first_of_each

LATENT_SCALE = 16
"""Finest voxels along a latent voxel."""

DEFAULT_MAX_TOKENS = 49_152
"""Latent voxels that a cascade stays below, where it can."""

_STEP = 128


@dataclass(frozen=True, kw_only=True)
class PipelineType:
    """One way from a picture to voxels."""

    name: str
    structure_grid: int
    """Cells per axis of the first stage's result."""
    passes: tuple[int, ...]
    """Which flows find the shape, one after the other: each sees a picture of as many pixels."""
    resolution: int
    """Finest voxels per axis; a cascade to more than 1024 may end lower."""

    @property
    def texture_pass(self) -> int:
        """Which flow finds the material."""
        return self.passes[-1]

    @property
    def picture_sides(self) -> tuple[int, ...]:
        """Pixels of a side of the pictures that its stages see; the structure always sees 512."""
        return tuple(sorted({512, *self.passes}))


PIPELINE_TYPES: Mapping[str, PipelineType] = {
    each.name: each
    for each in (
        PipelineType(name="512", structure_grid=32, passes=(512,), resolution=512),
        PipelineType(name="1024", structure_grid=64, passes=(1024,), resolution=1024),
        PipelineType(name="1024_cascade", structure_grid=32, passes=(512, 1024), resolution=1024),
        PipelineType(name="1536_cascade", structure_grid=32, passes=(512, 1024), resolution=1536),
    )
}
"""Every type, by the name in `pipeline.json`."""


def quantise(coords: Tensor, target: int) -> Tensor:
    """The latent voxels [M,4] of a target resolution that voxels [N,4] of the 512 grid lie in.

    Each once, in lexicographic order.
    """
    # The centre of a cell decides; in integers, so that nothing is rounded.
    cells = (2 * coords[:, 1:].long() + 1) * (target // LATENT_SCALE) // 1024
    cells = torch.cat([coords[:, :1], cells.int()], dim=1)
    return cells[first_of_each(cells)]


def fit(coords: Tensor, target: int, *, max_tokens: int) -> tuple[int, Tensor]:
    """The highest resolution up to a target with fewer than `max_tokens` latent voxels, and these.

    At 1024 the number does not matter any more: the original never goes below.
    """
    while True:
        cells = quantise(coords, target)
        if len(cells) < max_tokens or target <= 1024:
            return target, cells
        target -= _STEP
