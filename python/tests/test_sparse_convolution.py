"""Sparse convolutions and group norm: the original's numbers, and dense torch as the judge."""

from collections.abc import Callable

import pytest
import torch
from golden_data import assert_golden, cosine, load
from sparse_cases import features, items_of, random_grid
from torch import Tensor
from torch.nn import functional as F

from crossworld_trellis.sparse.convolution import PointwiseConv3d, SubmanifoldConv3d
from crossworld_trellis.sparse.gathering import Rows
from crossworld_trellis.sparse.grid import VoxelGrid, subdivide, unpool
from crossworld_trellis.sparse.norm import SparseGroupNorm


@pytest.fixture(autouse=True)
def _inference() -> object:  # pyright: ignore[reportUnusedFunction]
    torch.manual_seed(0)
    with torch.inference_mode():
        yield


# In-widths where features are gathered before and after the multiplication.
WIDTHS = [(4, 6), (12, 2)]


def on_dense_grid(conv: SubmanifoldConv3d, feats: Tensor, grid: VoxelGrid) -> Tensor:
    """The convolution as torch does it on a full grid."""
    item, x, y, z = grid.coords.long().unbind(1)
    edge = int(grid.positions.max()) + 1
    dense = torch.zeros(len(grid.items), edge, edge, edge, feats.shape[1])
    dense[item, x, y, z] = feats
    weight = conv.conv.weight.permute(0, 4, 1, 2, 3)
    result = F.conv3d(dense.permute(0, 4, 1, 2, 3), weight, conv.conv.bias, padding=1)
    return result[item, :, x, y, z]


def test_convolutions_equal_the_original() -> None:
    golden = load("sparse_ops")
    grid = VoxelGrid(golden["coords"])
    wide, point = SubmanifoldConv3d(6, 10), PointwiseConv3d(6, 10)
    wide.load_state_dict({"conv.weight": golden["conv3_weight"], "conv.bias": golden["conv3_bias"]})
    point.load_state_dict(
        {"conv.weight": golden["conv1_weight"], "conv.bias": golden["conv1_bias"]}
    )
    assert_golden(wide(golden["feats"], grid), "sparse_ops", "conv3_out")
    assert_golden(point(golden["feats"]), "sparse_ops", "conv1_out")


@pytest.mark.parametrize(("inputs", "outputs"), WIDTHS)
@pytest.mark.parametrize("density", [0.05, 0.4, 1.0])
def test_it_equals_a_dense_convolution(inputs: int, outputs: int, density: float) -> None:
    grid = random_grid(5, 4, 6, items=2, density=density, shuffled=True)
    conv, feats = SubmanifoldConv3d(inputs, outputs), features(grid, inputs)
    assert torch.allclose(conv(feats, grid), on_dense_grid(conv, feats, grid), atol=1e-5)


@pytest.mark.parametrize(("inputs", "outputs"), WIDTHS)
def test_computing_in_pieces_changes_nothing(
    inputs: int, outputs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = random_grid(5, 4, 6, items=2)
    conv, feats = SubmanifoldConv3d(inputs, outputs), features(grid, inputs)
    low = features(grid.pooled.grid, inputs)
    runs: list[Callable[[], Tensor]] = [
        lambda: conv(feats, grid),
        lambda: conv.forward_unpooled(low, grid),
        lambda: conv.forward_subdivided(feats, grid),
    ]
    whole = [run() for run in runs]
    monkeypatch.setattr("crossworld_trellis.sparse.convolution.BUFFER_BYTES", 3000)
    for run, expected in zip(runs, whole, strict=True):
        assert torch.allclose(run(), expected, atol=1e-5)


@pytest.mark.parametrize(("inputs", "outputs"), WIDTHS)
def test_multiplying_before_upsampling_equals_multiplying_after(inputs: int, outputs: int) -> None:
    grid = random_grid(6, 5, 7, items=2, shuffled=True)
    conv = SubmanifoldConv3d(inputs, outputs)
    low = features(grid.pooled.grid, inputs)
    plain = conv(unpool(low, grid.pooled), grid)
    assert torch.allclose(conv.forward_unpooled(low, grid), plain, atol=1e-5)
    coarse = features(grid, inputs)
    plain = conv(subdivide(coarse), grid.subdivided)
    assert torch.allclose(conv.forward_subdivided(coarse, grid), plain, atol=1e-5)


@pytest.mark.parametrize(("inputs", "outputs"), WIDTHS)
def test_one_voxel_meets_the_middle_of_the_kernel_only(inputs: int, outputs: int) -> None:
    grid = VoxelGrid(torch.tensor([[0, 3, 3, 3]], dtype=torch.int32))
    conv, feats = SubmanifoldConv3d(inputs, outputs), features(grid, inputs)
    expected = F.linear(feats, conv.conv.weight[:, 1, 1, 1], conv.conv.bias)
    assert torch.allclose(conv(feats, grid), expected, atol=1e-6)


@pytest.mark.parametrize(("inputs", "outputs"), WIDTHS)
def test_no_voxels_give_no_features(inputs: int, outputs: int) -> None:
    grid = VoxelGrid(torch.zeros(0, 4, dtype=torch.int32))
    conv, feats = SubmanifoldConv3d(inputs, outputs), torch.zeros(0, inputs)
    assert conv(feats, grid).shape == (0, outputs)
    assert conv.forward_unpooled(feats, grid).shape == (0, outputs)
    assert conv.forward_subdivided(feats, grid).shape == (0, outputs)


@pytest.mark.parametrize(("inputs", "outputs"), WIDTHS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_near_float32(inputs: int, outputs: int, dtype: torch.dtype) -> None:
    grid = random_grid(5, 5, 5)
    exact, half = SubmanifoldConv3d(inputs, outputs), SubmanifoldConv3d(inputs, outputs)
    half.load_state_dict(exact.state_dict())
    half.to(dtype)
    feats = features(grid, inputs)
    result = half(feats.to(dtype), grid)
    assert result.dtype == dtype
    assert cosine(result, exact(feats, grid)) >= 0.999
    result = half.forward_subdivided(feats.to(dtype), grid)
    assert result.dtype == dtype
    assert cosine(result, exact.forward_subdivided(feats, grid)) >= 0.999


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_narrow_rows_are_gathered_unharmed_the_way_it_is_done_on_gpus(
    dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    feats = features(random_grid(3, 3, 3), 6).to(dtype)
    table = torch.randint(len(feats) + 1, (5, 27))
    expected = torch.cat([feats, torch.zeros(1, 6, dtype=dtype)])[table.flatten()]
    assert torch.equal(Rows(feats).take(table), expected)
    monkeypatch.setattr("crossworld_trellis.sparse.gathering._is_narrow", lambda _: True)
    assert torch.equal(Rows(feats).take(table), expected)


def test_parameters_have_the_names_and_shapes_of_checkpoints_and_nothing_is_added_by_use() -> None:
    grid = random_grid(3, 3, 3)
    conv = SubmanifoldConv3d(12, 2)
    conv(features(grid, 12), grid)
    shapes = {name: tuple(tensor.shape) for name, tensor in conv.state_dict().items()}
    assert shapes == {"conv.weight": (2, 3, 3, 3, 12), "conv.bias": (2,)}
    assert PointwiseConv3d(12, 5).conv.weight.shape == (5, 1, 1, 1, 12)


def test_group_norm_equals_the_original() -> None:
    golden = load("sparse_ops")
    norm = SparseGroupNorm(6, groups=3)
    norm.load_state_dict({"weight": golden["gn_weight"], "bias": golden["gn_bias"]})
    assert_golden(norm(golden["feats"], VoxelGrid(golden["coords"])), "sparse_ops", "gn_out")


def test_group_norm_equals_torch_for_each_item_also_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crossworld_trellis.sparse.norm._PIECE_BYTES", 400)
    grid = random_grid(4, 5, 3, items=2)
    feats = 3 + features(grid, 12)
    norm = SparseGroupNorm(12, groups=4)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    for item, span in zip(items_of(grid), grid.spans, strict=True):
        part = feats[span]
        expected = F.group_norm(part.T[None], 4, norm.weight, norm.bias, eps=1e-5)[0].T
        assert torch.allclose(norm(feats, grid)[span], expected, atol=1e-5)
        assert torch.allclose(norm(part, item), expected, atol=1e-5)


def test_group_norm_of_half_precision_is_computed_in_float32() -> None:
    grid = random_grid(8, 8, 8, density=1)
    # The squares of these overflow in half precision, and their sum would lose the small part.
    feats = (1000 + features(grid, 32)).half()
    result = SparseGroupNorm(32)(feats, grid)
    assert result.dtype == torch.float16
    expected = SparseGroupNorm(32)(feats.float(), grid)
    assert torch.equal(result, expected.half())


def test_group_norm_refuses_channels_that_do_not_split() -> None:
    with pytest.raises(ValueError, match="48 channels cannot be split into 32 equal groups"):
        SparseGroupNorm(48)
