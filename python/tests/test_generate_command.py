"""`generate`, `make-tiny`, `fetch` and `verify` as a user runs them: tiny models, no network."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from golden_data import IMAGE_ENCODER, MODEL, TRELLIS
from PIL import Image

from crossworld_trellis import config
from crossworld_trellis.__main__ import main
from crossworld_trellis.checkpoint import ROLES, Checkpoint
from crossworld_trellis.voxels import SparseVoxels

PICTURE = str(TRELLIS / "preprocess_0_in.png")
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
    folder = tmp_path_factory.mktemp("tiny") / "deep" / "model"
    assert main(["make-tiny", str(folder)]) == 0
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_picture_becomes_a_file_of_every_kind(tmp_path: Path, capsys: Output) -> None:
    names = ["a.voxels", "a.ply", "a.npy", "a.npz", "a.GLB"]
    outputs = [option for name in names for option in ("-o", str(tmp_path / name))]
    assert main(["generate", PICTURE, *outputs, *GOLDEN]) == 0
    assert {path.name for path in tmp_path.iterdir()} == set(names)
    voxels = SparseVoxels.load(tmp_path / "a.voxels")
    assert voxels.resolution == 32
    assert (tmp_path / "a.ply").read_bytes().startswith(b"ply\n")
    assert (tmp_path / "a.GLB").read_bytes().startswith(b"glTF")
    assert len(np.load(tmp_path / "a.npz")["position"]) == len(voxels)
    assert len(np.load(tmp_path / "a.npy")) == len(voxels)
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == (
        f"wrote {tmp_path / 'a.voxels'}: {len(voxels)} voxels of a grid of 32^3"
    )
    stages = [line.split()[0] for line in printed.err.splitlines()]
    assert stages == ["loading", "picture", "structure", "appearance", "decoding"]


def test_the_same_seed_gives_the_same_file_and_another_another(tmp_path: Path) -> None:
    made: list[bytes] = []
    for seed in ("3", "3", "4"):
        path = tmp_path / "a.voxels"
        assert main(["generate", PICTURE, "-o", str(path), "--seed", seed, *GOLDEN]) == 0
        made.append(path.read_bytes())
    assert made[0] == made[1] != made[2]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--steps", "0"], "steps must be 1 to 1000, got 0"),
        (["--cfg", "nan"], "cfg_strength must be 0 to 100, got nan"),
        (["--resolution", "48"], "resolution must be one of 16, 32, 64, 128, got 48"),
        (["--dtype", "int8"], "unknown dtype 'int8'"),
        (["--device", "abacus"], "device 'abacus' cannot be used"),
        (["--seed", "-1"], "seed must be 0 to"),
        (["--model", "/nowhere/at/all"], "there is no such folder"),
        (["--model", "some/body"], "this file was never downloaded, and offline mode forbids it"),
        (["--image-encoder", "/nowhere/at/all"], "there is no such folder"),
    ],
)
def test_a_wrong_setting_ends_in_one_line_and_writes_nothing(
    options: list[str], told: str, tmp_path: Path, capsys: Output
) -> None:
    assert main(["generate", PICTURE, "-o", str(tmp_path / "a.voxels"), *GOLDEN, *options]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("error: ") and told in said
    assert not [*tmp_path.iterdir()]


def test_a_bad_picture_or_place_is_told_before_the_model_is_opened(
    tmp_path: Path, capsys: Output
) -> None:
    opaque, diary = tmp_path / "opaque.png", tmp_path / "diary.png"
    Image.new("RGB", (20, 20)).save(opaque)
    diary.write_text("Dear diary")
    (tmp_path / "folder.ply").mkdir()
    nowhere = ["--model", "/nowhere/at/all"]
    for picture, output, told in (
        (tmp_path / "missing.png", "a.ply", "missing.png"),
        (diary, "a.ply", "diary.png"),
        (opaque, "a.ply", "transparen"),
        (PICTURE, "no/a.ply", "there is no folder to write to: make it first"),
        (PICTURE, "folder.ply", "a folder has the name of the file to write"),
    ):
        assert main(["generate", str(picture), "-o", str(tmp_path / output), *nowhere]) == 1
        printed = capsys.readouterr()
        assert told in printed.err and printed.err.count("\n") == 1 and printed.out == ""


def test_an_opaque_picture_is_taken_whole_without_preprocessing(tmp_path: Path) -> None:
    output = ["-o", str(tmp_path / "a.voxels")]
    prepared = str(TRELLIS / "preprocess_0_out.png")
    assert main(["generate", prepared, *output, "--no-preprocess", *GOLDEN]) == 0
    plain = (tmp_path / "a.voxels").read_bytes()
    assert main(["generate", PICTURE, *output, "--low-vram", *GOLDEN]) == 0
    ours, theirs = SparseVoxels.load(tmp_path / "a.voxels"), SparseVoxels.from_bytes(plain)
    # The two pictures may differ by 1 in isolated bytes.
    assert abs(len(ours) - len(theirs)) <= 0.1 * len(theirs)


def test_a_tiny_checkpoint_has_every_model_whole_and_fitting(tiny: Path) -> None:
    checkpoint = Checkpoint.open(tiny)
    checkpoint.fetch(["voxels", "gaussians", "radiance_field", "mesh"])
    for role in ROLES:
        kinds = {tensor.dtype for tensor in checkpoint.check(role).values()}
        assert kinds == {"F16", "F32"}, role
    assert {path.name for path in tiny.iterdir()} == {"pipeline.json", "ckpts", "image_cond"}


def test_a_tiny_checkpoint_makes_a_plausible_number_of_voxels(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.voxels"
    assert main(["generate", PICTURE, "-o", str(path), "--model", str(tiny)]) == 0
    voxels = SparseVoxels.load(path)
    assert voxels.resolution == 64
    assert 200 < len(voxels) < 5000
    assert len(np.unique(voxels.rgba, axis=0)) > 50


def test_a_tiny_checkpoint_is_replaced_only_by_force_and_is_the_same_again(
    tiny: Path, tmp_path: Path, capsys: Output
) -> None:
    folder = shutil.copytree(tiny, tmp_path / "model")
    before = files(folder)
    (folder / "pipeline.json").write_text("{}")
    assert main(["make-tiny", str(folder)]) == 1
    assert "a checkpoint is there already: replace it with --force" in capsys.readouterr().err
    assert (folder / "pipeline.json").read_text() == "{}"
    assert main(["make-tiny", str(folder), "--force"]) == 0
    assert files(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_folder_with_other_things_is_never_replaced(tmp_path: Path, capsys: Output) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"cat")
    for place in (folder, folder / "cat.jpg"):
        assert main(["make-tiny", str(place), "--force"]) == 1
    said = capsys.readouterr().err
    assert "the folder holds other things ('cat.jpg')" in said and "this is a file" in said
    assert files(folder) == {"cat.jpg": b"cat"}


def test_a_tiny_checkpoint_that_cannot_be_finished_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(folder: Path, *, seed: int) -> None:
        (folder / "ckpts").mkdir()
        raise OSError(28, "No space left on device", str(folder))

    monkeypatch.setattr("crossworld_trellis.checkpoint.tiny.write_tiny", fail)
    assert main(["make-tiny", str(tmp_path / "model")]) == 1
    assert not [*tmp_path.iterdir()]


def test_verify_succeeds_on_a_machine_without_models(capsys: Output) -> None:
    assert main(["verify", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    for line in ("PyTorch: ", "CUDA available: ", "Device: cpu", "Models: none downloaded"):
        assert line in out
    made = re.search(r"Networks: run, tiny ones made (\d+) voxels", out)
    assert made is not None and int(made[1]) > 0


def test_verify_names_a_device_whose_networks_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("CUDA error: no kernel image is available\nsecond line")

    monkeypatch.setattr("crossworld_trellis.pipeline.Trellis.generate", fail)
    assert main(["verify", "--device", "cpu"]) == 1
    out = capsys.readouterr().out
    assert "Networks: BROKEN: CUDA error: no kernel image is available: 'python -m" in out
    assert out.endswith("broken: Networks\n")


def test_fetch_brings_every_file_and_says_where_it_is(tiny: Path, capsys: Output) -> None:
    assert main(["fetch", "--model", str(tiny)]) == 0
    assert f"image encoder {tiny / 'image_cond'}" in capsys.readouterr().out


def test_fetch_without_what_it_needs_ends_in_one_line(tmp_path: Path, capsys: Output) -> None:
    folder = shutil.copytree(MODEL, tmp_path / "model")
    (folder / "ckpts/slat_dec_rf_tiny.safetensors").unlink()
    assert main(["fetch", "--model", str(folder), "--image-encoder", str(IMAGE_ENCODER)]) == 1
    printed = capsys.readouterr().err
    assert printed.startswith("error: slat_decoder_rf: ") and printed.count("\n") == 1


def test_verify_lists_the_models_that_are_there(capsys: Output) -> None:
    assert main(["verify", *GOLDEN]) == 0
    out = capsys.readouterr().out
    assert "slat_flow_model: whole, 106 tensors, 0.7 MB" in out
    assert f"Models: {[*ROLES, 'image_cond_model']}" in out


def test_verify_names_every_fault_at_once(tmp_path: Path, capsys: Output) -> None:
    folder = shutil.copytree(MODEL, tmp_path / "model")
    cut = folder / "ckpts/slat_dec_rf_tiny.safetensors"
    cut.write_bytes(cut.read_bytes()[:-1])
    (folder / "ckpts/slat_dec_gs_tiny.json").unlink()
    assert main(["verify", *GOLDEN, "--model", str(folder)]) == 1
    out = capsys.readouterr().out
    assert out.endswith("broken: slat_decoder_gs, slat_decoder_rf\n")
    assert "slat_decoder_rf: BROKEN: this is no whole safetensors file" in out
    assert "slat_decoder_mesh: whole" in out
