"""Which networks of a checkpoint lie on the device, and for how long."""

import os
from pathlib import Path
from typing import Any

import torch

from .checkpoint import ROLES, Checkpoint
from .device import free_cached_memory
from .models.image_encoder import ImageEncoder


class Shelf:
    """Hands out networks, ready to run on one device.

    Kept ones are loaded when first asked for and stay. In low memory nothing is kept: each is read
    from its mapped file whenever it is needed, and its memory is given back once the caller drops
    it and calls `tidy`.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: torch.device,
        dtype: torch.dtype,
        keep: bool,
        encoder: str | os.PathLike[str] | None,
    ) -> None:
        self.checkpoint = checkpoint
        self.device = device
        self.dtype = dtype
        self._keep = keep
        self._encoder_source = encoder
        self._kept: dict[str, Any] = {}
        self._encoder: ImageEncoder | None = None

    def model(self, role: str) -> Any:
        """The network in a role; its class is the one that `checkpoint.ROLES` names.

        Raises `CheckpointError` or `DeviceMemoryError` when it cannot be loaded.
        """
        assert role in ROLES
        if role in self._kept:
            return self._kept[role]
        module = self.checkpoint.load(role, device=self.device, dtype=self.dtype)
        if self._keep:
            self._kept[role] = module
        return module

    def holds(self, role: str) -> bool:
        """Whether the network in a role lies ready, so that asking for it costs nothing."""
        return role in self._kept

    def encoder_folder(self) -> Path:
        """Where the image encoder lies. Raises `CheckpointError`."""
        return self.checkpoint.encoder_folder(self._encoder_source)

    def encoder(self) -> ImageEncoder:
        """The image encoder. Raises as `model`."""
        if self._encoder is not None:
            return self._encoder
        encoder = self.checkpoint.load_image_encoder(
            device=self.device, folder=self._encoder_source
        )
        if self._keep:
            self._encoder = encoder
        return encoder

    def tidy(self) -> None:
        """In low memory, gives the memory of dropped networks back to the device."""
        if not self._keep:
            free_cached_memory(self.device)
