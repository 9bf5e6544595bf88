"""Weights: loaded strictly, tensor by tensor, into the dtype that is computed in."""

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from golden_data import IMAGE_ENCODER, MODEL, model_weights
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from crossworld_trellis import config
from crossworld_trellis.checkpoint import ROLES, Checkpoint, CheckpointError
from crossworld_trellis.checkpoint.encoder import encoder_identity
from crossworld_trellis.checkpoint.weights import load_weights, read_header
from crossworld_trellis.errors import DeviceMemoryError

CPU = torch.device("cpu")
DECODER = "slat_decoder_gs"
DECODER_FILE = "ckpts/slat_dec_gs_tiny.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the golden checkpoint that a test may spoil."""
    return shutil.copytree(MODEL, tmp_path / "model")


def load(folder: Path, role: str = DECODER) -> nn.Module:
    return Checkpoint.open(folder).load(role, device=CPU, dtype=torch.float32)


def rewritten(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    path = folder / DECODER_FILE
    tensors = load_file(path)
    change(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)


@pytest.mark.parametrize("role", ROLES)
def test_a_model_gets_the_tensors_of_its_file_in_float32_and_is_ready_to_run(role: str) -> None:
    module = load(MODEL, role)
    state, stored = module.state_dict(), model_weights(role)
    assert state.keys() == stored.keys()
    for name, tensor in state.items():
        assert tensor.dtype == torch.float32 and torch.equal(tensor, stored[name]), name
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert isinstance(module, ROLES[role].module)  # pyright: ignore[reportArgumentType]


def test_in_half_precision_only_the_torso_is_half() -> None:
    checkpoint = Checkpoint.open(MODEL)
    for dtype in (torch.float16, torch.bfloat16):
        state = checkpoint.load(DECODER, device=CPU, dtype=dtype).state_dict()
        assert state["blocks.0.attn.to_qkv.weight"].dtype == dtype
        assert state["out_layer.weight"].dtype == torch.float32
        assert state["offset_perturbation"].dtype == torch.float32


def test_tensors_of_the_right_dtype_stay_in_the_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"weight": torch.ones(512, 512), "bias": torch.ones(512)}, path)

    class Mapped(nn.Linear):
        pass

    with torch.device("meta"):
        module = Mapped(512, 512)
    load_weights(module, path, device=CPU, what="a layer")
    storages = {p.untyped_storage().data_ptr() for p in module.parameters()}
    sizes = {p.untyped_storage().nbytes() for p in module.parameters()}
    # Either both share the one mapping of the file, or each view has a mapping of its own.
    assert len(storages) == 1 or sizes == {512 * 512 * 4, 512 * 4}
    maps = Path("/proc/self/maps")
    if maps.exists():
        assert str(path) in maps.read_text()


def test_all_tensors_that_differ_are_listed(folder: Path) -> None:
    def change(tensors: dict[str, Tensor]) -> None:
        del tensors["out_layer.bias"]
        del tensors["blocks.1.mlp.mlp.0.weight"]
        tensors["norm.weight"] = torch.ones(3)
        tensors["input_layer.weight"] = tensors["input_layer.weight"][:, :7]
        tensors["offset_perturbation"] = tensors["offset_perturbation"].int()

    rewritten(folder, change)
    with pytest.raises(CheckpointError) as error:
        load(folder)
    message = str(error.value)
    for told in (
        "the tensors of slat_decoder_gs do not fit its json: ",
        "2 missing: blocks.1.mlp.mlp.0.weight, out_layer.bias; ",
        "1 unexpected: norm.weight; ",
        "1 of another shape: input_layer.weight [48, 7] instead of [48, 8]; ",
        "1 no floating-point numbers: offset_perturbation I32; ",
        "take both files from the same checkpoint",
        str(folder / DECODER_FILE),
    ):
        assert told in message
    assert "\n" not in message


def test_a_long_list_is_cut_and_counted(folder: Path) -> None:
    shutil.copy(folder / "ckpts/slat_dec_mesh_tiny.safetensors", folder / DECODER_FILE)
    with pytest.raises(CheckpointError, match=r"of another shape: .* and \d+ more") as error:
        load(folder)
    assert len(str(error.value)) < 2500


def test_a_file_that_is_cut_at_any_place_is_refused(folder: Path) -> None:
    path = folder / DECODER_FILE
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    for length in (0, 1, 7, 8, 9, header - 1, header, header + 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="copy or download it again") as error:
            load(folder)
        assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "this is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        (b"<html><body>403 Forbidden</body></html>", "a web page"),
        (b"PK\x03\x04archive/data.pkl" + b"\0" * 60, "only safetensors files are read"),
        (b"\x80\x02}q\x00." + b"\0" * 60, "a pickle, which could run code"),
        (struct.pack("<Q", 1 << 62) + b"{}", "no whole safetensors file"),
        (struct.pack("<Q", 4) + b"null", "no whole safetensors file"),
        (b"\xff" * 100, "no whole safetensors file"),
    ],
)
def test_a_file_that_is_no_safetensors_file_is_named_for_what_it_is(
    content: bytes, told: str, folder: Path
) -> None:
    (folder / DECODER_FILE).write_bytes(content)
    with pytest.raises(CheckpointError) as error:
        load(folder)
    assert told in str(error.value)


def test_a_header_that_points_outside_the_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for start, end in ((0, 10**6), (10**6, 10**6 + 16), (16, 0)):
        entry = {"dtype": "F32", "shape": [4], "data_offsets": [start, end]}
        text = json.dumps({"weight": entry}).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 16)
        with pytest.raises(CheckpointError, match="no whole safetensors file"):
            read_header(path)


def test_a_missing_file_and_a_folder_in_its_place_are_told_apart(folder: Path) -> None:
    path = folder / DECODER_FILE
    path.unlink()
    with pytest.raises(CheckpointError, match=f"slat_decoder_gs: {DECODER_FILE} is missing"):
        load(folder)
    path.mkdir()
    with pytest.raises(CheckpointError, match="is a folder where a file should be"):
        load(folder)
    with pytest.raises(CheckpointError, match="is missing"):
        Checkpoint.open(folder / "ckpts")


def test_a_model_whose_json_asks_for_nonsense_is_refused(folder: Path) -> None:
    path = folder / "ckpts/ss_flow_img_dit_tiny.json"
    whole = json.loads(path.read_text())
    for key, value in (("num_heads", 7), ("model_channels", 1 << 20), ("patch_size", 3)):
        path.write_text(json.dumps({**whole, "args": {**whole["args"], key: value}}))
        with pytest.raises(CheckpointError, match="sparse_structure_flow_model"):
            load(folder, "sparse_structure_flow_model")


def test_too_little_memory_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Tensor, device: object) -> Tensor:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(Tensor, "to", full)
    with pytest.raises(DeviceMemoryError, match="while loading slat_decoder_gs"):
        load(MODEL)


def test_only_the_models_that_are_asked_for_are_read(folder: Path) -> None:
    for path in folder.glob("ckpts/slat_dec_*"):
        if "gs" not in path.name:
            path.write_bytes(b"broken")
    checkpoint = Checkpoint.open(folder)
    checkpoint.fetch(["voxels"])
    checkpoint.load(DECODER, device=CPU, dtype=torch.float32)


def test_the_identity_of_a_folder_changes_with_its_files(folder: Path) -> None:
    identity = Checkpoint.open(folder).identity
    assert identity.startswith("model@") and Checkpoint.open(folder).identity == identity
    rewritten(folder, lambda tensors: tensors["out_layer.bias"].add_(1))
    assert Checkpoint.open(folder).identity != identity


def test_the_identity_of_an_encoder_s_folder_changes_with_its_files(tmp_path: Path) -> None:
    encoder = shutil.copytree(IMAGE_ENCODER, tmp_path / "encoder")
    identity = encoder_identity(encoder)
    assert identity.startswith("encoder@") and encoder_identity(encoder) == identity
    with (encoder / "config.json").open("a") as file:
        file.write(" ")
    assert encoder_identity(encoder) != identity


def test_the_identity_of_an_encoder_from_the_hub_is_its_commit(tmp_path: Path) -> None:
    encoder = tmp_path / "snapshots" / ("0123456789" * 4)
    shutil.copytree(IMAGE_ENCODER, encoder)
    assert encoder_identity(encoder) == f"snapshots/{encoder.name}"


def encoder_width(checkpoint: Checkpoint, folder: Path | None = None) -> int:
    return checkpoint.load_image_encoder(device=CPU, folder=folder).width


def test_the_image_encoder_comes_from_where_the_nearest_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(config.IMAGE_ENCODER_VARIABLE, raising=False)
    shutil.copytree(IMAGE_ENCODER, folder / "image_cond")
    checkpoint = Checkpoint.open(folder)
    assert encoder_width(checkpoint) == 48
    monkeypatch.setenv(config.IMAGE_ENCODER_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(CheckpointError, match="no such folder"):
        encoder_width(checkpoint)
    assert encoder_width(checkpoint, IMAGE_ENCODER) == 48


def test_a_pickled_image_encoder_is_refused_with_the_reason(tmp_path: Path) -> None:
    checkpoint = Checkpoint.open(MODEL)
    pickled = tmp_path / "dinov2_vitl14_reg4_pretrain.pth"
    pickled.write_bytes(b"PK\x03\x04")
    for place in (pickled, tmp_path):
        with pytest.raises(CheckpointError, match="is pickled and could run code") as error:
            encoder_width(checkpoint, place)
        assert "facebook/dinov2-with-registers-large" in str(error.value)
    pickled.unlink()
    with pytest.raises(CheckpointError, match=r"holds no model\.safetensors or hub_state"):
        encoder_width(checkpoint, tmp_path)


def test_an_image_encoder_of_another_width_is_refused(folder: Path) -> None:
    for stem in ("ss_flow_img_dit_tiny", "slat_flow_img_dit_tiny"):
        path = folder / "ckpts" / f"{stem}.json"
        path.write_text(path.read_text().replace('"cond_channels": 48', '"cond_channels": 1024'))
    with pytest.raises(CheckpointError, match="gives 48 channels, but sparse_structure_flow_model"):
        encoder_width(Checkpoint.open(folder), IMAGE_ENCODER)


def test_a_broken_image_encoder_is_a_checkpoint_error(tmp_path: Path) -> None:
    folder = shutil.copytree(IMAGE_ENCODER, tmp_path / "encoder")
    path = folder / "hub_state.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="image encoder"):
        encoder_width(Checkpoint.open(MODEL), folder)
