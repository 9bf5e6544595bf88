"""The doctor on checkpoints of the second generation: their files, the gated encoder, memory."""

import json
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sound_machine import DEVICE, GIB, found, sound_machine, with_packages, with_torch
from sound_machine import with_variables as naming

from crossworld_trellis import config
from crossworld_trellis.cascade import PIPELINE_TYPES
from crossworld_trellis.checkpoint.description import PIPELINE_NAME, PIPELINE_NAME_2
from crossworld_trellis.checkpoint.family import Family as RealFamily
from crossworld_trellis.checkpoint.roles import TRELLIS
from crossworld_trellis.checkpoint.trellis2_roles import TRELLIS_2, roles_for
from crossworld_trellis.doctor import Surroundings, explain
from crossworld_trellis.doctor.families import FIRST, SECOND, TYPES, Family, needed_roles

ENCODER = config.DEFAULT_IMAGE_ENCODER_2


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return sound_machine(tmp_path)


def weights(path: Path) -> None:
    """Weights of one number."""
    header = json.dumps({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0\0\0\0")


def model(stem: Path, name: str, **arguments: object) -> None:
    weights(stem.with_name(f"{stem.name}.safetensors"))
    stem.with_name(f"{stem.name}.json").write_text(json.dumps({"name": name, "args": arguments}))


def encoder(folder: Path, kind: str = "dinov3_vit") -> Path:
    weights(folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": kind}))
    return folder


def checkpoint(folder: Path, **arguments: Any) -> Path:
    """The released layout, but with the structure decoder beside the others."""
    models: dict[str, str] = {}
    for role, (original, released) in SECOND.roles.items():
        models[role] = f"ckpts/{released.split('/')[-1]}"
        flow = {"pe_mode": "rope"} if "flow" in role else {}
        model(folder / models[role], original, **flow)
    args = {"models": models, **arguments}
    text = json.dumps({"name": SECOND.pipeline, "args": args})
    (folder / "pipeline.json").write_text(text)
    encoder(folder / "image_cond")
    return folder


@pytest.mark.parametrize(("ours", "theirs"), [(FIRST, TRELLIS), (SECOND, TRELLIS_2)])
def test_the_families_are_those_that_the_package_loads(ours: Family, theirs: RealFamily) -> None:
    roles = {name: (role.original, role.released) for name, role in theirs.roles.items()}
    assert ours.roles == roles
    assert (ours.official, ours.generation) == (theirs.official, theirs.generation)
    assert ours.pipeline == theirs.pipeline in (PIPELINE_NAME, PIPELINE_NAME_2)


def test_the_types_need_what_the_package_loads_for_them() -> None:
    assert [*TYPES] == [*PIPELINE_TYPES]
    for name, kind in PIPELINE_TYPES.items():
        assert needed_roles(SECOND, name) == {*roles_for(kind, ("voxels",))}


def test_a_whole_checkpoint_is_told_model_by_model(around: Surroundings, tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "model")
    well = found(around, "ok", model=str(folder))
    assert {*SECOND.roles, "pipeline.json", "pipeline type", "image encoder"} <= {*well}
    assert well["pipeline.json"].found.startswith("TRELLIS.2, ")
    assert well["pipeline type"].found.startswith("1024_cascade")
    assert "Meta's licence" in found(around, "note", model=str(folder))["licences"].found


def test_only_what_the_chosen_type_needs_has_to_be_there(
    around: Surroundings, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "model", default_pipeline_type="512")
    for path in folder.glob("ckpts/*_1024_*"):
        path.unlink()
    notes = found(around, "note", model=str(folder))
    assert "not needed for the type 512" in notes["tex_slat_flow_model_1024"].found
    chosen = naming(around, TRELLIS_PIPELINE_TYPE="1024")
    check = found(chosen, "note", model=str(folder))["tex_slat_flow_model_1024"]
    assert "not on this machine" in check.found and "fetch --model" in (check.remedy or "")


def test_a_type_that_does_not_exist_is_a_problem(around: Surroundings, tmp_path: Path) -> None:
    chosen = naming(around, TRELLIS_PIPELINE_TYPE="2048")
    check = found(chosen, "problem", model=str(checkpoint(tmp_path / "model")))["pipeline type"]
    assert "'2048'" in check.found and "512, 1024, 1024_cascade, 1536" in (check.remedy or "")


def test_a_model_of_the_first_generation_among_these_is_a_problem(
    around: Surroundings, tmp_path: Path
) -> None:
    folder = checkpoint(tmp_path / "model")
    stem = folder / "ckpts/slat_flow_img2shape_dit_1_3B_512_bf16"
    model(stem, "SLatFlowModel", pe_mode="ape", io_block_channels=[128])
    check = found(around, "problem", model=str(folder))["shape_slat_flow_model_512"]
    assert "belongs to the first generation of the model, this checkpoint to the second" in (
        check.found
    )
    assert "take all models from one checkpoint" in (check.remedy or "")


def test_the_structure_decoder_is_looked_for_in_the_repository_of_the_first_generation(
    around: Surroundings, tmp_path: Path
) -> None:
    released = SECOND.roles["sparse_structure_decoder"][1]
    folder = checkpoint(tmp_path / "model")
    text = (folder / "pipeline.json").read_text()
    text = text.replace(f'"ckpts/{released.split("/")[-1]}"', f'"{released}"')
    (folder / "pipeline.json").write_text(text)
    check = found(around, "note", model=str(folder))["sparse_structure_decoder"]
    assert "microsoft/TRELLIS-image-large was not downloaded yet" in check.found
    first = tmp_path / "first"
    model(first / "ckpts/ss_dec_conv3d_16l8_fp16", "SparseStructureDecoder")
    named = naming(around, TRELLIS_FIRST_GENERATION=str(first))
    assert "sparse_structure_decoder" in found(named, "ok", model=str(folder))


def test_gated_weights_that_are_missing_tell_how_to_get_access(
    around: Surroundings, tmp_path: Path
) -> None:
    check = found(around, "note", model=SECOND.official)["image encoder"]
    assert f"{ENCODER} was not downloaded yet; its weights are gated" in check.found
    assert "nobody is logged in" in check.found
    for part in (f"https://huggingface.co/{ENCODER}", "hf auth login", "TRELLIS_IMAGE_ENCODER"):
        assert part in (check.remedy or "")
    token = around.home / ".cache/huggingface/token"
    token.parent.mkdir(parents=True)
    token.write_text("hf_x")
    for who in (around, naming(around, HF_TOKEN="hf_x", HF_HOME="/nowhere")):
        check = found(who, "note", model=SECOND.official)["image encoder"]
        assert "nobody is logged in" not in check.found


def test_the_models_that_are_not_downloaded_yet_tell_how_large_they_are(
    around: Surroundings,
) -> None:
    check = found(around, "note", model=SECOND.official)["models"]
    assert "about 14 GB" in (check.remedy or "")
    assert f"fetch --model {SECOND.official}" in (check.remedy or "")


def test_the_encoder_of_the_first_generation_is_a_problem_here(
    around: Surroundings, tmp_path: Path
) -> None:
    other = encoder(tmp_path / "dinov2", "dinov2_with_registers")
    named = naming(around, TRELLIS_IMAGE_ENCODER=str(other))
    check = found(named, "problem", model=str(checkpoint(tmp_path / "model")))["image encoder"]
    assert "needs a dinov3_vit, but this is 'dinov2_with_registers'" in check.found


@pytest.mark.parametrize(("free", "status"), [(17, "ok"), (8, "note"), (5, "problem")])
def test_memory_is_judged_by_what_this_generation_takes(
    around: Surroundings, free: int, status: str
) -> None:
    device = replace(DEVICE, free=free * GIB)
    check = found(with_torch(around, devices=(device,)), status, model=SECOND.official)["memory"]
    if check.remedy:
        assert "TRELLIS.2 takes up to 16 GiB, with --low-vram 6" in check.remedy


def test_transformers_must_know_the_encoder(around: Surroundings) -> None:
    old = with_packages(around, transformers="4.50")
    assert "transformers" not in found(old, "problem")
    check = found(old, "problem", model=SECOND.official)["transformers"]
    assert "4.50 is older than 4.56" in check.found


@pytest.mark.parametrize(
    "message",
    [
        "access to this repository must be granted: accept its terms at https://huggingface.co/x",
        "403 Client Error. Cannot access gated repo for url https://huggingface.co/facebook/x",
    ],
)
def test_a_refusal_of_gated_weights_is_explained(message: str) -> None:
    answer = explain(message) or ""
    assert ENCODER in answer and "hf auth login" in answer and "TRELLIS_IMAGE_ENCODER" in answer
