"""What a generation tells while it runs, and how it is stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from .errors import Cancelled
from .voxels import SparseVoxels

Stage = Literal["loading", "picture", "structure", "appearance", "decoding"]
"""In order: reading weights, looking at the picture, finding out which cells are solid, what each
looks like, and turning that into what was asked for. The names are those of the Rust side."""


@dataclass(frozen=True)
class Progress:
    """How far a generation is."""

    stage: Stage
    step: int
    """Steps of this stage that are done."""
    steps: int
    """Steps this stage has."""


@dataclass(frozen=True)
class Preview:
    """Voxels that come before the result."""

    sample: int
    """Which of the samples this is, from 0."""
    voxels: SparseVoxels


PREVIEW_EVERY = 5
"""Steps from one coarse preview to the next, where nobody says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Watch:
    """The caller's ears and its hand on the brake.

    A device works behind the host, so progress may run a step ahead of it.
    """

    on_progress: Callable[[Progress], None] | None = None
    on_preview: Callable[[Preview], None] | None = None
    """Without it no preview is made."""
    preview_every: int = PREVIEW_EVERY
    """Steps from one coarse preview to the next; 0 for none but the solid cells."""
    should_cancel: Callable[[], bool] | None = None

    def tell(self, stage: Stage, step: int, steps: int) -> None:
        """Reports progress. Raises `Cancelled` when the caller wants no more."""
        if self.should_cancel is not None and self.should_cancel():
            raise Cancelled
        if self.on_progress is not None:
            self.on_progress(Progress(stage, step, steps))
