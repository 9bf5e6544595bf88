"""The sampler of TRELLIS.2 against the original's trajectories, on dense and sparse states."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from golden_trellis2 import (
    MODEL,
    SHAPE,
    TEXTURE,
    assert_golden,
    dense_flow,
    flow,
    load,
    network_times,
    params,
    settings,
)
from torch import Tensor

from crossworld_trellis.guidance import GuidanceSettings, sample
from crossworld_trellis.models.rotary_flow import pack, unpack
from crossworld_trellis.sampler import SettingsError, Step
from crossworld_trellis.sparse.grid import VoxelGrid

NAME = "ss_sampler"


def dense_run(samples: int, chosen: GuidanceSettings) -> list[Tensor]:
    golden, network, states = load(NAME), dense_flow(), list[Tensor]()
    noise = golden["noise"][:samples]
    grid = network.grid(samples, noise.device)
    field = network.field(golden["cond"][None, :samples], network_times(chosen), grid)

    def keep(step: Step) -> None:
        states.append(unpack(step.state, noise.shape))

    sample(field, pack(noise), chosen, grid.items, on_step=keep)
    return states


def test_times_are_those_of_the_original_in_double_precision() -> None:
    assert np.abs(np.array(settings(NAME).times()) - load(NAME)["t_seq"].numpy()).max() <= 1e-12


def test_a_dense_run_follows_the_original_step_by_step() -> None:
    states = dense_run(2, settings(NAME))
    assert_golden(torch.stack([states[i] for i in params(NAME)["kept_steps"]]), NAME, "x_t")


def test_without_rescaling_and_without_the_picture_it_follows_the_original() -> None:
    plain = dense_run(1, settings(NAME, steps=3, guidance_rescale=0.0))
    assert_golden(plain[-1], NAME, "x_norescale3")
    blind = settings(NAME, steps=2, guidance_strength=0.0, guidance_interval=(0.0, 1.0))
    assert_golden(dense_run(1, blind)[-1], NAME, "x_w0_2")


@pytest.mark.parametrize(
    ("name", "role", "which"), [("shape_flow", SHAPE, "shape"), ("tex_flow", TEXTURE, "tex")]
)
def test_a_sparse_run_follows_the_original_to_the_latents(name: str, role: str, which: str) -> None:
    import json

    golden, chosen = load(name), settings(name)
    grid = VoxelGrid(golden["coords"])
    field = flow(role).field(
        golden["cond"][None], network_times(chosen), grid, golden.get("concat_cond")
    )
    states: list[Tensor] = []
    end = sample(
        field, golden["noise"], chosen, grid.items, on_step=lambda step: states.append(step.state)
    )
    assert_golden(torch.stack([states[i] for i in params(name)["kept_steps"]]), name, "x_t")
    args = json.loads((MODEL / "pipeline.json").read_text())["args"]
    norm = args[f"{which}_slat_normalization"]
    assert_golden(end * torch.tensor(norm["std"]) + torch.tensor(norm["mean"]), name, "slat")


class Counting:
    """A field that counts its evaluations; the picture asks for 1, nothing for 0."""

    def __init__(self) -> None:
        self.guided: list[bool] = []

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        self.guided.append(guided)
        branches = [torch.ones_like(state), torch.zeros_like(state)]
        return torch.stack(branches[: 1 + guided])


@pytest.mark.parametrize(
    ("rescale_t", "interval", "strength", "guided"),
    [
        (5.0, (0.6, 1.0), 7.5, 10),
        # The time of step 8 is 0.6 itself.
        (3.0, (0.6, 1.0), 7.5, 9),
        (3.0, (0.6, 0.9), 1.0, 0),
    ],
)
def test_the_released_settings_guide_as_many_steps_as_the_original(
    rescale_t: float, interval: tuple[float, float], strength: float, guided: int
) -> None:
    field = Counting()
    chosen = GuidanceSettings(
        steps=12, rescale_t=rescale_t, guidance_interval=interval, guidance_strength=strength
    )
    sample(field, torch.zeros(1, 4), chosen, [1])
    assert sum(field.guided) == guided


@pytest.mark.parametrize(("strength", "reached"), [(0.0, 0.0), (1.0, -1.0), (2.5, -2.5)])
def test_strength_leads_from_nothing_through_the_picture_beyond_it(
    strength: float, reached: float
) -> None:
    end = sample(Counting(), torch.zeros(1, 1), GuidanceSettings(guidance_strength=strength), [1])
    assert math.isclose(end.item(), reached, abs_tol=1e-5)


def test_each_item_is_rescaled_by_its_own_deviation() -> None:
    golden, chosen = load("shape_flow"), settings("shape_flow", steps=2)
    network, coords = flow(SHAPE), golden["coords"]
    own = coords[:, 0] == 1
    field = network.field(golden["cond"][None], network_times(chosen), grid := VoxelGrid(coords))
    both = sample(field, golden["noise"], chosen, grid.items)
    alone = VoxelGrid(coords[own] - torch.tensor([1, 0, 0, 0], dtype=torch.int32))
    field = network.field(golden["cond"][None, 1:], network_times(chosen), alone)
    one = sample(field, golden["noise"][own], chosen, alone.items)
    assert torch.allclose(both[own], one, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"steps": 0}, "steps must be 1 to 1000, got 0"),
        ({"guidance_strength": math.nan}, "guidance_strength must be 0 to 100, got nan"),
        ({"guidance_strength": -1.0}, "-1"),
        ({"guidance_rescale": 1.1}, "guidance_rescale must be 0 to 1, got 1.1"),
        ({"guidance_rescale": math.nan}, "nan"),
        ({"guidance_interval": (0.7, 0.2)}, "guidance_interval"),
        ({"rescale_t": 0.0}, "rescale_t"),
        ({"sigma_min": 1.0}, "sigma_min"),
    ],
)
def test_settings_that_no_run_can_have_are_refused_by_value(
    change: dict[str, Any], names: str
) -> None:
    with pytest.raises(SettingsError, match=names):
        GuidanceSettings(**change)
