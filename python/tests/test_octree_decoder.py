"""The decoders of TRELLIS.2 and what they are made of, against the original's numbers."""

from typing import Any

import pytest
import torch
from golden_data import cosine
from golden_trellis2 import GOLDEN, assert_golden, load
from torch import Tensor, nn

from crossworld_trellis.checkpoint import CheckpointError
from crossworld_trellis.checkpoint.arguments import to_config
from crossworld_trellis.models.octree_decoder import (
    ConvNeXtBlock,
    Octree,
    ShapeDecoder,
    ShapeDecoderConfig,
    TextureDecoder,
    TextureDecoderConfig,
    UpBlock,
)
from crossworld_trellis.sparse import convolution
from crossworld_trellis.sparse.grid import VoxelGrid
from crossworld_trellis.sparse.octree import OctreeConv3d, split

OPS = "sparse_ops"


def config(role: str, **change: Any) -> Any:
    kind = ShapeDecoderConfig if role == "shape_slat_decoder" else TextureDecoderConfig
    return to_config(kind, {**GOLDEN.model_args(role), **change}, where=role)


def shape_decoder(dtype: torch.dtype = torch.float32) -> ShapeDecoder:
    role = "shape_slat_decoder"
    return weighted(ShapeDecoder(config(role), dtype=dtype), GOLDEN.model_weights(role))


def texture_decoder(dtype: torch.dtype = torch.float32) -> TextureDecoder:
    role = "tex_slat_decoder"
    return weighted(TextureDecoder(config(role), dtype=dtype), GOLDEN.model_weights(role))


def weighted(module: Any, state: dict[str, Tensor]) -> Any:
    module.load_state_dict(state, strict=True)
    return module.eval().requires_grad_(False)


def block(module: nn.Module, prefix: str) -> Any:
    """A block with its golden weights."""
    tensors = load(OPS).items()
    state = {n.removeprefix(f"{prefix}."): t for n, t in tensors if n.startswith(f"{prefix}.")}
    return weighted(module, state)


@pytest.fixture(scope="module")
def octree() -> Octree:
    golden = load("shape_decoder")
    return shape_decoder().occupancy(golden["feats"], VoxelGrid(golden["coords"]))


def test_the_convolution_is_that_of_the_original() -> None:
    golden = load(OPS)
    state = {"weight": golden["conv3_weight"], "bias": golden["conv3_bias"]}
    conv = weighted(OctreeConv3d(16, 10), state)
    assert_golden(conv(golden["feats"], VoxelGrid(golden["coords"])), OPS, "conv3_out")


def test_children_come_voxel_by_voxel_with_x_fastest_and_take_their_share() -> None:
    golden = load(OPS)
    children = split(VoxelGrid(golden["coords"]), golden["sub"].bool())
    assert_golden(children.grid.coords, OPS, "c2s_coords")
    shares = golden["feats"].view(-1, 8, 2)[children.parent, children.corner]
    assert_golden(shares, OPS, "c2s_feats")
    assert children.grid.items == VoxelGrid(children.grid.coords).items


def test_a_block_gives_what_the_original_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    golden = load(OPS)
    grid = VoxelGrid(golden["coords"])
    convnext = block(ConvNeXtBlock(16, dtype=torch.float32), "convnext")
    assert_golden(convnext(golden["feats"], grid), OPS, "convnext_out")
    monkeypatch.setattr(convolution, "BUFFER_BYTES", 1000)
    assert_golden(convnext(golden["feats"], grid), OPS, "convnext_out")


def test_an_up_block_decides_or_follows_as_the_original_does() -> None:
    golden = load(OPS)
    grid, feats = VoxelGrid(golden["coords"]), golden["feats"]
    up = block(UpBlock(16, 8, decides=True, dtype=torch.float32), "up")
    logits = up.to_subdiv(feats)
    assert_golden(logits, OPS, "up_sub_logits")
    children = split(grid, logits > 0)
    assert_golden(children.grid.coords, OPS, "up_coords")
    assert_golden(up(feats, grid, children), OPS, "up_out")
    follows = block(UpBlock(16, 8, decides=False, dtype=torch.float32), "upg")
    children = split(grid, golden["sub"].bool())
    assert_golden(children.grid.coords, OPS, "upg_coords")
    assert_golden(follows(feats, grid, children), OPS, "upg_out")


def test_the_octree_is_exactly_that_of_the_original(octree: Octree) -> None:
    name = "shape_decoder"
    for level, grid in enumerate(octree.levels[1:], start=1):
        assert_golden(grid.coords, name, f"coords_{level}")
        assert grid.items == VoxelGrid(grid.coords).items
    for level, logits in enumerate(octree.logits):
        assert_golden(logits, name, f"sub_{level}")


def test_features_on_the_way_are_those_of_the_original(octree: Octree) -> None:
    name, network = "shape_decoder", shape_decoder()
    x = network._begin(load(name)["feats"])
    for level, (grid, children) in enumerate(zip(octree.levels[:-1], octree.children, strict=True)):
        x = network.up_block(level)(network._refine(x, grid, level), grid, children)
        assert_golden(x[:64], name, f"h_{level + 1}")
    assert_golden(network._end(x), name, "raw")


def test_the_surface_in_the_finest_voxels_is_that_of_the_original() -> None:
    name = "shape_decoder"
    golden = load(name)
    octree, surface = shape_decoder()(golden["feats"], VoxelGrid(golden["coords"]))
    assert_golden(octree.levels[-1].coords, name, "coords_4")
    assert_golden(surface.dual, name, "dual")
    assert_golden(surface.crossed.to(torch.uint8), name, "crossed")
    assert_golden(surface.quad, name, "quad")


def test_materials_follow_the_shape_as_in_the_original(octree: Octree) -> None:
    attributes = texture_decoder()(load("tex_decoder")["feats"], octree)
    assert_golden(attributes, "tex_decoder", "attrs")


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_stopping_early_gives_the_same_voxels_without_the_finer_ones(
    octree: Octree, level: int
) -> None:
    golden, network = load("shape_decoder"), shape_decoder()
    for stage in network.blocks[level + 1 :]:
        for parameter in stage.parameters():
            parameter.data.fill_(float("nan"))
    early = network.occupancy(golden["feats"], VoxelGrid(golden["coords"]), level=level)
    assert len(early.levels) == level + 1
    for ours, full in zip(early.levels, octree.levels, strict=False):
        assert torch.equal(ours.coords, full.coords)


def test_an_item_that_loses_all_its_voxels_leaves_none_behind() -> None:
    golden, network = load("shape_decoder"), shape_decoder()
    network.up_block(1).to_subdiv.weight.data.zero_()
    network.up_block(1).to_subdiv.bias.data.fill_(-1.0)
    octree, surface = network(golden["feats"], VoxelGrid(golden["coords"]))
    assert [sum(grid.items) for grid in octree.levels[2:]] == [0, 0, 0]
    assert octree.levels[-1].items == (0, 0) and len(surface.dual) == 0


def test_half_precision_stays_near_single(octree: Octree) -> None:
    golden = load("tex_decoder")
    for dtype in (torch.float16, torch.bfloat16):
        # Its own float16 subdivision would differ where logits are near 0.
        assert cosine(texture_decoder(dtype)(golden["feats"], octree), golden["attrs"]) >= 0.999


@pytest.mark.parametrize(
    ("role", "change", "names"),
    [
        ("shape_slat_decoder", {"pred_subdiv": False}, "pred_subdiv of a shape decoder"),
        ("tex_slat_decoder", {"pred_subdiv": True}, "pred_subdiv of a texture decoder"),
        ("tex_slat_decoder", {"out_channels": 7}, "out_channels must be 6, got 7"),
        ("shape_slat_decoder", {"num_blocks": [1, 1]}, "num_blocks has 2 entries, but needs 5"),
        ("shape_slat_decoder", {"up_block_type": ["A"] * 4}, "up_block_type 'A' is not known"),
        ("shape_slat_decoder", {"model_channels": [32, 6, 16, 16, 8]}, "32 cannot be handed"),
    ],
)
def test_networks_that_we_cannot_build_are_refused_by_name(
    role: str, change: dict[str, Any], names: str
) -> None:
    with pytest.raises(CheckpointError, match=names):
        config(role, **change)
