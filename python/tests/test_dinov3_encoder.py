"""The image encoder of TRELLIS.2 and the crop that it sees: their numbers, and what they refuse."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_trellis2 import IMAGE_ENCODER, TRELLIS2, assert_golden, load, tolerance
from PIL import Image
from safetensors.torch import load_file, save_file

from crossworld_trellis.image import PictureError, crop_tightly, resized, stack
from crossworld_trellis.models.dinov3_encoder import Dinov3Encoder, build_network, read_config
from crossworld_trellis.models.image_encoder import EncoderError

PICTURE = TRELLIS2 / "preprocess_0_in.png"
CROP = TRELLIS2 / "preprocess_0_out.png"


def pixels(side: int) -> torch.Tensor:
    return torch.from_numpy(stack([resized(Image.open(CROP), side)]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(IMAGE_ENCODER, tmp_path / "encoder")


def configured(folder: Path, **change: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    return folder


def refuse(folder: Path, message: str) -> None:
    with pytest.raises(EncoderError, match=message) as caught:
        Dinov3Encoder.from_folder(folder)
    assert "\n" not in str(caught.value)


def test_the_crop_is_that_of_the_original() -> None:
    ours, golden = crop_tightly(PICTURE), Image.open(CROP)
    assert ours.mode == "RGB" and ours.size == golden.size
    difference = np.abs(np.asarray(ours).astype(int) - np.asarray(golden).astype(int))
    assert difference.max() <= tolerance("preprocess_0_out.png")
    assert (difference > 0).mean() < 0.001


def test_the_crop_has_no_margin_and_black_shows_through_what_is_transparent() -> None:
    picture = Image.new("RGBA", (60, 40), (255, 255, 255, 0))
    picture.paste((200, 100, 50, 255), (10, 5, 31, 26))
    crop = crop_tightly(picture)
    assert crop.size == (20, 20)
    assert np.asarray(crop)[1:, 1:].reshape(-1, 3).min(axis=0).tolist() == [200, 100, 50]
    picture.paste((255, 255, 255, 100), (10, 5, 20, 26))
    assert np.asarray(crop_tightly(picture))[10, 0].tolist() == [100, 100, 100]


def test_large_transparent_pictures_are_reduced_too() -> None:
    picture = Image.new("RGBA", (4096, 2048))
    picture.paste((255, 0, 0, 255), (0, 0, 2048, 2048))
    width, height = crop_tightly(picture).size
    assert width == height and 508 <= width <= 512


def test_a_picture_needs_transparency_or_a_cut_out() -> None:
    grey = Image.new("RGB", (64, 64), (90, 90, 90))
    with pytest.raises(PictureError, match="no transparency"):
        crop_tightly(grey)
    assert crop_tightly(grey, cut_out=lambda picture: picture.convert("RGBA")).size == (62, 62)


def test_tokens_at_both_sizes_are_those_of_the_original() -> None:
    encoder = Dinov3Encoder.from_folder(IMAGE_ENCODER)
    golden = load("image_cond")
    assert_golden(encoder.encode(pixels(512)), "image_cond", "cond_512")
    large = encoder.encode(pixels(1024))
    assert large.shape[1] == 4101
    assert_golden(large[:, golden["rows_1024"]], "image_cond", "cond_1024_rows")
    assert encoder.width == 48


def test_the_names_of_both_versions_of_transformers_are_read(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = {
        f"model.{name}" if name.startswith("layer.") else name: tensor
        for name, tensor in load_file(path).items()
    }
    save_file(tensors, path)
    crop = pixels(64)
    ours, theirs = (Dinov3Encoder.from_folder(each) for each in (folder, IMAGE_ENCODER))
    assert torch.equal(ours.encode(crop), theirs.encode(crop))


def test_a_full_size_network_has_the_tensors_of_the_published_file() -> None:
    large = {
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "patch_size": 16,
        "num_register_tokens": 4,
    }
    state = build_network(large).state_dict()
    assert len(state) == 415
    assert all(tensor.is_meta for tensor in state.values())


def test_missing_extra_and_wrong_tensors_are_all_named(folder: Path) -> None:
    path = folder / "model.safetensors"
    tensors = load_file(path)
    del tensors["layer.0.norm1.bias"]
    tensors["layer.9.norm1.bias"] = torch.zeros(48)
    tensors["norm.weight"] = torch.zeros(47)
    save_file(tensors, path)
    refuse(folder, r"missing: layer\.0\.norm1\.bias; unexpected: layer\.9.*norm\.weight is \[47\]")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"model_type": "dinov2_with_registers"}, "'dinov2_with_registers', but TRELLIS.2 needs"),
        ({"patch_size": 14}, "patch_size 14"),
        ({"hidden_size": "48"}, "hidden_size '48'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers 0"),
        ({"hidden_act": "nonsense"}, "makes no network"),
        ({"num_attention_heads": 4, "hidden_size": 32}, "different"),
    ],
)
def test_other_networks_are_refused_with_what_they_are(
    folder: Path, change: dict[str, Any], names: str
) -> None:
    refuse(configured(folder, **change), names)


def test_a_folder_without_its_files_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").unlink()
    refuse(folder, "no weights: model.safetensors is not in the folder")
    refuse(tmp_path, "config cannot be read")
    with pytest.raises(EncoderError, match="no JSON object"):
        (folder / "config.json").write_text("[]")
        read_config(folder / "config.json")


@pytest.mark.parametrize("shape", [(1, 30, 30, 3), (1, 32, 16, 3), (32, 32, 3), (1, 32, 32, 4)])
def test_pictures_of_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    encoder = Dinov3Encoder.from_folder(IMAGE_ENCODER)
    with pytest.raises(EncoderError, match="with S a multiple of 16"):
        encoder.encode(torch.zeros(shape, dtype=torch.uint8))
