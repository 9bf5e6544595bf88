"""What `bench` says about the work that it times."""

from dataclasses import asdict
from typing import Any

import pytest
import released_trellis2
import torch
from golden_trellis2 import GOLDEN, IMAGE_ENCODER
from torch import Tensor

from crossworld_trellis.checkpoint.arguments import to_config
from crossworld_trellis.checkpoint.roles import STRUCTURE_DECODER
from crossworld_trellis.checkpoint.trellis2_roles import TRELLIS_2
from crossworld_trellis.commands.bench import _flow_operations as flow_operations  # pyright: ignore
from crossworld_trellis.commands.bench_random import RELEASED, random_checkpoint
from crossworld_trellis.commands.bench_trellis2 import Bench, describe
from crossworld_trellis.commands.bench_work import operations, shell
from crossworld_trellis.models.dinov3_encoder import read_config
from crossworld_trellis.sampler import SamplerSettings, SettingsError


def test_a_product_counts_two_operations_for_each_pair_of_numbers() -> None:
    left, right = torch.ones(3, 5), torch.ones(5, 7)
    assert operations(lambda: left @ right) == 2 * 3 * 5 * 7


def test_guided_steps_count_as_often_as_they_run() -> None:
    weight = torch.ones(4, 4)

    def field(state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        return torch.stack([state @ weight for _ in range(1 + guided)])

    state, each = torch.ones(2, 4), 2 * 2 * 4 * 4
    every = SamplerSettings(steps=10, cfg_strength=2.0, cfg_interval=(0.55, 1.0))
    assert flow_operations(field, state, every) == (5 * 2 + 5) * each
    some = every.override(forecast=3)
    # Steps 0, 1, 2 guided, then the 5th, the 8th and the last one, which are not.
    assert flow_operations(field, state, some) == (3 * 2 + 3) * each


def tiny_bench(**change: Any) -> Bench:
    """Networks of the golden checkpoint's sizes."""
    configs = {
        role: to_config(entry.config, GOLDEN.model_args(role), where=role)
        for role, entry in TRELLIS_2.roles.items()
    }
    checkpoint = random_checkpoint(configs, read_config(IMAGE_ENCODER / "config.json"))
    chosen: dict[str, Any] = {
        "pipeline_type": "512",
        "resolution": 64,
        "steps": 2,
        "samples": 1,
        "voxels": 20,
        "fast": True,
        "low_vram": False,
    }
    return Bench(torch.device("cpu"), torch.float32, checkpoint, **{**chosen, **change})


@pytest.mark.parametrize("role", sorted(set(TRELLIS_2.roles) - {STRUCTURE_DECODER}))
def test_the_second_generation_is_measured_at_its_released_sizes(role: str) -> None:
    config = TRELLIS_2.roles[role].config
    assert RELEASED[role] == to_config(config, released_trellis2.ARGUMENTS[role], where=role)


def test_a_run_of_the_second_generation_tells_every_stage_and_its_voxels() -> None:
    report = tiny_bench().measure(repeat=0, compare=True)
    stages = ["picture", "structure", "shape", "texture", "decoding"]
    assert list(report.milliseconds) == list(report.stage_peak_gib) == stages
    assert report.total == sum(report.milliseconds.values()) == report.first_ms
    assert report.tokens == [len(shell(20, 32))] and report.voxels > 0
    assert all(line.strip() for line in describe(report).split("\n"))
    assert report.cosines and min(report.cosines.values()) >= 0.999
    assert asdict(report)["pipeline_type"] == "512"


def test_guided_steps_of_the_second_generation_count_both_branches() -> None:
    steps = {n: tiny_bench(steps=n).measure(repeat=0, compare=False).teraflops for n in (1, 12)}
    once, often = steps[1], steps[12]
    # Of 12 steps 10 and 9 are guided, as the first is; none of the texture's.
    assert often["texture"] == pytest.approx(12 * once["texture"])
    for stage in ("structure", "shape"):
        assert 10 * once[stage] < often[stage] < 12 * once[stage]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"pipeline_type": "2048"}, "2048"),
        ({"resolution": 1024}, "1024"),
        ({"voxels": 0}, "voxels must be"),
        ({"samples": 0}, "batch must be"),
        ({"steps": 0}, "steps must be"),
    ],
)
def test_what_no_run_of_the_second_generation_can_have_is_refused(
    change: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        tiny_bench(**change)
