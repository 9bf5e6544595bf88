"""Coarse previews: what is shown when, and that they change nothing and cost nothing unasked."""

from typing import Any

import numpy as np
import pytest
import torch
from golden_data import IMAGE_ENCODER, MODEL, TRELLIS

import crossworld_trellis.previews as previews_module
import crossworld_trellis.sampler as sampler_module
from crossworld_trellis.errors import Cancelled
from crossworld_trellis.pipeline import Request, Sample, Trellis
from crossworld_trellis.voxelize import PREVIEW_COLOR
from crossworld_trellis.watch import PREVIEW_EVERY, Preview, Progress, Watch

PICTURE = TRELLIS / "preprocess_0_in.png"
SEED = 3
ALL = ("voxels", "gaussians", "radiance_field", "mesh")


@pytest.fixture(scope="module")
def trellis() -> Trellis:
    return Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER)


def watched(trellis: Trellis, *, every: int, **options: Any) -> tuple[list[str], list[Preview]]:
    """What was told, in order, of a run with 5 steps a stage, and the previews."""
    order: list[str] = []
    previews: list[Preview] = []

    def on_preview(preview: Preview) -> None:
        order.append("preview")
        previews.append(preview)

    def on_progress(progress: Progress) -> None:
        order.append(f"{progress.stage} {progress.step}")

    trellis.generate(
        PICTURE,
        **{"seed": SEED, "steps": 5, **options},
        preview_every=every,
        on_preview=on_preview,
        on_progress=on_progress,
    )
    return order, previews


def tensors(sample: Sample) -> list[torch.Tensor]:
    parts = (sample.gaussians, sample.radiance_field, sample.mesh)
    values = [value for part in parts for value in vars(part).values()]
    return [value for value in values if isinstance(value, torch.Tensor)]


def test_guesses_come_every_few_steps_and_never_at_a_stage_s_end(trellis: Trellis) -> None:
    order, previews = watched(trellis, every=2)
    assert order == [
        *("picture 0", "structure 0", "structure 1", "structure 2", "preview", "structure 3"),
        *("structure 4", "preview", "structure 5", "preview", "appearance 0", "appearance 1"),
        *("appearance 2", "preview", "appearance 3", "appearance 4", "preview", "appearance 5"),
        *("decoding 0", "decoding 1"),
    ]
    assert [preview.voxels.resolution for preview in previews] == [32, 32, 32, 16, 16]
    grey = [bool((preview.voxels.rgba == PREVIEW_COLOR).all()) for preview in previews]
    assert grey == [True, True, True, False, False]


def test_a_stage_as_long_as_the_interval_has_no_guess(trellis: Trellis) -> None:
    assert len(watched(trellis, every=5)[1]) == 1
    assert Watch().preview_every == PREVIEW_EVERY == 5


def test_a_coloured_guess_has_the_cells_of_the_structure_at_half_the_resolution(
    trellis: Trellis,
) -> None:
    _, previews = watched(trellis, every=4)
    _, solid, colored = previews
    halved = {tuple(cell) for cell in (solid.voxels.coords // 2).tolist()}
    assert {tuple(cell) for cell in colored.voxels.coords.tolist()} == halved


def test_an_interval_of_0_leaves_the_solid_cells_only(trellis: Trellis) -> None:
    order, _ = watched(trellis, every=0)
    assert order.count("preview") == 1
    assert order[order.index("preview") - 1] == "structure 5"


def test_previews_change_no_bit_of_any_output(trellis: Trellis) -> None:
    def run(**options: Any) -> list[Sample]:
        return trellis.generate(PICTURE, seed=SEED, steps=4, samples=2, formats=ALL, **options)

    shown: list[Preview] = []
    for quiet, seen in zip(run(), run(on_preview=shown.append, preview_every=1), strict=True):
        assert quiet.voxels == seen.voxels
        for one, other in zip(tensors(quiet), tensors(seen), strict=True):
            assert torch.equal(one, other)
    assert sorted(preview.sample for preview in shown) == [0] * 7 + [1] * 7


def test_where_nobody_listens_nothing_is_guessed(
    trellis: Trellis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the clean data was asked for")

    monkeypatch.setattr(sampler_module, "clean", fail)
    assert trellis.generate(PICTURE, seed=SEED, steps=4, preview_every=1)
    with pytest.raises(AssertionError, match="clean"):
        watched(trellis, every=1)


def test_low_vram_shows_the_solid_cells_only() -> None:
    lean = Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, low_vram=True)
    order, _ = watched(lean, every=1)
    assert order.count("preview") == 1


def test_no_network_is_loaded_for_a_preview(monkeypatch: pytest.MonkeyPatch) -> None:
    trellis = Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, outputs=("mesh",))
    order, _ = watched(trellis, every=1)
    assert order[order.index("appearance 0") :].count("preview") == 0
    assert order.count("preview") == 5


def test_an_empty_or_broken_guess_is_not_shown(
    trellis: Trellis, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = torch.zeros(0, 4, dtype=torch.int32)
    monkeypatch.setattr(previews_module, "solid_cells", lambda *_: nothing)
    monkeypatch.setattr(previews_module, "denormalised", lambda _, state: state * torch.nan)
    order, _ = watched(trellis, every=1)
    assert order.count("preview") == 1


def test_a_listener_that_cancels_at_a_preview_stops_the_run(trellis: Trellis) -> None:
    told: list[Progress] = []

    def on_preview(_: Preview) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        trellis.generate(
            PICTURE, steps=5, on_preview=on_preview, on_progress=told.append, preview_every=2
        )
    assert told[-1] == Progress("structure", 2, 5)


def test_of_a_batch_those_who_listen_see_their_own_object(trellis: Trellis) -> None:
    shown: list[Preview] = []
    listening = Watch(on_preview=shown.append, preview_every=2)
    requests = [
        Request(images=PICTURE, seed=SEED + 1),
        Request(images=PICTURE, seed=SEED, watch=listening),
    ]
    trellis.generate_batch(requests, steps=5)
    _, expected = watched(trellis, every=2)
    assert len(shown) == len(expected) == 5
    for ours, theirs in zip(shown, expected, strict=True):
        assert ours.sample == 0
        assert np.array_equal(ours.voxels.coords, theirs.voxels.coords)
        assert np.abs(ours.voxels.rgba.astype(int) - theirs.voxels.rgba).max() <= 1
