"""The operations that have kernels: their plain form against formulas, the kernels against that."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from cuda_needed import needs_cuda
from golden_data import cosine
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, scaled_dot_product_attention, silu

from crossworld_trellis.kernels.attention import packed_attention, packed_look_up, packs, starts_of
from crossworld_trellis.kernels.choice import plain, usable
from crossworld_trellis.kernels.convolution import convolve, convolves
from crossworld_trellis.kernels.cuts import cut, cuts_to
from crossworld_trellis.kernels.linear import linear_gelu
from crossworld_trellis.kernels.norm import Scale, Update, add_norm, unit_heads
from crossworld_trellis.kernels.rotary import Rotation
from crossworld_trellis.models.rotary import rotation

HALVES = [torch.float16, torch.bfloat16]
LENGTHS = [(70,), (64, 64), (3, 130, 1, 65)]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def near(result: Tensor, expected: Tensor) -> bool:
    """Whether a result in half precision is right."""
    return bool(result.isfinite().all()) and cosine(result.float(), expected.float()) > 0.9999


def turns(tokens: int, width: int) -> Rotation:
    """Of tokens that lie anywhere."""
    cells = torch.randint(64, (tokens, 3), generator=torch.Generator().manual_seed(0))
    return rotation(cells, width)


def updates(channels: int) -> list[Update | None]:
    value, gate, constant = random(2, 5, channels, seed=1), random(1, channels), random(channels)
    return [None, Update(value), Update(value, gate), Update(value, gate, constant)]


def scales(channels: int) -> list[Scale]:
    gain, bias = random(channels, seed=2), random(channels, seed=3)
    return [
        Scale(),
        Scale(gain, bias),
        Scale(gain, bias, around_one=True),
        Scale(gain, bias, around_one=True, silu=True),
    ]


def on_gpu(value: Update | Scale, dtype: torch.dtype) -> Any:
    """The same with tensors of another type and place."""
    moved: dict[str, Any] = {
        name: each.to("cuda", dtype) if isinstance(each, Tensor) else each
        for name, each in vars(value).items()
    }
    return type(value)(**moved)


def test_an_update_is_added_before_the_norm() -> None:
    x, value = random(2, 5, 8), random(2, 5, 8, seed=1)
    gate, constant = random(1, 8, seed=2), random(8, seed=3)
    gain, bias = random(8, seed=4), random(8, seed=5)
    stream, normed = add_norm(
        x, Update(value, gate, constant), Scale(gain, bias, around_one=True, silu=True), eps=1e-6
    )
    expected = x + gate * value + constant
    assert torch.equal(stream, expected)
    assert torch.equal(normed, silu(layer_norm(expected, (8,), eps=1e-6) * (1 + gain) + bias))


def test_a_stream_can_be_updated_in_place() -> None:
    x, value = random(2, 5, 8), random(2, 5, 8, seed=1)
    expected = add_norm(x, Update(value), Scale(), eps=1e-6)
    normed = torch.empty_like(x)
    add_norm(x, Update(value), Scale(), eps=1e-6, into=(x, normed))
    assert torch.equal(x, expected[0])
    assert torch.equal(normed, expected[1])


def test_single_precision_and_cpus_take_no_kernels() -> None:
    assert not usable(torch.zeros(1))
    assert not usable(torch.zeros(1, dtype=torch.float16))


def test_cuts_are_heard_inside_only() -> None:
    heard: list[str] = []
    cut()
    with cuts_to(lambda: heard.append("outer")):
        with cuts_to(lambda: heard.append("inner")):
            cut()
        cut()
    cut()
    assert heard == ["inner", "outer"]


@needs_cuda
def test_kernels_can_be_switched_off() -> None:
    x = torch.zeros(1, device="cuda", dtype=torch.float16)
    assert usable(x)
    with plain():
        assert not usable(x)
        with plain(False):
            assert not usable(x)
    assert usable(x)
    assert not usable(x.float())


@needs_cuda
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("channels", [96, 1024])
def test_add_norm_on_a_gpu_is_what_it_is_elsewhere(dtype: torch.dtype, channels: int) -> None:
    x = random(2, 5, channels)
    for update, scale in itertools.product(updates(channels), scales(channels)):
        expected = add_norm(x, update, scale, eps=1e-6)
        moved = None if update is None else on_gpu(update, dtype)
        result = add_norm(x.to("cuda", dtype), moved, on_gpu(scale, dtype), eps=1e-6)
        for got, wanted in zip(result, expected, strict=True):
            assert near(got.cpu(), wanted)


@needs_cuda
def test_branches_that_share_memory_are_read_right() -> None:
    x, value = random(1, 5, 96).cuda().half(), random(1, 5, 96, seed=1).cuda().half()
    alone = add_norm(x, Update(value), Scale(), eps=1e-6)
    shared = add_norm(x.expand(3, -1, -1), Update(value.expand(3, -1, -1)), Scale(), eps=1e-6)
    for one, three in zip(alone, shared, strict=True):
        assert torch.equal(three, one.expand(3, -1, -1))


@needs_cuda
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(("heads", "width"), [(16, 64), (3, 16), (12, 128)])
@pytest.mark.parametrize("turned", [False, True])
def test_unit_heads_on_a_gpu_are_what_they_are_elsewhere(
    dtype: torch.dtype, heads: int, width: int, turned: bool
) -> None:
    parts = random(2, 5, 3, heads, width)
    gains = random(heads, width, seed=1), random(heads, width, seed=2)
    by = turns(5, width) if turned else None
    there = None if by is None else Rotation(by.cos.cuda(), by.sin.cuda())
    expected = unit_heads(parts, gains, by)
    result = unit_heads(parts.to("cuda", dtype), [gain.cuda() for gain in gains], there)
    assert all(near(got.cpu(), wanted) for got, wanted in zip(result, expected, strict=True))


@needs_cuda
@pytest.mark.parametrize("dtype", HALVES)
def test_a_gelu_behind_a_product_is_the_tanh_form(dtype: torch.dtype) -> None:
    x, weight, bias = random(2, 40, 64), random(128, 64, seed=1) / 8, random(128, seed=2)
    expected = gelu(linear(x, weight, bias), approximate="tanh")
    result = linear_gelu(*(each.to("cuda", dtype) for each in (x, weight, bias)))
    assert near(result.cpu(), expected)


def by_item(query: Tensor, key: Tensor, value: Tensor, items: Sequence[int]) -> Tensor:
    """Attention of each item alone; keys and values are [G,M,H,d] as well, or [G,B,L,H,d]."""
    parts: list[Tensor] = []
    for index, (start, length) in enumerate(
        zip(itertools.accumulate(items, initial=0), items, strict=False)
    ):
        rows = slice(start, start + length)
        own = (
            (key[:, rows], value[:, rows])
            if key.ndim == 4
            else (key[:, min(index, key.shape[1] - 1)], value[:, min(index, key.shape[1] - 1)])
        )
        q, k, v = (x.float().transpose(1, 2) for x in (query[:, rows], *own))
        parts.append(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
    return torch.cat(parts, dim=1)


@needs_cuda
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("items", LENGTHS)
@pytest.mark.parametrize("width", [16, 64])
def test_packed_items_see_only_themselves(
    dtype: torch.dtype, items: tuple[int, ...], width: int
) -> None:
    qkv = random(2, sum(items), 3, 4, width).to("cuda", dtype)
    query, key, value = qkv.unbind(2)
    if not packs(query, key, value):
        pytest.skip("this device copies no tiles")
    starts = starts_of(items, query.device)
    result = packed_attention(query, key, value, starts, max(items))
    assert near(result.cpu(), by_item(query, key, value, items).cpu())


@needs_cuda
@pytest.mark.parametrize("items", LENGTHS)
@pytest.mark.parametrize("shared", [True, False])
def test_packed_items_look_up_their_own_memory(items: tuple[int, ...], shared: bool) -> None:
    query = random(2, sum(items), 4, 64).cuda().half()
    memories = (2, 1 if shared else len(items), 4, 90, 64)
    key, value = (
        random(*memories, seed=seed).cuda().half().transpose(2, 3) for seed in (1, 2)
    )  # [K,B,H,L,d]→[K,B,L,H,d]
    if not packs(query, key, value):
        pytest.skip("this device copies no tiles")
    starts = starts_of(items, query.device)
    result = packed_look_up(query, key, value, starts, max(items))
    assert near(result.cpu(), by_item(query, key, value, items).cpu())


def outgrowing(query: Tensor, key: Tensor) -> Tensor:
    """The keys, some of which far behind the first ones have scores of hundreds."""
    grown = key.clone()
    grown[:, 300:310] = 30 * query[:, 300:310]
    return grown


@needs_cuda
@pytest.mark.parametrize("dtype", HALVES)
def test_scores_may_grow_far_beyond_the_first_ones(dtype: torch.dtype) -> None:
    query, key, value = random(2, 400, 3, 2, 64).to("cuda", dtype).unbind(2)
    if not packs(query, key, value):
        pytest.skip("this device copies no tiles")
    key = outgrowing(query, key)
    result = packed_attention(query, key, value, starts_of((400,), query.device), 400)
    assert near(result.cpu(), by_item(query, key, value, (400,)).cpu())


@needs_cuda
def test_what_is_broken_in_an_item_stays_there() -> None:
    query, key, value = random(1, 100, 3, 2, 64).cuda().half().unbind(2)
    if not packs(query, key, value):
        pytest.skip("this device copies no tiles")
    key[:, 70:], value[:, 70:] = torch.nan, torch.inf
    result = packed_attention(query, key, value, starts_of((70, 30), query.device), 70)
    assert result[:, :70].isfinite().all()


@needs_cuda
@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize(("inputs", "outputs"), [(128, 128), (48, 40), (256, 96)])
def test_convolving_on_a_gpu_is_a_gather_and_a_product(
    dtype: torch.dtype, inputs: int, outputs: int
) -> None:
    feats = random(200, inputs).to("cuda", dtype)
    table = torch.randint(201, (150, 27), generator=torch.Generator().manual_seed(1)).cuda()
    weight = (random(outputs, 27 * inputs, seed=2) / 30).to("cuda", dtype)
    bias = random(outputs, seed=3).to("cuda", dtype)
    assert convolves(feats, weight)
    padded = torch.cat([feats, feats.new_zeros(1, inputs)]).float()
    expected = linear(padded[table].flatten(1), weight.float(), bias.float())
    assert near(convolve(feats, table, weight, bias).cpu(), expected.cpu())
    apart = feats.new_zeros(150, 2, outputs)
    convolve(feats, table, weight, bias, into=apart[:, 1])
    assert near(apart[:, 1].cpu(), expected.cpu())
    assert not apart[:, 0].any()
