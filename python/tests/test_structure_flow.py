"""The first stage's network against the original's numbers."""

import json
from typing import Any

import pytest
import torch
from golden_data import MODEL, assert_golden, cosine, load
from safetensors.torch import load_file
from torch import Tensor

from crossworld_trellis.models.structure_flow import (
    StructureFlow,
    StructureFlowConfig,
    patchify,
    unpatchify,
)

NAME = "ss_flow_forward"


def network(dtype: torch.dtype = torch.float32) -> StructureFlow:
    stem = MODEL / "ckpts" / "ss_flow_img_dit_tiny"
    arguments = json.loads(stem.with_suffix(".json").read_text())["args"]
    flow = StructureFlow(StructureFlowConfig(**arguments), dtype=dtype)
    flow.load_state_dict(load_file(stem.with_suffix(".safetensors")), strict=True)
    return flow.eval().requires_grad_(False)


def velocity(flow: StructureFlow) -> Tensor:
    golden = load(NAME)
    return flow(golden["x"], golden["t"], golden["cond"])


def test_it_predicts_the_velocity_of_the_original() -> None:
    assert_golden(velocity(network()), NAME, "out")


def test_the_timestep_embedder_agrees_with_the_original() -> None:
    assert_golden(network().t_embedder(load(NAME)["t"]), NAME, "t_emb")


def test_every_block_gives_what_the_original_gives() -> None:
    flow, golden = network(), load(NAME)
    items = (flow.pos_emb.shape[0],)
    cells = golden["x"].flatten(2).transpose(1, 2)
    x = flow.input_layer(cells) + flow.pos_emb
    assert_golden(x[:, :64], NAME, "tokens_in")
    embedded = flow.t_embedder(golden["t"])
    memories = flow.blocks.memories(golden["cond"][None])
    for index, block in enumerate(flow.blocks):
        modulation = block.modulation(embedded)[0]
        x, update = block.mix(x, None, modulation, items)
        x, update = block.inform(x, update, modulation, memories[index], items)
        x = update.added_to(x)
        assert_golden(x[:, :64], NAME, f"after_block_{index}")


def test_items_of_a_batch_do_not_influence_each_other() -> None:
    flow, golden = network(), load(NAME)
    other = torch.randn(golden["x"].shape, generator=torch.Generator().manual_seed(1))
    times = torch.cat([golden["t"], golden["t"] / 3])
    pictures = torch.cat([golden["cond"], -golden["cond"]])
    both = flow(torch.cat([golden["x"], other]), times, pictures)
    alone = flow(other, times[1:], pictures[1:])
    assert torch.allclose(both[1:], alone, atol=1e-5)
    assert_golden(both[:1], NAME, "out")


def test_patches_are_gathered_in_the_order_of_the_original_and_undone_exactly() -> None:
    x = torch.arange(2 * 64.0).view(1, 2, 4, 4, 4)
    patches = patchify(x, 2)
    # Channel ((c·p + i)·p + j)·p + k holds the cell (2x + i, 2y + j, 2z + k) of channel c.
    assert patches[0, (1 * 2 + 1) * 4 + 0 * 2 + 1, 1, 0, 1] == x[0, 1, 3, 0, 3]
    assert torch.equal(unpatchify(patches, 2), x)


def test_a_network_with_patches_answers_in_the_shape_of_its_state() -> None:
    config = StructureFlowConfig(
        resolution=4,
        in_channels=2,
        out_channels=2,
        model_channels=48,
        cond_channels=8,
        num_blocks=1,
        num_heads=2,
        patch_size=2,
    )
    state = torch.zeros(3, 2, 4, 4, 4)
    out = StructureFlow(config)(state, torch.zeros(3), torch.zeros(3, 5, 8))
    assert out.shape == state.shape


@pytest.mark.parametrize(
    ("change", "names"),
    [({"pe_mode": "rope"}, "rope"), ({"share_mod": True}, "share_mod"), ({"patch_size": 3}, "3")],
)
def test_networks_that_we_cannot_build_are_refused_by_name(
    change: dict[str, Any], names: str
) -> None:
    arguments = json.loads((MODEL / "ckpts" / "ss_flow_img_dit_tiny.json").read_text())["args"]
    with pytest.raises(ValueError, match=names):
        StructureFlowConfig(**{**arguments, **change})


def test_half_precision_stays_near_single() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        assert cosine(velocity(network(dtype)), load(NAME)["out"]) >= 0.999


def test_modulations_at_rest_are_made_once_and_are_those_of_before() -> None:
    flow, golden = network(), load(NAME)
    times = torch.tensor([900.0, 300.0])
    before = flow.field(golden["cond"][None], times)
    flow.rest_modulations()
    one, again = (flow.field(golden["cond"][None], times.clone()) for _ in range(2))
    assert again.modulations is one.modulations
    for kept, made in zip(one.modulations, before.modulations, strict=True):
        assert all(torch.equal(x, y) for x, y in zip(kept, made, strict=True))
    other = flow.field(golden["cond"][None], times + 1)
    assert not torch.equal(other.modulations[0][0], one.modulations[0][0])
