"""Radiance-field decoder: the original's numbers, and what holds whatever the weights are."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from golden_data import assert_golden, cosine, load, model_args, model_weights
from sparse_cases import features, items_of, random_grid

from crossworld_trellis.checkpoint.arguments import to_config
from crossworld_trellis.models.radiance_field_decoder import (
    RadianceFieldDecoder,
    RadianceFieldDecoderConfig,
)
from crossworld_trellis.sparse.grid import VoxelGrid

ROLE = "slat_decoder_rf"


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    with torch.inference_mode():
        yield


def tiny_config() -> RadianceFieldDecoderConfig:
    return to_config(RadianceFieldDecoderConfig, model_args(ROLE), where="the tiny model")


def tiny_decoder(*, dtype: torch.dtype = torch.float32) -> RadianceFieldDecoder:
    decoder = RadianceFieldDecoder(tiny_config(), dtype=dtype)
    decoder.load_state_dict(model_weights(ROLE))
    return decoder


def test_it_equals_the_original() -> None:
    golden, decoder = load("rf_decoder"), tiny_decoder()
    grid = VoxelGrid(golden["coords"])
    assert_golden(decoder.raw(golden["feats"], grid), "rf_decoder", "raw")
    field = decoder(golden["feats"], grid)[0]
    assert len(field) == grid.items[0]
    assert_golden(field.position, "rf_decoder", "position_0")
    assert_golden(field.depth, "rf_decoder", "depth_0")
    assert field.depth.dtype == torch.uint8
    assert_golden(field.trivec[:4], "rf_decoder", "trivec_0")
    assert_golden(field.density[:4], "rf_decoder", "density_0")
    assert_golden(field.features_dc[:4, :, None], "rf_decoder", "features_dc_0")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_near_float32(dtype: torch.dtype) -> None:
    golden, decoder = load("rf_decoder"), tiny_decoder(dtype=dtype)
    raw = decoder.raw(golden["feats"], VoxelGrid(golden["coords"]))
    assert raw.dtype == torch.float32
    assert cosine(raw, golden["raw"]) >= 0.999


def test_items_together_give_what_they_give_alone() -> None:
    decoder, grid = tiny_decoder(), random_grid(12, 12, 12, items=2, density=0.05)
    feats = features(grid, 8)
    together = decoder(feats, grid)
    for field, item, span in zip(together, items_of(grid), grid.spans, strict=True):
        (alone,) = decoder(feats[span], item)
        for name in ("position", "trivec", "density", "features_dc", "depth"):
            assert torch.allclose(getattr(field, name), getattr(alone, name), atol=1e-5), name


def test_no_voxels_give_no_samples() -> None:
    grid = VoxelGrid(torch.zeros(0, 4, dtype=torch.int32))
    assert tiny_decoder()(torch.zeros(0, 8), grid) == []


def test_an_item_without_voxels_is_a_sample_without_any() -> None:
    grid = VoxelGrid(torch.tensor([[1, 1, 2, 3]], dtype=torch.int32))
    assert [len(field) for field in tiny_decoder()(features(grid, 8), grid)] == [0, 1]


def test_the_released_sizes_give_the_released_tensors() -> None:
    with torch.device("meta"):
        decoder = RadianceFieldDecoder(
            RadianceFieldDecoderConfig(
                resolution=64, model_channels=768, latent_channels=8, num_blocks=12, num_heads=12
            )
        )
    tensors = decoder.state_dict()
    assert len(tensors) == 100
    assert sum(tensor.numel() for tensor in tensors.values()) == 85_369_024


def test_a_resolution_that_no_octree_has_is_refused() -> None:
    with pytest.raises(ValueError, match="resolution 48 is no power of two"):
        replace(tiny_config(), resolution=48)
