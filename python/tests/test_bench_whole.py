"""`bench --whole` and `bench --compare`, on networks of a few channels."""

import subprocess
from dataclasses import replace
from typing import Any

import pytest
import torch

from crossworld_trellis.__main__ import main
from crossworld_trellis.commands import bench_first
from crossworld_trellis.commands.bench_precision import compare
from crossworld_trellis.commands.bench_whole import Bench, describe
from crossworld_trellis.models import released


@pytest.fixture(autouse=True)
def few_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    flow: dict[str, Any] = {
        "num_blocks": 1,
        "model_channels": 32,
        "num_heads": 2,
        "cond_channels": 32,
    }
    trunk: dict[str, Any] = {"num_blocks": 1, "model_channels": 32, "num_heads": 2}
    sizes = {
        "STRUCTURE_FLOW": replace(released.STRUCTURE_FLOW, resolution=4, **flow),
        "STRUCTURE_DECODER": replace(released.STRUCTURE_DECODER, channels=(8, 8, 8)),
        "LATENT_FLOW": replace(
            released.LATENT_FLOW, resolution=16, io_block_channels=(32,), **flow
        ),
        "GAUSSIAN_DECODER": replace(released.GAUSSIAN_DECODER, resolution=16, **trunk),
    }
    for name, config in sizes.items():
        monkeypatch.setattr(released, name, config)
    encoder = replace(
        bench_first.ENCODER, hidden_size=32, num_hidden_layers=1, num_attention_heads=2
    )
    monkeypatch.setattr(bench_first, "ENCODER", encoder)


def tiny_bench(**change: Any) -> Bench:
    chosen: dict[str, Any] = {
        "device": "cpu",
        "dtype": "auto",
        "voxels": 200,
        "batch": 1,
        "steps": 6,
        "forecast": 1,
        "fast": True,
        "float8": False,
        "low_vram": False,
    }
    return Bench(**{**chosen, **change})


def test_all_is_timed_in_the_order_in_which_it_happens() -> None:
    whole = tiny_bench().measure(repeat=1)
    assert list(whole.begins) == ["picture", "structure", "appearance", "decoding"]
    assert list(whole.begins.values()) == sorted(whole.begins.values())
    assert whole.begins["structure"] < whole.first_preview
    assert 200 <= whole.voxels <= 300
    assert whole.pictures_a_minute == pytest.approx(60e3 / whole.milliseconds)
    assert "float32" in describe(whole)


def test_a_cold_start_is_one_run_and_nothing_else() -> None:
    whole = tiny_bench(batch=2, forecast=3).measure(repeat=0)
    assert whole.runs == [whole.first]
    assert whole.begins == {}
    assert whole.forecast_steps > 0


def test_precisions_are_told_apart() -> None:
    made = compare(torch.device("cpu"), voxels=200, steps=2)
    assert list(made) == ["float16", "bfloat16"]
    half, brain = made["float16"], made["bfloat16"]
    assert 0.999 < brain.structure_cosine < half.structure_cosine < 1
    assert 0.99 < brain.latent_cosine < half.latent_cosine < 1
    assert half.color_difference < 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--steps", "0"], "steps must be 1 to"),
        (["--voxels", "0"], "voxels must be"),
        (["--pipeline-type", "512"], "--pipeline-type is for the second generation"),
        (["--resolution", "64"], "--resolution is for the second generation"),
    ],
)
def test_what_the_first_generation_cannot_be_measured_with_is_refused(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--whole", "--device", "cpu", *options]) == 1
    assert told in capsys.readouterr().err


def test_the_process_of_a_cold_start_gets_the_options_of_the_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands: list[list[str]] = []

    def refuse(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 1, "", "error: no")

    monkeypatch.setattr(subprocess, "run", refuse)
    options = ["--cold", "--whole", "--low-vram", "--plain", "--steps", "2"]
    assert main(["bench", "--device", "cpu", *options]) == 1
    assert "cold start failed: no" in capsys.readouterr().err
    assert {"--low-vram", "--plain"} <= set(commands[0]) and "--float8" not in commands[0]
    assert commands[0][commands[0].index("--steps") + 1] == "2"


@pytest.mark.parametrize("option", ["--float8", "--low-vram"])
def test_options_that_need_the_whole_say_so(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "--device", "cpu", option]) == 1
    assert "go with --whole: add it" in capsys.readouterr().err
