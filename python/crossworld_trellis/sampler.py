"""The sampler of both stages: Euler steps along a flow, with guidance in an interval of times.

Lipman et al. 2023 (flow matching), Ho and Salimans 2022 (classifier-free guidance), Kynkäänniemi et
al. 2024 (guidance in an interval). Time runs from 1 (noise) to 0 (data). Nothing here waits for the
device: which branches a step needs is decided from host numbers alone.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from .errors import TrellisError

MAX_STEPS = 1000
"""Most steps a run may have; more gain nothing."""

MAX_FORECAST = 10
"""Most steps that may share one run of the network."""

TIME_SCALE = 1000.0
"""What a time is multiplied with before the network sees it."""

ManyPictures = Literal["stochastic", "multidiffusion"]
"""How several pictures of one object work together: one picture a step in turn, or all in every
step with their mean."""


class SettingsError(TrellisError, ValueError):
    """Settings that no run can have."""


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """How one stage is sampled. The defaults are the original's for what a checkpoint leaves open.

    Raises `SettingsError` for numbers out of range.
    """

    steps: int = 50
    cfg_strength: float = 3.0
    """Weight w of guidance: (1 + w)·v(picture) - w·v(nothing). 0 samples without guidance."""
    cfg_interval: tuple[float, float] = (0.0, 1.0)
    """Times with guidance, both ends inside."""
    rescale_t: float = 1.0
    """Above 1, more of the steps are spent near the noise."""
    sigma_min: float = 1e-5
    """Noise left in the data; influences only the clean estimate."""
    forecast: int = 1
    """Steps that share one run of the network: from 2 on, velocities in between are guessed
    (`forecast.Forecast`), which is faster and changes the result."""

    def __post_init__(self) -> None:
        if isinstance(self.steps, bool) or not isinstance(self.steps, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SettingsError(f"steps must be a whole number, got {self.steps!r}")
        if not 1 <= self.steps <= MAX_STEPS:
            raise SettingsError(
                f"steps must be 1 to {MAX_STEPS}, got {self.steps}: 12 to 25 are usual"
            )
        if not (math.isfinite(self.cfg_strength) and 0 <= self.cfg_strength <= 100):
            raise SettingsError(
                f"cfg_strength must be 0 to 100, got {self.cfg_strength}: 3 to 7.5 are usual"
            )
        low, high = self.cfg_interval
        if not 0 <= low <= high <= 1:
            raise SettingsError(f"cfg_interval must lie in 0 to 1 in order, got [{low}, {high}]")
        if not (math.isfinite(self.rescale_t) and 0 < self.rescale_t <= 100):
            raise SettingsError(
                f"rescale_t must be above 0 and at most 100, got {self.rescale_t}: 3 is usual"
            )
        if not 0 <= self.sigma_min < 1:
            raise SettingsError(f"sigma_min must be 0 to below 1, got {self.sigma_min}")
        if isinstance(self.forecast, bool) or not isinstance(self.forecast, int):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise SettingsError(f"forecast must be a whole number, got {self.forecast!r}")
        if not 1 <= self.forecast <= MAX_FORECAST:
            raise SettingsError(
                f"forecast must be 1 (no forecasts) to {MAX_FORECAST}, got {self.forecast}"
            )

    def override(
        self,
        *,
        steps: int | None = None,
        cfg_strength: float | None = None,
        cfg_interval: tuple[float, float] | None = None,
        rescale_t: float | None = None,
        forecast: int | None = None,
    ) -> "SamplerSettings":
        """These settings with those that are given in place of ours."""
        return replace(
            self,
            steps=self.steps if steps is None else steps,
            cfg_strength=self.cfg_strength if cfg_strength is None else cfg_strength,
            cfg_interval=self.cfg_interval if cfg_interval is None else cfg_interval,
            rescale_t=self.rescale_t if rescale_t is None else rescale_t,
            forecast=self.forecast if forecast is None else forecast,
        )

    def times(self) -> NDArray[np.float64]:
        """[steps + 1] times from 1 (noise) to 0 (data)."""
        even = np.linspace(1.0, 0.0, self.steps + 1)
        return self.rescale_t * even / (1.0 + (self.rescale_t - 1.0) * even)

    def is_guided(self, time: float) -> bool:
        """Whether a step from this time needs the branch without a picture."""
        low, high = self.cfg_interval
        return self.cfg_strength != 0 and low <= time <= high


class VelocityField(Protocol):
    """A flow network bound to pictures and to the times of a run."""

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        """Velocities of a state at the time of a step: one for each of the pictures chosen, then,
        where `guided`, one without a picture; stacked before the state's own axes."""
        ...


@dataclass(frozen=True)
class Step:
    """What a watcher learns after each step."""

    done: int
    """Steps done."""
    steps: int
    """Steps in all."""
    state: Tensor
    """The state after the step."""
    clean: Callable[[], Tensor]
    """The data that this step's velocity points at."""


def sample(
    field: VelocityField,
    noise: Tensor,
    settings: SamplerSettings,
    *,
    pictures: int = 1,
    mode: ManyPictures = "stochastic",
    on_step: Callable[[Step], None] = lambda _: None,
) -> Tensor:
    """Follows the field from noise to data; the result has the noise's shape.

    `on_step` may raise to stop the run.
    """
    check_mode(mode)

    def velocity(state: Tensor, step: int, time: float) -> Tensor:
        turn, guided = step % pictures, settings.is_guided(time)
        chosen = slice(turn, turn + 1) if mode == "stochastic" else slice(pictures)
        velocities = field(state, step, pictures=chosen, guided=guided)
        return _guide(velocities, settings, guided=guided)

    times: list[float] = settings.times().tolist()
    return follow(velocity, noise, times, sigma_min=settings.sigma_min, on_step=on_step)


def follow(
    velocity: Callable[[Tensor, int, float], Tensor],
    noise: Tensor,
    times: Sequence[float],
    *,
    sigma_min: float,
    on_step: Callable[[Step], None],
) -> Tensor:
    """The Euler steps of a flow, whose velocity depends on a state, its step and its time."""
    state = noise
    for index, (time, following) in enumerate(itertools.pairwise(times)):
        along = velocity(state, index, time)
        before, state = state, state - (time - following) * along
        on_step(
            Step(
                index + 1,
                len(times) - 1,
                state,
                lambda x=before, v=along, t=time: clean(x, v, t, sigma_min),
            )
        )
    return state


def clean(state: Tensor, velocity: Tensor, time: float, sigma_min: float) -> Tensor:
    """The data that a velocity points at."""
    return (1.0 - sigma_min) * state - (sigma_min + (1.0 - sigma_min) * time) * velocity


def check_mode(mode: ManyPictures) -> ManyPictures:
    """The mode. Raises `SettingsError` when there is no such way to use several pictures."""
    if mode not in get_args(ManyPictures):
        raise SettingsError(
            f"unknown mode '{mode}': use one of {', '.join(get_args(ManyPictures))}"
        )
    return mode


def _guide(velocities: Tensor, settings: SamplerSettings, *, guided: bool) -> Tensor:
    """[K(+1),…]→[…]: the pictures' mean, led away from what no picture gives."""
    velocities = velocities.float()
    if not guided:
        return velocities.mean(0) if len(velocities) > 1 else velocities[0]
    weight = settings.cfg_strength
    seeing = velocities[:-1].mean(0) if len(velocities) > 2 else velocities[0]
    return (1.0 + weight) * seeing - weight * velocities[-1]
