"""What a checkpoint says about itself: `pipeline.json`, and the json beside each model's weights.

Apart from the networks: everything here is read before a tensor is, and needs no knowledge of what
a class in a checkpoint looks like inside (`roles`). All numbers are taken from the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..sampler import SamplerSettings
from .arguments import Object, member, numbers, read_object, text, to_config
from .error import CheckpointError

PIPELINE_FILE = "pipeline.json"

PIPELINE_NAME = "TrellisImageTo3DPipeline"

# Pipelines that people have and this package does not run, with what to say.
_OTHER_PIPELINES = {
    "TrellisTextTo3DPipeline": "made for texts",
    "Trellis2ImageTo3DPipeline": "of the second generation of the model",
}

# What the name of a sampler fixes: without guidance, with guidance at every time.
_SAMPLERS: Mapping[str, Object] = {
    "FlowEulerSampler": {"cfg_strength": 0.0},
    "FlowEulerCfgSampler": {"cfg_interval": [0.0, 1.0]},
    "FlowEulerGuidanceIntervalSampler": {},
}


@dataclass(frozen=True, kw_only=True)
class PipelineDescription:
    """The contents of a `pipeline.json`."""

    models: Mapping[str, str]
    """Where each role's model lies, as `pipeline.json` says it; see `locate`."""
    structure_sampler: SamplerSettings
    latent_sampler: SamplerSettings
    latent_mean: tuple[float, ...]
    latent_std: tuple[float, ...]
    """Mean and standard deviation of each channel of the latents: latent = sample · std + mean."""


@dataclass(frozen=True, kw_only=True)
class ModelDescription:
    """The contents of a model's json."""

    name: str
    """The class in the original's code."""
    arguments: Object


def read_pipeline(path: Path) -> PipelineDescription:
    """Reads a `pipeline.json`; raises `CheckpointError` when it is none that this package runs."""
    where = str(path)
    whole = read_object(path)
    name = text(whole, "name", where=where)
    if name != PIPELINE_NAME:
        kind = _OTHER_PIPELINES.get(name, f"a '{name:.60}'")
        raise CheckpointError(f"this model is {kind}, only {PIPELINE_NAME} is supported ({where})")
    args = member(whole, "args", where=where)
    models = member(args, "models", where=where)
    normalization = member(args, "slat_normalization", where=where)
    mean = numbers(normalization, "mean", where=where)
    std = numbers(normalization, "std", where=where)
    if not mean or len(mean) != len(std) or min(std) <= 0:
        raise CheckpointError(
            f"slat_normalization should have as many means ({len(mean)}) as deviations "
            f"({len(std)}), and these above 0 ({where})"
        )
    return PipelineDescription(
        models={role: text(models, role, where=where) for role in models},
        structure_sampler=_sampler(args, "sparse_structure_sampler", where=where),
        latent_sampler=_sampler(args, "slat_sampler", where=where),
        latent_mean=mean,
        latent_std=std,
    )


def read_model(path: Path) -> ModelDescription:
    """Reads a model's json, raises `CheckpointError` when it is none."""
    whole = read_object(path)
    return ModelDescription(
        name=text(whole, "name", where=str(path)), arguments=member(whole, "args", where=str(path))
    )


def locate(model: str) -> tuple[str | None, str]:
    """Repository and file stem of a model as `pipeline.json` names it.

    `ckpts/name` lies beside `pipeline.json`: no repository. `owner/repo/ckpts/name`, three parts or
    more of which the first is not `ckpts`, lies in another repository.
    """
    parts = model.split("/")
    if len(parts) >= 3 and parts[0] != "ckpts":
        return "/".join(parts[:2]), "/".join(parts[2:])
    return None, model


def _sampler(args: Object, key: str, *, where: str) -> SamplerSettings:
    sampler = member(args, key, where=where)
    name = text(sampler, "name", where=where)
    where = f"{key} ({where})"
    if name not in _SAMPLERS:
        known = ", ".join(_SAMPLERS)
        raise CheckpointError(f"the sampler '{name:.60}' is not known, only {known} in {where}")
    arguments = {**_SAMPLERS[name]}
    for part in ("args", "params"):
        if part in sampler:
            arguments |= member(sampler, part, where=where)
    return to_config(SamplerSettings, arguments, where=where)
