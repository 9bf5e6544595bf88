"""The kernels on a machine without a GPU, through Triton's interpreter: slow, but the same code.

They are imported inside the tests, because Triton need not be there. `conftest` asks for the
interpreter.
"""

import importlib.util
import itertools

import pytest
import torch
from golden_data import cosine
from test_kernels import LENGTHS, by_item, near, outgrowing, random, scales, turns, updates
from torch.nn.functional import gelu, linear

from crossworld_trellis.kernels.attention import starts_of
from crossworld_trellis.kernels.float8 import rounded
from crossworld_trellis.kernels.norm import add_norm, unit_heads

pytestmark = [
    pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs Triton"),
    pytest.mark.skipif(
        torch.cuda.is_available(), reason="kernels run as they are here: see test_kernels"
    ),
    # Of the interpreter's own.
    pytest.mark.filterwarnings("ignore"),
]


def test_add_norm_is_what_torch_makes() -> None:
    from crossworld_trellis.kernels.triton_norm import launch_add_norm

    x = random(2, 5, 96)
    for update, scale in itertools.product(updates(96), scales(96)):
        expected = add_norm(x, update, scale, eps=1e-6)
        result = launch_add_norm(x, update, scale, 1e-6, None)
        for got, wanted in zip(result, expected, strict=True):
            assert torch.allclose(got, wanted, atol=1e-5)


def test_unit_heads_are_what_torch_makes() -> None:
    from crossworld_trellis.kernels.triton_norm import launch_unit_heads

    for turn, width, count in itertools.product((False, True), (12, 16), (1, 2)):
        by = turns(5, width) if turn else None
        parts = random(2, 5, 3, 3, width)
        gains = [random(3, width, seed=1), random(3, width, seed=2)][:count]
        expected = unit_heads(parts.clone(), gains, by)
        launch_unit_heads(parts, gains, by, 1e-24)
        for got, wanted in zip(parts.unbind(2), expected, strict=True):
            assert torch.allclose(got, wanted, atol=1e-5)


@pytest.mark.parametrize("items", LENGTHS)
def test_packed_items_see_only_themselves(items: tuple[int, ...]) -> None:
    from crossworld_trellis.kernels.triton_attention import launch

    query, key, value = random(2, sum(items), 3, 2, 16).half().unbind(2)
    starts = starts_of(items, query.device)
    result = launch(query, key, value, starts, max(items), memory_of_item=None)
    assert near(result, by_item(query, key, value, items))


def test_scores_may_grow_far_beyond_the_first_ones() -> None:
    from crossworld_trellis.kernels.triton_attention import launch

    query, key, value = random(1, 400, 3, 2, 16).half().unbind(2)
    key = outgrowing(query, key)
    starts = starts_of((400,), query.device)
    result = launch(query, key, value, starts, 400, memory_of_item=None)
    assert near(result, by_item(query, key, value, (400,)))


@pytest.mark.parametrize("shared", [True, False])
def test_packed_items_look_up_their_own_memory(shared: bool) -> None:
    from crossworld_trellis.kernels.triton_attention import launch

    items = LENGTHS[-1]
    query = random(2, sum(items), 2, 16).half()
    memories = (2, 1 if shared else len(items), 90, 2, 16)
    key, value = (random(*memories, seed=seed).half() for seed in (1, 2))
    flat = key.flatten(0, 1), value.flatten(0, 1)
    starts, next_one = starts_of(items, query.device), 0 if shared else 1
    result = launch(query, *flat, starts, max(items), memory_of_item=next_one)
    assert near(result, by_item(query, key, value, items))


def test_products_are_summed_where_a_table_lists_them() -> None:
    from crossworld_trellis.kernels.triton_convolution import launch_sum

    products, bias = random(27, 20, 40, seed=2).half(), random(40, seed=3).half()
    table = torch.randint(21, (30, 27), generator=torch.Generator().manual_seed(1))
    padded = torch.cat([products, products.new_zeros(27, 1, 40)], dim=1).float()
    expected = sum((padded[tap, table[:, tap]] for tap in range(27)), bias.float())
    assert isinstance(expected, torch.Tensor)
    assert near(launch_sum(products, table, bias), expected)


def test_rows_are_rounded_to_what_eight_bits_hold() -> None:
    from crossworld_trellis.kernels.triton_float8 import launch

    x = random(5, 48) * torch.tensor([[1.0], [1e3], [1e-3], [0.0], [7.0]])
    for after_gelu in (False, True):
        wanted = gelu(x, approximate="tanh") if after_gelu else x
        values, factors = launch(x, after_gelu)
        assert torch.allclose(factors, rounded(x, after_gelu=after_gelu).scales)
        # Not number by number: the interpreter loses carries.
        assert cosine((values.float() * factors)[:3], wanted[:3]) > 0.98
        assert not values[3].float().any()


def test_convolving_is_a_gather_and_a_product() -> None:
    from crossworld_trellis.kernels.triton_convolution import launch

    feats = random(20, 48).half()
    table = torch.randint(21, (30, 27), generator=torch.Generator().manual_seed(1))
    weight, bias = (random(40, 27 * 48, seed=2) / 30).half(), random(40, seed=3).half()
    padded = torch.cat([feats, feats.new_zeros(1, 48)]).float()
    expected = linear(padded[table].flatten(1), weight.float(), bias.float())
    apart = feats.new_zeros(30, 2, 40)
    launch(feats, table, weight, bias, apart[:, 1])
    assert near(apart[:, 1], expected)
    assert not apart[:, 0].any()
