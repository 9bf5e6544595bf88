"""What a client asked for, in the words of the model's generation: the stages of the two differ."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..cascade import DEFAULT_MAX_TOKENS
from ..checkpoint.trellis2_roles import OUTPUTS_2
from ..errors import TrellisError
from ..guidance import GuidanceSettings
from ..opening import Made
from ..pipeline import Trellis
from ..request import Request
from ..sampler import SamplerSettings, SettingsError
from ..trellis2 import Trellis2
from .schemas import GenerationSettings, OutputFormat, StageSettings

_OUTPUTS: Mapping[OutputFormat, str] = {
    "glb": "mesh",
    "ply": "gaussians",
    "npy": "radiance_field",
    "voxels": "voxels",
    "vox": "voxels",
    "csm": "voxels",
    "bcf": "voxels",
}

# What a file of TRELLIS.2 may hold.
_OUTPUTS_2: Mapping[OutputFormat, str] = {
    name: output for name, output in _OUTPUTS.items() if output in OUTPUTS_2
}

_ONLY_FIRST = ("latents", "forecast", "mode")
_ONLY_SECOND = ("shape", "texture", "pipeline_type", "max_tokens")


def make(
    pipeline: Trellis | Trellis2,
    requests: Sequence[Request],
    settings: GenerationSettings,
    output_format: OutputFormat,
) -> Sequence[Made | TrellisError]:
    """An object of each request, as `generate_batch` of the pipeline gives it.

    Raises as that does, and `SettingsError` for what only the other generation knows.
    """
    if isinstance(pipeline, Trellis2):
        return _make_second(pipeline, requests, settings, output_format)
    return _make_first(pipeline, requests, settings, output_format)


def _make_first(
    trellis: Trellis,
    requests: Sequence[Request],
    settings: GenerationSettings,
    output_format: OutputFormat,
) -> Sequence[Made | TrellisError]:
    _refuse(settings, _ONLY_SECOND, "is for TRELLIS.2, and the first generation runs here")
    own = trellis.checkpoint.description

    def stage(recommended: SamplerSettings, given: StageSettings) -> SamplerSettings:
        return recommended.override(
            steps=settings.steps if given.steps is None else given.steps,
            cfg_strength=settings.cfg if given.cfg_strength is None else given.cfg_strength,
            cfg_interval=given.cfg_interval,
            rescale_t=given.rescale_t,
            forecast=settings.forecast,
        )

    return trellis.generate_batch(
        requests,
        formats=(_OUTPUTS[output_format],),
        resolution=settings.resolution,
        structure=stage(own.structure_sampler, settings.structure),
        latents=stage(own.latent_sampler, settings.latents),
        mode=settings.mode,
        preprocessed=True,
    )


def _make_second(
    trellis: Trellis2,
    requests: Sequence[Request],
    settings: GenerationSettings,
    output_format: OutputFormat,
) -> Sequence[Made | TrellisError]:
    _refuse(settings, _ONLY_FIRST, "is for the first generation, and TRELLIS.2 runs here")
    if output_format not in _OUTPUTS_2:
        known = ", ".join(_OUTPUTS_2)
        raise SettingsError(
            f"output_format '{output_format}' is not made by TRELLIS.2: use one of {known}"
        )
    own = trellis.checkpoint.description
    return trellis.generate_batch(
        requests,
        formats=(_OUTPUTS_2[output_format],),
        resolution=settings.resolution,
        pipeline_type=settings.pipeline_type,
        structure=_stage_2(own.structure_sampler, settings.structure, settings, settings.cfg),
        shape=_stage_2(own.shape_sampler, settings.shape, settings, settings.cfg),
        # Released without guidance, which `cfg` therefore leaves alone.
        texture=_stage_2(own.texture_sampler, settings.texture, settings, None),
        max_tokens=DEFAULT_MAX_TOKENS if settings.max_tokens is None else settings.max_tokens,
        preprocessed=True,
    )


def _stage_2(
    own: GuidanceSettings, given: StageSettings, settings: GenerationSettings, cfg: float | None
) -> GuidanceSettings:
    wanted: dict[str, Any] = {
        "steps": settings.steps if given.steps is None else given.steps,
        "guidance_strength": cfg if given.cfg_strength is None else given.cfg_strength,
        "guidance_interval": given.cfg_interval,
        "rescale_t": given.rescale_t,
    }
    return replace(own, **{name: value for name, value in wanted.items() if value is not None})


def _refuse(settings: GenerationSettings, names: Sequence[str], reason: str) -> None:
    """Raises `SettingsError` for the first of some settings that is not as it is by default."""
    for name in names:
        if getattr(settings, name) != GenerationSettings.model_fields[name].default:
            raise SettingsError(f"{name} {reason}: leave it out")
