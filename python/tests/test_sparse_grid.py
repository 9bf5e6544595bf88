"""`VoxelGrid`: neighbours, pooling and subdivision, and which coordinates it refuses."""

import itertools

import pytest
import torch
from golden_data import assert_golden, load
from sparse_cases import features, items_of, random_grid

from crossworld_trellis.errors import TrellisError
from crossworld_trellis.sparse.grid import GridError, VoxelGrid, pool, subdivide, unpool

STEPS = list(itertools.product((-1, 0, 1), repeat=3))


def grid_of(*rows: tuple[int, int, int, int]) -> VoxelGrid:
    return VoxelGrid(torch.tensor(rows, dtype=torch.int32).reshape(-1, 4))


def naive_neighbours(grid: VoxelGrid) -> torch.Tensor:
    rows = [tuple(row) for row in grid.coords.tolist()]
    where = {row: index for index, row in enumerate(rows)}
    table = [
        [where.get((b, x + i, y + j, z + k), len(rows)) for i, j, k in STEPS] for b, x, y, z in rows
    ]
    return torch.tensor(table).reshape(-1, 27)


@pytest.mark.parametrize("shuffled", [False, True])
def test_every_neighbour_is_found_in_its_own_item_only(shuffled: bool) -> None:
    grid = random_grid(5, 4, 6, items=3, shuffled=shuffled)
    assert grid.neighbours.dtype == torch.int64
    assert torch.equal(grid.neighbours, naive_neighbours(grid))


def test_neighbours_are_found_when_they_are_looked_up_in_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("crossworld_trellis.sparse.grid._LOOKUP_ROWS", 7)
    grid = random_grid(4, 4, 4)
    assert torch.equal(grid.neighbours, naive_neighbours(grid))


def test_the_far_corners_of_the_largest_grid_do_not_touch_the_near_ones_or_the_next_item() -> None:
    grid = grid_of((0, 0, 0, 0), (0, 0, 1023, 1023), (0, 1023, 1023, 1023), (1, 0, 0, 0))
    others = grid.neighbours.clone()
    assert others[:, 13].tolist() == [0, 1, 2, 3]
    others[:, 13] = 4
    assert (others == 4).all()
    assert torch.equal(grid.subdivided.neighbours, naive_neighbours(grid.subdivided))


def test_a_single_voxel_has_itself_and_no_other_neighbour() -> None:
    expected = [13 * [1] + [0] + 13 * [1]]
    assert grid_of((0, 5, 6, 7)).neighbours.tolist() == expected


def test_an_empty_grid_has_empty_plans() -> None:
    grid = grid_of()
    assert (grid.items, grid.spans, len(grid)) == ((), (), 0)
    assert grid.neighbours.shape == (0, 27)
    assert grid.subdivided.neighbours.shape == (0, 27)
    assert len(grid.pooled.grid) == 0
    assert pool(torch.zeros(0, 3), grid.pooled).shape == (0, 3)


def test_an_item_without_voxels_has_an_empty_span() -> None:
    grid = grid_of((0, 1, 1, 1), (2, 1, 1, 1), (2, 1, 1, 2))
    assert grid.items == (1, 0, 2)
    assert grid.spans == (slice(0, 1), slice(1, 1), slice(1, 3))
    assert grid.pooled.grid.items == (1, 0, 2)
    assert grid.subdivided.items == (8, 0, 16)


def test_pooling_equals_the_original() -> None:
    golden = load("sparse_ops")
    pooling = VoxelGrid(golden["coords"]).pooled
    assert_golden(pooling.grid.coords, "sparse_ops", "down_coords")
    assert_golden(pooling.cell, "sparse_ops", "down_index")
    pooled = pool(golden["feats"], pooling)
    assert_golden(pooled, "sparse_ops", "down_feats")
    assert_golden(unpool(2 * pooled, pooling), "sparse_ops", "up_feats")


def test_pooling_of_shuffled_rows_gives_each_cell_its_own_members() -> None:
    ordered, shuffled = random_grid(6, 6, 6, items=2), random_grid(6, 6, 6, items=2, shuffled=True)
    assert not torch.equal(ordered.coords, shuffled.coords)
    value = torch.tensor([1.0, 10.0, 100.0, 1000.0])
    first, second = (
        pool((grid.coords * value).sum(1, True), grid.pooled) for grid in (ordered, shuffled)
    )
    assert torch.equal(ordered.pooled.grid.coords, shuffled.pooled.grid.coords)
    assert torch.equal(ordered.pooled.count, shuffled.pooled.count)
    assert torch.allclose(first, second)


def test_pooling_in_half_precision_sums_in_float32() -> None:
    grid = VoxelGrid(torch.cartesian_prod(*[torch.arange(n) for n in (1, 2, 2, 2)]).int())
    # In half precision 2048 + 1 is 2048.
    feats = torch.tensor([[2048.0]] + 7 * [[1.0]], dtype=torch.float16)
    assert pool(feats, grid.pooled).tolist() == [[pytest.approx(2055 / 9, abs=0.1)]]


def test_subdividing_equals_the_original() -> None:
    golden = load("sparse_ops")
    grid = VoxelGrid(golden["coords"])
    assert_golden(grid.subdivided.coords, "sparse_ops", "subdivide_coords")
    assert_golden(subdivide(golden["feats"]), "sparse_ops", "subdivide_feats")


def test_neighbours_of_a_twice_subdivided_grid_are_those_that_a_search_finds() -> None:
    grid = random_grid(3, 4, 3, items=2, shuffled=True).subdivided.subdivided
    assert torch.equal(grid.neighbours, VoxelGrid(grid.coords).neighbours)


def test_plans_are_found_once() -> None:
    grid = random_grid(4, 4, 4)
    assert grid.neighbours is grid.neighbours
    assert grid.pooled is grid.pooled
    assert grid.subdivided is grid.subdivided
    assert grid.windows(4, shift=2) is grid.windows(4, shift=2)
    assert grid.windows(4, shift=2) is not grid.windows(4, shift=0)


def test_pooling_items_together_equals_pooling_each() -> None:
    grid = random_grid(4, 5, 6, items=2)
    feats = features(grid, 3)
    alone = [
        pool(feats[span], item.pooled)
        for item, span in zip(items_of(grid), grid.spans, strict=True)
    ]
    assert torch.equal(pool(feats, grid.pooled), torch.cat(alone))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(0, 1, 2, 3), (0, 1, 2, 3)], "list a voxel twice"),
        ([(1, 1, 2, 3), (0, 1, 2, 3)], "items of coords do not ascend"),
        ([(0, -1, 2, 3)], r"run from \[-1, 2, 3\]"),
        ([(0, 1, 2, 1024)], r"to \[1, 2, 1024\]: every coordinate must be 0 to 1023"),
        ([(-1, 1, 2, 3)], "items run from -1 to -1"),
    ],
)
def test_coordinates_that_make_no_grid_are_refused(
    rows: list[tuple[int, int, int, int]], message: str
) -> None:
    with pytest.raises(GridError, match=message) as caught:
        grid_of(*rows)
    assert isinstance(caught.value, TrellisError)


def test_coordinates_of_another_type_or_number_are_refused() -> None:
    with pytest.raises(GridError, match=r"got int64 of shape \[2, 4\]"):
        VoxelGrid(torch.zeros(2, 4, dtype=torch.int64))
    with pytest.raises(GridError, match=r"got int32 of shape \[2, 3\]"):
        VoxelGrid(torch.zeros(2, 3, dtype=torch.int32))
    with pytest.raises(GridError, match=r"items \[1, 2\] do not add up to 2 coords"):
        VoxelGrid(torch.zeros(2, 4, dtype=torch.int32), items=[1, 2])
