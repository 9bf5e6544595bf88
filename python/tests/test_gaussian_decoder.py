"""Gaussian decoder: the original's numbers, and what holds whatever the weights are."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from golden_data import assert_golden, cosine, load, model_args, model_weights
from sparse_cases import features, items_of, random_grid

from crossworld_trellis.checkpoint.arguments import to_config
from crossworld_trellis.models.gaussian_decoder import (
    GaussianDecoder,
    GaussianDecoderConfig,
    GaussianRepresentation,
    spread_offsets,
)
from crossworld_trellis.sparse.grid import VoxelGrid

ROLE = "slat_decoder_gs"


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    with torch.inference_mode():
        yield


def tiny_config() -> GaussianDecoderConfig:
    return to_config(GaussianDecoderConfig, model_args(ROLE), where="the tiny model")


def tiny_decoder(*, dtype: torch.dtype = torch.float32) -> GaussianDecoder:
    decoder = GaussianDecoder(tiny_config(), dtype=dtype)
    decoder.load_state_dict(model_weights(ROLE))
    return decoder


def test_it_equals_the_original() -> None:
    golden, decoder = load("gs_decoder"), tiny_decoder()
    grid = VoxelGrid(golden["coords"])
    assert_golden(decoder.raw(golden["feats"], grid), "gs_decoder", "raw")
    gaussians = decoder(golden["feats"], grid)[0]
    assert len(gaussians) == 32 * grid.items[0]
    assert gaussians.per_cell == 32
    assert_golden(gaussians.xyz[:640], "gs_decoder", "xyz_0")
    assert_golden(gaussians.features_dc[:640, None], "gs_decoder", "features_dc_0")
    assert_golden(gaussians.scaling[:640], "gs_decoder", "scaling_0")
    assert_golden(gaussians.rotation[:640], "gs_decoder", "rotation_0")
    assert_golden(gaussians.opacity[:640], "gs_decoder", "opacity_0")
    assert_golden(gaussians.rgb()[:640], "gs_decoder", "rgb_0")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_near_float32(dtype: torch.dtype) -> None:
    golden, decoder = load("gs_decoder"), tiny_decoder(dtype=dtype)
    raw = decoder.raw(golden["feats"], VoxelGrid(golden["coords"]))
    assert raw.dtype == torch.float32
    assert cosine(raw, golden["raw"]) >= 0.999
    around = {name: tensor.dtype for name, tensor in decoder.state_dict().items()}
    inside = {around.pop(name) for name in list(around) if name.startswith("blocks.")}
    assert (inside, set(around.values())) == ({dtype}, {torch.float32})


def test_the_offsets_of_the_checkpoint_are_those_of_the_formula() -> None:
    stored = model_weights(ROLE)["offset_perturbation"]
    assert torch.allclose(spread_offsets(32, 1.5), stored, atol=1e-6)


def test_items_together_give_what_they_give_alone() -> None:
    decoder, grid = tiny_decoder(), random_grid(12, 12, 12, items=2, density=0.05)
    feats = features(grid, 8)
    together = decoder(feats, grid)
    for gaussians, item, span in zip(together, items_of(grid), grid.spans, strict=True):
        (alone,) = decoder(feats[span], item)
        for name in ("xyz", "features_dc", "scaling", "rotation", "opacity"):
            assert torch.allclose(getattr(gaussians, name), getattr(alone, name), atol=1e-5), name


def test_one_voxel_makes_its_own_gaussians_inside_its_reach() -> None:
    grid = VoxelGrid(torch.tensor([[0, 31, 0, 16]], dtype=torch.int32))
    (gaussians,) = tiny_decoder()(features(grid, 8), grid)
    assert len(gaussians) == 32
    centre = torch.tensor([31.5, 0.5, 16.5]) / 32 - 0.5
    # The offsets span one and a half voxels of a 32nd.
    assert ((gaussians.xyz - centre).abs() <= 0.75 / 32).all()
    assert ((gaussians.opacity > 0) & (gaussians.opacity < 1)).all()
    assert (gaussians.scaling >= 0.0009).all()
    assert torch.allclose(gaussians.rotation.norm(dim=1), torch.ones(32))


def test_a_network_that_answers_nothing_gives_the_biases() -> None:
    decoder, grid = tiny_decoder(), VoxelGrid(torch.tensor([[0, 1, 2, 3]], dtype=torch.int32))
    torch.nn.init.zeros_(decoder.out_layer.weight)
    torch.nn.init.zeros_(decoder.out_layer.bias)
    (gaussians,) = decoder(features(grid, 8), grid)
    smoothed = torch.tensor(0.004**2 + 0.0009**2).sqrt()
    assert torch.allclose(gaussians.scaling, smoothed.expand(32, 3), atol=1e-7)
    assert torch.allclose(gaussians.opacity, torch.full((32, 1), 0.1))
    assert torch.equal(gaussians.rotation, torch.tensor([[1.0, 0, 0, 0]]).expand(32, 4))
    assert torch.equal(gaussians.rgb(), torch.full((32, 3), 0.5))

    rules = replace(tiny_config().representation_config, scaling_activation="exp")
    decoder.config = replace(tiny_config(), representation_config=rules)
    (gaussians,) = decoder(features(grid, 8), grid)
    assert torch.allclose(gaussians.scaling, smoothed.expand(32, 3), atol=1e-7)


def test_without_perturbation_there_is_no_buffer_and_all_start_from_the_centre() -> None:
    rules = GaussianRepresentation(perturb_offset=False)
    decoder = GaussianDecoder(replace(tiny_config(), representation_config=rules))
    assert "offset_perturbation" not in decoder.state_dict()
    torch.nn.init.zeros_(decoder.out_layer.weight)
    torch.nn.init.zeros_(decoder.out_layer.bias)
    grid = VoxelGrid(torch.tensor([[0, 0, 0, 0]], dtype=torch.int32))
    (gaussians,) = decoder(features(grid, 8), grid)
    assert torch.allclose(gaussians.xyz, torch.tensor(0.5 / 32 - 0.5).expand(32, 3))


def test_no_voxels_give_no_samples() -> None:
    grid = VoxelGrid(torch.zeros(0, 4, dtype=torch.int32))
    assert tiny_decoder()(torch.zeros(0, 8), grid) == []


def test_an_item_without_voxels_is_a_sample_without_gaussians() -> None:
    grid = VoxelGrid(torch.tensor([[1, 1, 2, 3]], dtype=torch.int32))
    assert [len(gaussians) for gaussians in tiny_decoder()(features(grid, 8), grid)] == [0, 32]


def test_the_released_sizes_give_the_released_tensors() -> None:
    with torch.device("meta"):
        decoder = GaussianDecoder(
            GaussianDecoderConfig(
                resolution=64, model_channels=768, latent_channels=8, num_blocks=12, num_heads=12
            ),
            dtype=torch.float16,
        )
    tensors = decoder.state_dict()
    assert len(tensors) == 101
    assert sum(tensor.numel() for tensor in tensors.values()) == 85_369_120
    assert tensors["blocks.11.attn.to_qkv.weight"].shape == (2304, 768)
    assert tensors["blocks.11.mlp.mlp.2.weight"].shape == (768, 3072)
    assert tensors["out_layer.weight"].shape == (448, 768)
    assert tensors["offset_perturbation"].shape == (32, 3)


def test_heads_follow_from_their_width_where_their_number_is_not_given() -> None:
    assert replace(tiny_config(), num_heads=None, model_channels=128).heads == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attn_mode": "full"}, "attn_mode 'full' is not known: only 'swin' is"),
        ({"pe_mode": "rope"}, "pe_mode 'rope' is not known"),
        ({"num_heads": 5}, "model_channels 48 cannot be split into 5 heads"),
        ({"num_heads": None}, "model_channels 48 cannot be split into 0 heads"),
    ],
)
def test_a_trunk_that_cannot_be_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(tiny_config(), **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scaling_activation": "relu"}, "scaling_activation 'relu' is not known"),
        ({"scaling_bias": 0.0}, "scaling_bias 0.0 is out of range"),
        ({"opacity_bias": 1.0}, "opacity_bias 1.0 is out of range"),
        ({"voxel_size": 1.0}, "voxel_size 1.0 is too small"),
        ({"voxel_size": -1.0}, "voxel_size -1.0 is out of range"),
    ],
)
def test_a_representation_that_cannot_be_is_refused(
    changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        replace(tiny_config().representation_config, **changes)
