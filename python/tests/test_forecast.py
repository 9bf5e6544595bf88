"""Forecast velocities: exact where velocities are simple, near elsewhere, and counted."""

import pytest
import torch
from golden_data import IMAGE_ENCODER, MODEL, TRELLIS
from torch import Tensor

from crossworld_trellis.forecast import Forecast
from crossworld_trellis.pipeline import Trellis
from crossworld_trellis.sampler import SamplerSettings, SettingsError, sample


class Curve:
    """Velocities that depend on the time alone, as a parabola does."""

    def __init__(self, settings: SamplerSettings) -> None:
        self._times = settings.times()[:-1].tolist()
        self.asked: list[int] = []

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        self.asked.append(step)
        velocity = torch.full_like(state, 1.0 - 3.0 * self._times[step] + self._times[step] ** 2)
        return torch.stack([velocity, -velocity][: 1 + guided])


def settings(forecast: int = 1, *, guided: float = 0.5) -> SamplerSettings:
    return SamplerSettings(
        steps=20, cfg_strength=2.0, cfg_interval=(guided, 1.0), rescale_t=3.0, forecast=forecast
    )


def test_without_an_interval_every_step_is_computed() -> None:
    curve = Curve(settings())
    made = Forecast(curve, settings())
    sample(made, torch.ones(3), settings())
    assert curve.asked == list(range(20))
    assert made.saved == 0


def test_parabolas_are_forecast_exactly() -> None:
    expected = sample(Curve(settings()), torch.ones(3), settings())
    for interval in (2, 3, 5):
        curve = Curve(settings(interval))
        made = Forecast(curve, settings(interval))
        result = sample(made, torch.ones(3), settings(interval))
        assert torch.allclose(result, expected, atol=1e-4)
        assert made.saved == 20 - len(curve.asked) > 0


def test_the_network_runs_in_the_first_three_steps_then_in_every_nth_and_in_the_last() -> None:
    curve = Curve(settings(3))
    sample(Forecast(curve, settings(3)), torch.ones(3), settings(3))
    assert curve.asked == [0, 1, 2, 5, 8, 11, 14, 17, 19]


def test_pictures_that_take_turns_are_never_forecast_from_each_other() -> None:
    curve = Curve(settings(2))
    sample(Forecast(curve, settings(2)), torch.ones(3), settings(2), pictures=2)
    assert curve.asked == list(range(20))


def test_guidance_that_begins_late_starts_the_count_anew() -> None:
    early = SamplerSettings(steps=10, cfg_strength=2.0, cfg_interval=(0.0, 0.5), forecast=2)
    curve = Curve(early)
    sample(Forecast(curve, early), torch.ones(3), early)
    # Time 0.5 is that of step 5.
    assert curve.asked == [0, 1, 2, 4, 5, 6, 7, 9]


@pytest.mark.parametrize("forecast", [0, 11, 2.0, True])
def test_intervals_out_of_range_are_refused(forecast: int) -> None:
    with pytest.raises(SettingsError, match="forecast must be"):
        SamplerSettings(forecast=forecast)


def test_a_generation_says_how_many_steps_it_saved() -> None:
    trellis = Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER)
    picture = TRELLIS / "preprocess_0_in.png"
    [exact] = trellis.generate(picture, steps=8)
    assert trellis.forecast_steps == 0
    [near] = trellis.generate(picture, steps=8, forecast=2)
    assert trellis.forecast_steps > 0
    assert exact.voxels is not None and near.voxels is not None
    shared = set(map(tuple, exact.voxels.coords.tolist())) & set(
        map(tuple, near.voxels.coords.tolist())
    )
    assert len(shared) > 0.8 * len(exact.voxels)
