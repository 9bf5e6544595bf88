"""The doctor on checkpoints: absent, cut, spoiled, edited."""

import hashlib
import json
import os
import struct
from pathlib import Path

import pytest
from sound_machine import found, sound_machine, with_variables

from crossworld_trellis.checkpoint.roles import ROLES as REAL_ROLES
from crossworld_trellis.doctor import Surroundings
from crossworld_trellis.doctor.families import FIRST
from crossworld_trellis.doctor.files import safetensors_fault

ROLES = FIRST.roles


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return sound_machine(tmp_path)


def checkpoint(folder: Path, **models: str) -> Path:
    """The released layout, with weights of one number."""
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (folder / "ckpts").mkdir(parents=True)
    for original, stem in ROLES.values():
        (folder / f"{stem}.json").write_text(json.dumps({"name": original, "args": {}}))
        weights = struct.pack("<Q", len(header)) + header + b"\0\0\0\0"
        (folder / f"{stem}.safetensors").write_bytes(weights)
    named = {role: stem for role, (_, stem) in ROLES.items()} | models
    (folder / "pipeline.json").write_text(json.dumps({"args": {"models": named}}))
    encoder = folder / "image_cond"
    encoder.mkdir()
    (encoder / "config.json").write_text("{}")
    (encoder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 4)
    return folder


def test_a_whole_checkpoint_is_told_model_by_model(around: Surroundings, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model")
    well = found(around, "ok", model=str(folder))
    assert {*ROLES, "pipeline.json", "image encoder"} <= {*well}
    named = with_variables(around, TRELLIS_MODEL_PATH=str(folder))
    assert {*ROLES} <= {*found(named, "ok")}


def test_an_encoder_that_is_nowhere_is_a_problem_with_its_own_variable(
    around: Surroundings, tmp_path: Path
) -> None:
    named = with_variables(around, TRELLIS_IMAGE_ENCODER="/no/such/folder")
    check = found(named, "problem", model=str(checkpoint(tmp_path / "model")))["image encoder"]
    assert "no such folder" in check.found and "MODEL_PATH" not in (check.remedy or "")
    assert "model.safetensors in TRELLIS_IMAGE_ENCODER, or unset it" in (check.remedy or "")


def test_the_encoder_of_the_second_generation_is_a_problem_here(
    around: Surroundings, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "model")
    (folder / "image_cond" / "config.json").write_text('{"model_type": "dinov3_vit"}')
    check = found(around, "problem", model=str(folder))["image encoder"]
    assert "needs a dinov2_with_registers, but this is 'dinov3_vit'" in check.found


def test_the_guides_edit_of_pipeline_json_is_a_problem_with_the_way_back(
    around: Surroundings, tmp_path: Path
) -> None:
    edit = {"slat_flow_model": "ckpts/ss_flow_img_dit_L_16l8_fp16"}
    folder = checkpoint(tmp_path / "model", **edit)
    problems = found(around, "problem", model=str(folder))
    check = problems["pipeline.json"]
    assert "slat_flow_model is set to ckpts/ss_flow_img_dit_L_16l8_fp16" in check.found
    assert 'restore "ckpts/slat_flow_img_dit_L_64l8p2_fp16"' in (check.remedy or "")
    assert "hides another error" in (check.remedy or "")
    assert "SparseStructureFlowModel" in problems["slat_flow_model"].found


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"PK\x03\x04" + b"\0" * 60, "a zip archive"),
        (b"\x80\x02}q\0", "a pickle"),
        (struct.pack("<Q", 1 << 60), "cut short or no safetensors file"),
        (struct.pack("<Q", 4) + b"true", "no safetensors file"),
        (struct.pack("<Q", 2) + b"[]", "no safetensors file"),
        (struct.pack("<Q", 10) + b'{"a": 33} ' + b"\0" * 4, "no safetensors file"),
    ],
)
def test_what_lies_in_place_of_weights_is_told(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    fault = safetensors_fault(path)
    assert fault is not None and told in fault


def test_weights_cut_at_any_byte_are_a_problem(around: Surroundings, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model")
    path = folder / "ckpts/slat_dec_gs_swin8_B_64l8gs32_fp16.safetensors"
    whole = path.read_bytes()
    assert safetensors_fault(path) is None
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert safetensors_fault(path) is not None, length
    path.write_bytes(whole + b"\0")
    check = found(around, "problem", model=str(folder))["slat_decoder_gs"]
    assert f"{len(whole) + 1} bytes long instead of {len(whole)}" in check.found
    assert "crossworld_trellis fetch" in (check.remedy or "")


def hub_cache(home: Path, folder: Path, repo: str = "microsoft/TRELLIS-image-large") -> Path:
    """Puts a folder into a hub cache, as the hub's client lays it out; returns the snapshot."""
    cache = home / f".cache/huggingface/hub/models--{repo.replace('/', '--')}"
    snapshot = cache / "snapshots" / ("a" * 40)
    (cache / "refs").mkdir(parents=True)
    (cache / "refs/main").write_text("a" * 40)
    (cache / "blobs").mkdir()
    for path in folder.rglob("*"):
        if path.is_file() and "image_cond" not in path.parts:
            content = path.read_bytes()
            small = path.suffix == ".json"
            blob = b"blob %d\0" % len(content) + content
            name = (hashlib.sha1(blob) if small else hashlib.sha256(content)).hexdigest()
            (cache / "blobs" / name).write_bytes(content)
            link = snapshot / path.relative_to(folder)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(os.path.relpath(cache / "blobs" / name, link.parent))
    return snapshot


def test_a_downloaded_checkpoint_is_compared_with_its_checksums(
    around: Surroundings, tmp_path: Path
) -> None:
    snapshot = hub_cache(around.home, checkpoint(tmp_path / "model"))
    assert {*ROLES, "pipeline.json"} <= {*found(around, "ok", checksums=True)}
    weights = snapshot / f"{ROLES['slat_flow_model'][1]}.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\1")
    assert "slat_flow_model" not in found(around, "problem"), "its length is right"
    check = found(around, "problem", checksums=True)["slat_flow_model"]
    assert "its checksum differs" in check.found


def test_an_edited_pipeline_json_of_a_download_is_a_problem(
    around: Surroundings, tmp_path: Path
) -> None:
    snapshot = hub_cache(around.home, checkpoint(tmp_path / "model"))
    text = (snapshot / "pipeline.json").read_text()
    (snapshot / "pipeline.json").write_text(text.replace("slat_decoder_rf", "slat_decoder_xx"))
    assert "edited since it was downloaded" in found(around, "problem")["pipeline.json"].found


def test_a_download_that_was_cut_short_goes_on_with_fetch(
    around: Surroundings, tmp_path: Path
) -> None:
    snapshot = hub_cache(around.home, checkpoint(tmp_path / "model"))
    (snapshot.parents[1] / "blobs/1234.incomplete").touch()
    (snapshot / f"{ROLES['slat_decoder_rf'][1]}.safetensors").unlink()
    notes = found(around, "note")
    assert "goes on where it stopped" in (notes["download"].remedy or "")
    assert "not on this machine" in notes["slat_decoder_rf"].found


def test_a_model_that_is_nowhere_is_a_problem_and_one_not_downloaded_a_note(
    around: Surroundings,
) -> None:
    assert "models" in found(around, "problem", model="/nowhere/at/all")
    assert "was not downloaded yet" in found(around, "note", model="some/body")["models"].found


@pytest.mark.parametrize("content", ["", "[]", "{", '{"args": 3}', '{"args": {"models": []}}'])
def test_a_spoiled_pipeline_json_is_a_problem(
    content: str, around: Surroundings, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "model")
    (folder / "pipeline.json").write_text(content)
    assert "pipeline.json" in found(around, "problem", model=str(folder))


def test_the_roles_are_those_that_the_package_loads() -> None:
    theirs = {name: (role.original, role.released) for name, role in REAL_ROLES.items()}
    assert theirs == ROLES
