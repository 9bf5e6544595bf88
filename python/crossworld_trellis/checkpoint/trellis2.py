"""A checkpoint of the TRELLIS.2 family, and opening one of whichever family it is.

Beside `Checkpoint`, whose twin `Trellis2Checkpoint` is: the same files, rules and errors, other
roles and another description of the pipeline.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from .. import config
from ..cascade import PIPELINE_TYPES, PipelineType
from ..device import memory_errors
from ..guidance import GuidanceSettings
from ..models.dinov3_encoder import Dinov3Encoder
from ..models.image_encoder_weights import EncoderError
from . import Checkpoint
from .arguments import Object, member, text
from .description import (
    PIPELINE_FILE,
    PIPELINE_NAME_2,
    Normalization,
    pipeline_arguments,
    pipeline_name,
    read_models,
    read_normalization,
    read_pipeline,
    read_sampler,
)
from .encoder import encoder_folder
from .error import CheckpointError, NotDownloadedError
from .family import Family
from .source import Download, Source, open_source
from .stored import StoredModels, open_files
from .trellis2_roles import TRELLIS_2, check_agreement, roles_for

# What the name of a sampler fixes: without guidance, with guidance at every time.
_SAMPLERS: Mapping[str, Object] = {
    "FlowEulerSampler": {"guidance_strength": 1.0},
    "FlowEulerCfgSampler": {"guidance_interval": [0.0, 1.0]},
    "FlowEulerGuidanceIntervalSampler": {},
}


@dataclass(frozen=True, kw_only=True)
class Trellis2Description:
    """The contents of a `pipeline.json`."""

    models: Mapping[str, str]
    """Where each role's model lies, as `pipeline.json` says it."""
    structure_sampler: GuidanceSettings
    shape_sampler: GuidanceSettings
    texture_sampler: GuidanceSettings
    shape_latents: Normalization
    texture_latents: Normalization
    image_encoder: str
    """Repository of the image encoder."""
    default_type: PipelineType


@dataclass(frozen=True, eq=False, kw_only=True)
class Trellis2Checkpoint(StoredModels):
    """An opened checkpoint: made by `open`."""

    family: ClassVar[Family] = TRELLIS_2
    description: Trellis2Description

    @classmethod
    def open(
        cls,
        source: str | os.PathLike[str] | None = None,
        *,
        revision: str | None = None,
        offline: bool = False,
        download: Download | None = None,
    ) -> "Trellis2Checkpoint":
        """Reads `pipeline.json`, as `Checkpoint.open` does."""
        opened = open_files(source, revision=revision, offline=offline, download=download)
        return cls(description=read_description(opened["source"].file(PIPELINE_FILE)), **opened)

    @property
    def models(self) -> Mapping[str, str]:
        """Where each role's model lies, as `pipeline.json` says it."""
        return self.description.models

    def fetch(self, kind: PipelineType, outputs: Iterable[str]) -> None:
        """Brings every file that a pipeline type needs for some outputs onto this machine, and
        checks that their models fit each other. The image encoder is not among them.

        Raises `CheckpointError` when that fails, `ValueError` for an unknown output.
        """
        roles = roles_for(kind, outputs)
        configs: dict[str, Any] = {role: self.config(role) for role in roles}
        check_agreement(
            configs,
            shape_channels=len(self.description.shape_latents.mean),
            texture_channels=len(self.description.texture_latents.mean),
        )
        for role in roles:
            self.file(role, ".safetensors")

    def encoder_folder(self, folder: str | os.PathLike[str] | None = None) -> Path:
        """The folder of the image encoder, downloaded if need be; see `load_image_encoder`.

        Raises `CheckpointError` when there is none, or the hub grants no access to it.
        """
        published = self.description.image_encoder
        try:
            return encoder_folder(
                folder,
                beside=self.source,
                offline=self.offline,
                download=self.download,
                published=published,
            )
        except NotDownloadedError as error:
            raise NotDownloadedError(
                f"{error}; its weights are gated: before a download, accept the terms at "
                f"https://huggingface.co/{published} and log in with 'hf auth login'"
            ) from error

    def load_image_encoder(
        self, *, device: torch.device, folder: str | os.PathLike[str] | None = None
    ) -> Dinov3Encoder:
        """The image encoder: from `folder` (also a hub repository), else from where
        `TRELLIS_IMAGE_ENCODER` says, else from `image_cond` beside `pipeline.json`, else the one
        from the hub that `pipeline.json` names.

        Raises `CheckpointError` when it is not there, not whole, or gives conditions of another
        width than the flows of this checkpoint take.
        """
        found = self.encoder_folder(folder)
        try:
            with memory_errors(device, "loading the image encoder"):
                encoder = Dinov3Encoder.from_folder(found, device=device)
        except EncoderError as error:
            raise CheckpointError(str(error)) from error
        flows = [role for role in self.family.roles if "flow" in role and role in self.models]
        self.check_width(encoder.width, flows[:1], found)
        return encoder

    def _other(self, repository: str) -> Source:
        own = config.first_generation_source()
        if repository == config.DEFAULT_MODEL and own is not None:
            return open_source(own, offline=self.offline, download=self.download)
        return super()._other(repository)


def open_checkpoint(
    source: str | os.PathLike[str] | None = None,
    *,
    revision: str | None = None,
    offline: bool = False,
    download: Download | None = None,
) -> Checkpoint | Trellis2Checkpoint:
    """The checkpoint of either generation, as `pipeline.json` says; else as `Checkpoint.open`."""
    opened = open_files(source, revision=revision, offline=offline, download=download)
    path = opened["source"].file(PIPELINE_FILE)
    if pipeline_name(path) == PIPELINE_NAME_2:
        return Trellis2Checkpoint(description=read_description(path), **opened)
    return Checkpoint(description=read_pipeline(path), **opened)


def read_description(path: Path) -> Trellis2Description:
    """Reads a `pipeline.json`; raises `CheckpointError` when it is none of this family."""
    where = str(path)
    args = pipeline_arguments(path, PIPELINE_NAME_2)

    def sampler(key: str) -> GuidanceSettings:
        return read_sampler(GuidanceSettings, _SAMPLERS, args, key, where=where)

    default_type = "1024_cascade"
    if "default_pipeline_type" in args:
        default_type = text(args, "default_pipeline_type", where=where)
    if default_type not in PIPELINE_TYPES:
        known = ", ".join(PIPELINE_TYPES)
        raise CheckpointError(
            f"default_pipeline_type should be one of {known}, got '{default_type:.40}' ({where})"
        )
    return Trellis2Description(
        models=read_models(args, where=where),
        structure_sampler=sampler("sparse_structure_sampler"),
        shape_sampler=sampler("shape_slat_sampler"),
        texture_sampler=sampler("tex_slat_sampler"),
        shape_latents=read_normalization(args, "shape_slat_normalization", where=where),
        texture_latents=read_normalization(args, "tex_slat_normalization", where=where),
        image_encoder=_image_encoder(args, where),
        default_type=PIPELINE_TYPES[default_type],
    )


def _image_encoder(args: Object, where: str) -> str:
    if "image_cond_model" not in args:
        return config.DEFAULT_IMAGE_ENCODER_2
    model = member(args, "image_cond_model", where=where)
    return text(member(model, "args", where=where), "model_name", where=where)
