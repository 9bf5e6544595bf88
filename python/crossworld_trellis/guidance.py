"""The sampler of TRELLIS.2: the steps of `sampler`, with guidance that is rescaled.

Guidance (Ho and Salimans 2022) pushes the clean estimate away from the mean and thereby widens it;
rescaling (Lin et al. 2024, section 3.4) gives it back, in part, the deviation that it has without.
Strengths are counted otherwise than in `sampler`: w here is 1 + w there, so that 1 is no guidance.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .sampler import SamplerSettings, SettingsError, Step, VelocityField, clean, follow


@dataclass(frozen=True, kw_only=True)
class GuidanceSettings:
    """How one stage is sampled. The defaults are the original's for what a checkpoint leaves open.

    Raises `SettingsError` for numbers out of range.
    """

    steps: int = 50
    guidance_strength: float = 3.0
    """Weight w of guidance: w·v(picture) + (1 - w)·v(nothing). 1 samples without guidance."""
    guidance_rescale: float = 0.0
    """How much of the deviation that guidance adds is taken back: 0 nothing, 1 all."""
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    """Times with guidance, both ends inside."""
    rescale_t: float = 1.0
    """Above 1, more of the steps are spent near the noise."""
    sigma_min: float = 1e-5
    """Noise left in the data."""

    def __post_init__(self) -> None:
        # What has the same name there has the same bounds.
        self._unguided()
        if not (math.isfinite(self.guidance_strength) and 0 <= self.guidance_strength <= 100):
            raise SettingsError(
                f"guidance_strength must be 0 to 100, got {self.guidance_strength}: "
                "1 (none) to 10 are usual"
            )
        if not 0 <= self.guidance_rescale <= 1:
            raise SettingsError(f"guidance_rescale must be 0 to 1, got {self.guidance_rescale}")
        low, high = self.guidance_interval
        if not 0 <= low <= high <= 1:
            raise SettingsError(
                f"guidance_interval must lie in 0 to 1 in order, got [{low}, {high}]"
            )

    def override(
        self, *, steps: int | None = None, guidance_strength: float | None = None
    ) -> "GuidanceSettings":
        """These settings with those that are given in place of ours."""
        strength = self.guidance_strength if guidance_strength is None else guidance_strength
        return replace(
            self, steps=self.steps if steps is None else steps, guidance_strength=strength
        )

    def times(self) -> list[float]:
        """The steps + 1 times from 1 (noise) to 0 (data)."""
        return self._unguided().times().tolist()

    def is_guided(self, time: float) -> bool:
        """Whether a step from this time needs the branch without a picture."""
        # Times are float64 here: of 12 steps with rescale_t 3 one is exactly 0.6, the usual border.
        low, high = self.guidance_interval
        return self.guidance_strength != 1 and low <= time <= high

    def _unguided(self) -> SamplerSettings:
        return SamplerSettings(steps=self.steps, rescale_t=self.rescale_t, sigma_min=self.sigma_min)


@dataclass(frozen=True)
class Rows:
    """How many rows of a state each item has, for the host and for the device."""

    items: Sequence[int]
    lengths: Tensor


def sample(
    field: VelocityField,
    noise: Tensor,
    settings: GuidanceSettings,
    items: Sequence[int],
    *,
    on_step: Callable[[Step], None] = lambda _: None,
) -> Tensor:
    """Follows the field of one picture from noise [N,C] to data [N,C]; `items` are rows each.

    `on_step` may raise to stop the run.
    """
    # Made once: a copy to the device would be waited for in every step.
    rows = Rows(items, torch.tensor(items, device=noise.device))

    def velocity(state: Tensor, step: int, time: float) -> Tensor:
        guided = settings.is_guided(time)
        velocities = field(state, step, pictures=slice(1), guided=guided).float()
        return _guide(state, velocities, settings, time, rows) if guided else velocities[0]

    return follow(velocity, noise, settings.times(), sigma_min=settings.sigma_min, on_step=on_step)


def _guide(
    state: Tensor, velocities: Tensor, settings: GuidanceSettings, time: float, rows: Rows
) -> Tensor:
    """[2,N,C] with and without the picture →[N,C]."""
    seeing, blind = velocities
    weight, rescale = settings.guidance_strength, settings.guidance_rescale
    # Like the original, which rescales only what it mixed.
    if not weight:
        return blind
    velocity = weight * seeing + (1.0 - weight) * blind
    if not rescale:
        return velocity
    sigma = settings.sigma_min
    goal = clean(state, velocity, time, sigma)
    wanted, found = (_deviation(x, rows) for x in (clean(state, seeing, time, sigma), goal))
    factor = rescale * (wanted / found) + (1.0 - rescale)
    return velocity + (1.0 - factor) * goal / (sigma + (1.0 - sigma) * time)


def _deviation(x: Tensor, rows: Rows) -> Tensor:
    """[N,1] the standard deviation of each row's item, over all its cells and channels."""
    deviations = torch.stack([part.std() for part in torch.split(x, list(rows.items))])
    return deviations.repeat_interleave(rows.lengths, output_size=len(x))[:, None]
