"""`SparseVoxels`: what it accepts, how it orders, what it refuses and in which words."""

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from crossworld_trellis import morton
from crossworld_trellis.voxels import Bounds, SparseVoxels, VoxelsError

RED = (255, 0, 0, 255)
BLUE = (0, 0, 255, 255)


def voxels(resolution: int, coords: list[Any], rgba: list[Any] | None = None) -> SparseVoxels:
    colors = [RED] * len(coords) if rgba is None else rgba
    return SparseVoxels(
        resolution,
        np.array(coords, np.int64).reshape(-1, 3),
        np.array(colors, np.uint8).reshape(-1, 4),
    )


def test_voxels_come_out_in_morton_order_with_their_own_colours() -> None:
    made = SparseVoxels(
        4,
        np.array([[0, 0, 1], [1, 0, 0]]),
        np.array([RED, BLUE], np.uint8),
        np.array([[1, 2], [3, 4]], np.uint8),
    )
    assert made.coords.tolist() == [[1, 0, 0], [0, 0, 1]]
    assert made.coords.dtype == np.uint16
    assert made.rgba.tolist() == [list(BLUE), list(RED)]
    assert made.metallic_roughness is not None
    assert made.metallic_roughness.tolist() == [[3, 4], [1, 2]]


def test_an_empty_list_is_fine_and_has_no_bounds() -> None:
    empty = voxels(64, [])
    assert len(empty) == 0
    assert empty.bounds() is None


def test_bounds_hold_every_cell_and_no_more() -> None:
    bounds = voxels(8, [[3, 1, 2], [0, 5, 2]]).bounds()
    assert bounds is not None and bounds == Bounds((0, 1, 2), (3, 5, 2))
    assert bounds.size() == (4, 5, 1)


def test_voxels_cannot_be_changed_and_later_changes_of_the_input_do_not_reach_them() -> None:
    coords, rgba = np.zeros((1, 3), np.uint16), np.zeros((1, 4), np.uint8)
    made = SparseVoxels(8, coords, rgba)
    coords[0, 0] = 7
    assert made.coords.tolist() == [[0, 0, 0]]
    with pytest.raises(ValueError, match="read-only"):
        made.coords[0, 0] = 7
    with pytest.raises(FrozenInstanceError):
        made.resolution = 9  # pyright: ignore[reportAttributeAccessIssue]


def test_equality_looks_at_every_column_and_not_at_the_order_given() -> None:
    a = voxels(8, [[0, 0, 0], [1, 1, 1]], [RED, BLUE])
    assert a == voxels(8, [[1, 1, 1], [0, 0, 0]], [BLUE, RED])
    assert a != voxels(9, [[0, 0, 0], [1, 1, 1]], [RED, BLUE])
    assert a != voxels(8, [[0, 0, 0], [1, 1, 1]], [BLUE, RED])
    assert a != SparseVoxels(8, a.coords, a.rgba, np.zeros((2, 2), np.uint8))
    assert a != "voxels"


@pytest.mark.parametrize("got", [0, -1, 1025, 4_294_967_295])
def test_a_grid_has_1_to_1024_cells_an_axis(got: int) -> None:
    with pytest.raises(VoxelsError, match=f"^resolution {got} is out of range: use 1 to 1024$"):
        voxels(got, [])
    assert len(voxels(1, [[0, 0, 0]])) == len(voxels(1024, [[1023] * 3])) == 1


@pytest.mark.parametrize("cell", [[0, 8, 0], [-1, 0, 0], [65536, 0, 0]])
def test_a_cell_outside_the_grid_is_refused_by_name(cell: list[int]) -> None:
    with pytest.raises(VoxelsError) as refused:
        voxels(8, [[0, 0, 0], cell])
    assert str(refused.value) == f"voxel 1 at {cell} lies outside a grid of resolution 8"


def test_a_cell_listed_twice_is_refused_also_when_the_two_stand_apart() -> None:
    with pytest.raises(VoxelsError) as refused:
        voxels(8, [[1, 1, 1], [0, 0, 0], [1, 1, 1]])
    assert str(refused.value) == "cell [1, 1, 1] is listed twice"


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(VoxelsError) as short:
        voxels(8, [[0, 0, 0]], [])
    assert str(short.value) == "rgba has 0 entries, but there are 1 voxels"
    with pytest.raises(VoxelsError) as long:
        one = voxels(8, [[0, 0, 0]])
        SparseVoxels(8, one.coords, one.rgba, np.zeros((2, 2), np.uint8))
    assert str(long.value) == "metallic_roughness has 2 entries, but there are 1 voxels"


@pytest.mark.parametrize(
    ("coords", "rgba", "message"),
    [
        (
            np.zeros((1, 3)),
            np.zeros((1, 4), np.uint8),
            "coords must be integer of shape [N, 3], got float64 of shape [1, 3]",
        ),
        (
            np.zeros((1, 4), np.int32),
            np.zeros((1, 4), np.uint8),
            "coords must be integer of shape [N, 3], got int32 of shape [1, 4]",
        ),
        (
            np.zeros((1, 3), np.int32),
            np.zeros((1, 4), np.float32),
            "rgba must be uint8 of shape [N, 4], got float32 of shape [1, 4]",
        ),
        (
            np.zeros((1, 3), np.int32),
            np.zeros(4, np.uint8),
            "rgba must be uint8 of shape [N, 4], got uint8 of shape [4]",
        ),
    ],
)
def test_a_column_of_another_kind_or_shape_is_refused(
    coords: np.ndarray, rgba: np.ndarray, message: str
) -> None:
    with pytest.raises(VoxelsError) as refused:
        SparseVoxels(8, coords, rgba)
    assert str(refused.value) == message


def test_any_list_is_either_refused_or_sorted_and_complete() -> None:
    rng = np.random.default_rng(3)
    accepted = 0
    for _ in range(300):
        resolution, count = int(rng.integers(0, 12)), int(rng.integers(0, 20))
        coords = rng.integers(0, 12, (count, 3))
        rgba = rng.integers(0, 256, (count, 4)).astype(np.uint8)
        fits = resolution > 0 and bool((coords < resolution).all())
        unique = len(np.unique(coords, axis=0)) == count
        try:
            made = SparseVoxels(resolution, coords, rgba)
        except VoxelsError:
            assert not (fits and unique)
            continue
        assert fits and unique
        accepted += 1
        assert (np.diff(morton.encode(made.coords).astype(np.int64)) > 0).all()
        given = {tuple(c): tuple(r) for c, r in zip(coords.tolist(), rgba.tolist(), strict=True)}
        kept = zip(made.coords.tolist(), made.rgba.tolist(), strict=True)
        assert given == {tuple(c): tuple(r) for c, r in kept}
    assert accepted > 20
