"""The golden data of TRELLIS for tests: where they lie, what they hold, how near one must come.

Every tolerance is read from the manifest that came with the data; a tensor without one must be met
exactly. `golden/README.md` says where the data come from.
"""

import json
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor

TRELLIS = Path(__file__).parent / "golden" / "trellis"
"""The folder of the golden data."""

MODEL = TRELLIS / "model"
"""The tiny checkpoint in the official layout."""

IMAGE_ENCODER = TRELLIS / "image_cond"
"""The tiny image encoder: `config.json` and `hub_state.safetensors`."""

MANIFEST: dict[str, Any] = json.loads((TRELLIS / "manifest.json").read_text())


def load(name: str) -> dict[str, Tensor]:
    """The tensors of a golden file; `name` with or without `.safetensors`."""
    return load_file(TRELLIS / _file(name))


def params(name: str) -> dict[str, Any]:
    """The settings that a golden file was made with (`steps`, `seed`, ...), {} where none."""
    return MANIFEST["files"][_file(name)].get("params", {})


def tolerance(name: str, tensor: str | None = None) -> float:
    """How far a tensor of a golden file (or the whole file) may be missed; 0: not at all."""
    entry = MANIFEST["files"][_file(name)]
    if tensor is not None:
        entry = entry["tensors"][tensor]
    return float(entry.get("atol", entry.get("max_abs_diff", 0.0)))


def assert_golden(actual: Tensor, name: str, tensor: str) -> None:
    """Fails unless shape and numbers are those of the golden tensor, within its tolerance."""
    expected = load(name)[tensor]
    assert actual.shape == expected.shape, (
        f"{name}/{tensor}: shape {list(actual.shape)}, expected {list(expected.shape)}"
    )
    allowed = tolerance(name, tensor)
    worst = (actual.detach().cpu().double() - expected.double()).abs().max().item()
    # Written so that NaN fails.
    assert worst <= allowed, f"{name}/{tensor}: off by {worst:.3g}, allowed {allowed:.3g}"


def cosine(actual: Tensor, expected: Tensor) -> float:
    """Cosine of the angle between two tensors taken as one vector each: 1 where they agree."""
    flat = actual.detach().cpu().double().flatten(), expected.detach().cpu().double().flatten()
    return torch.nn.functional.cosine_similarity(*flat, dim=0).item()


def model_args(role: str) -> dict[str, Any]:
    """The arguments in the json of the tiny model that holds this role."""
    return cast(dict[str, Any], json.loads(_model(role, ".json").read_text())["args"])


def model_weights(role: str) -> dict[str, Tensor]:
    """The tensors of the tiny model that holds this role, as float32."""
    return {name: t.float() for name, t in load_file(_model(role, ".safetensors")).items()}


def _model(role: str, suffix: str) -> Path:
    return MODEL / "ckpts" / (MANIFEST["checkpoint"]["roles"][role] + suffix)


def _file(name: str) -> str:
    return name if Path(name).suffix else f"{name}.safetensors"
