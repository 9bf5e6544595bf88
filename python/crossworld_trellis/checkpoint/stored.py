"""The models of an opened checkpoint, whatever its family: finding, checking and loading each."""

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypedDict

import torch
from torch import nn

from .. import config
from .description import PIPELINE_FILE, locate, read_model
from .error import CheckpointError
from .family import Family
from .source import Download, Folder, Source, fingerprint, hub_repository, open_source
from .weights import StoredTensor, check_weights, load_weights


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredModels(ABC):
    """Where the models of one checkpoint lie."""

    family: ClassVar[Family]
    source: Source
    identity: str
    """Tells this checkpoint from others, for caches: the hub's commit, or a hash of what lies in
    the folder. The image encoder has no part in it, nor has what lies elsewhere (`others`)."""
    offline: bool
    download: Download | None

    @property
    @abstractmethod
    def models(self) -> Mapping[str, str]:
        """Where each role's model lies, as `pipeline.json` says it."""

    def config(self, role: str) -> Any:
        """The config of the model in a role; reads its json, none of its tensors.

        Raises `CheckpointError` when there is none or it cannot fill the role.
        """
        path = self.file(role, ".json")
        return self.family.model_config(
            role, read_model(path), path=self.models[role], where=str(path)
        )

    def file(self, role: str, suffix: str) -> Path:
        """A file of the model in a role (`.json`, `.safetensors`), downloaded if need be.

        Raises `CheckpointError` when there is none.
        """
        if role not in self.models:
            raise CheckpointError(
                f'{PIPELINE_FILE} names no {role}: add "{self.family.roles[role].released}" to its '
                f"models, or ask for other outputs ({self.source})"
            )
        repository, stem = locate(self.models[role])
        try:
            source = self.source if repository is None else self._other(repository)
            return source.file(f"{stem}{suffix}")
        except CheckpointError as error:
            raise type(error)(f"{role}: {error}") from error

    def check(self, role: str) -> dict[str, StoredTensor]:
        """The tensors of the model in a role, once its files are known to be whole and to fit each
        other. Reads no tensor.

        Raises `CheckpointError` when they are not.
        """
        module = self.family.build(role, self.config(role), dtype=torch.float32)
        path = self.file(role, ".safetensors")
        return check_weights(module, path, what=role, ignored=self.family.roles[role].ignored)

    def load(self, role: str, *, device: torch.device, dtype: torch.dtype) -> nn.Module:
        """The model in a role, ready to run: in evaluation mode, without gradients.

        `dtype` is that of its torso; what must be float32 is float32 (`models`). The module is of
        the class that the family's roles name.

        Raises `CheckpointError` when its files are not there, not whole or do not fit each other,
        `DeviceMemoryError` when it does not fit on the device.
        """
        module = self.family.build(role, self.config(role), dtype=dtype)
        return load_weights(
            module,
            self.file(role, ".safetensors"),
            device=device,
            what=role,
            ignored=self.family.roles[role].ignored,
        )

    def others(self, roles: Iterable[str]) -> list[str]:
        """As `identity`, of each other repository that models in some roles come from.

        Raises `CheckpointError` where such a model is not there.
        """
        found: dict[str, str] = {}
        for role in roles:
            repository, stem = locate(self.models[role])
            if repository is not None and repository not in found:
                source = self._other(repository)
                found[repository] = (
                    _fingerprint(source.root)
                    if isinstance(source, Folder)
                    else str(source.pinned(f"{stem}.json"))
                )
        return list(found.values())

    def check_width(self, width: int, roles: Iterable[str], folder: Path) -> None:
        """Refuses an image encoder of another width than the flows in some roles take."""
        for role in roles:
            wanted = self.config(role).cond_channels
            if width != wanted:
                raise CheckpointError(
                    f"the image encoder gives {width} channels, but {role} takes {wanted}: name "
                    f"the encoder that this checkpoint was trained with in "
                    f"{config.IMAGE_ENCODER_VARIABLE} ({folder})"
                )

    def _other(self, repository: str) -> Source:
        """A repository that `pipeline.json` names besides its own."""
        return hub_repository(repository, offline=self.offline, download=self.download)


class Opened(TypedDict):
    """What `open_files` found, as the fields of a `StoredModels`."""

    source: Source
    identity: str
    offline: bool
    download: Download | None


def open_files(
    source: str | os.PathLike[str] | None,
    *,
    revision: str | None,
    offline: bool,
    download: Download | None,
) -> Opened:
    """The folder or hub repository of a checkpoint, by default what `config.model_source` names.

    Raises `CheckpointError` when there is no `pipeline.json`.
    """
    found = open_source(
        config.model_source() if source is None else source,
        revision=revision,
        offline=offline,
        download=download,
    )
    if isinstance(found, Folder):
        identity = _fingerprint(found.root)
    else:
        found = found.pinned(PIPELINE_FILE)
        identity = str(found)
    return Opened(source=found, identity=identity, offline=offline, download=download)


def _fingerprint(folder: Path) -> str:
    return fingerprint(folder, [folder / PIPELINE_FILE, *folder.glob("ckpts/*")])
