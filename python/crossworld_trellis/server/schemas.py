"""What clients may ask for: the settings of both ways in, with their bounds."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

MAX_PICTURES = 16
"""Most pictures of one object, as in `pipeline`."""

OutputFormat = Literal["glb", "ply", "npy", "voxels", "vox", "csm", "bcf"]
Mode = Literal["stochastic", "multidiffusion"]
PipelineTypeName = Literal["512", "1024", "1024_cascade", "1536_cascade"]

Seed = Annotated[int, Field(ge=0, lt=2**64, description="equal seeds give equal objects")]
Resolution = Annotated[int, Field(ge=1, le=1024, description="cells per axis of .voxels")]
Steps = Annotated[int, Field(ge=1, le=1000)]
Guidance = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Forecast = Annotated[int, Field(ge=1, le=10)]
MaxTokens = Annotated[int, Field(ge=1, le=1 << 20)]
Time = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageSettings(_Strict):
    """How one stage is sampled; what is absent is as the checkpoint recommends."""

    steps: Steps | None = None
    cfg_strength: Guidance | None = None
    cfg_interval: tuple[Time, Time] | None = None
    rescale_t: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _interval_in_order(self) -> "StageSettings":
        if self.cfg_interval is not None and self.cfg_interval[0] > self.cfg_interval[1]:
            raise ValueError("cfg_interval must be in order")
        return self


class GenerationSettings(_Strict):
    """What both ways in have in common."""

    seed: Seed = 0
    resolution: Resolution | None = None
    steps: Steps | None = None
    """For both stages, where a stage's own settings do not say otherwise."""
    cfg: Guidance | None = None
    structure: StageSettings = StageSettings()
    latents: StageSettings = StageSettings()
    """Of the first generation of the model only, whose last stage it is; as what follows."""
    forecast: Forecast | None = None
    """Steps that share one run of a network: faster, and another result."""
    shape: StageSettings = StageSettings()
    """Of TRELLIS.2 only; as what follows."""
    texture: StageSettings = StageSettings()
    pipeline_type: PipelineTypeName | None = None
    """Which networks work at which size, where not as the server was told."""
    max_tokens: MaxTokens | None = None
    """Latent voxels that a cascade to more than 1024 stays below."""
    mode: Mode = "stochastic"

    def shared(self) -> tuple[object, ...]:
        """What must be equal in orders that are made in one batch: all but the seed."""
        return tuple(
            getattr(self, name) for name in GenerationSettings.model_fields if name != "seed"
        )


class StreamRequest(GenerationSettings):
    """The first message of a `/stream`."""

    previews: bool = True
    pictures: Annotated[int, Field(ge=1, le=MAX_PICTURES)]
    """How many binary messages follow, a picture each."""


class GenerateForm(_Strict):
    """The fields of `POST /generate` beside `image`."""

    output_format: Annotated[
        OutputFormat,
        Field(description="vox, csm and bcf where the server has crossworld-trellis-native"),
    ] = "glb"
    seed: Seed = 0
    resolution: Resolution | None = None
    steps: Steps | None = None
    cfg: Guidance | None = None
    structure_steps: Steps | None = None
    structure_cfg: Guidance | None = None
    latents_steps: Steps | None = None
    latents_cfg: Guidance | None = None
    forecast: Forecast | None = None
    shape_steps: Steps | None = None
    shape_cfg: Guidance | None = None
    texture_steps: Steps | None = None
    texture_cfg: Guidance | None = None
    pipeline_type: PipelineTypeName | None = None
    max_tokens: MaxTokens | None = None
    mode: Mode = "stochastic"

    def settings(self) -> GenerationSettings:
        """The same as the other way in says it."""
        return GenerationSettings(
            seed=self.seed,
            resolution=self.resolution,
            steps=self.steps,
            cfg=self.cfg,
            structure=StageSettings(steps=self.structure_steps, cfg_strength=self.structure_cfg),
            latents=StageSettings(steps=self.latents_steps, cfg_strength=self.latents_cfg),
            forecast=self.forecast,
            shape=StageSettings(steps=self.shape_steps, cfg_strength=self.shape_cfg),
            texture=StageSettings(steps=self.texture_steps, cfg_strength=self.texture_cfg),
            pipeline_type=self.pipeline_type,
            max_tokens=self.max_tokens,
            mode=self.mode,
        )


class Health(BaseModel):
    """How the server is. Clients without the token see `status` and `version` only."""

    status: Literal["healthy", "loading", "error"]
    version: str
    model: str | None = None
    device: str | None = None
    device_name: str | None = None
    capability: str | None = None
    dtype: str | None = None
    identity: str | None = None
    """Everything besides a request that decides its result; results may be kept under it."""
    pipeline_type: str | None = None
    """Of TRELLIS.2, where a request names no other."""
    resolutions: list[int] | None = None
    """Values of `resolution` that can be asked for."""
    queue: int = 0
    uptime_seconds: float = 0.0
    last_error: str | None = None


def form_schema() -> dict[str, Any]:
    """The OpenAPI description of the body of `POST /generate`."""
    schema = GenerateForm.model_json_schema()
    image = {"type": "string", "format": "binary"}
    schema["properties"]["image"] = {
        "type": "array",
        "items": image,
        "minItems": 1,
        "maxItems": MAX_PICTURES,
    }
    schema["required"] = ["image"]
    return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
