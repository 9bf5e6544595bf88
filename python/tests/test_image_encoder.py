"""The image encoder: its numbers, the three spellings of its weights, what it refuses."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from golden_data import IMAGE_ENCODER, TRELLIS, assert_golden
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from crossworld_trellis.errors import TrellisError
from crossworld_trellis.image import stack
from crossworld_trellis.models.dinov2 import Layer
from crossworld_trellis.models.image_encoder import (
    EncoderError,
    ImageEncoder,
    ImageEncoderConfig,
    build_network,
    normalise,
)
from crossworld_trellis.models.image_encoder_weights import layout
from crossworld_trellis.models.rounded_products import RoundedLinear

Weights = dict[str, Tensor]

CONFIG: dict[str, Any] = json.loads((IMAGE_ENCODER / "config.json").read_text())
HUB: Weights = load_file(IMAGE_ENCODER / "hub_state.safetensors")

MAPS = Path("/proc/self/maps")

OLD_ATTENTION = (
    "attention.attention.query",
    "attention.attention.key",
    "attention.attention.value",
)
NEW_ATTENTION = ("attention.q_proj", "attention.k_proj", "attention.v_proj")


def picture() -> Tensor:
    return torch.from_numpy(stack([Image.open(TRELLIS / "preprocess_0_out.png")]))


def any_picture(seed: int = 3) -> Tensor:
    pixels = np.random.default_rng(seed).integers(0, 256, (1, 518, 518, 3), np.uint8)
    return torch.from_numpy(pixels)


def of_transformers(weights: Weights, attention: tuple[str, ...], output: str) -> Weights:
    """Weights of torch.hub under the names that transformers gives them."""
    renamed: Weights = {
        "embeddings.cls_token": weights["cls_token"],
        "embeddings.position_embeddings": weights["pos_embed"],
        "embeddings.register_tokens": weights["register_tokens"],
        "embeddings.mask_token": weights["mask_token"],
    }
    for kind in ("weight", "bias"):
        patches = "embeddings.patch_embeddings.projection"
        renamed[f"{patches}.{kind}"] = weights[f"patch_embed.proj.{kind}"]
        renamed[f"layernorm.{kind}"] = weights[f"norm.{kind}"]
        for index in range(CONFIG["num_hidden_layers"]):
            old, new = f"blocks.{index}", f"encoder.layer.{index}"
            for part in ("norm1", "norm2", "mlp.fc1", "mlp.fc2"):
                renamed[f"{new}.{part}.{kind}"] = weights[f"{old}.{part}.{kind}"]
            thirds = weights[f"{old}.attn.qkv.{kind}"].split(CONFIG["hidden_size"])
            for name, third in zip(attention, thirds, strict=True):
                renamed[f"{new}.{name}.{kind}"] = third.clone()
            renamed[f"{new}.{output}.{kind}"] = weights[f"{old}.attn.proj.{kind}"]
    for index in range(CONFIG["num_hidden_layers"]):
        for part in ("1", "2"):
            scale = weights[f"blocks.{index}.ls{part}.gamma"]
            renamed[f"encoder.layer.{index}.layer_scale{part}.lambda1"] = scale
    return renamed


def of_transformers_4(weights: Weights) -> Weights:
    return of_transformers(weights, OLD_ATTENTION, "attention.output.dense")


def of_transformers_5(weights: Weights) -> Weights:
    return of_transformers(weights, NEW_ATTENTION, "attention.o_proj")


def folder_of(
    folder: Path, weights: Weights = HUB, *, file: str = "model.safetensors", **changes: Any
) -> Path:
    (folder / "config.json").write_text(json.dumps({**CONFIG, **changes}))
    save_file(weights, folder / file)
    return folder


def refuse(folder: Path, message: str, **options: Any) -> str:
    with pytest.raises(EncoderError, match=message) as caught:
        ImageEncoder.from_folder(folder, **options)
    assert isinstance(caught.value, TrellisError)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pixels_tokens_and_condition_are_those_of_the_original() -> None:
    encoder = ImageEncoder.from_folder(IMAGE_ENCODER)
    assert_golden(normalise(picture())[:, :, 200:216, 200:216], "image_cond", "pixels_corner")
    assert_golden(encoder.before_norm(picture())[:, :12], "image_cond", "x_prenorm_head")
    assert_golden(encoder.encode(picture()), "image_cond", "cond")
    assert (encoder.tokens, encoder.width) == (1374, 48)


def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    encoder = ImageEncoder.from_folder(IMAGE_ENCODER)
    pictures = torch.cat([any_picture(1), any_picture(2)])
    alone = torch.cat([encoder.encode(one[None]) for one in pictures])
    torch.testing.assert_close(encoder.encode(pictures), alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("rename", [of_transformers_4, of_transformers_5])
def test_every_spelling_of_the_weights_gives_the_same_condition(
    rename: Callable[[Weights], Weights], tmp_path: Path
) -> None:
    expected = ImageEncoder.from_folder(IMAGE_ENCODER).encode(any_picture())
    encoder = ImageEncoder.from_folder(folder_of(tmp_path, rename(HUB)))
    assert torch.equal(encoder.encode(any_picture()), expected)


def test_names_decide_about_the_spelling_and_not_that_of_the_file(tmp_path: Path) -> None:
    expected = ImageEncoder.from_folder(IMAGE_ENCODER).encode(any_picture())
    encoder = ImageEncoder.from_folder(folder_of(tmp_path, HUB, file="model.safetensors"))
    assert torch.equal(encoder.encode(any_picture()), expected)


def test_what_the_library_itself_writes_is_read_and_gives_the_same(tmp_path: Path) -> None:
    from transformers import Dinov2WithRegistersConfig, Dinov2WithRegistersModel

    torch.manual_seed(0)
    # None of their parameters has a type.
    network = cast(Any, Dinov2WithRegistersModel)(cast(Any, Dinov2WithRegistersConfig)(**CONFIG))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn(parameter.shape))
    network.eval().save_pretrained(tmp_path)
    network.layernorm = torch.nn.Identity()
    with torch.no_grad():
        expected = network(normalise(any_picture())).last_hidden_state
    made = ImageEncoder.from_folder(tmp_path).before_norm(any_picture())
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-3)


def test_the_trained_last_norm_has_no_say(tmp_path: Path) -> None:
    expected = ImageEncoder.from_folder(IMAGE_ENCODER).encode(any_picture())
    changed = {n: t * 9 + 1 if n.startswith("norm.") else t for n, t in HUB.items()}
    encoder = ImageEncoder.from_folder(folder_of(tmp_path, changed))
    assert torch.equal(encoder.encode(any_picture()), expected)


def test_weights_of_half_precision_compute_in_float32(tmp_path: Path) -> None:
    half = {name: tensor.half() for name, tensor in HUB.items()}
    encoder = ImageEncoder.from_folder(folder_of(tmp_path, half))
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    assert encoder.encode(any_picture()).dtype == torch.float32


@pytest.mark.skipif(not MAPS.exists(), reason="only Linux tells what a process has mapped")
def test_weights_on_a_cpu_stay_mapped_from_the_file() -> None:
    encoder = ImageEncoder.from_folder(IMAGE_ENCODER)
    lines = [line.split()[0] for line in MAPS.read_text().splitlines() if "hub_state" in line]
    spans = [range(*(int(address, 16) for address in line.split("-"))) for line in lines]
    for parameter in encoder.parameters():
        assert any(parameter.data_ptr() in span for span in spans)


def test_a_loaded_encoder_is_for_inference_only() -> None:
    encoder = ImageEncoder.from_folder(IMAGE_ENCODER)
    assert not any(parameter.requires_grad for parameter in encoder.parameters())
    assert not any(module.training for module in encoder.modules())


def released_tensors() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in the torch.hub checkpoint of the large DINOv2."""
    tensors: dict[str, tuple[int, ...]] = {
        "cls_token": (1, 1, 1024),
        "pos_embed": (1, 1370, 1024),
        "register_tokens": (1, 4, 1024),
        "mask_token": (1, 1024),
        "patch_embed.proj.weight": (1024, 3, 14, 14),
        "patch_embed.proj.bias": (1024,),
        "norm.weight": (1024,),
        "norm.bias": (1024,),
    }
    for block in (f"blocks.{index}" for index in range(24)):
        for name, shape in (
            ("attn.qkv", (3072, 1024)),
            ("attn.proj", (1024, 1024)),
            ("mlp.fc1", (4096, 1024)),
            ("mlp.fc2", (1024, 4096)),
        ):
            tensors[f"{block}.{name}.weight"] = shape
            tensors[f"{block}.{name}.bias"] = shape[:1]
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"):
            tensors[f"{block}.{name}"] = (1024,)
        for name in ("ls1.gamma", "ls2.gamma"):
            tensors[f"{block}.{name}"] = (1024,)
    return tensors


def test_the_released_size_has_exactly_the_tensors_of_the_hub_checkpoint() -> None:
    sizes = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16}
    with torch.device("meta"):
        network = build_network(ImageEncoderConfig(**{**_known(CONFIG), **sizes}))
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    stored = layout(shapes, released_tensors())
    assert {name: entry.shape for name, entry in stored.items()} == released_tensors()
    assert len(stored) == 344
    # Each tensor of the network comes from exactly one place.
    assert sorted(part for entry in stored.values() for part in entry.parts) == sorted(shapes)
    parts = stored["blocks.7.attn.qkv.bias"].parts
    assert [part.split(".")[-2] for part in parts] in (
        ["q_proj", "k_proj", "v_proj"],
        ["query", "key", "value"],
    )


def test_the_weights_of_torch_hub_fit_networks_of_both_spellings() -> None:
    for rename in (of_transformers_4, of_transformers_5):
        names = rename(HUB)
        stored = layout({name: tuple(tensor.shape) for name, tensor in names.items()}, HUB)
        assert {n: entry.shape for n, entry in stored.items()} == {
            n: tuple(tensor.shape) for n, tensor in HUB.items()
        }
        for name, entry in stored.items():
            for part, share in zip(entry.parts, HUB[name].chunk(len(entry.parts)), strict=True):
                assert torch.equal(names[part], share)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_register_tokens": 0}, "has num_register_tokens 0, but TRELLIS needs 4"),
        ({"image_size": 224}, "has image_size 224, but TRELLIS needs 518"),
        ({"patch_size": 16}, "has patch_size 16, but TRELLIS needs 14"),
        ({"use_swiglu_ffn": True}, "has use_swiglu_ffn True, but TRELLIS needs False"),
        ({"layer_norm_eps": 1e-5}, "has layer_norm_eps 1e-05, but TRELLIS needs 1e-06"),
        ({"hidden_act": "gelu_new"}, "has hidden_act 'gelu_new', but TRELLIS needs 'gelu'"),
        ({"qkv_bias": False}, "has qkv_bias False, but TRELLIS needs True"),
        ({"num_attention_heads": 5}, "has hidden_size 48, which its 5 heads do not divide"),
        ({"num_hidden_layers": 0}, "has num_hidden_layers 0, but needs a whole number from 1"),
        ({"hidden_size": "48"}, "has hidden_size '48', but needs a whole number"),
    ],
)
def test_another_network_is_refused_by_its_config(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    refuse(folder_of(tmp_path, **changes), f"{message}.*: use a DINOv2 with registers")


def test_a_width_that_the_flows_do_not_expect_is_refused() -> None:
    refuse(IMAGE_ENCODER, "tokens of width 48, but the flows need 1024", width=1024)
    ImageEncoder.from_folder(IMAGE_ENCODER, width=48)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "config cannot be read: .*: download it again"),
        ("[" * 100_000, "config cannot be read"),
        ("[]", "config is no JSON object"),
        (
            '{"model_type": "dinov2", "hidden_size": 8}',
            "config does not tell .*num_register_tokens",
        ),
        ("\udcff", "config cannot be read"),
    ],
)
def test_a_config_that_is_none_is_refused(text: str, message: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    refuse(folder, message)


def test_missing_files_are_told(tmp_path: Path) -> None:
    refuse(tmp_path / "nowhere", "config cannot be read: .*nowhere")
    shutil.copy(IMAGE_ENCODER / "config.json", tmp_path)
    message = refuse(tmp_path, "has no weights")
    assert "model.safetensors" in message and "hub_state.safetensors" in message


def test_all_tensors_that_differ_are_listed(tmp_path: Path) -> None:
    weights = {name: tensor for name, tensor in HUB.items() if not name.endswith("ls1.gamma")}
    weights["head.weight"] = torch.zeros(2)
    weights["pos_embed"] = torch.zeros(1, 257, 48)
    weights["norm.bias"] = torch.zeros(48, dtype=torch.int32)
    message = refuse(folder_of(tmp_path, weights), "are not those that its config.json tells of")
    assert "missing: blocks.0.ls1.gamma, blocks.1.ls1.gamma;" in message
    assert "unexpected: head.weight;" in message
    assert "pos_embed is [1, 257, 48], should be [1, 1370, 48]" in message
    assert "norm.bias is of I32, should be of F32 or F16 or BF16" in message


def test_the_weights_of_another_size_are_refused_with_both_numbers(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, hidden_size=96)
    assert "cls_token is [1, 1, 48], should be [1, 1, 96]" in refuse(folder, "different: ")


def test_a_damaged_file_of_weights_is_refused_wherever_it_is_cut(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    path = folder / "model.safetensors"
    data = path.read_bytes()
    header = 8 + int.from_bytes(data[:8], "little")
    for end in (0, 7, 8, 20, header - 1, header, header + 1, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:end])
        refuse(folder, "weights cannot be read: .*: download them again")
    path.write_bytes(b"\xff" * 100)
    refuse(folder, "weights cannot be read")


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        (torch.zeros(1, 224, 224, 3, dtype=torch.uint8), r"\[1, 224, 224, 3\], but must be"),
        (torch.zeros(518, 518, 3, dtype=torch.uint8), r"shape \[K, 518, 518, 3\]"),
        (torch.zeros(1, 3, 518, 518, dtype=torch.uint8), r"\[1, 3, 518, 518\], but must be"),
        (torch.zeros(1, 518, 518, 3), "are torch.float32 of shape"),
        (torch.zeros(0, 518, 518, 3, dtype=torch.uint8), r"\[0, 518, 518, 3\], but must be"),
    ],
)
def test_pictures_that_are_not_prepared_are_refused(pictures: Tensor, message: str) -> None:
    with pytest.raises(EncoderError, match=message):
        ImageEncoder.from_folder(IMAGE_ENCODER).encode(pictures)


def test_nothing_is_printed_and_no_network_is_asked() -> None:
    code = f"""
import socket, sys
def refuse(*_, **__): raise OSError("somebody asks the network")
socket.socket.connect = refuse
socket.getaddrinfo = refuse
import torch
from crossworld_trellis.models.image_encoder import ImageEncoder
encoder = ImageEncoder.from_folder({str(IMAGE_ENCODER)!r})
encoder.encode(torch.zeros(1, 518, 518, 3, dtype=torch.uint8))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_importing_the_encoder_does_not_import_transformers() -> None:
    code = (
        "import sys, crossworld_trellis.models.image_encoder;"
        "sys.exit('transformers' in sys.modules)"
    )
    folder = Path(__file__).parent.parent
    assert subprocess.run([sys.executable, "-c", code], cwd=folder).returncode == 0


def _known(entries: dict[str, Any]) -> dict[str, Any]:
    """The entries of a config.json that say which network it is."""
    return {name: entries[name] for name in ImageEncoderConfig.__dataclass_fields__}


def test_rounded_matrices_take_half_the_memory_and_hardly_change_the_tokens() -> None:
    exact, rounded = (ImageEncoder.from_folder(IMAGE_ENCODER) for _ in range(2))
    rounded.round_products()
    layers = [each for each in rounded.network.modules() if isinstance(each, RoundedLinear)]
    assert len(layers) == 6 * CONFIG["num_hidden_layers"]
    assert all(each.weight.dtype == torch.float16 for each in layers)
    one, other = exact.encode(picture()), rounded.encode(picture())
    assert other.dtype == torch.float32
    assert 0 < (one - other).abs().max() < 0.01


def test_a_matrix_with_numbers_too_large_for_float16_stays_as_it_is() -> None:
    encoder = ImageEncoder.from_folder(IMAGE_ENCODER)
    large = next(each for each in encoder.network.modules() if isinstance(each, torch.nn.Linear))
    with torch.no_grad():
        large.weight[0, 0] = 1e5
    encoder.round_products()
    linear = [each for each in encoder.network.modules() if isinstance(each, torch.nn.Linear)]
    assert linear == [large]
    first, *others = encoder.network.encoder.layer
    assert isinstance(first, Layer)
    assert not first.attention.halves
    assert all(isinstance(each, Layer) and each.attention.halves for each in others)
    assert encoder.encode(picture()).isfinite().all()
