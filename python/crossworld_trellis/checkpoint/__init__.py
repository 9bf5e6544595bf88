"""A checkpoint of the TRELLIS-image-large family on disk or on the Hugging Face hub.

`Checkpoint.open` reads the description only; models are fetched and read one by one, when they are
asked for. Rooms: `source` gets files, `arguments` and `description` read their json, `roles` knows
the networks, `weights` loads tensors strictly. Nothing in a checkpoint is ever run.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .. import config
from ..device import memory_errors
from ..models.image_encoder import EncoderError, ImageEncoder
from .description import (
    PIPELINE_FILE,
    ModelDescription,
    PipelineDescription,
    locate,
    read_model,
    read_pipeline,
)
from .encoder import encoder_folder
from .error import CheckpointError, NotDownloadedError
from .roles import (
    LATENT_FLOW,
    OUTPUTS,
    ROLES,
    STRUCTURE_FLOW,
    build,
    check_agreement,
    model_config,
    roles_for,
)
from .source import Download, Folder, Source, hub_repository, open_source
from .weights import StoredTensor, check_weights, load_weights

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


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """An opened checkpoint: made by `open`."""

    source: Source
    description: PipelineDescription
    identity: str
    """Tells this checkpoint from others, for caches: the hub's commit, or a hash of what lies in
    the folder. The image encoder has no part in it."""
    offline: bool
    download: Download | None

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
        found = open_source(
            config.model_source() if source is None else source,
            revision=revision,
            offline=offline,
            download=download,
        )
        if not isinstance(found, Folder):
            found = found.pinned(PIPELINE_FILE)
        description = read_pipeline(found.file(PIPELINE_FILE))
        identity = _fingerprint(found.root) if isinstance(found, Folder) else str(found)
        return cls(found, description, identity, offline, download)

    def config(self, role: str) -> Any:
        """The config of the model in a role; reads its json, none of its tensors.

        Raises `CheckpointError` when there is none or it cannot fill the role.
        """
        path = self.file(role, ".json")
        where = self.description.models[role]
        return model_config(role, read_model(path), path=where, where=str(path))

    def file(self, role: str, suffix: str) -> Path:
        """A file of the model in a role (`.json`, `.safetensors`), downloaded if need be.

        Raises `CheckpointError` when there is none.
        """
        if role not in self.description.models:
            raise CheckpointError(
                f'{PIPELINE_FILE} names no {role}: add "{ROLES[role].released}" to its models, or '
                f"ask for other outputs ({self.source})"
            )
        repository, stem = locate(self.description.models[role])
        source = self.source
        if repository is not None:
            source = hub_repository(repository, offline=self.offline, download=self.download)
        try:
            return source.file(f"{stem}{suffix}")
        except CheckpointError as error:
            raise type(error)(f"{role}: {error}") from error

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

    def check(self, role: str) -> dict[str, StoredTensor]:
        """The tensors of the model in a role, once its files are known to be whole and to fit each
        other. Reads no tensor.

        Raises `CheckpointError` when they are not.
        """
        module = build(role, self.config(role), dtype=torch.float32)
        return check_weights(module, self.file(role, ".safetensors"), what=role)

    def load(self, role: str, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
        """The model in a role, ready to run: in evaluation mode, without gradients.

        `dtype` is that of its torso; what must be float32 is float32 (`models`). The module is of
        the class that `ROLES` names.

        Raises `CheckpointError` when its files are not there, not whole or do not fit each other,
        `DeviceMemoryError` when it does not fit on the device.
        """
        module = build(role, self.config(role), dtype=dtype)
        return load_weights(module, self.file(role, ".safetensors"), device=device, what=role)

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
        for role in (STRUCTURE_FLOW, LATENT_FLOW):
            if role in self.description.models:
                _check_width(encoder.width, self.config(role).cond_channels, role, found)
        return encoder


def _check_width(width: int, wanted: int, role: str, folder: Path) -> None:
    if width != wanted:
        raise CheckpointError(
            f"the image encoder gives {width} channels, but {role} takes {wanted}: name the "
            f"encoder that this checkpoint was trained with in {config.IMAGE_ENCODER_VARIABLE} "
            f"({folder})"
        )


def _fingerprint(folder: Path) -> str:
    """The folder's name with a hash that changes when one of its files does.

    Reading gigabytes would take seconds, so that of the weights only size and time count.
    """
    digest = hashlib.sha256()
    files = [folder / PIPELINE_FILE, *folder.glob("ckpts/*")]
    for path in sorted(path for path in files if path.is_file()):
        stat = path.stat()
        digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return f"{folder.resolve().name}@{digest.hexdigest()[:16]}"
