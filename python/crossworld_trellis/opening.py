"""The front door: the pipeline of a checkpoint, of whichever generation it is.

What both have in common is `Pipeline`; who needs no more than that need not know which it got.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from . import config
from .checkpoint import Checkpoint, roles_for
from .checkpoint.roles import LATENT_FLOW
from .checkpoint.stored import StoredModels
from .checkpoint.trellis2 import Trellis2Checkpoint, open_checkpoint
from .checkpoint.trellis2_roles import roles_for as roles_for_2
from .device import choose_dtype
from .errors import TrellisError
from .identity import device_name, identity_of
from .image import CutOut, Framing
from .material_mesh import MaterialMesh
from .mesh import Mesh
from .pipeline import Trellis, precision_of
from .request import Request, resolutions_of
from .sampler import SettingsError
from .trellis2 import Trellis2
from .trellis2.plan import DEFAULT_RESOLUTION, wanted_type
from .trellis2.plan import resolutions_of as resolutions_of_2
from .voxels import SparseVoxels
from .watch import Progress


class Made(Protocol):
    """One object that a pipeline made; what was not asked for is `None`."""

    @property
    def voxels(self) -> SparseVoxels | None: ...
    @property
    def mesh(self) -> Mesh | MaterialMesh | None: ...

    @property
    def reduced(self) -> str | None:
        """What was done differently than asked."""
        ...


class Pipeline(Protocol):
    """What `Trellis` and `Trellis2` have in common; the words mean what they mean there."""

    @property
    def checkpoint(self) -> StoredModels: ...
    @property
    def device(self) -> torch.device: ...
    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def framing(self) -> Framing: ...
    @property
    def identity(self) -> str: ...
    @property
    def resolution(self) -> int: ...
    @property
    def resolutions(self) -> tuple[int, ...]: ...
    @property
    def together(self) -> int: ...

    def generate_batch(
        self,
        requests: Sequence[Request],
        *,
        formats: Sequence[str] | None = None,
        resolution: int | None = None,
        steps: int | None = None,
        cfg: float | None = None,
        preprocessed: bool = False,
        cut_out: CutOut | None = None,
    ) -> Sequence[Made | TrellisError]:
        """An object of each request, or what ended that one alone."""
        ...


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """What a pipeline is, or would be."""

    model: str
    """The checkpoint's identity, see `StoredModels.identity`."""
    device: str
    """The device's name, for people."""
    identity: str
    """Everything besides a request that decides its result, see `identity`."""
    resolution: int
    """Cells per axis that voxels have where nobody asks for another number."""
    resolutions: tuple[int, ...]
    """Cells per axis that can be asked for, from few to many."""
    together: int
    """Most requests that gain from being made in one batch."""

    @classmethod
    def of(cls, pipeline: Pipeline) -> "Outlook":
        """What a loaded pipeline is."""
        return cls(
            model=pipeline.checkpoint.identity,
            device=device_name(pipeline.device),
            identity=pipeline.identity,
            resolution=pipeline.resolution,
            resolutions=pipeline.resolutions,
            together=pipeline.together,
        )


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
    return pipeline_of(
        open_checkpoint(source, revision=revision, offline=offline),
        device=device,
        dtype=dtype,
        outputs=outputs,
        low_vram=low_vram,
        image_encoder=image_encoder,
        fast=fast,
        pipeline_type=pipeline_type,
        on_progress=on_progress,
    )


def pipeline_of(
    checkpoint: Checkpoint | Trellis2Checkpoint,
    *,
    device: str = "auto",
    dtype: str = "auto",
    outputs: Sequence[str] = ("voxels",),
    low_vram: bool = False,
    image_encoder: str | os.PathLike[str] | None = None,
    fast: bool | None = None,
    pipeline_type: str | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Trellis | Trellis2:
    """As `open_pipeline`, of a checkpoint that is open already."""
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


def foresee(source: str | os.PathLike[str] | None, device: torch.device) -> Outlook:
    """What `open_pipeline` would load on a device, with its default settings; reads no weights.

    Raises `NotDownloadedError` where a file is not on this machine, `CheckpointError` for other
    faults of the files, and `SettingsError` where the environment names a pipeline type or a
    precision that cannot be.
    """
    checkpoint = open_checkpoint(source, offline=True)
    if isinstance(checkpoint, Checkpoint):
        return _foresee_first(checkpoint, device)
    return _foresee_second(checkpoint, device)


def _foresee_first(checkpoint: Checkpoint, device: torch.device) -> Outlook:
    encoder = checkpoint.encoder_folder()
    roles = roles_for(("voxels",))
    for role in roles:
        checkpoint.file(role, ".safetensors")
    own: int = checkpoint.config(LATENT_FLOW).resolution
    dtype, float8 = precision_of(device, "auto", None)
    return Outlook(
        model=checkpoint.identity,
        device=device_name(device),
        identity=identity_of(
            checkpoint, encoder, device, dtype, roles=roles, fast=config.fast(), float8=float8
        ),
        resolution=own,
        resolutions=resolutions_of(own),
        together=Trellis.together,
    )


def _foresee_second(checkpoint: Trellis2Checkpoint, device: torch.device) -> Outlook:
    kind = wanted_type(checkpoint, None)
    encoder = checkpoint.encoder_folder()
    roles = roles_for_2(kind, ("voxels",))
    for role in roles:
        checkpoint.file(role, ".safetensors")
    dtype = choose_dtype("auto", device, trained=torch.bfloat16)
    return Outlook(
        model=checkpoint.identity,
        device=device_name(device),
        identity=identity_of(
            checkpoint,
            encoder,
            device,
            dtype,
            roles=roles,
            fast=config.fast(),
            pipeline_type=kind.name,
        ),
        resolution=DEFAULT_RESOLUTION,
        resolutions=resolutions_of_2(kind),
        together=Trellis2.together,
    )
