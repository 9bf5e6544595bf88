"""The dense decoder: its numbers, its tensors, its voxel order, what it refuses."""

from typing import Any

import pytest
import torch
from golden_data import assert_golden, cosine, load, model_args, model_weights
from torch import Tensor

from crossworld_trellis.models.structure_decoder import (
    StructureDecoder,
    StructureDecoderConfig,
    active_voxels,
)

ROLE = "sparse_structure_decoder"

RELEASED = StructureDecoderConfig(
    out_channels=1,
    latent_channels=8,
    num_res_blocks=2,
    num_res_blocks_middle=2,
    channels=(512, 128, 32),
    use_fp16=True,
)


def decoder(dtype: torch.dtype = torch.float32, **changes: Any) -> StructureDecoder:
    made = StructureDecoder(
        StructureDecoderConfig(**{**model_args(ROLE), **changes}), dtype=dtype
    ).eval()
    made.load_state_dict(model_weights(ROLE))
    return made


def released_tensors() -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    """Name, shape and type of the tensors of the released decoder in half precision."""
    tensors: dict[str, tuple[tuple[int, ...], torch.dtype]] = {}

    def add(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
        tensors[f"{name}.weight"] = shape, dtype
        tensors[f"{name}.bias"] = shape[:1], dtype

    def residual(name: str, width: int) -> None:
        for index in (1, 2):
            add(f"{name}.norm{index}", (width,), torch.float32)
            add(f"{name}.conv{index}", (width, width, 3, 3, 3), torch.float16)

    add("input_layer", (512, 8, 3, 3, 3), torch.float32)
    for index in (0, 1):
        residual(f"middle_block.{index}", 512)
        residual(f"blocks.{index}", 512)
        residual(f"blocks.{index + 3}", 128)
        residual(f"blocks.{index + 6}", 32)
    add("blocks.2.conv", (1024, 512, 3, 3, 3), torch.float16)
    add("blocks.5.conv", (256, 128, 3, 3, 3), torch.float16)
    add("out_layer.0", (32,), torch.float32)
    add("out_layer.2", (1, 32, 3, 3, 3), torch.float32)
    return tensors


def run(model: StructureDecoder, z: Tensor) -> Tensor:
    with torch.inference_mode():
        return model(z)


def test_logits_and_voxels_are_those_of_the_original() -> None:
    logits = run(decoder(), load("ss_decoder")["z"])
    assert_golden(logits, "ss_decoder", "logits")
    assert_golden(active_voxels(logits), "ss_decoder", "coords")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_half_precision_torso_gives_nearly_the_same_logits_in_float32(dtype: torch.dtype) -> None:
    golden = load("ss_decoder")
    logits = run(decoder(dtype), golden["z"])
    assert logits.dtype == torch.float32
    assert cosine(logits, golden["logits"]) >= 0.999


def test_the_released_size_has_exactly_the_tensors_of_the_checkpoint() -> None:
    with torch.device("meta"):
        state = StructureDecoder(RELEASED, dtype=torch.float16).state_dict()
    assert {name: (tuple(t.shape), t.dtype) for name, t in state.items()} == released_tensors()
    assert len(state) == 74
    assert sum(tensor.numel() for tensor in state.values()) == 73_671_201


def test_the_released_size_turns_16_cells_an_axis_into_64() -> None:
    with torch.device("meta"):
        logits = StructureDecoder(RELEASED)(torch.zeros(3, 8, 16, 16, 16))
    assert logits.shape == (3, 1, 64, 64, 64)


def test_the_items_of_a_batch_do_not_see_each_other() -> None:
    z = load("ss_decoder")["z"]
    batch = torch.cat([z, -z.flip(2), torch.zeros_like(z)])
    together = run(decoder(), batch)
    alone = torch.cat([run(decoder(), item[None]) for item in batch])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-5)


def test_memory_order_of_the_latent_does_not_matter() -> None:
    z = load("ss_decoder")["z"]
    shuffled = z.permute(0, 4, 3, 2, 1).contiguous().permute(0, 4, 3, 2, 1)
    assert shuffled.stride() != z.stride()
    assert torch.equal(run(decoder(), z), run(decoder(), shuffled))


def test_up_blocks_put_the_last_of_eight_channels_on_the_last_axis() -> None:
    model = decoder()
    up = next(block for block in model.blocks if hasattr(block, "conv"))
    weight, bias = up.get_parameter("conv.weight"), up.get_parameter("conv.bias")
    with torch.no_grad():
        weight.zero_()
        bias.copy_(torch.arange(len(bias)))
        cells = up(torch.zeros(1, weight.shape[1], 2, 2, 2))
    for x, y, z in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (3, 2, 1)):
        assert cells[0, 2, x, y, z].item() == 16 + 4 * (x % 2) + 2 * (y % 2) + z % 2


def test_active_voxels_come_in_lexicographic_order_and_rows_are_contiguous() -> None:
    logits = torch.full((2, 1, 4, 4, 4), -1.0)
    expected = [[0, 0, 3, 1], [0, 2, 0, 0], [1, 0, 0, 2], [1, 0, 1, 0], [1, 3, 3, 3]]
    for item, x, y, z in reversed(expected):
        logits[item, 0, x, y, z] = 0.5
    coords = active_voxels(logits)
    assert coords.tolist() == expected
    assert coords.dtype == torch.int32
    assert coords.is_contiguous()


def test_a_logit_of_zero_or_nan_is_not_active() -> None:
    logits = torch.zeros(1, 1, 2, 2, 2)
    logits[0, 0, 0, 0, 0] = torch.nan
    logits[0, 0, 1, 0, 1] = torch.finfo(torch.float32).tiny
    assert active_voxels(logits).tolist() == [[0, 1, 0, 1]]
    assert active_voxels(torch.zeros(2, 1, 2, 2, 2)).shape == (0, 4)


def test_a_list_of_channels_as_json_has_it_is_taken() -> None:
    config = StructureDecoderConfig(**model_args(ROLE))
    assert config.channels == (24, 16, 8)
    assert hash(config)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"norm_type": "group"}, r"norm_type is 'group', but only 'layer' is supported"),
        ({"channels": []}, r"channels is empty"),
        ({"channels": [8, 0]}, r"channels has 0"),
        ({"latent_channels": 0}, r"latent_channels is 0, but must be at least 1"),
        ({"num_res_blocks": -1}, r"num_res_blocks is -1, but cannot be negative"),
    ],
)
def test_arguments_that_make_no_decoder_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        StructureDecoderConfig(**{**model_args(ROLE), **changes})
