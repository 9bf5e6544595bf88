"""The whole way from a picture to every output, with the golden checkpoint and without a GPU."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_data import IMAGE_ENCODER, MODEL, TRELLIS, assert_golden, cosine, load, params
from PIL import Image

import crossworld_trellis.decoding as decoding_module
import crossworld_trellis.pipeline as pipeline_module
from crossworld_trellis.checkpoint import CheckpointError
from crossworld_trellis.errors import Cancelled, DeviceMemoryError
from crossworld_trellis.image import PictureError
from crossworld_trellis.pipeline import EmptyResultError, Noise, Sample, Trellis
from crossworld_trellis.sampler import ManyPictures, SamplerSettings, SettingsError
from crossworld_trellis.sparse.grid import VoxelGrid
from crossworld_trellis.watch import Preview, Progress

NAME = "pipeline"
PICTURE = TRELLIS / "preprocess_0_in.png"
SEED: int = params(NAME)["seed"]
ALL = ("voxels", "gaussians", "radiance_field", "mesh")


@pytest.fixture(scope="module")
def trellis() -> Trellis:
    return Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER)


@pytest.fixture(scope="module")
def everything(trellis: Trellis) -> Sample:
    [sample] = trellis.generate(PICTURE, seed=SEED, formats=ALL)
    return sample


def quick(trellis: Trellis, **options: Any) -> list[Sample]:
    """A run of two steps a stage."""
    return trellis.generate(PICTURE, **{"steps": 2, "seed": SEED, **options})


def test_a_picture_and_a_seed_give_the_gaussians_of_the_original(everything: Sample) -> None:
    gaussians = everything.gaussians
    assert gaussians is not None
    assert_golden(gaussians.xyz[:1024], NAME, "gs_xyz_0")
    assert_golden(gaussians.features_dc[:1024, None], NAME, "gs_features_dc_0")
    assert_golden(gaussians.scaling[:1024], NAME, "gs_scaling_0")
    assert_golden(gaussians.rotation[:1024], NAME, "gs_rotation_0")
    assert_golden(gaussians.opacity[:1024], NAME, "gs_opacity_0")


def test_a_picture_and_a_seed_give_exactly_the_cells_of_the_original(everything: Sample) -> None:
    x, y, z = load(NAME)["coords"][:, 1:].unbind(1)
    side = 32
    expected = {tuple(cell) for cell in torch.stack([x, z, side - 1 - y], dim=1).tolist()}
    assert everything.voxels is not None
    assert everything.voxels.resolution == side
    assert {tuple(cell) for cell in everything.voxels.coords.tolist()} == expected


def test_given_noise_stands_in_for_the_seed(trellis: Trellis, everything: Sample) -> None:
    golden = load(NAME)
    noise = Noise(structure=golden["noise_ss"], latents=golden["noise_slat"])
    [sample] = trellis.generate(PICTURE, seed=99, noise=noise)
    assert sample.voxels == everything.voxels


def test_noise_of_another_shape_is_refused_with_both_shapes(trellis: Trellis) -> None:
    golden = load(NAME)
    noise = Noise(structure=golden["noise_ss"][:, :4], latents=golden["noise_slat"])
    with pytest.raises(SettingsError, match=r"structure has shape \[1, 4, 8, 8, 8\], expected"):
        trellis.generate(PICTURE, noise=noise)
    noise = Noise(structure=golden["noise_ss"], latents=golden["noise_slat"][1:])
    with pytest.raises(SettingsError, match=r"latents has shape \[200, 8\], expected \[201, 8\]"):
        trellis.generate(PICTURE, noise=noise)


def test_every_output_speaks_of_the_same_cells(everything: Sample) -> None:
    assert everything.gaussians is not None and everything.voxels is not None
    assert everything.radiance_field is not None and everything.mesh is not None
    count = len(everything.voxels)
    assert len(everything.gaussians) == count * everything.gaussians.per_cell
    assert len(everything.radiance_field.position) == count
    assert len(everything.mesh.faces) > 0
    assert everything.mesh.vertices.abs().max() < 0.6


def test_what_is_not_asked_for_is_not_made(trellis: Trellis) -> None:
    [sample] = quick(trellis)
    assert sample.voxels is not None
    assert sample.gaussians is None and sample.radiance_field is None and sample.mesh is None


@pytest.mark.parametrize("resolution", [16, 64, 128])
def test_voxels_come_in_other_resolutions_too(
    trellis: Trellis, everything: Sample, resolution: int
) -> None:
    [sample] = trellis.generate(PICTURE, seed=SEED, resolution=resolution)
    voxels, own = sample.voxels, everything.voxels
    assert voxels is not None and own is not None
    assert voxels.resolution == resolution and len(voxels) > 0
    if resolution == 16:
        halved = {tuple(cell) for cell in (own.coords // 2).tolist()}
        assert {tuple(cell) for cell in voxels.coords.tolist()} == halved


def test_the_solid_cells_are_shown_before_the_result(trellis: Trellis, everything: Sample) -> None:
    told: list[Preview | Progress] = []
    watching = {"on_preview": told.append, "on_progress": told.append, "preview_every": 0}
    trellis.generate(PICTURE, seed=SEED, **watching)
    where = next(i for i, each in enumerate(told) if isinstance(each, Preview))
    preview = told[where]
    assert isinstance(preview, Preview) and everything.voxels is not None
    assert np.array_equal(preview.voxels.coords, everything.voxels.coords)
    assert Progress("structure", 6, 6) in told[:where]
    assert Progress("appearance", 1, 5) in told[where:]


def test_progress_comes_in_the_order_of_the_stages(trellis: Trellis) -> None:
    told: list[Progress] = []
    quick(trellis, on_progress=told.append)
    assert [(each.stage, each.step, each.steps) for each in told] == [
        ("picture", 0, 1),
        ("structure", 0, 2),
        ("structure", 1, 2),
        ("structure", 2, 2),
        ("appearance", 0, 2),
        ("appearance", 1, 2),
        ("appearance", 2, 2),
        ("decoding", 0, 1),
        ("decoding", 1, 1),
    ]


@pytest.mark.parametrize("after", range(9))
def test_a_cancelled_generation_stops_within_one_step(trellis: Trellis, after: int) -> None:
    told: list[Progress] = []
    with pytest.raises(Cancelled):
        quick(trellis, on_progress=told.append, should_cancel=lambda: len(told) == after)
    assert len(told) == after


def test_samples_of_one_call_differ_and_the_first_steps_of_none_depend_on_another(
    trellis: Trellis,
) -> None:
    first, second = quick(trellis, samples=2)
    assert first.voxels != second.voxels
    again, _ = quick(trellis, samples=2)
    assert first.voxels == again.voxels


@pytest.mark.parametrize("mode", ["stochastic", "multidiffusion"])
def test_several_pictures_of_one_object_are_taken_in_both_modes(
    trellis: Trellis, mode: ManyPictures
) -> None:
    mirrored = Image.open(PICTURE).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    [both] = trellis.generate([PICTURE, mirrored], steps=3, seed=SEED, mode=mode)
    [one] = trellis.generate(PICTURE, steps=3, seed=SEED)
    assert both.voxels != one.voxels


def test_low_vram_changes_no_result_and_keeps_no_network(everything: Sample) -> None:
    lean = Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, low_vram=True)
    [sample] = lean.generate(PICTURE, seed=SEED)
    assert sample.voxels == everything.voxels
    assert lean._shelf._kept == {} and lean._shelf._encoder is None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_runs_end_to_end_near_single(dtype: str) -> None:
    golden = load(NAME)
    half = Trellis.load(
        MODEL, device="cpu", dtype=dtype, image_encoder=IMAGE_ENCODER, outputs=("gaussians",)
    )
    shelf, times = half._shelf, torch.tensor([700.0])
    condition = golden["cond"][None]
    grid = VoxelGrid(golden["coords"])
    for role, args, state in (
        ("sparse_structure_flow_model", (), golden["noise_ss"]),
        ("slat_flow_model", (grid,), golden["noise_slat"]),
    ):
        network: Any = shelf.model(role)
        reference: Any = shelf.checkpoint.load(role, device=half.device, dtype=torch.float32)
        ours, exact = (
            flow.field(condition, times, *args)(state, 0, pictures=slice(1), guided=True)
            for flow in (network, reference)
        )
        assert cosine(ours, exact) >= 0.999
    [sample] = half.generate(PICTURE, seed=SEED)
    assert sample.gaussians is not None and sample.gaussians.xyz.isfinite().all()


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"steps": 0}, "steps must be 1 to 1000, got 0"),
        ({"steps": 2.5}, "steps must be a whole number, got 2.5"),
        ({"cfg": math.nan}, "cfg_strength must be 0 to 100, got nan"),
        ({"samples": 0}, "samples must be 1 to 64, got 0"),
        ({"samples": 65}, "65"),
        ({"seed": -1}, "seed must be 0 to"),
        ({"seed": 2**64}, "seed must be 0 to"),
        ({"formats": ("vox",)}, "unknown output 'vox'"),
        ({"formats": ()}, "no output is asked for"),
        ({"formats": "voxels"}, r"\('voxels',\)"),
        ({"resolution": 48}, "one of 16, 32, 64, 128, got 48"),
        ({"mode": "mean"}, "unknown mode 'mean'"),
        ({"preview_every": -1}, "preview_every must be 0 to 1000, got -1"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(
    trellis: Trellis, options: dict[str, Any], names: str
) -> None:
    told: list[Progress] = []
    with pytest.raises(SettingsError, match=names):
        trellis.generate(PICTURE, on_progress=told.append, **options)
    assert told == []


@pytest.mark.parametrize("images", [[], [PICTURE] * 17])
def test_too_few_or_too_many_pictures_are_refused(trellis: Trellis, images: list[Path]) -> None:
    with pytest.raises(SettingsError, match=f"1 to 16 pictures of one object, got {len(images)}"):
        trellis.generate(images)


def test_a_picture_without_an_object_is_refused(trellis: Trellis) -> None:
    with pytest.raises(PictureError, match="no object"):
        trellis.generate(Image.new("RGBA", (64, 64)))


def test_a_picture_without_transparency_needs_a_cut_out(trellis: Trellis) -> None:
    grey = Image.new("RGB", (64, 64), (90, 90, 90))
    with pytest.raises(PictureError, match="transparency"):
        trellis.generate(grey)
    assert trellis.generate(grey, preprocessed=True, steps=1)


def test_a_structure_without_a_solid_cell_is_told_as_such(
    trellis: Trellis, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = torch.zeros(0, 4, dtype=torch.int32)
    monkeypatch.setattr(decoding_module, "active_voxels", lambda _: nothing)
    with pytest.raises(EmptyResultError, match="sample 1 of 1 has no solid cell: try another"):
        quick(trellis)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_running_out_of_memory_says_what_to_lower_and_the_next_call_works(
    trellis: Trellis, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(pipeline_module, "sample", fail)
        with pytest.raises(DeviceMemoryError, match=r"finding the solid cells.*low_vram"):
            quick(trellis)
    assert quick(trellis)


def test_recovering_drops_what_was_loaded_for_other_outputs() -> None:
    own = Trellis.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, outputs=("gaussians",))
    before = set(own._shelf._kept)
    quick(own, formats=("mesh",))
    assert set(own._shelf._kept) > before
    own.recover()
    assert set(own._shelf._kept) == before and own._shelf._encoder is not None
    assert quick(own)


def test_an_unknown_device_or_dtype_is_refused() -> None:
    with pytest.raises(SettingsError, match="device 'warp' cannot be used"):
        Trellis.load(MODEL, device="warp")
    with pytest.raises(SettingsError, match="unknown dtype 'float8': use auto, float32"):
        Trellis.load(MODEL, dtype="float8")


def test_a_folder_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"pipeline\.json"):
        Trellis.load(tmp_path)


def test_a_stage_s_settings_can_be_replaced(trellis: Trellis) -> None:
    told: list[Progress] = []
    trellis.generate(
        PICTURE,
        seed=SEED,
        structure=SamplerSettings(steps=2),
        latents=SamplerSettings(steps=3),
        on_progress=told.append,
    )
    assert {(each.stage, each.steps) for each in told} >= {("structure", 2), ("appearance", 3)}
