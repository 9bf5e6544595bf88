"""What decides a result besides the request, as one text: a program that keeps results finds them
again under it, whether they were made in its own process or by a server.

Rounding is part of it, since it decides about cells: the device's name and the dtype count. Who
removes backgrounds is not, there being one (`image.rembg_cut_out`).
"""

from collections.abc import Iterable
from pathlib import Path

import torch

from . import __version__
from .checkpoint.encoder import encoder_identity
from .checkpoint.stored import StoredModels


def device_name(device: torch.device) -> str:
    """The device's name, for people."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def identity_of(
    checkpoint: StoredModels,
    encoder: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    roles: Iterable[str],
    fast: bool,
    float8: bool = False,
    pipeline_type: str | None = None,
) -> str:
    """The text for the networks in these roles and the image encoder in a folder; reads no weights.

    `fast` and `float8` as in `Trellis.load`, `pipeline_type` that of the second generation.
    """
    kind = () if pipeline_type is None else (f"type {pipeline_type}",)
    return ", ".join(
        (
            f"crossworld-trellis {__version__}",
            f"torch {torch.__version__}",
            checkpoint.identity,
            *checkpoint.others(roles),
            encoder_identity(encoder),
            device_name(device),
            str(dtype).removeprefix("torch.") + (" and float8" if float8 else ""),
            "fast" if fast else "plain",
            *kind,
        )
    )
