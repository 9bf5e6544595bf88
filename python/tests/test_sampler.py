"""The sampler against the original's trajectories and a straight transcription of its equations."""

import math
from typing import Any, cast

import numpy as np
import pytest
import torch
from golden_data import assert_golden, load, params
from test_structure_flow import network
from torch import Tensor

from crossworld_trellis.sampler import (
    TIME_SCALE,
    ManyPictures,
    SamplerSettings,
    SettingsError,
    Step,
    sample,
)

NAME = "ss_sampler"


def settings() -> SamplerSettings:
    golden = params(NAME)
    return SamplerSettings(
        steps=golden["steps"],
        cfg_strength=golden["cfg_strength"],
        cfg_interval=tuple(golden["cfg_interval"]),
        rescale_t=golden["rescale_t"],
    )


def run(
    pictures: int, mode: ManyPictures = "stochastic", chosen: SamplerSettings | None = None
) -> list[Step]:
    golden, flow, steps = load(NAME), network(), list[Step]()
    chosen = chosen or settings()
    times = torch.tensor(chosen.times()[:-1] * TIME_SCALE, dtype=torch.float32)
    field = flow.field(golden["conds"][:pictures, None], times)
    sample(field, golden["noise"], chosen, pictures=pictures, mode=mode, on_step=steps.append)
    return steps


def kept(steps: list[Step]) -> Tensor:
    return torch.stack([steps[index].state for index in params(NAME)["kept_steps"]])


def test_times_are_those_of_the_original() -> None:
    assert np.abs(settings().times() - load(NAME)["t_seq"].numpy()).max() <= 1e-12


def test_one_picture_follows_the_original_step_by_step() -> None:
    steps = run(1)
    assert_golden(kept(steps), NAME, "x_t")
    assert_golden(steps[-1].clean(), NAME, "pred_x_0_last")
    assert [(step.done, step.steps) for step in steps] == [(i + 1, 6) for i in range(6)]


@pytest.mark.parametrize("mode", ["stochastic", "multidiffusion"])
def test_three_pictures_follow_the_original_in_both_modes(mode: ManyPictures) -> None:
    assert_golden(kept(run(3, mode)), NAME, f"x_t_{mode}")


def test_without_guidance_it_follows_the_original() -> None:
    plain = SamplerSettings(steps=3, cfg_strength=0.0, rescale_t=1.0)
    assert_golden(run(1, chosen=plain)[-1].state, NAME, "x_plain3")


class Counting:
    """A field that counts its evaluations and always points the same way."""

    def __init__(self) -> None:
        self.calls: list[tuple[slice, bool]] = []

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        self.calls.append((pictures, guided))
        branches = pictures.stop - pictures.start if pictures.start is not None else pictures.stop
        return torch.ones(branches + guided, *state.shape)


@pytest.mark.parametrize(("steps", "guided"), [(25, 19), (12, 10)])
def test_only_steps_inside_the_interval_are_guided(steps: int, guided: int) -> None:
    field = Counting()
    chosen = SamplerSettings(steps=steps, cfg_strength=5, cfg_interval=(0.5, 1.0), rescale_t=3)
    sample(field, torch.zeros(1), chosen)
    assert sum(call[1] for call in field.calls) == guided


def test_constant_velocity_leads_exactly_one_unit_away() -> None:
    end = sample(Counting(), torch.zeros(1), SamplerSettings(steps=7, rescale_t=3.0))
    assert math.isclose(end.item(), -1.0, rel_tol=1e-6)


def test_a_watcher_that_raises_ends_the_run_at_once() -> None:
    field = Counting()

    def stop(step: Step) -> None:
        if step.done == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sample(field, torch.zeros(1), SamplerSettings(steps=9), on_step=stop)
    assert len(field.calls) == 2


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"steps": 0}, "steps must be 1 to 1000, got 0"),
        ({"steps": 1001}, "1001"),
        ({"cfg_strength": math.nan}, "cfg_strength must be 0 to 100, got nan"),
        ({"cfg_strength": math.inf}, "inf"),
        ({"cfg_strength": -1.0}, "-1"),
        ({"cfg_interval": (0.7, 0.2)}, "cfg_interval"),
        ({"cfg_interval": (math.nan, 1.0)}, "nan"),
        ({"rescale_t": 0.0}, "rescale_t"),
        ({"rescale_t": math.nan}, "nan"),
        ({"sigma_min": 1.0}, "sigma_min"),
    ],
)
def test_settings_that_no_run_can_have_are_refused_by_value(
    change: dict[str, Any], names: str
) -> None:
    with pytest.raises(SettingsError, match=names):
        SamplerSettings(**change)


def test_an_unknown_mode_is_refused_with_the_known_ones() -> None:
    with pytest.raises(SettingsError, match="'mean': use one of stochastic, multidiffusion"):
        sample(Counting(), torch.zeros(1), SamplerSettings(), mode=cast(Any, "mean"))


def test_overriding_keeps_what_is_not_given() -> None:
    changed = SamplerSettings(steps=25, rescale_t=3.0).override(steps=12, cfg_strength=7.5)
    assert changed == SamplerSettings(steps=12, rescale_t=3.0, cfg_strength=7.5)
