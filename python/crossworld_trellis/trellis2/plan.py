"""What is asked of TRELLIS.2 and what comes of it; checked before any work begins."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from .. import config
from ..cascade import PIPELINE_TYPES, PipelineType
from ..checkpoint.trellis2 import Trellis2Checkpoint
from ..checkpoint.trellis2_roles import OUTPUTS_2, roles_for
from ..guidance import GuidanceSettings
from ..image import PictureError
from ..material_mesh import MaterialMesh
from ..o_voxels import OVoxels
from ..sampler import SettingsError
from ..voxels import SparseVoxels

RESOLUTIONS = (32, 64, 128, 256, 512, 1024)
"""Cells per axis that voxels can have."""

MAX_TOKENS = 1 << 20
"""Most latent voxels that `max_tokens` may allow; no object has more."""

DEFAULT_RESOLUTION = 256
"""Of voxels where nobody asks for another: a finer object has millions."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Noise2:
    """Where a run starts, in place of a seed: to repeat a result on another machine."""

    structure: Tensor
    """[samples,C,R,R,R] of the first stage."""
    shapes: Sequence[Tensor]
    """[N,C] of each pass that finds the shape, one row for each latent voxel."""
    texture: Tensor | None = None
    """[N,C] of the pass that finds the material; not needed without materials."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Sample2:
    """One object; what was not asked for is `None`."""

    voxels: SparseVoxels | None
    """With colours, alpha, metallic and roughness."""
    occupancy: SparseVoxels | None
    """Solid cells in one neutral colour."""
    o_voxels: OVoxels | None
    mesh: MaterialMesh | None
    """Of the finest voxels; without quads where the model leaves only holes."""
    resolution: int
    """Finest voxels per axis that the run had."""
    reduced: str | None
    """What was done differently than asked: a cascade with too many latent voxels ends lower."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan2:
    """How a run goes."""

    kind: PipelineType
    samples: int
    outputs: frozenset[str]
    resolution: int
    structure: GuidanceSettings
    shape: GuidanceSettings
    texture: GuidanceSettings
    max_tokens: int
    noise: Noise2 | None
    preprocessed: bool

    @property
    def colored(self) -> bool:
        """Whether materials are needed."""
        return any(OUTPUTS_2[output] for output in self.outputs)

    @property
    def appearance_steps(self) -> int:
        """Steps of all passes that find shape and material."""
        passes = len(self.kind.passes) * self.shape.steps
        return passes + (self.texture.steps if self.colored else 0)


def checked_type(name: str | PipelineType) -> PipelineType:
    """The pipeline type of a name. Raises `SettingsError` where there is none."""
    if isinstance(name, PipelineType):
        return name
    if name not in PIPELINE_TYPES:
        known = ", ".join(PIPELINE_TYPES)
        raise SettingsError(f"unknown pipeline type '{name:.40}': use one of {known}")
    return PIPELINE_TYPES[name]


def wanted_type(checkpoint: Trellis2Checkpoint, asked: str | None) -> PipelineType:
    """The pipeline type that was asked for, by default the environment's, else the checkpoint's.

    Raises `SettingsError` where there is none of that name.
    """
    return checked_type(asked or config.pipeline_type() or checkpoint.description.default_type)


def check_pictures(count: int) -> None:
    """Raises `PictureError` for more than one: the original has no way to look at several."""
    if count != 1:
        raise PictureError(
            f"TRELLIS.2 looks at one picture of an object, got {count}: give the best"
        )


def checked_outputs(outputs: Sequence[str], kind: PipelineType) -> frozenset[str]:
    """The outputs. Raises `SettingsError` where there are none, or one is not known."""
    if isinstance(outputs, str):
        raise SettingsError(f"outputs must be a list such as ('{outputs}',), got a text")
    if not outputs:
        raise SettingsError("no output is asked for: name at least one, such as 'voxels'")
    try:
        roles_for(kind, outputs)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return frozenset(outputs)


def resolutions_of(kind: PipelineType) -> tuple[int, ...]:
    """Cells per axis that voxels can have, as far as a type reaches."""
    return tuple(each for each in RESOLUTIONS if each <= kind.resolution)


def checked_resolution(resolution: int | None, kind: PipelineType) -> int:
    """The resolution of voxels. Raises `SettingsError` where a type does not reach it."""
    if resolution is None:
        return DEFAULT_RESOLUTION
    if resolution not in RESOLUTIONS:
        known = ", ".join(map(str, RESOLUTIONS))
        raise SettingsError(f"resolution must be one of {known}, got {resolution}")
    if resolution not in resolutions_of(kind):
        finer = [each.name for each in PIPELINE_TYPES.values() if each.resolution >= resolution]
        raise SettingsError(
            f"resolution {resolution} is out of reach, pipeline type {kind.name} makes voxels of "
            f"up to {kind.resolution} cells an axis: use the type {' or '.join(finer)}"
        )
    return resolution
