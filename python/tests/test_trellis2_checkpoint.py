"""TRELLIS.2 checkpoints: full-size tables, the golden one, and every way in which files are wrong.

What both families share (strictness, cut files, the hub's errors) is tested with the first.
"""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import golden_data
import pytest
import released_trellis2 as released
import torch
from golden_trellis2 import IMAGE_ENCODER, MODEL
from safetensors.torch import load_file, save_file
from torch import nn

from crossworld_trellis import config
from crossworld_trellis.cascade import PIPELINE_TYPES
from crossworld_trellis.checkpoint import Checkpoint, CheckpointError, NotDownloadedError
from crossworld_trellis.checkpoint.description import ModelDescription
from crossworld_trellis.checkpoint.source import hub_error
from crossworld_trellis.checkpoint.trellis2 import (
    Trellis2Checkpoint,
    open_checkpoint,
    read_description,
)
from crossworld_trellis.checkpoint.trellis2_roles import TRELLIS_2, check_agreement, roles_for
from crossworld_trellis.guidance import GuidanceSettings
from crossworld_trellis.identity import identity_of

CPU = torch.device("cpu")
FLOW = "sparse_structure_flow_model"
FLOW_FILE = "ckpts/ss_flow_tiny"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    for name in (config.IMAGE_ENCODER_VARIABLE, config.FIRST_GENERATION_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(MODEL, tmp_path / "model")


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Changes the arguments in a json file."""
    whole = json.loads(path.read_text())
    change(whole["args"])
    path.write_text(json.dumps(whole))
    return path


def released_config(role: str) -> Any:
    model = ModelDescription(
        name=TRELLIS_2.roles[role].original, arguments=released.ARGUMENTS[role]
    )
    return TRELLIS_2.model_config(role, model, path="ckpts/x", where="x.json")


@pytest.mark.parametrize("role", TRELLIS_2.roles)
def test_a_released_model_has_exactly_the_tensors_of_the_table(role: str) -> None:
    table = released.shapes(role)
    elements = sum(math.prod(shape) for shape in table.values())
    assert (len(table), elements) == released.TOTALS[role]
    state = TRELLIS_2.build(role, released_config(role), dtype=torch.float16).state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in state.items()} == table
    assert all(tensor.is_meta for tensor in state.values())
    exact = TRELLIS_2.build(role, released_config(role), dtype=torch.float32).state_dict()
    assert {tensor.dtype for tensor in exact.values()} == {torch.float32}


def test_in_half_precision_what_must_be_exact_stays_in_single() -> None:
    state = TRELLIS_2.build(FLOW, released_config(FLOW), dtype=torch.bfloat16).state_dict()
    half = {name for name, tensor in state.items() if tensor.dtype == torch.bfloat16}
    assert half == {
        name
        for name in state
        if name.startswith("blocks.")
        and not name.endswith(("modulation", "gamma", "norm2.weight", "norm2.bias"))
    }


def test_the_released_models_fit_each_other() -> None:
    configs = {role: released_config(role) for role in TRELLIS_2.roles}
    check_agreement(configs, shape_channels=32, texture_channels=32)


@pytest.mark.parametrize(
    ("role", "change", "told"),
    [
        (FLOW, {"in_channels": 4, "out_channels": 4}, "structure channels 4 for sparse_structure"),
        (FLOW, {"resolution": 20}, r"gives a grid of 80\^3, but a multiple of 64 is needed"),
        ("shape_slat_flow_model_512", {"cond_channels": 7}, "condition channels 1024 .* but 7 for"),
        ("tex_slat_flow_model_512", {"in_channels": 40}, "shape channels 32 .* but 8 for tex_slat"),
        ("tex_slat_decoder", {"latent_channels": 8}, "texture channels 32 .* but 8 for tex_slat_d"),
    ],
)
def test_models_that_do_not_fit_each_other_are_named(
    role: str, change: dict[str, Any], told: str
) -> None:
    configs = {each: released_config(each) for each in TRELLIS_2.roles}
    model = ModelDescription(
        name=TRELLIS_2.roles[role].original, arguments=released.ARGUMENTS[role] | change
    )
    configs[role] = TRELLIS_2.model_config(role, model, path="ckpts/x", where="x.json")
    with pytest.raises(CheckpointError, match=told):
        check_agreement(configs, shape_channels=32, texture_channels=32)


def test_each_type_needs_its_own_models_and_uncoloured_voxels_fewer() -> None:
    needed = {
        name: set(roles_for(kind, ["voxels"])) - set(roles_for(kind, ["occupancy"]))
        for name, kind in PIPELINE_TYPES.items()
    }
    assert needed["512"] == {"tex_slat_flow_model_512", "tex_slat_decoder"}
    assert needed["1024_cascade"] == {"tex_slat_flow_model_1024", "tex_slat_decoder"}
    assert roles_for(PIPELINE_TYPES["1024"], ["occupancy"])[2:] == (
        "shape_slat_flow_model_1024",
        "shape_slat_decoder",
    )
    with pytest.raises(ValueError, match="no output 'ply': use one of voxels, o_voxels, mesh"):
        roles_for(PIPELINE_TYPES["512"], ["ply"])


def test_the_golden_checkpoint_says_what_the_file_says() -> None:
    description = Trellis2Checkpoint.open(MODEL).description
    assert description.structure_sampler == GuidanceSettings(
        steps=12,
        guidance_strength=7.5,
        guidance_rescale=0.7,
        guidance_interval=(0.6, 1.0),
        rescale_t=5.0,
    )
    assert description.shape_sampler.guidance_rescale == 0.5
    assert description.texture_sampler.guidance_strength == 1.0
    assert len(description.shape_latents.mean) == len(description.texture_latents.std) == 32
    assert description.image_encoder == config.DEFAULT_IMAGE_ENCODER_2
    assert description.default_type.name == "1024_cascade"


@pytest.mark.parametrize("role", TRELLIS_2.roles)
def test_every_model_of_the_golden_checkpoint_loads_strictly(role: str) -> None:
    checkpoint = Trellis2Checkpoint.open(MODEL)
    module: nn.Module = checkpoint.load(role, device=CPU, dtype=torch.float32)
    assert checkpoint.check(role).keys() == module.state_dict().keys()
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_everything_that_the_types_need_is_there() -> None:
    checkpoint = Trellis2Checkpoint.open(MODEL)
    for kind in PIPELINE_TYPES.values():
        checkpoint.fetch(kind, ["voxels", "occupancy"])
    assert checkpoint.load_image_encoder(device=CPU, folder=IMAGE_ENCODER).width == 48


def test_one_front_door_opens_both_generations() -> None:
    assert isinstance(open_checkpoint(MODEL), Trellis2Checkpoint)
    assert isinstance(open_checkpoint(golden_data.MODEL), Checkpoint)
    with pytest.raises(CheckpointError, match="of the second generation of the model, only Trelli"):
        Checkpoint.open(MODEL)
    with pytest.raises(CheckpointError, match="of the first generation of the model, only Trelli"):
        Trellis2Checkpoint.open(golden_data.MODEL)


def test_the_rotary_table_may_be_in_the_file_of_the_dense_flow_only(folder: Path) -> None:
    def add(stem: str) -> None:
        path = folder / f"{stem}.safetensors"
        save_file({**load_file(path), "rope_phases": torch.ones(4, 2).to(torch.complex64)}, path)

    add(FLOW_FILE)
    checkpoint = Trellis2Checkpoint.open(folder)
    assert checkpoint.load(FLOW, device=CPU, dtype=torch.float32)
    assert "rope_phases" not in checkpoint.check(FLOW)
    add("ckpts/shape_flow_512_tiny")
    with pytest.raises(CheckpointError, match="1 unexpected: rope_phases"):
        checkpoint.load("shape_slat_flow_model_512", device=CPU, dtype=torch.float32)


@pytest.mark.parametrize(
    ("path", "model", "told"),
    [
        (FLOW_FILE, "ss_flow_img_dit_tiny", "belongs to the first generation of the model"),
        ("ckpts/shape_flow_512_tiny", "slat_flow_img_dit_tiny", "belongs to the first generation"),
        ("ckpts/shape_dec_tiny", "slat_dec_gs_tiny", "needs FlexiDualGridVaeDecoder: restore"),
    ],
)
def test_a_first_generation_model_among_these_is_told_as_such(
    folder: Path, path: str, model: str, told: str
) -> None:
    for suffix in (".json", ".safetensors"):
        shutil.copy(golden_data.MODEL / "ckpts" / (model + suffix), folder / (path + suffix))
    with pytest.raises(CheckpointError, match=told) as error:
        Trellis2Checkpoint.open(folder).fetch(PIPELINE_TYPES["512"], ["voxels"])
    assert "TRELLIS.2-4B" in str(error.value) and "\n" not in str(error.value)


def test_a_second_generation_model_among_first_ones_is_told_as_such(tmp_path: Path) -> None:
    folder = shutil.copytree(golden_data.MODEL, tmp_path / "first")
    for suffix in (".json", ".safetensors"):
        shutil.copy(
            MODEL / "ckpts" / f"shape_flow_512_tiny{suffix}",
            folder / "ckpts" / f"slat_flow_img_dit_tiny{suffix}",
        )
    with pytest.raises(CheckpointError, match="belongs to the second generation of the model"):
        Checkpoint.open(folder).fetch(["voxels"])


def test_tensors_of_another_model_are_refused_whatever_the_json_says(folder: Path) -> None:
    shutil.copy(
        MODEL / "ckpts/tex_dec_tiny.safetensors", folder / "ckpts/shape_dec_tiny.safetensors"
    )
    with pytest.raises(CheckpointError, match=r"missing: .*to_subdiv.*; .*another shape"):
        Trellis2Checkpoint.open(folder).load("shape_slat_decoder", device=CPU, dtype=torch.float32)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"default_pipeline_type": "2048"}, "one of 512, 1024, 1024_cascade, 1536_cascade, got"),
        ({"shape_slat_normalization": {"mean": [1.0], "std": [0.0]}}, "shape_slat_normalization"),
        ({"tex_slat_sampler": {"name": "Magic", "params": {}}}, "'Magic' is not known"),
        (
            {"shape_slat_sampler": {"name": "FlowEulerSampler", "params": {"cfg_strength": 3.0}}},
            "unknown arguments 'cfg_strength' in shape_slat_sampler",
        ),
        ({"models": {}}, "pipeline.json names no sparse_structure_flow_model"),
        ({"image_cond_model": "dinov2_vitl14_reg"}, "'image_cond_model' should be an object"),
    ],
)
def test_a_pipeline_that_cannot_be_is_refused(
    folder: Path, change: dict[str, Any], told: str
) -> None:
    edit(folder / "pipeline.json", lambda args: args.update(change))
    with pytest.raises(CheckpointError, match=told):
        Trellis2Checkpoint.open(folder).fetch(PIPELINE_TYPES["512"], ["voxels"])


def test_what_a_pipeline_leaves_open_has_the_defaults_of_the_original(folder: Path) -> None:
    def strip(args: dict[str, Any]) -> None:
        for name in ("default_pipeline_type", "image_cond_model", "low_vram"):
            args.pop(name, None)
        args["tex_slat_sampler"] = {"name": "FlowEulerGuidanceIntervalSampler"}
        args["models"]["sparse_structure_encoder"] = "ckpts/not_needed"

    description = read_description(edit(folder / "pipeline.json", strip))
    assert description.default_type.name == "1024_cascade"
    assert description.texture_sampler == GuidanceSettings()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rope_frequency": 1}, "unknown arguments 'rope_frequency'"),
        ({"pe_mode": "ape"}, "belongs to the first generation"),
        ({"num_heads": 0}, "'num_heads' should be a whole number from 1"),
    ],
)
def test_arguments_that_make_another_network_are_refused(
    folder: Path, change: dict[str, Any], told: str
) -> None:
    edit(folder / f"{FLOW_FILE}.json", lambda args: args.update(change))
    with pytest.raises(CheckpointError, match=told):
        Trellis2Checkpoint.open(folder).config(FLOW)


def test_the_structure_decoder_comes_from_the_repository_of_the_first_generation(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role, asked = "sparse_structure_decoder", list[tuple[str, str]]()
    stem = TRELLIS_2.roles[role].released
    edit(folder / "pipeline.json", lambda args: args["models"].update({role: stem}))

    def download(repo: str, name: str, *, revision: str | None, offline: bool) -> Path:
        asked.append((repo, name))
        return MODEL / "ckpts" / "ss_dec_tiny.json"

    assert Trellis2Checkpoint.open(folder, download=download).config(role)
    assert asked == [("microsoft/TRELLIS-image-large", "ckpts/ss_dec_conv3d_16l8_fp16.json")]
    own = tmp_path / "large" / "ckpts"
    own.mkdir(parents=True)
    for suffix in (".json", ".safetensors"):
        shutil.copy(MODEL / "ckpts" / f"ss_dec_tiny{suffix}", own / f"{Path(stem).name}{suffix}")
    monkeypatch.setenv(config.FIRST_GENERATION_VARIABLE, str(own.parent))
    offline = Trellis2Checkpoint.open(folder, offline=True)
    assert offline.load(role, device=CPU, dtype=torch.float32)


def test_the_identity_tells_where_the_structure_decoder_comes_from(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    role, commit = "sparse_structure_decoder", "0123456789" * 4
    stem = TRELLIS_2.roles[role].released
    edit(folder / "pipeline.json", lambda args: args["models"].update({role: stem}))

    def download(repo: str, name: str, *, revision: str | None, offline: bool) -> Path:
        path = tmp_path / repo / commit / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        return path

    def identity() -> str:
        checkpoint = Trellis2Checkpoint.open(folder, download=download)
        roles = roles_for(PIPELINE_TYPES["512"], ("voxels",))
        return identity_of(checkpoint, IMAGE_ENCODER, CPU, torch.float32, roles=roles, fast=False)

    assert f"microsoft/TRELLIS-image-large@{commit}" in identity()
    own = tmp_path / "large"
    (own / "ckpts").mkdir(parents=True)
    monkeypatch.setenv(config.FIRST_GENERATION_VARIABLE, str(own))
    before = identity()
    assert "large@" in before and commit not in before
    (own / "ckpts" / "another.safetensors").touch()
    assert identity() != before


def test_gated_weights_of_the_encoder_tell_how_to_get_access(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))

    from huggingface_hub.errors import GatedRepoError

    def download(repo: str, name: str, *, revision: str | None, offline: bool) -> Path:
        answer: Any = SimpleNamespace(headers={}, status_code=403, request=None, url="")
        raise hub_error(
            GatedRepoError("gated", response=answer), repo, name, revision=revision, offline=False
        )

    with pytest.raises(CheckpointError) as error:
        Trellis2Checkpoint.open(folder, download=download).load_image_encoder(device=CPU)
    with pytest.raises(
        NotDownloadedError, match=r"never downloaded.*its weights are gated: before"
    ):
        Trellis2Checkpoint.open(folder, offline=True).load_image_encoder(device=CPU)
    for told in (
        "accept its terms at https://huggingface.co/facebook/dinov3-vitl16-pretrain-lvd1689m",
        "log in with 'hf auth login'",
        "TRELLIS_IMAGE_ENCODER may name a folder",
    ):
        assert told in str(error.value)


def test_the_first_generation_s_encoder_is_refused_with_what_is_needed() -> None:
    with pytest.raises(CheckpointError, match="needs 'dinov3_vit': use a DINOv3 such as"):
        Trellis2Checkpoint.open(MODEL).load_image_encoder(
            device=CPU, folder=golden_data.IMAGE_ENCODER
        )
