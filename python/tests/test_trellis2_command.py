"""`make-tiny --family trellis2`, the front door and `generate` with the second generation."""

from pathlib import Path

import golden_data
import numpy as np
import pytest
from glb_file import File
from golden_trellis2 import IMAGE_ENCODER, MODEL, TRELLIS2
from PIL import Image

from crossworld_trellis import config
from crossworld_trellis.__main__ import main
from crossworld_trellis.cascade import PIPELINE_TYPES
from crossworld_trellis.checkpoint.trellis2 import Trellis2Checkpoint
from crossworld_trellis.opening import open_pipeline
from crossworld_trellis.pipeline import Trellis
from crossworld_trellis.sampler import SettingsError
from crossworld_trellis.trellis2 import Trellis2
from crossworld_trellis.voxels import SparseVoxels

PICTURE = str(TRELLIS2 / "preprocess_0_in.png")
GOLDEN = ["--model", str(MODEL), "--image-encoder", str(IMAGE_ENCODER), "--device", "cpu"]

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _no_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    """Tests see neither the user's settings nor the user's downloads."""
    for variable in (config.MODEL_VARIABLE, config.IMAGE_ENCODER_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(config.OFFLINE_VARIABLE, "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that `make-tiny` made."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    assert main(["make-tiny", str(folder), "--family", "trellis2"]) == 0
    return folder


def generate(path: Path, *options: str) -> SparseVoxels:
    assert main(["generate", PICTURE, "-o", str(path), *options]) == 0
    return SparseVoxels.load(path)


def test_the_front_door_opens_both_generations_with_one_way_to_generate() -> None:
    first = open_pipeline(golden_data.MODEL, device="cpu", image_encoder=golden_data.IMAGE_ENCODER)
    second = open_pipeline(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, pipeline_type="512")
    assert isinstance(first, Trellis) and isinstance(second, Trellis2)
    for pipeline in (first, second):
        [sample] = pipeline.generate(PICTURE, seed=3, steps=1, resolution=32)
        assert sample.voxels is not None and sample.voxels.resolution == 32
    with pytest.raises(SettingsError, match="type 512 is for the second generation of the model"):
        open_pipeline(golden_data.MODEL, device="cpu", pipeline_type="512")


def test_a_picture_becomes_voxels_with_materials(tmp_path: Path, capsys: Output) -> None:
    voxels = generate(tmp_path / "a.voxels", *GOLDEN, "--resolution", "64")
    assert voxels.resolution == 64 and voxels.metallic_roughness is not None
    printed = capsys.readouterr()
    assert f"{len(voxels)} voxels of a grid of 64^3" in printed.out
    stages = [line.split()[0] for line in printed.err.splitlines()]
    assert stages == ["loading", "picture", "structure", "appearance", "decoding"]


def test_a_mesh_and_voxels_come_of_one_run(tmp_path: Path, capsys: Output) -> None:
    mesh = tmp_path / "a.glb"
    generate(tmp_path / "a.voxels", *GOLDEN, "-o", str(mesh), "--pipeline-type", "512")
    file = File.parse(mesh.read_bytes())
    triangles = sum(len(file.faces(part)) for part in range(len(file.primitives)))
    assert triangles > 0 and file.picture(1).max() > 0
    assert f"{mesh}: " in (told := capsys.readouterr().out) and f" {triangles} triangles" in told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--pipeline-type", "2048"], "unknown pipeline type '2048'"),
        (["--pipeline-type", "512", "--resolution", "1024"], "use the type 1024 or"),
        (["--resolution", "48"], "resolution must be one of 32, 64, 128, 256, 512, 1024, got 48"),
        (["-o", "{}/a.ply"], "TRELLIS.2 has no output 'gaussians': use one of voxels"),
        ([PICTURE], "TRELLIS.2 looks at one picture of an object, got 2"),
        (["--max-tokens", "0"], "max_tokens must be 1 to 1048576, got 0"),
        (["--mode", "multidiffusion"], "--mode is for the first generation of the model"),
        (["--image-encoder", str(golden_data.IMAGE_ENCODER)], "needs 'dinov3_vit'"),
    ],
)
def test_what_this_generation_cannot_do_ends_in_one_line_and_writes_nothing(
    options: list[str], told: str, tmp_path: Path, capsys: Output
) -> None:
    options = [option.format(tmp_path) for option in options]
    path = str(tmp_path / "a.voxels")
    given = [*GOLDEN, "--low-vram", PICTURE, *options, "-o", path]
    assert main(["generate", *given]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ") and told in said
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    "options",
    [
        ["--pipeline-type", "512", "--resolution", "1024"],
        ["-o", "{}/a.ply"],
        [PICTURE],
        ["--max-tokens", "0"],
        ["--steps", "0"],
    ],
)
def test_what_cannot_be_is_told_before_a_network_is_fetched(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Trellis2Checkpoint, "fetch", never)
    options = [option.format(tmp_path) for option in options]
    given = [*GOLDEN, PICTURE, *options, "-o", str(tmp_path / "a.voxels")]
    assert main(["generate", *given]) == 1


def test_what_a_token_limit_reduced_is_told_with_the_way_to_raise_it(
    tmp_path: Path, capsys: Output
) -> None:
    few = ["--pipeline-type", "1536_cascade", "--max-tokens", "1", "--resolution", "64"]
    generate(tmp_path / "a.voxels", *GOLDEN, "--steps", "2", *few)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("note: the grid has 1024 cells an axis instead of 1536")
    assert said[0].endswith("the limit; --max-tokens raises it")


@pytest.mark.parametrize("option", ["--pipeline-type=512", "--max-tokens=9"])
def test_what_only_this_generation_knows_is_refused_by_the_first(
    option: str, tmp_path: Path, capsys: Output
) -> None:
    first = ["--model", str(golden_data.MODEL), "--device", "cpu"]
    path = str(tmp_path / "a.voxels")
    assert main(["generate", PICTURE, "-o", path, *first, option]) == 1
    name = option.partition("=")[0]
    assert f"{name} is for the second generation of the model" in capsys.readouterr().err


def test_an_opaque_picture_is_taken_whole_without_preprocessing(tmp_path: Path) -> None:
    grey = tmp_path / "grey.png"
    Image.new("RGB", (80, 60), (90, 90, 90)).save(grey)
    options = ["--no-preprocess", "--pipeline-type", "512", "--steps", "2", *GOLDEN]
    assert main(["generate", str(grey), "-o", str(tmp_path / "a.voxels"), *options]) == 0
    assert len(SparseVoxels.load(tmp_path / "a.voxels")) > 0


def test_a_tiny_checkpoint_has_every_model_whole_and_in_the_official_types(tiny: Path) -> None:
    checkpoint = Trellis2Checkpoint.open(tiny)
    for kind in PIPELINE_TYPES.values():
        checkpoint.fetch(kind, ["voxels", "occupancy"])
    kinds = {
        role: {tensor.dtype for tensor in checkpoint.check(role).values()}
        for role in checkpoint.family.roles
    }
    structure = kinds.pop("sparse_structure_decoder")
    assert structure == {"F16", "F32"}
    assert {role: "BF16" if "flow" in role else "F16" for role in kinds} == {
        role: found.pop() for role, found in kinds.items()
    }
    assert {path.name for path in tiny.iterdir()} == {"pipeline.json", "ckpts", "image_cond"}


@pytest.mark.parametrize("kind", PIPELINE_TYPES)
def test_a_tiny_checkpoint_makes_a_plausible_number_of_voxels(
    tiny: Path, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "a.voxels"
    voxels = generate(path, "--model", str(tiny), "--pipeline-type", kind, "--low-vram")
    assert voxels.resolution == 256
    assert 500 < len(voxels) < 100_000
    assert len(np.unique(voxels.rgba, axis=0)) > 100
    assert voxels.rgba[:, 3].mean() > 180


def test_the_same_seed_gives_the_same_tiny_checkpoint(tiny: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert main(["make-tiny", str(again), "--family", "trellis2"]) == 0
    names = [path.relative_to(tiny) for path in tiny.rglob("*") if path.is_file()]
    assert len(names) == 19
    assert all((tiny / name).read_bytes() == (again / name).read_bytes() for name in names)


def test_verify_and_fetch_know_the_models_of_this_generation(capsys: Output) -> None:
    where = ["--model", str(MODEL), "--image-encoder", str(IMAGE_ENCODER)]
    assert main(["fetch", *where]) == 0
    assert "everything is on this machine: model@" in capsys.readouterr().out
    assert main(["verify", *where, "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "shape_slat_decoder: whole, " in out and "tex_slat_flow_model_1024: whole, " in out
    assert "image_cond_model: whole, width 48" in out
    assert "Networks: run, tiny ones made" in out


def test_verify_runs_the_networks_of_the_generation_that_is_named(
    capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the rotary kernel does not compile")

    monkeypatch.setattr(Trellis2, "generate", fail)
    assert main(["verify", "--device", "cpu"]) == 0
    capsys.readouterr()
    assert main(["verify", "--device", "cpu", "--model", "microsoft/TRELLIS.2-4B"]) == 1
    out = capsys.readouterr().out
    assert "Networks: BROKEN: the rotary kernel does not compile" in out
    assert "the first object does that (about 14 GB)" in out
