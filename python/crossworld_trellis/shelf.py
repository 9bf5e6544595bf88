"""Which networks of a checkpoint lie on the device, and for how long."""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from .checkpoint import Checkpoint
from .checkpoint.roles import LATENT_FLOW, STRUCTURE_FLOW
from .checkpoint.stored import StoredModels
from .device import free_cached_memory
from .graphs import Graphs, StepField, can_record
from .models.float8_layers import round_blocks
from .models.image_encoder import ImageEncoder
from .sampler import VelocityField

_FLOWS = (STRUCTURE_FLOW, LATENT_FLOW)

Models = TypeVar("Models", bound=StoredModels)
Encoder = TypeVar("Encoder")


class ModelShelf(Generic[Models, Encoder]):
    """Hands out networks, ready to run on one device.

    Kept ones are loaded when first asked for and stay. In low memory nothing is kept: each is read
    from its mapped file whenever it is needed, and its memory is given back once the caller drops
    it and calls `tidy`.
    """

    def __init__(
        self,
        checkpoint: Models,
        *,
        device: torch.device,
        dtype: torch.dtype,
        keep: bool,
        load_encoder: Callable[[], Encoder],
        dtypes: Mapping[str, torch.dtype] | None = None,
        fast: bool = False,
    ) -> None:
        """`dtypes` are those of the roles that another one than `dtype` suits better. `fast`
        lets the steps of flows that are kept become CUDA graphs, and the encoder round."""
        self.checkpoint = checkpoint
        self.device = device
        self.dtype = dtype
        self._dtypes = dtypes or {}
        self._keep = keep
        self._load_encoder = load_encoder
        self._graphs = Graphs() if fast and keep and can_record(device) else None
        self.rounds = fast and device.type == "cuda" and dtype != torch.float32
        """Whether the encoder's products may be rounded: flows would round what comes of them."""
        self._kept: dict[str, Any] = {}
        self._encoder: Encoder | None = None

    def model(self, role: str) -> Any:
        """The network in a role; its class is the one that the family's roles name.

        Raises `CheckpointError` or `DeviceMemoryError` when it cannot be loaded.
        """
        assert role in self.checkpoint.family.roles
        if role in self._kept:
            return self._kept[role]
        module = self.checkpoint.load(role, device=self.device, dtype=self.dtype_of(role))
        if self._keep:
            self._kept[role] = module
        return module

    def dtype_of(self, role: str) -> torch.dtype:
        """What the torso of the network in a role computes in."""
        return self._dtypes.get(role, self.dtype)

    def holds(self, role: str) -> bool:
        """Whether the network in a role lies ready, so that asking for it costs nothing."""
        return role in self._kept

    def recorded(self, name: str, field: StepField) -> VelocityField:
        """A field bound to a network, whose steps may be recorded. One name for each network."""
        return field if self._graphs is None else self._graphs.replayed(name, field)

    def encoder(self) -> Encoder:
        """The image encoder. Raises as `model`."""
        if self._encoder is not None:
            return self._encoder
        encoder = self._load_encoder()
        if self._keep:
            self._encoder = encoder
        return encoder

    def keep_only(self, roles: Collection[str]) -> None:
        """Drops the networks in all other roles, and gives their memory back to the device."""
        # What `Graphs` keeps for the next run is of networks that every run needs.
        self._kept = {role: kept for role, kept in self._kept.items() if role in roles}
        free_cached_memory(self.device)

    def tidy(self) -> None:
        """In low memory, gives the memory of dropped networks back to the device."""
        if not self._keep:
            free_cached_memory(self.device)


class Shelf(ModelShelf[Checkpoint, ImageEncoder]):
    """The networks of the first generation."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: torch.device,
        dtype: torch.dtype,
        keep: bool,
        encoder: str | os.PathLike[str] | None,
        fast: bool = False,
        float8: bool = False,
    ) -> None:
        """With `float8` the flows' large products are of eight bits."""
        super().__init__(
            checkpoint,
            device=device,
            dtype=dtype,
            keep=keep,
            load_encoder=self._read_encoder,
            fast=fast,
        )
        self._encoder_source = encoder
        self.float8 = float8

    def model(self, role: str) -> Any:
        """As `ModelShelf.model`. A flow that is kept on a GPU keeps only what its steps need."""
        if self.holds(role) or role not in _FLOWS:
            return super().model(role)
        flow = super().model(role)
        if self.float8:
            round_blocks(flow.blocks)
        if self.holds(role) and self.device.type == "cuda":
            flow.rest_modulations()
        return flow

    def _read_encoder(self) -> ImageEncoder:
        encoder = self.checkpoint.load_image_encoder(
            device=self.device, folder=self._encoder_source
        )
        if self.rounds:
            encoder.round_products()
        return encoder

    def encoder_folder(self) -> Path:
        """Where the image encoder lies. Raises `CheckpointError`."""
        return self.checkpoint.encoder_folder(self._encoder_source)
