"""What is asked of the model: a `Request` for one object, and the `Plan` that a batch shares.

Both are checked before any work begins. Noise is drawn on the CPU, from a generator of each
request's own, so that a seed gives the same object on every device and beside any neighbours.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor

from .checkpoint import roles_for
from .errors import TrellisError
from .image import Source
from .sampler import MAX_STEPS, ManyPictures, SamplerSettings, SettingsError
from .watch import Watch

MAX_PICTURES = 16
"""Most pictures of one object."""

MAX_SAMPLES = 64
"""Most objects of one call."""


class EmptyResultError(TrellisError):
    """The model found no solid cell in what it was shown."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Request:
    """One object to make.

    Raises `SettingsError` for a seed, a number of pictures or an interval of previews out of range.
    """

    images: Source | Sequence[Source]
    """A picture, or several of the same object."""
    seed: int = 0
    watch: Watch = field(default_factory=Watch)

    def __post_init__(self) -> None:
        whole("seed", self.seed, 0, 2**64 - 1)
        whole("preview_every", self.watch.preview_every, 0, MAX_STEPS)
        count = len(self.pictures())
        if not 1 <= count <= MAX_PICTURES:
            raise SettingsError(f"give 1 to {MAX_PICTURES} pictures of one object, got {count}")

    def pictures(self) -> list[Source]:
        """The images as a list."""
        if isinstance(self.images, (list, tuple)):
            return list(cast(Sequence[Source], self.images))
        return [cast(Source, self.images)]


@dataclass(frozen=True, eq=False, kw_only=True)
class Noise:
    """Where a run starts, in place of a seed: to repeat a result on another machine."""

    structure: Tensor
    """[samples,C,R,R,R] of the first stage."""
    latents: Tensor
    """[N,C] of the second, one row for each active voxel, sample after sample."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Plan:
    """How all requests of a batch are made."""

    samples: int
    """Objects of each request."""
    outputs: frozenset[str]
    grid: int
    """Cells per axis of the active voxels."""
    resolution: int
    """Cells per axis of voxels that are asked for."""
    refinement: int
    """How many times finer than the grid that is: 1 or less needs Gaussians."""
    structure: SamplerSettings
    latents: SamplerSettings
    mode: ManyPictures
    noise: Noise | None = None
    preprocessed: bool


def noise_for(
    given: Tensor | None, shape: tuple[int, ...], random: torch.Generator, name: str
) -> Tensor:
    """The noise that was given, or else the next numbers of the generator, on the CPU."""
    if given is None:
        return torch.randn(shape, generator=random)
    if tuple(given.shape) != shape:
        raise SettingsError(f"noise.{name} has shape {list(given.shape)}, expected {list(shape)}")
    return given.float()


def checked_outputs(outputs: Sequence[str]) -> Sequence[str]:
    """The outputs. Raises `SettingsError` where there are none, or one is not known."""
    if isinstance(outputs, str):
        raise SettingsError(f"outputs must be a list such as ('{outputs}',), got a text")
    if not outputs:
        raise SettingsError("no output is asked for: name at least one, such as 'voxels'")
    try:
        roles_for(outputs)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return outputs


def resolutions_of(own: int) -> tuple[int, ...]:
    """Cells per axis that voxels can have, of a model with a grid of its own."""
    return own // 2, own, 2 * own, 4 * own


def refinement_of(resolution: int, own: int) -> int:
    """How many times finer than the model's own grid a resolution is, 0 for half of it.

    Raises `SettingsError` for others than half, 1, 2 and 4 times.
    """
    allowed = dict(zip(resolutions_of(own), (0, 1, 2, 4), strict=True))
    if resolution not in allowed:
        known = ", ".join(map(str, allowed))
        raise SettingsError(f"resolution must be one of {known}, got {resolution}")
    return allowed[resolution]


def whole(name: str, value: int, low: int, high: int) -> int:
    """The number. Raises `SettingsError` where it is out of range or not whole."""
    if isinstance(value, bool) or not isinstance(value, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SettingsError(f"{name} must be a whole number, got {value!r}")
    if not low <= value <= high:
        raise SettingsError(f"{name} must be {low} to {high}, got {value}")
    return value
