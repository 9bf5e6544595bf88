"""The flows of TRELLIS.2, dense and sparse, against the original's numbers."""

from typing import Any

import pytest
import torch
from golden_data import cosine
from golden_trellis2 import (
    SHAPE,
    STRUCTURE,
    TEXTURE,
    assert_golden,
    dense_flow,
    flow,
    flow_config,
    load,
)
from torch import Tensor

from crossworld_trellis.kernels.rotary import rotate
from crossworld_trellis.models.rotary import rotation
from crossworld_trellis.models.rotary_flow import (
    DenseRotaryFlow,
    RotaryFlow,
    pack,
    unpack,
)
from crossworld_trellis.models.transformer import spread
from crossworld_trellis.sparse.grid import VoxelGrid

CPU = torch.device("cpu")
SPARSE = [("shape_flow", SHAPE), ("tex_flow", TEXTURE)]


def velocity(name: str, network: RotaryFlow) -> Tensor:
    golden = load(name)
    grid = VoxelGrid(golden["coords"])
    return network(golden["feats"], golden["t"], golden["cond"], grid, golden.get("concat_cond"))


def after_each_block(
    network: RotaryFlow, state: Tensor, golden: dict[str, Tensor], grid: VoxelGrid
) -> list[Tensor]:
    """Tokens [M,C] leaving each block, for items with a time and a picture each."""
    field = network.field(golden["cond"][None], golden["t"], grid, golden.get("concat_cond"))
    weight = network.input_layer.weight[:, : state.shape[1]]
    x = (state @ weight.T + field.constant)[None]
    modulations = [spread(rows, grid.items) for rows in network.modulations(golden["t"])]
    return [
        network.blocks[:count](
            x,
            modulations[:count],
            field.memories[:count],
            grid.items,
            guided=False,
            rotation=field.rotation,
        )[0]
        for count in range(1, 1 + len(network.blocks))
    ]


@pytest.mark.parametrize("width", [32, 128])
def test_positions_turn_pairs_of_channels_as_in_the_original(width: int) -> None:
    golden = load("rope")
    turn = rotation(golden["coords"], width)
    assert_golden(turn.cos[:, 0], "rope", f"cos_{width}")
    assert_golden(turn.sin[:, 0], "rope", f"sin_{width}")
    turned = rotate(golden[f"q_{width}"][None], turn)[0]
    assert_golden(turned, "rope", f"rotated_{width}")


def test_the_dense_flow_predicts_the_velocity_of_the_original() -> None:
    name, network = "ss_flow_forward", dense_flow()
    golden = load(name)
    x, grid = golden["x"], network.grid(2, CPU)
    out = network(pack(x), golden["t"], golden["cond"], grid)
    assert_golden(unpack(out, x.shape), name, "out")
    shared = network.adaLN_modulation(network.t_embedder(golden["t"]))
    assert_golden(shared, name, "mod")
    for index, tokens in enumerate(after_each_block(network, pack(x), golden, grid)):
        both = tokens.view(2, -1, tokens.shape[1])
        assert_golden(both[:, :48], name, f"after_block_{index}")


@pytest.mark.parametrize(("name", "role"), SPARSE)
def test_the_sparse_flows_predict_the_velocity_of_the_original(name: str, role: str) -> None:
    network, golden = flow(role), load(name)
    assert_golden(velocity(name, network), name, "out")
    grid = VoxelGrid(golden["coords"])
    for index, tokens in enumerate(after_each_block(network, golden["feats"], golden, grid)):
        assert_golden(tokens, name, f"after_block_{index}")


@pytest.mark.parametrize(("name", "role"), SPARSE)
def test_the_branch_without_a_picture_sees_zeros(name: str, role: str) -> None:
    network, golden = flow(role), load(name)
    grid, constant = VoxelGrid(golden["coords"]), golden.get("concat_cond")
    times = golden["t"][:1]
    field = network.field(golden["cond"][None], times, grid, constant)
    _, blind = field(golden["feats"], 0, pictures=slice(1), guided=True)
    zeros = network(
        golden["feats"], times.expand(2), torch.zeros_like(golden["cond"]), grid, constant
    )
    assert torch.allclose(blind, zeros, atol=1e-5)


def test_half_precision_stays_near_single() -> None:
    for name, role in SPARSE:
        for dtype in (torch.float16, torch.bfloat16):
            assert cosine(velocity(name, flow(role, dtype)), load(name)["out"]) >= 0.999


def test_blocks_with_their_own_modulation_can_say_the_same_as_sharing_ones() -> None:
    name, sharing = "shape_flow", flow(SHAPE)
    own = RotaryFlow(flow_config(SHAPE, share_mod=False))
    state = dict(sharing.state_dict())
    weight, bias = (state.pop(f"adaLN_modulation.1.{part}") for part in ("weight", "bias"))
    for index in range(2):
        vector = state.pop(f"blocks.{index}.modulation")
        state[f"blocks.{index}.adaLN_modulation.1.weight"] = weight
        state[f"blocks.{index}.adaLN_modulation.1.bias"] = bias + vector
    own.load_state_dict(state, strict=True)
    assert_golden(velocity(name, own), name, "out")


def test_the_dense_flow_ignores_frequencies_and_the_sparse_ones_do_not() -> None:
    golden = load("shape_flow")
    sparse = RotaryFlow(flow_config(SHAPE, rope_freq=(2.0, 100.0)))
    sparse.load_state_dict(flow(SHAPE).state_dict())
    assert not torch.allclose(velocity("shape_flow", sparse), golden["out"], atol=1e-3)
    dense = DenseRotaryFlow(flow_config(STRUCTURE, rope_freq=(2.0, 100.0)))
    dense.load_state_dict(dense_flow().state_dict())
    x = load("ss_flow_forward")
    out = dense(pack(x["x"]), x["t"], x["cond"], dense.grid(2, CPU))
    assert_golden(unpack(out, x["x"].shape), "ss_flow_forward", "out")


def test_packing_puts_one_row_for_each_cell_of_the_grid() -> None:
    network = dense_flow()
    grid = network.grid(2, CPU)
    x = torch.randn(network.noise_shape(2))
    rows, (item, i, j, k) = pack(x), grid.coords[700].tolist()
    assert torch.equal(rows[700], x[item, :, i, j, k])
    assert torch.equal(unpack(rows, x.shape), x)


def test_constant_channels_must_be_those_of_the_network() -> None:
    golden = load("tex_flow")
    grid = VoxelGrid(golden["coords"])
    with pytest.raises(ValueError, match="takes 32 constant channels, got 0"):
        flow(TEXTURE)(golden["feats"], golden["t"], golden["cond"], grid)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"pe_mode": "ape"}, "pe_mode 'ape'"),
        ({"num_heads": 3}, "64 cannot be split into 3 heads"),
        ({"num_heads": 64}, "heads of an even width"),
        ({"out_channels": 33}, "out_channels 33 are more than in_channels 32"),
        ({"rope_freq": (0.0, 1.0)}, "rope_freq must be above 0"),
    ],
)
def test_networks_that_we_cannot_build_are_refused_by_name(
    change: dict[str, Any], names: str
) -> None:
    with pytest.raises(ValueError, match=names):
        flow_config(SHAPE, **change)
