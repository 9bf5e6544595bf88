"""The golden data for tests: where they lie, what they hold, how near one must come.

The functions are those of the first generation of the model; `golden_set("trellis2")` has the same
ones of the second.

Every tolerance is read from the manifest that came with the data; a tensor without one must be met
exactly. `golden/README.md` says where the data come from.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor


class GoldenSet:
    """The golden data of one generation of the model, in a folder with a manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = folder / "model"
        """The tiny checkpoint in the official layout."""
        self.image_encoder = folder / "image_cond"
        """The tiny image encoder."""
        self.manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())

    def load(self, name: str) -> dict[str, Tensor]:
        """The tensors of a golden file; `name` with or without `.safetensors`."""
        return load_file(self.folder / _file(name))

    def params(self, name: str) -> dict[str, Any]:
        """The settings that a golden file was made with (`steps`, `seed`, ...), {} where none."""
        return self.manifest["files"][_file(name)].get("params", {})

    def tolerance(self, name: str, tensor: str | None = None) -> float:
        """How far a tensor of a golden file (or the whole file) may be missed; 0: not at all."""
        entry = self.manifest["files"][_file(name)]
        if tensor is not None:
            entry = entry["tensors"][tensor]
        return float(entry.get("atol", entry.get("max_abs_diff", 0.0)))

    def assert_golden(self, actual: Tensor, name: str, tensor: str) -> None:
        """Fails unless shape and numbers are those of the golden tensor, within its tolerance."""
        expected = self.load(name)[tensor]
        assert actual.shape == expected.shape, (
            f"{name}/{tensor}: shape {list(actual.shape)}, expected {list(expected.shape)}"
        )
        if not expected.numel():
            return
        allowed = self.tolerance(name, tensor)
        worst = (actual.detach().cpu().double() - expected.double()).abs().max().item()
        # Written so that NaN fails.
        assert worst <= allowed, f"{name}/{tensor}: off by {worst:.3g}, allowed {allowed:.3g}"

    def model_args(self, role: str) -> dict[str, Any]:
        """The arguments in the json of the tiny model that holds this role."""
        return cast(dict[str, Any], json.loads(self._stored(role, ".json").read_text())["args"])

    def model_weights(self, role: str) -> dict[str, Tensor]:
        """The tensors of the tiny model that holds this role, as float32."""
        stored = load_file(self._stored(role, ".safetensors"))
        return {name: tensor.float() for name, tensor in stored.items()}

    def _stored(self, role: str, suffix: str) -> Path:
        return self.model / "ckpts" / (self.manifest["checkpoint"]["roles"][role] + suffix)


@cache
def golden_set(generation: str) -> GoldenSet:
    """The golden data in `golden/<generation>`."""
    return GoldenSet(Path(__file__).parent / "golden" / generation)


def cosine(actual: Tensor, expected: Tensor) -> float:
    """Cosine of the angle between two tensors taken as one vector each: 1 where they agree."""
    flat = actual.detach().cpu().double().flatten(), expected.detach().cpu().double().flatten()
    return torch.nn.functional.cosine_similarity(*flat, dim=0).item()


def _file(name: str) -> str:
    return name if Path(name).suffix else f"{name}.safetensors"


_FIRST = golden_set("trellis")

TRELLIS = _FIRST.folder
MODEL = _FIRST.model
IMAGE_ENCODER = _FIRST.image_encoder
MANIFEST = _FIRST.manifest
load = _FIRST.load
params = _FIRST.params
tolerance = _FIRST.tolerance
assert_golden = _FIRST.assert_golden
model_args = _FIRST.model_args
model_weights = _FIRST.model_weights
