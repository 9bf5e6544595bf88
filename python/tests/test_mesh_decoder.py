"""The mesh decoder: golden features, the golden mesh, half precision, and what it refuses."""

from typing import Any

import golden_data
import pytest
import torch
from mesh_matching import attributes, match_vertices, triangles
from torch import Tensor

from crossworld_trellis.models.mesh_decoder import (
    MeshDecoder,
    MeshDecoderConfig,
    MeshRepresentation,
)
from crossworld_trellis.sparse.grid import VoxelGrid
from crossworld_trellis.surface import extract

ROLE = "slat_decoder_mesh"

# Arguments of the released network: SPEC 1.3.
RELEASED: dict[str, Any] = {
    "resolution": 64,
    "model_channels": 768,
    "latent_channels": 8,
    "num_blocks": 12,
    "num_heads": 12,
}


def tiny(dtype: torch.dtype = torch.float32) -> MeshDecoder:
    args: dict[str, Any] = golden_data.model_args(ROLE)
    representation = MeshRepresentation(**args.pop("representation_config"))
    config = MeshDecoderConfig(**args, representation_config=representation)
    decoder = MeshDecoder(config, dtype=dtype)
    decoder.load_state_dict(golden_data.model_weights(ROLE))
    return decoder.eval()


def golden() -> tuple[Tensor, VoxelGrid]:
    tensors = golden_data.load("mesh_decoder")
    return tensors["feats"], VoxelGrid(tensors["coords"])


@torch.inference_mode()
def test_features_after_the_first_subdivision_are_the_golden_ones() -> None:
    decoder, (feats, grid) = tiny(), golden()
    h = decoder.upsample[0](decoder.blocks(decoder.input_layer(feats), grid), grid)
    golden_data.assert_golden(h[:64], "mesh_decoder", "after_upsample_0")


@torch.inference_mode()
def test_cubes_and_their_numbers_are_the_golden_ones() -> None:
    decoder, (feats, grid) = tiny(), golden()
    golden_data.assert_golden(decoder.raw(feats, grid), "mesh_decoder", "raw")
    golden_data.assert_golden(grid.subdivided.subdivided.coords, "mesh_decoder", "fine_coords")


@torch.inference_mode()
def test_the_decoded_mesh_is_the_golden_one() -> None:
    decoder, (feats, grid) = tiny(), golden()
    (cubes,) = decoder(feats, grid)
    assert cubes.resolution == 4 * decoder.config.resolution
    mesh = extract(cubes)
    expected = golden_data.load("mesh_decoder")
    match = match_vertices(mesh, expected["vertices_0"])
    back = match.argsort()
    golden_data.assert_golden(mesh.vertices[back], "mesh_decoder", "vertices_0")
    golden_data.assert_golden(attributes(mesh)[back], "mesh_decoder", "vertex_attrs_0")
    assert triangles(match[mesh.faces.long()]) == triangles(expected["faces_0"])


@torch.inference_mode()
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_points_the_same_way(dtype: torch.dtype) -> None:
    feats, grid = golden()
    raw = tiny(dtype).raw(feats, grid)
    assert raw.dtype == torch.float32
    assert golden_data.cosine(raw, golden_data.load("mesh_decoder")["raw"]) >= 0.999


@torch.inference_mode()
def test_items_of_a_batch_do_not_see_each_other() -> None:
    decoder, (feats, grid) = tiny(), golden()
    second = grid.coords.clone()
    second[:, 0] = 1
    part = 5
    both = VoxelGrid(torch.cat([grid.coords, second[:part]]))
    first_alone, second_alone = (
        decoder(feats, grid)[0],
        decoder(feats[:part], VoxelGrid(grid.coords[:part]))[0],
    )
    first, last = decoder(torch.cat([feats, feats[:part]]), both)
    assert torch.equal(first.coords, first_alone.coords)
    assert torch.equal(last.coords, second_alone.coords)
    allowed = golden_data.tolerance("mesh_decoder", "raw")
    assert (first.feats - first_alone.feats).abs().max() <= allowed
    assert (last.feats - second_alone.feats).abs().max() <= allowed


def test_the_released_network_has_the_tensors_of_the_specification() -> None:
    with torch.device("meta"):
        decoder = MeshDecoder(MeshDecoderConfig(**RELEASED), dtype=torch.float16)
    state = decoder.state_dict()
    assert len(state) == 120
    assert sum(tensor.numel() for tensor in state.values()) == 90_926_693
    expected = {
        "upsample.0.act_layers.0.weight": ([768], torch.float32),
        "upsample.0.out_layers.0.conv.weight": ([192, 3, 3, 3, 768], torch.float16),
        "upsample.0.out_layers.1.bias": ([192], torch.float32),
        "upsample.0.out_layers.3.conv.weight": ([192, 3, 3, 3, 192], torch.float16),
        "upsample.0.skip_connection.conv.weight": ([192, 1, 1, 1, 768], torch.float16),
        "upsample.1.out_layers.0.conv.weight": ([96, 3, 3, 3, 192], torch.float16),
        "upsample.1.skip_connection.conv.bias": ([96], torch.float16),
        "out_layer.weight": ([101, 96], torch.float32),
    }
    assert {k: (list(state[k].shape), state[k].dtype) for k in expected} == expected


def test_a_mesh_without_colours_is_refused() -> None:
    with pytest.raises(ValueError, match="use_color false is not supported"):
        MeshRepresentation(use_color=False)


def test_channels_that_cannot_be_grouped_are_refused() -> None:
    args: dict[str, Any] = {**RELEASED, "model_channels": 128, "num_heads": 4}
    with pytest.raises(ValueError, match=r"model_channels 128 .* multiple of 256"):
        MeshDecoderConfig(**args)
