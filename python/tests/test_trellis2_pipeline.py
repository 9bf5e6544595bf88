"""`Trellis2` as its callers see it: types, resolutions, seeds, progress and what it refuses."""

import gc
import math
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from golden_trellis2 import IMAGE_ENCODER, MODEL, TRELLIS2, load, params
from PIL import Image
from test_graphs import Recorder
from torch import nn

import crossworld_trellis.trellis2.pipeline as pipeline_module
from crossworld_trellis import config
from crossworld_trellis.cascade import PIPELINE_TYPES
from crossworld_trellis.checkpoint.trellis2 import Trellis2Checkpoint
from crossworld_trellis.errors import Cancelled, DeviceMemoryError
from crossworld_trellis.graphs import Graphs
from crossworld_trellis.guidance import GuidanceSettings
from crossworld_trellis.image import PictureError, crop_tightly
from crossworld_trellis.request import EmptyResultError, Request
from crossworld_trellis.sampler import SettingsError
from crossworld_trellis.trellis2 import Noise2, Sample2, Trellis2, stages
from crossworld_trellis.voxels import SparseVoxels
from crossworld_trellis.watch import Preview, Progress, Watch

PICTURE = TRELLIS2 / "preprocess_0_in.png"
SEED: int = params("pipeline_512")["seed"]


@pytest.fixture(scope="module")
def trellis() -> Trellis2:
    return Trellis2.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, pipeline_type="512")


@pytest.fixture(scope="module")
def golden(trellis: Trellis2) -> Sample2:
    """What the golden seed gives."""
    [sample] = trellis.generate(PICTURE, seed=SEED, formats=("voxels", "o_voxels"))
    return sample


def quick(trellis: Trellis2, **options: Any) -> list[Sample2]:
    """A run of two steps a pass."""
    return trellis.generate(PICTURE, **{"steps": 2, "seed": SEED, **options})


def cells(voxels: SparseVoxels | None) -> set[tuple[int, ...]]:
    assert voxels is not None
    return {tuple(cell) for cell in voxels.coords.tolist()}


@pytest.mark.parametrize("name", ["pipeline_512", "pipeline_cascade"])
def test_a_picture_and_a_seed_give_exactly_the_voxels_of_the_original(
    trellis: Trellis2, name: str
) -> None:
    chosen = params(name)
    [sample] = trellis.generate(
        PICTURE,
        seed=chosen["seed"],
        pipeline_type=chosen["pipeline_type"],
        resolution=chosen["resolution"],
    )
    x, y, z = load(name)["level_4"][:, 1:].unbind(1)
    expected = torch.stack([x, z, chosen["resolution"] - 1 - y], dim=1).tolist()
    assert cells(sample.voxels) == {tuple(cell) for cell in expected}
    assert sample.resolution == chosen["resolution"]


@pytest.mark.parametrize(
    ("kind", "resolution"),
    [("512", 128), ("1024", 512), ("1024_cascade", 32), ("1536_cascade", 1024)],
)
def test_every_type_makes_coloured_voxels(trellis: Trellis2, kind: str, resolution: int) -> None:
    [sample] = quick(trellis, pipeline_type=kind, resolution=resolution)
    voxels = sample.voxels
    assert voxels is not None and voxels.resolution == resolution and len(voxels) > 0
    assert voxels.metallic_roughness is not None
    assert len(np.unique(voxels.rgba, axis=0)) > 1
    assert sample.resolution == PIPELINE_TYPES[kind].resolution and sample.reduced is None


def test_voxels_are_256_cells_an_axis_where_nobody_says_otherwise(golden: Sample2) -> None:
    assert golden.voxels is not None and golden.voxels.resolution == 256


def test_coarser_voxels_are_solid_where_finer_ones_are(trellis: Trellis2, golden: Sample2) -> None:
    [coarse] = trellis.generate(PICTURE, seed=SEED, resolution=64)
    assert golden.voxels is not None
    assert cells(coarse.voxels) == {tuple(cell) for cell in (golden.voxels.coords // 4).tolist()}


def test_occupancy_needs_no_network_of_the_texture(golden: Sample2) -> None:
    bare = Trellis2.load(
        MODEL,
        device="cpu",
        image_encoder=IMAGE_ENCODER,
        pipeline_type="512",
        outputs=("occupancy",),
    )
    [sample] = bare.generate(PICTURE, seed=SEED, resolution=64)
    assert cells(sample.occupancy) == {
        (x, z, 63 - y) for _, x, y, z in load("pipeline_512")["level_1"].tolist()
    }
    assert sample.voxels is None and sample.o_voxels is None
    assert not [role for role in bare._shelf._kept if role.startswith("tex")]


def test_a_mesh_alone_is_that_of_the_finest_voxels(trellis: Trellis2, golden: Sample2) -> None:
    [sample] = trellis.generate(PICTURE, seed=SEED, formats=("mesh",))
    assert golden.o_voxels is not None and sample.mesh is not None
    expected = golden.o_voxels.mesh()
    assert torch.equal(sample.mesh.faces, expected.faces) and len(expected.faces) > 0
    assert torch.equal(sample.mesh.vertices, expected.vertices)
    assert torch.equal(sample.mesh.materials, golden.o_voxels.materials)
    assert sample.voxels is None and sample.o_voxels is None and golden.mesh is None


def test_a_cascade_with_too_many_latent_voxels_ends_lower_and_says_so(trellis: Trellis2) -> None:
    [sample] = quick(trellis, pipeline_type="1536_cascade", max_tokens=1)
    assert sample.resolution == 1024
    assert sample.reduced == (
        "the grid has 1024 cells an axis instead of 1536: a finer one would have 1 latent voxels "
        "or more, the limit"
    )


def test_given_noise_stands_in_for_the_seed(trellis: Trellis2, golden: Sample2) -> None:
    file = load("pipeline_512")
    noise = Noise2(
        structure=file["noise_ss"], shapes=[file["noise_shape"]], texture=file["noise_tex"]
    )
    [sample] = trellis.generate(PICTURE, seed=99, noise=noise)
    assert sample.voxels == golden.voxels
    with pytest.raises(SettingsError, match="shapes has 1 entries, expected 2"):
        quick(trellis, noise=noise, pipeline_type="1024_cascade")
    wrong = Noise2(structure=file["noise_ss"], shapes=[file["noise_shape"][1:]])
    with pytest.raises(SettingsError, match=r"noise.shapes\[0\] has shape \[86, 32\], expected"):
        trellis.generate(PICTURE, noise=wrong)


def test_samples_of_one_call_differ_and_come_in_their_order(trellis: Trellis2) -> None:
    options = {"formats": ("voxels", "occupancy"), "samples": 2, "pipeline_type": "1024_cascade"}
    first, second = quick(trellis, **options)
    assert first.voxels != second.voxels
    again, _ = quick(trellis, **options)
    assert first.voxels == again.voxels and first.occupancy == again.occupancy


def test_progress_comes_in_the_order_of_the_stages_and_counts_all_passes(
    trellis: Trellis2,
) -> None:
    told: list[Progress] = []
    quick(trellis, on_progress=told.append, pipeline_type="1024_cascade")
    assert [(each.stage, each.step, each.steps) for each in told] == [
        ("picture", 0, 1),
        *(("structure", step, 2) for step in range(3)),
        *(("appearance", step, 6) for step in range(7)),
        ("decoding", 0, 1),
        ("decoding", 1, 1),
    ]


@pytest.mark.parametrize("after", range(11))
def test_a_cancelled_generation_stops_within_one_step(trellis: Trellis2, after: int) -> None:
    told: list[Progress] = []
    with pytest.raises(Cancelled):
        quick(trellis, on_progress=told.append, should_cancel=lambda: len(told) == after)
    assert len(told) == after


def test_previews_show_guesses_and_then_the_solid_cells(trellis: Trellis2) -> None:
    told: list[Preview | Progress] = []
    trellis.generate(
        PICTURE, seed=SEED, on_preview=told.append, on_progress=told.append, preview_every=5
    )
    previews = [each for each in told if isinstance(each, Preview)]
    assert [each.voxels.resolution for each in previews] == [32, 32, 32, 64, 64]
    expected = {(x, z, 31 - y) for _, x, y, z in load("pipeline_512")["coords_32"].tolist()}
    assert cells(previews[2].voxels) == expected
    assert told.index(previews[0]) == told.index(Progress("structure", 5, 12)) + 1
    assert told.index(previews[2]) == told.index(Progress("structure", 12, 12)) + 1
    assert told.index(previews[3]) == told.index(Progress("appearance", 5, 24)) + 1


def test_steps_that_are_not_long_are_recorded_and_change_no_result(
    trellis: Trellis2, golden: Sample2, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    monkeypatch.setattr(trellis._shelf, "_graphs", Graphs(record=recorder))
    [sample] = trellis.generate(PICTURE, seed=SEED)
    assert sample.voxels == golden.voxels
    # Two flows with and without guidance, and the texture's without.
    assert len(recorder.made) == 5
    recorder.made.clear()
    monkeypatch.setattr(stages, "_LONG", 1)
    trellis.generate(PICTURE, seed=SEED)
    assert recorder.made == []


def test_low_vram_changes_no_result_and_keeps_no_network(golden: Sample2) -> None:
    lean = Trellis2.load(
        MODEL, device="cpu", image_encoder=IMAGE_ENCODER, pipeline_type="512", low_vram=True
    )
    [sample] = lean.generate(PICTURE, seed=SEED)
    assert sample.voxels == golden.voxels
    assert lean._shelf._kept == {} and lean._shelf._encoder is None


def test_low_vram_holds_one_network_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[nn.Module]] = []

    def listening(load: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
        def listen(*args: Any, **options: Any) -> nn.Module:
            assert [each() for each in made if each() is not None] == []
            module = load(*args, **options)
            made.append(weakref.ref(module))
            return module

        return listen

    for name in ("load", "load_image_encoder"):
        monkeypatch.setattr(Trellis2Checkpoint, name, listening(getattr(Trellis2Checkpoint, name)))
    lean = Trellis2.load(
        MODEL, device="cpu", image_encoder=IMAGE_ENCODER, pipeline_type="512", low_vram=True
    )
    # What only the collector of cycles frees would lie on the card for a while.
    gc.disable()
    try:
        quick(lean, pipeline_type="1024_cascade")
    finally:
        gc.enable()
    # The encoder, two networks for the structure, four for the shape, two for the texture.
    assert len(made) == 9


def test_half_precision_is_that_of_the_flows_and_decoders_have_float16() -> None:
    half = Trellis2.load(
        MODEL,
        device="cpu",
        dtype="bfloat16",
        image_encoder=IMAGE_ENCODER,
        pipeline_type="512",
        low_vram=True,
    )
    shelf = half._shelf
    kinds = {role: shelf.model(role).dtype for role in shelf.checkpoint.family.roles}
    assert {kind for role, kind in kinds.items() if "flow" in role} == {torch.bfloat16}
    assert {kind for role, kind in kinds.items() if "decoder" in role} == {torch.float16}


def test_a_preprocessed_picture_is_taken_as_it_is(trellis: Trellis2, golden: Sample2) -> None:
    [sample] = trellis.generate(crop_tightly(PICTURE), seed=SEED, preprocessed=True)
    assert sample.voxels == golden.voxels


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"steps": 0}, "steps must be 1 to 1000, got 0"),
        ({"cfg": math.nan}, "guidance_strength must be 0 to 100, got nan"),
        ({"samples": 65}, "samples must be 1 to 64, got 65"),
        ({"seed": -1}, "seed must be 0 to"),
        ({"formats": ("ply",)}, "no output 'ply': use one of voxels, o_voxels, mesh, occupancy"),
        ({"formats": ()}, "no output is asked for"),
        ({"formats": "voxels"}, r"\('voxels',\)"),
        ({"resolution": 48}, "one of 32, 64, 128, 256, 512, 1024, got 48"),
        ({"resolution": 1024}, "type 512 makes voxels of up to 512 cells .* use the type 1024 or"),
        ({"pipeline_type": "2048"}, "unknown pipeline type '2048': use one of 512, 1024, 1024_ca"),
        ({"max_tokens": 0}, "max_tokens must be 1 to"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(
    trellis: Trellis2, options: dict[str, Any], names: str
) -> None:
    told: list[Progress] = []
    with pytest.raises(SettingsError, match=names):
        trellis.generate(PICTURE, on_progress=told.append, **options)
    assert told == []


def test_several_pictures_of_one_object_are_refused(trellis: Trellis2) -> None:
    with pytest.raises(PictureError, match="one picture of an object, got 2"):
        trellis.generate([PICTURE, PICTURE])


def test_each_of_a_batch_is_what_it_is_alone_and_fails_alone(trellis: Trellis2) -> None:
    def leave() -> bool:
        return True

    requests = [
        Request(images=PICTURE, seed=1),
        Request(images=Image.new("RGBA", (64, 64)), seed=2),
        Request(images=PICTURE, seed=3, watch=Watch(should_cancel=leave)),
        Request(images=[PICTURE, PICTURE], seed=4),
        Request(images=PICTURE, seed=5),
    ]
    made = trellis.generate_batch(requests, steps=2, resolution=64)
    assert [type(each) for each in made] == [
        Sample2,
        PictureError,
        Cancelled,
        PictureError,
        Sample2,
    ]
    for each, seed in zip(made[::4], (1, 5), strict=True):
        assert isinstance(each, Sample2)
        assert each.voxels == quick(trellis, seed=seed, resolution=64)[0].voxels


@pytest.mark.parametrize(
    ("count", "options", "told"),
    [
        (0, {}, "the number of requests must be 1 to 64, got 0"),
        (2, {"resolution": 1024}, "resolution 1024 is out of reach"),
    ],
)
def test_what_concerns_a_whole_batch_is_raised(
    trellis: Trellis2, count: int, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        trellis.generate_batch([Request(images=PICTURE)] * count, **options)


def test_the_type_is_part_of_the_identity_and_comes_from_the_environment_too(
    trellis: Trellis2, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load() -> Trellis2:
        return Trellis2.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, low_vram=True)

    assert load().pipeline_type == "1024_cascade"
    monkeypatch.setenv(config.PIPELINE_TYPE_VARIABLE, "512")
    chosen = load()
    assert (chosen.pipeline_type, chosen.resolutions[-1]) == ("512", 512)
    assert chosen.identity == trellis.identity
    monkeypatch.setenv(config.PIPELINE_TYPE_VARIABLE, "2048")
    with pytest.raises(SettingsError, match="unknown pipeline type '2048'"):
        load()


def test_eight_bits_that_only_the_first_generation_knows_are_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(config.FLOAT8_VARIABLE, "1")
    Trellis2.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, low_vram=True)
    assert "TRELLIS_FLOAT8 does nothing here: it is for the first generation" in caplog.text


def test_a_picture_without_an_object_is_refused(trellis: Trellis2) -> None:
    with pytest.raises(PictureError, match="no object"):
        trellis.generate(Image.new("RGBA", (64, 64)))


def test_a_shape_that_vanishes_when_it_is_split_is_told_as_such() -> None:
    barren = Trellis2.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER)
    barren._shelf.model("shape_slat_decoder").blocks[2][-1].to_subdiv.bias.data.fill_(-1e6)
    for kind in ("512", "1024_cascade"):
        with pytest.raises(EmptyResultError, match="sample 1 of 1 lost all its voxels when they"):
            quick(barren, pipeline_type=kind)


def test_running_out_of_memory_says_what_to_lower_and_the_next_call_works(
    trellis: Trellis2, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(pipeline_module, "find_texture", fail)
        with pytest.raises(DeviceMemoryError, match=r"finding shape and material.*low_vram"):
            quick(trellis)
    assert quick(trellis)


def test_recovering_drops_what_was_loaded_for_another_type_or_output() -> None:
    own = Trellis2.load(
        MODEL,
        device="cpu",
        image_encoder=IMAGE_ENCODER,
        pipeline_type="512",
        outputs=("occupancy",),
    )
    before = set(own._shelf._kept)
    quick(own, pipeline_type="1024", formats=("voxels",))
    assert set(own._shelf._kept) > before
    own.recover()
    assert set(own._shelf._kept) == before and own._shelf._encoder is not None
    assert quick(own)


def test_the_settings_of_a_pass_can_be_replaced(trellis: Trellis2) -> None:
    told: list[Progress] = []
    trellis.generate(
        PICTURE,
        seed=SEED,
        structure=GuidanceSettings(steps=2),
        shape=GuidanceSettings(steps=3),
        texture=GuidanceSettings(steps=4, guidance_strength=2.0, guidance_rescale=0.5),
        on_progress=told.append,
    )
    assert {(each.stage, each.steps) for each in told} >= {("structure", 2), ("appearance", 7)}
