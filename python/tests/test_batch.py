"""Several requests in one batch: each gets what it would get alone, whatever befalls others."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from golden_data import IMAGE_ENCODER, MODEL, TRELLIS
from PIL import Image
from torch import Tensor

import crossworld_trellis.decoding as decoding_module
import crossworld_trellis.pipeline as pipeline_module
from crossworld_trellis.__main__ import main
from crossworld_trellis.errors import Cancelled, DeviceMemoryError
from crossworld_trellis.image import PictureError
from crossworld_trellis.mesh import Mesh
from crossworld_trellis.pipeline import EmptyResultError, Request, Sample, Trellis
from crossworld_trellis.sampler import ManyPictures, SettingsError
from crossworld_trellis.sampler import sample as sample_as_it_is
from crossworld_trellis.voxelize import VoxelizeError
from crossworld_trellis.watch import Progress, Watch

PICTURE = Image.open(TRELLIS / "preprocess_0_in.png")
MIRRORED = PICTURE.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
TURNED = PICTURE.transpose(Image.Transpose.ROTATE_90)
ALL = ("voxels", "gaussians", "radiance_field", "mesh")
STEPS = 3


@pytest.fixture(scope="module")
def trellis() -> Trellis:
    return Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER)


def three(*watches: Watch) -> list[Request]:
    """Three pictures, each with a seed of its own."""
    watches = (*watches, Watch(), Watch(), Watch())
    pictures = (PICTURE, MIRRORED, TURNED)
    return [
        Request(images=picture, seed=seed, watch=watch)
        for seed, (picture, watch) in enumerate(zip(pictures, watches, strict=False))
    ]


def alone(trellis: Trellis, request: Request, **options: Any) -> Sample:
    options = {"steps": STEPS, **options}
    [sample] = trellis.generate(request.images, seed=request.seed, **options)
    return sample


def batch(trellis: Trellis, requests: list[Request], **options: Any) -> list[Any]:
    return trellis.generate_batch(requests, **{"steps": STEPS, **options})


def assert_same(sample: Sample, other: Sample) -> None:
    """Equal cells, and all numbers within what rounding can do."""
    ours, theirs = sample.voxels, other.voxels
    assert isinstance(sample, Sample) and ours is not None and theirs is not None
    assert np.array_equal(ours.coords, theirs.coords)
    assert np.abs(ours.rgba.astype(int) - theirs.rgba).max() <= 1
    for part in ("gaussians", "radiance_field"):
        mine, their = getattr(sample, part), getattr(other, part)
        assert (mine is None) == (their is None)
        for name, value in vars(mine).items() if mine is not None else ():
            if isinstance(value, Tensor):
                torch.testing.assert_close(value, getattr(their, name), atol=2e-5, rtol=2e-5)
    if sample.mesh is not None or other.mesh is not None:
        assert_near(sample.mesh, other.mesh)


def assert_near(mesh: Mesh | None, other: Mesh | None) -> None:
    """The same surface; where it grazes a corner, rounding decides about a triangle."""
    assert mesh is not None and other is not None
    assert abs(len(mesh.faces) - len(other.faces)) <= len(other.faces) // 1000
    for values, theirs in ((mesh.vertices, other.vertices), (mesh.colors, other.colors)):
        torch.testing.assert_close(values.mean(0), theirs.mean(0), atol=1e-4, rtol=0)
        torch.testing.assert_close(values.std(0), theirs.std(0), atol=1e-4, rtol=0)


def cancel_at(stage: str, step: int, told: list[Progress]) -> Watch:
    """Cancels when that progress is about to be told."""

    def should_cancel() -> bool:
        return bool(told) and (told[-1].stage, told[-1].step + 1) == (stage, step)

    return Watch(on_progress=told.append, should_cancel=should_cancel)


def test_every_output_of_each_request_is_that_of_a_run_alone(trellis: Trellis) -> None:
    requests = three()
    results = batch(trellis, requests, formats=ALL)
    first, second, third = (result.voxels for result in results)
    assert first != second and second != third and third != first
    for request, result in zip(requests, results, strict=True):
        assert_same(result, alone(trellis, request, formats=ALL))


@pytest.mark.parametrize("mode", ["stochastic", "multidiffusion"])
def test_requests_with_several_pictures_each_are_made_together_in_both_modes(
    trellis: Trellis, mode: ManyPictures
) -> None:
    requests = [
        Request(images=[PICTURE, MIRRORED], seed=3),
        Request(images=(TURNED, PICTURE), seed=4),
    ]
    for request, result in zip(requests, batch(trellis, requests, mode=mode), strict=True):
        assert_same(result, alone(trellis, request, mode=mode))


def test_a_batch_in_finer_resolution_and_low_vram_is_that_of_runs_alone() -> None:
    lean = Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, low_vram=True)
    requests = three()
    for request, result in zip(requests, batch(lean, requests, resolution=64), strict=True):
        assert_same(result, alone(lean, request, resolution=64))


def test_a_request_without_a_solid_cell_fails_alone(
    trellis: Trellis, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = three()
    expected = [alone(trellis, request) for request in requests]
    find = decoding_module.active_voxels

    def without_the_second(logits: Tensor) -> Tensor:
        coords = find(logits)
        return coords[coords[:, 0] != 1]

    monkeypatch.setattr(decoding_module, "active_voxels", without_the_second)
    first, second, third = batch(trellis, requests)
    assert isinstance(second, EmptyResultError) and "sample 1 of 1" in str(second)
    assert second.__traceback__ is None, "it would keep the others' tensors"
    assert_same(first, expected[0])
    assert_same(third, expected[2])


def test_a_picture_that_cannot_be_used_fails_its_own_request(trellis: Trellis) -> None:
    requests = three()
    empty = Request(images=Image.new("RGBA", (64, 64)))
    first, bad, third = batch(trellis, [requests[0], empty, requests[2]])
    assert isinstance(bad, PictureError) and "no object" in str(bad)
    assert_same(first, alone(trellis, requests[0]))
    assert_same(third, alone(trellis, requests[2]))


def test_latents_that_are_broken_fail_their_own_request(
    trellis: Trellis, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests = three()
    make = decoding_module.voxels_from_gaussians
    calls: list[int] = []

    def fail_first(*arguments: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise VoxelizeError("NaN")
        return make(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(decoding_module, "voxels_from_gaussians", fail_first)
        first, second, third = batch(trellis, requests)
    assert isinstance(first, VoxelizeError)
    assert_same(second, alone(trellis, requests[1]))
    assert_same(third, alone(trellis, requests[2]))


@pytest.mark.parametrize(
    ("stage", "step"), [("structure", 2), ("appearance", 1), ("appearance", 3)]
)
def test_a_cancelled_request_hears_nothing_more_and_hurts_nobody(
    trellis: Trellis, stage: str, step: int
) -> None:
    told: list[Progress] = []
    heard: list[Progress] = []
    requests = three(Watch(on_progress=heard.append), cancel_at(stage, step, told))
    first, second, third = batch(trellis, requests)
    assert isinstance(second, Cancelled)
    assert (told[-1].stage, told[-1].step) == (stage, step - 1)
    assert heard[-1] == Progress("decoding", 1, 1)
    assert_same(first, alone(trellis, requests[0]))
    assert_same(third, alone(trellis, requests[2]))


def test_a_cancelled_request_is_out_of_the_networks_at_the_next_stage(
    trellis: Trellis, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: list[int] = []

    def recording(field: Any, noise: Tensor, *arguments: Any, **options: Any) -> Tensor:
        rows.append(len(noise))
        return sample_as_it_is(field, noise, *arguments, **options)

    monkeypatch.setattr(pipeline_module, "sample", recording)
    first, second, third = batch(trellis, three(Watch(), cancel_at("structure", 1, [])))
    assert isinstance(second, Cancelled)
    assert rows == [3, len(first.voxels) + len(third.voxels)]


def test_a_batch_stops_within_one_step_once_all_have_cancelled(trellis: Trellis) -> None:
    told: list[list[Progress]] = [[], [], []]
    watches = [cancel_at("structure", step, told[step - 1]) for step in (1, 2, 3)]
    results = batch(trellis, three(*watches), steps=9)
    assert all(isinstance(result, Cancelled) for result in results)
    assert [len(each) for each in told] == [2, 3, 4]


def test_what_concerns_all_is_raised(trellis: Trellis, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(pipeline_module, "sample", fail)
        with pytest.raises(DeviceMemoryError, match="finding the solid cells"):
            batch(trellis, three())
    with pytest.raises(SettingsError, match="one of 16, 32, 64, 128, got 48"):
        batch(trellis, three(), resolution=48)


def test_requests_that_do_not_fit_together_are_refused(trellis: Trellis) -> None:
    pair = Request(images=[PICTURE, MIRRORED])
    with pytest.raises(SettingsError, match=r"equally many pictures, got \[1, 2\]"):
        batch(trellis, [*three(), pair])
    with pytest.raises(SettingsError, match="number of requests must be 1 to 64, got 0"):
        batch(trellis, [])


@pytest.mark.parametrize(
    ("make", "names"),
    [
        (lambda: Request(images=[]), "1 to 16 pictures of one object, got 0"),
        (lambda: Request(images=PICTURE, seed=-1), "seed must be 0 to"),
        (lambda: Request(images=PICTURE, watch=Watch(preview_every=1001)), "preview_every"),
    ],
)
def test_a_request_that_cannot_be_is_refused_when_it_is_made(
    make: Callable[[], Request], names: str
) -> None:
    with pytest.raises(SettingsError, match=names):
        make()


def test_bench_refuses_a_batch_of_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--batch", "0", "--device", "cpu"]) == 1
    assert "batch must be 1 to 64, got 0" in capsys.readouterr().err
