"""The second stage's network against the original's numbers."""

import json
from typing import Any

import pytest
import torch
from golden_data import MODEL, assert_golden, cosine, load, params
from safetensors.torch import load_file
from torch import Tensor

from crossworld_trellis.models.latent_flow import LatentFlow, LatentFlowConfig
from crossworld_trellis.sampler import TIME_SCALE, SamplerSettings, sample
from crossworld_trellis.sparse.grid import VoxelGrid

NAME = "slat_flow_forward"
STEM = MODEL / "ckpts" / "slat_flow_img_dit_tiny"


def config(**change: Any) -> LatentFlowConfig:
    arguments = json.loads(STEM.with_suffix(".json").read_text())["args"] | change
    return LatentFlowConfig(
        **{**arguments, "io_block_channels": tuple(arguments["io_block_channels"])}
    )


def network(dtype: torch.dtype = torch.float32) -> LatentFlow:
    flow = LatentFlow(config(), dtype=dtype)
    flow.load_state_dict(load_file(STEM.with_suffix(".safetensors")), strict=True)
    return flow.eval().requires_grad_(False)


def velocity(flow: LatentFlow) -> Tensor:
    golden = load(NAME)
    grid = VoxelGrid(golden["coords"])
    return flow(golden["feats"], golden["t"], golden["cond"], grid)


def test_it_predicts_the_velocity_of_the_original() -> None:
    assert_golden(velocity(network()), NAME, "out")


def test_every_block_gives_what_the_original_gives() -> None:
    flow, golden = network(), load(NAME)
    grid = VoxelGrid(golden["coords"])
    assert torch.equal(grid.pooled.grid.coords, golden["low_coords"])
    field = flow.field(golden["cond"][None], golden["t"], grid)
    edges, modulations = field.edges[0], field.blocks[0]
    h, skips = flow.descend(golden["feats"], edges[:2], grid)
    for index, skip in enumerate(skips):
        assert_golden(skip, NAME, f"after_input_blocks_{index}")
    x = (h + field.place)[None]
    assert_golden(x[0], NAME, "low_tokens_in")
    items = grid.pooled.grid.items
    for index, block in enumerate(flow.blocks):
        modulation = modulations[index]
        x, update = block.mix(x, None, modulation, items)
        x, update = block.inform(x, update, modulation, field.memories[index], items)
        x = update.added_to(x)
        assert_golden(x[0], NAME, f"after_blocks_{index}")
    first, second = flow.out_blocks
    up = first.up(torch.cat([x[0], skips[1]], dim=1), edges[2], grid)
    assert_golden(up, NAME, "after_out_blocks_0")
    end = second(torch.cat([up, skips[0]], dim=1), edges[3], grid)
    assert_golden(end, NAME, "after_out_blocks_1")


def test_the_sampled_latents_follow_the_original_step_by_step() -> None:
    name = "slat_sampler"
    golden, chosen = load(name), params(name)
    settings = SamplerSettings(
        steps=chosen["steps"],
        cfg_strength=chosen["cfg_strength"],
        cfg_interval=tuple(chosen["cfg_interval"]),
        rescale_t=chosen["rescale_t"],
    )
    times = torch.tensor(settings.times()[:-1] * TIME_SCALE, dtype=torch.float32)
    field = network().field(golden["cond"][None], times, VoxelGrid(golden["coords"]))
    states: list[Tensor] = []
    sample(field, golden["noise"], settings, on_step=lambda step: states.append(step.state))
    assert_golden(torch.stack(states), name, "x_t")


def test_items_of_different_size_do_not_influence_each_other() -> None:
    flow, golden = network(), load(NAME)
    coords, other = golden["coords"], golden["coords"][:40] + torch.tensor([1, 2, 0, 1])
    random = torch.randn(40, 8, generator=torch.Generator().manual_seed(1))
    both = flow(
        torch.cat([golden["feats"], random]),
        torch.cat([golden["t"], golden["t"] / 3]),
        torch.cat([golden["cond"], -golden["cond"]]),
        VoxelGrid(torch.cat([coords, other]).int()),
    )
    lonely = VoxelGrid((other - torch.tensor([1, 0, 0, 0])).int())
    alone = flow(random, golden["t"] / 3, -golden["cond"], lonely)
    assert torch.allclose(both[98:], alone, atol=1e-5)
    assert_golden(both[:98], NAME, "out")


def test_the_branch_without_a_picture_sees_zeros() -> None:
    flow, golden = network(), load(NAME)
    grid = VoxelGrid(golden["coords"])
    field = flow.field(golden["cond"][None], golden["t"], grid)
    seeing, blind = field(golden["feats"], 0, pictures=slice(None), guided=True)
    assert_golden(seeing, NAME, "out")
    zeros = flow(golden["feats"], golden["t"], torch.zeros_like(golden["cond"]), grid)
    assert torch.allclose(blind, zeros, atol=1e-5)


def test_half_precision_stays_near_single() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        assert cosine(velocity(network(dtype)), load(NAME)["out"]) >= 0.999


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"pe_mode": "rope"}, "pe_mode 'rope'"),
        ({"share_mod": True}, "share_mod True"),
        ({"patch_size": 4}, "patch_size 4"),
        ({"use_skip_connection": False}, "use_skip_connection False"),
        ({"io_block_channels": [16, 32]}, "io_block_channels 2"),
    ],
)
def test_networks_that_we_cannot_build_are_refused_by_name(
    change: dict[str, Any], names: str
) -> None:
    with pytest.raises(ValueError, match=names):
        config(**change)
