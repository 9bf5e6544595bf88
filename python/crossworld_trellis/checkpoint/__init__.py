"""A checkpoint of the TRELLIS-image-large family on disk or on the Hugging Face hub.

`Checkpoint.open` reads the description only; models are fetched and read one by one, when they are
asked for. Rooms: `source` gets files, `arguments` and `description` read their json, `roles` and
`family` know the networks, `weights` loads tensors strictly, `stored` does what all families share.
The second generation is in `trellis2`. Nothing in a checkpoint is ever run.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch

from ..device import memory_errors
from ..models.image_encoder import EncoderError, ImageEncoder
from .description import PIPELINE_FILE, ModelDescription, PipelineDescription, read_pipeline
from .encoder import encoder_folder
from .error import CheckpointError, NotDownloadedError
from .family import Family
from .roles import (
    LATENT_FLOW,
    OUTPUTS,
    ROLES,
    STRUCTURE_FLOW,
    TRELLIS,
    check_agreement,
    roles_for,
)
from .source import Download
from .stored import StoredModels, open_files

__all__ = [
    "OUTPUTS",
    "ROLES",
    "Checkpoint",
    "CheckpointError",
    "ModelDescription",
    "NotDownloadedError",
    "PipelineDescription",
    "roles_for",
]


@dataclass(frozen=True, eq=False, kw_only=True)
class Checkpoint(StoredModels):
    """An opened checkpoint: made by `open`."""

    family: ClassVar[Family] = TRELLIS
    description: PipelineDescription

    @classmethod
    def open(
        cls,
        source: str | os.PathLike[str] | None = None,
        *,
        revision: str | None = None,
        offline: bool = False,
        download: Download | None = None,
    ) -> "Checkpoint":
        """Reads `pipeline.json` of a folder or of a hub repository `owner/name`.

        Without a source, of the one that `config.model_source` names. `revision` is a branch, tag
        or commit on the hub; `offline` forbids the network; `download` stands in for the hub.

        Raises `CheckpointError` with the true cause when that fails.
        """
        opened = open_files(source, revision=revision, offline=offline, download=download)
        return cls(description=read_pipeline(opened["source"].file(PIPELINE_FILE)), **opened)

    @property
    def models(self) -> Mapping[str, str]:
        """Where each role's model lies, as `pipeline.json` says it."""
        return self.description.models

    def fetch(self, outputs: Iterable[str]) -> None:
        """Brings every file that some outputs need onto this machine, and checks that their models
        fit each other. The image encoder is not among them.

        Raises `CheckpointError` when that fails, `ValueError` for an unknown output.
        """
        roles = roles_for(outputs)
        configs = {role: self.config(role) for role in roles}
        check_agreement(configs, latent_channels=len(self.description.latent_mean))
        for role in roles:
            self.file(role, ".safetensors")

    def encoder_folder(self, folder: str | os.PathLike[str] | None = None) -> Path:
        """The folder of the image encoder, downloaded if need be; see `load_image_encoder`.

        Raises `CheckpointError` when there is none.
        """
        return encoder_folder(
            folder, beside=self.source, offline=self.offline, download=self.download
        )

    def load_image_encoder(
        self, *, device: torch.device, folder: str | os.PathLike[str] | None = None
    ) -> ImageEncoder:
        """The image encoder: from `folder` (also a hub repository), else from where
        `TRELLIS_IMAGE_ENCODER` says, else from `image_cond` beside `pipeline.json`, else the
        published one from the hub.

        Raises `CheckpointError` when it is not there, not whole, or gives conditions of another
        width than the flows of this checkpoint take.
        """
        found = self.encoder_folder(folder)
        try:
            with memory_errors(device, "loading the image encoder"):
                encoder = ImageEncoder.from_folder(found, device=device)
        except EncoderError as error:
            raise CheckpointError(str(error)) from error
        flows = [role for role in (STRUCTURE_FLOW, LATENT_FLOW) if role in self.models]
        self.check_width(encoder.width, flows, found)
        return encoder
