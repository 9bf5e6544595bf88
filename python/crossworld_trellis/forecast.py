"""Forecasts of a flow's velocity, in place of some of its steps: `Forecast`.

Velocities change slowly from step to step, so that those of a few steps tell the next ones: the
network runs in every n-th step, and in between the polynomial through its last velocities goes on
(Liu et al. 2025, "TaylorSeer", who do this with features inside the network). Saves most of the
time; what it does to the result is for users to judge, and nothing here is on by default.
"""

from torch import Tensor

from .sampler import SamplerSettings, VelocityField

# Velocities that a forecast goes through; with more it follows what is only noise.
_POINTS = 3


class Forecast:
    """A field that asks another one in every n-th step only, and in the last.

    The first steps, as many as a forecast goes through, are never forecast; nor are those that see
    other pictures than the step before, or that guidance begins with.
    """

    def __init__(self, field: VelocityField, settings: SamplerSettings) -> None:
        """Forecasts as `settings.forecast` says; with 1 it is the field itself."""
        self._field = field
        self._times: list[float] = settings.times()[:-1].tolist()
        self._interval = settings.forecast
        self._pictures: tuple[int | None, int | None] | None = None
        self._guided = False
        self._known: list[tuple[int, Tensor]] = []
        self.saved = 0
        """Steps that took no run of the network."""

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        self._keep_what_serves(pictures, guided)
        if self._is_forecast(step):
            self.saved += 1
            return self._forecast(step)
        velocities = self._field(state, step, pictures=pictures, guided=guided)
        self._known = [*self._known[1 - _POINTS :], (step, velocities)]
        return velocities

    def _keep_what_serves(self, pictures: slice, guided: bool) -> None:
        seen = (pictures.start, pictures.stop)
        if seen != self._pictures or (guided and not self._guided):
            self._known = []
        elif self._guided and not guided:
            # The branches with pictures go on.
            self._known = [(step, velocities[:-1]) for step, velocities in self._known]
        self._pictures, self._guided = seen, guided

    def _is_forecast(self, step: int) -> bool:
        if len(self._known) < _POINTS or step == len(self._times) - 1:
            return False
        return step - self._known[-1][0] < self._interval

    def _forecast(self, step: int) -> Tensor:
        """The polynomial through the known velocities, at the time of a step (Lagrange's form)."""
        time = self._times[step]
        total: Tensor | None = None
        for known, velocities in self._known:
            weight = 1.0
            for other, _ in self._known:
                if other != known:
                    weight *= time - self._times[other]
                    weight /= self._times[known] - self._times[other]
            total = weight * velocities if total is None else total + weight * velocities
        assert total is not None
        return total
