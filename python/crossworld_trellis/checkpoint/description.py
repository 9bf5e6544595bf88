"""What a checkpoint says about itself: `pipeline.json`, and the json beside each model's weights.

Apart from the networks: everything here is read before a tensor is, and needs no knowledge of what
a class in a checkpoint looks like inside (`roles`). All numbers are taken from the files.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..sampler import SamplerSettings
from .arguments import Object, member, numbers, read_object, text, to_config
from .error import CheckpointError

Settings = TypeVar("Settings")

PIPELINE_FILE = "pipeline.json"

PIPELINE_NAME = "TrellisImageTo3DPipeline"

PIPELINE_NAME_2 = "Trellis2ImageTo3DPipeline"

# Pipelines that are not the one asked for, with what to say.
_OTHER_PIPELINES = {
    "TrellisTextTo3DPipeline": "made for texts",
    PIPELINE_NAME: "of the first generation of the model",
    PIPELINE_NAME_2: "of the second generation of the model",
}

# What the name of a sampler fixes: without guidance, with guidance at every time.
SAMPLERS: Mapping[str, Object] = {
    "FlowEulerSampler": {"cfg_strength": 0.0},
    "FlowEulerCfgSampler": {"cfg_interval": [0.0, 1.0]},
    "FlowEulerGuidanceIntervalSampler": {},
}


@dataclass(frozen=True)
class Normalization:
    """Of each channel of the latents: latent = sample · std + mean."""

    mean: tuple[float, ...]
    std: tuple[float, ...]


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
    args = pipeline_arguments(path, PIPELINE_NAME)
    normalization = read_normalization(args, "slat_normalization", where=where)
    return PipelineDescription(
        models=read_models(args, where=where),
        structure_sampler=read_sampler(
            SamplerSettings, SAMPLERS, args, "sparse_structure_sampler", where=where
        ),
        latent_sampler=read_sampler(SamplerSettings, SAMPLERS, args, "slat_sampler", where=where),
        latent_mean=normalization.mean,
        latent_std=normalization.std,
    )


def pipeline_name(path: Path) -> str:
    """The class that a `pipeline.json` names; raises `CheckpointError` when it names none."""
    return text(read_object(path), "name", where=str(path))


def pipeline_arguments(path: Path, name: str) -> Object:
    """The arguments in a `pipeline.json` of a class; raises `CheckpointError` for another class."""
    where = str(path)
    whole = read_object(path)
    found = text(whole, "name", where=where)
    if found != name:
        kind = _OTHER_PIPELINES.get(found, f"a '{found:.60}'")
        raise CheckpointError(f"this model is {kind}, only {name} is supported here ({where})")
    return member(whole, "args", where=where)


def read_models(args: Object, *, where: str) -> Mapping[str, str]:
    """Where each role's model lies, as `pipeline.json` says it."""
    models = member(args, "models", where=where)
    return {role: text(models, role, where=where) for role in models}


def read_normalization(args: Object, key: str, *, where: str) -> Normalization:
    """Mean and deviation of latents; raises `CheckpointError` when they cannot be."""
    normalization = member(args, key, where=where)
    mean = numbers(normalization, "mean", where=where)
    std = numbers(normalization, "std", where=where)
    if not mean or len(mean) != len(std) or min(std) <= 0:
        raise CheckpointError(
            f"{key} should have as many means ({len(mean)}) as deviations "
            f"({len(std)}), and these above 0 ({where})"
        )
    return Normalization(mean, std)


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


def read_sampler(
    kind: type[Settings], known: Mapping[str, Object], args: Object, key: str, *, where: str
) -> Settings:
    """The settings of a sampler; `known` are the names it may have and what each fixes."""
    sampler = member(args, key, where=where)
    name = text(sampler, "name", where=where)
    where = f"{key} ({where})"
    if name not in known:
        raise CheckpointError(
            f"the sampler '{name:.60}' is not known, only {', '.join(known)} in {where}"
        )
    arguments = {**known[name]}
    for part in ("args", "params"):
        if part in sampler:
            arguments |= member(sampler, part, where=where)
    return to_config(kind, arguments, where=where)
