"""The front door: the pipeline of a checkpoint, of whichever generation it is."""

import os
from collections.abc import Callable, Sequence

from .checkpoint import Checkpoint
from .checkpoint.trellis2 import open_checkpoint
from .pipeline import Trellis
from .sampler import SettingsError
from .trellis2 import Trellis2
from .watch import Progress


def open_pipeline(
    source: str | os.PathLike[str] | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    outputs: Sequence[str] = ("voxels",),
    low_vram: bool = False,
    image_encoder: str | os.PathLike[str] | None = None,
    revision: str | None = None,
    offline: bool = False,
    fast: bool | None = None,
    pipeline_type: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Trellis | Trellis2:
    """A checkpoint of either generation, loaded as `Trellis.load` and `Trellis2.load` do it.

    `pipeline_type` is for the second generation only. Raises as those do.
    """
    checkpoint = open_checkpoint(source, revision=revision, offline=offline)
    if not isinstance(checkpoint, Checkpoint):
        return Trellis2.of_checkpoint(
            checkpoint,
            device=device,
            dtype=dtype,
            outputs=outputs,
            low_vram=low_vram,
            image_encoder=image_encoder,
            fast=fast,
            pipeline_type=pipeline_type,
            on_progress=on_progress,
        )
    if pipeline_type is not None:
        raise SettingsError(
            f"pipeline type {pipeline_type:.40} is for the second generation of the model, but "
            f"this is the first: leave it out ({checkpoint.source})"
        )
    return Trellis.of_checkpoint(
        checkpoint,
        device=device,
        dtype=dtype,
        outputs=outputs,
        low_vram=low_vram,
        image_encoder=image_encoder,
        fast=fast,
        on_progress=on_progress,
    )
