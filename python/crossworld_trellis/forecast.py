"""Forecasts of a flow's velocity, in place of some of its steps: `Forecast`.

Velocities change slowly from step to step, so that those of a few steps tell the next ones: the
network runs in every n-th step, and in between the polynomial through its last velocities goes on
(Liu et al. 2025, "TaylorSeer", who do this with features inside the network). Saves most of the
time; what it does to the result is for users to judge, and nothing here is on by default.
"""

from torch import Tensor

from .sampler import SettingsError, VelocityField

MAX_INTERVAL = 10
"""Most steps that may share a run of the network."""

# Velocities that a forecast goes through; with more it follows what is only noise.
_POINTS = 3


class Forecast:
    """A field that asks another one in every `interval`-th step only, and in the last.

    The first steps, as many as a forecast goes through, are not forecast, nor is any step of
    another kind than its predecessors: guided or not, with these pictures or others.
    """

    def __init__(self, field: VelocityField, times: list[float], interval: int) -> None:
        """`times` are those of the steps. Raises `SettingsError` for an interval out of range."""
        check_interval(interval)
        self._field = field
        self._times = times
        self._interval = interval
        self._kind: tuple[int | None, int | None, bool] | None = None
        self._known: list[tuple[int, Tensor]] = []
        self.saved = 0
        """Steps that took no run of the network."""

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        kind = (pictures.start, pictures.stop, guided)
        if kind != self._kind:
            self._kind, self._known = kind, []
        if not self._is_due(step):
            self.saved += 1
            return self._forecast(step)
        velocities = self._field(state, step, pictures=pictures, guided=guided)
        self._known = [*self._known[1 - _POINTS :], (step, velocities)]
        return velocities

    def _is_due(self, step: int) -> bool:
        if len(self._known) < _POINTS or step == len(self._times) - 1:
            return True
        return step - self._known[-1][0] >= self._interval

    def _forecast(self, step: int) -> Tensor:
        """The polynomial through the known velocities, at the time of a step (Lagrange's form)."""
        time = self._times[step]
        places = [self._times[known] for known, _ in self._known]
        total: Tensor | None = None
        for place, (_, velocities) in zip(places, self._known, strict=True):
            weight = 1.0
            for other in places:
                if other != place:
                    weight *= (time - other) / (place - other)
            total = weight * velocities if total is None else total + weight * velocities
        assert total is not None
        return total


def check_interval(interval: int) -> int:
    """The interval. Raises `SettingsError` when it is no whole number or out of range."""
    if isinstance(interval, bool) or not isinstance(interval, int):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise SettingsError(f"forecast must be a whole number, got {interval!r}")
    if not 1 <= interval <= MAX_INTERVAL:
        raise SettingsError(
            f"forecast must be 1 (every step runs the network) to {MAX_INTERVAL}, got {interval}"
        )
    return interval
