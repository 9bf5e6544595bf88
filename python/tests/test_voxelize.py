"""Voxels from Gaussians, cubes and occupancy: which cells, which colours, what is refused."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from crossworld_trellis.errors import TrellisError
from crossworld_trellis.gaussians import SH_DEGREE_0, Gaussians
from crossworld_trellis.surface import CHANNELS, Cubes, extract
from crossworld_trellis.surface.cases import CORNERS
from crossworld_trellis.surface.cubes import COLOR, DEFORM, SDF
from crossworld_trellis.voxelize import (
    PREVIEW_COLOR,
    VoxelizeError,
    mean_projected_area,
    occupancy_preview,
    voxels_from_cubes,
    voxels_from_gaussians,
)
from crossworld_trellis.voxels import SparseVoxels


def gaussians(
    rgb: list[list[float]],
    *,
    opacity: list[float] | None = None,
    scale: list[list[float]] | None = None,
    per_cell: int = 2,
) -> Gaussians:
    count = len(rgb)
    return Gaussians(
        xyz=torch.zeros(count, 3),
        features_dc=(torch.tensor(rgb).view(-1, 3) - 0.5) / SH_DEGREE_0,
        scaling=torch.full((count, 3), 0.01) if scale is None else torch.tensor(scale),
        rotation=torch.tensor([[1.0, 0, 0, 0]]).expand(count, 4),
        opacity=(torch.full((count,), 0.5) if opacity is None else torch.tensor(opacity))[:, None],
        per_cell=per_cell,
    )


def colors(voxels: SparseVoxels) -> dict[tuple[int, ...], tuple[int, ...]]:
    assert (voxels.rgba[:, 3] == 255).all()
    cells, rgb = voxels.coords.tolist(), voxels.rgba[:, :3].tolist()
    return {tuple(cell): tuple(color) for cell, color in zip(cells, rgb, strict=True)}


RED, BLUE = [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]
CELL = torch.tensor([[0, 0, 0]], dtype=torch.int32)


def test_the_grid_is_turned_to_y_up_with_the_front_at_plus_z() -> None:
    coords = torch.tensor([[1, 2, 3], [63, 0, 0]], dtype=torch.int32)
    voxels = voxels_from_gaussians(coords, gaussians([RED, RED, BLUE, BLUE]))
    assert voxels.resolution == 64
    assert colors(voxels) == {(1, 3, 61): (255, 0, 0), (63, 0, 63): (0, 0, 255)}


def test_a_colour_is_weighted_with_opacity() -> None:
    voxels = voxels_from_gaussians(CELL, gaussians([RED, BLUE], opacity=[0.6, 0.2]))
    assert colors(voxels) == {(0, 0, 63): (191, 0, 64)}


def test_a_colour_is_weighted_with_the_projected_area() -> None:
    twice = [[0.02, 0.02, 0.02], [0.01, 0.01, 0.01]]
    voxels = voxels_from_gaussians(CELL, gaussians([RED, BLUE], scale=twice))
    assert colors(voxels) == {(0, 0, 63): (204, 0, 51)}


def test_the_projected_area_is_that_of_balls_and_discs() -> None:
    axes = torch.tensor([[0.1, 0.1, 0.1], [0.2, 0.3, 0.0], [0.0, 0.0, 0.5]])
    ball, disc, needle = mean_projected_area(axes).tolist()
    assert ball == pytest.approx(math.pi * 0.01, rel=1e-5)
    # A disc shows half its area on average; the formula is good to 1.1 %.
    assert disc == pytest.approx(math.pi * 0.06 / 2, rel=0.0111)
    assert needle == 0


def test_base_colours_below_black_count_as_black_and_means_above_white_as_white() -> None:
    voxels = voxels_from_gaussians(CELL, gaussians([[-5.0, 3.0, 0.5], [1.0, 3.0, 0.5]]))
    assert colors(voxels) == {(0, 0, 63): (128, 255, 128)}


def test_without_any_opacity_sizes_decide_alone() -> None:
    scale = [[0.02, 0.02, 0.02], [0.01, 0.01, 0.01]]
    cloud = gaussians([RED, BLUE], opacity=[0.0, 0.0], scale=scale)
    assert colors(voxels_from_gaussians(CELL, cloud)) == {(0, 0, 63): (204, 0, 51)}


def test_without_any_size_all_count_alike() -> None:
    cloud = gaussians([RED, BLUE], opacity=[0.9, 0.1], scale=[[0.0] * 3] * 2)
    assert colors(voxels_from_gaussians(CELL, cloud)) == {(0, 0, 63): (128, 0, 128)}


@pytest.mark.parametrize("size", [1e-12, 1e12])
def test_extreme_sizes_make_no_nan(size: float) -> None:
    cloud = gaussians([RED, RED], scale=[[size] * 3] * 2)
    assert colors(voxels_from_gaussians(CELL, cloud)) == {(0, 0, 63): (255, 0, 0)}


@pytest.mark.parametrize("name", ["features_dc", "scaling", "opacity"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_gaussians_that_are_no_numbers_are_refused(name: str, value: float) -> None:
    cloud = gaussians([RED, BLUE])
    broken = getattr(cloud, name).clone()
    broken[1, 0] = value
    with pytest.raises(VoxelizeError, match=f"{name} of the Gaussians: NaN or infinity in 1 of 2"):
        voxels_from_gaussians(CELL, replace(cloud, **{name: broken}))


def test_gaussians_of_other_cells_are_refused() -> None:
    with pytest.raises(TrellisError, match="2 Gaussians cannot belong to 2 cells with 2 each"):
        voxels_from_gaussians(torch.cat([CELL, CELL + 1]), gaussians([RED, BLUE]))


def test_half_the_resolution_adds_up_weights_of_eight_cells() -> None:
    coords = torch.tensor([[2, 4, 6], [3, 5, 7], [4, 4, 6]], dtype=torch.int32)
    cloud = gaussians([RED, BLUE, RED], opacity=[0.6, 0.2, 0.5], per_cell=1)
    voxels = voxels_from_gaussians(coords, cloud, resolution=32)
    assert voxels.resolution == 32
    assert colors(voxels) == {(1, 3, 29): (191, 0, 64), (2, 3, 29): (255, 0, 0)}


def test_pooled_cells_without_any_opacity_count_alike() -> None:
    coords = torch.tensor([[2, 4, 6], [3, 5, 7]], dtype=torch.int32)
    cloud = gaussians([RED, BLUE], opacity=[0.0, 0.0], per_cell=1)
    assert colors(voxels_from_gaussians(coords, cloud, resolution=32)) == {
        (1, 3, 29): (128, 0, 128)
    }


@pytest.mark.parametrize("resolution", [0, -64, 48, 128])
def test_a_grid_is_pooled_by_whole_numbers_only(resolution: int) -> None:
    with pytest.raises(VoxelizeError, match=rf"64\^3 cells cannot become one of {resolution}\^3"):
        voxels_from_gaussians(CELL, gaussians([RED, BLUE]), resolution=resolution)


@pytest.mark.parametrize("resolution", [64, 32])
def test_no_cells_give_no_voxels(resolution: int) -> None:
    none = voxels_from_gaussians(CELL[:0], gaussians([]), resolution=resolution)
    assert len(none) == 0


def test_the_preview_has_the_cells_of_the_result_in_one_colour() -> None:
    coords = torch.tensor([[1, 2, 3], [4, 5, 6]], dtype=torch.int32)
    preview = occupancy_preview(coords)
    result = voxels_from_gaussians(coords, gaussians([RED] * 4))
    assert np.array_equal(preview.coords, result.coords)
    assert (preview.rgba == PREVIEW_COLOR).all()
    assert len(occupancy_preview(coords[:0], resolution=32)) == 0


def lone_cube(at: tuple[int, int, int], resolution: int) -> Cubes:
    """One active cube, inside as a whole, red."""
    feats = torch.zeros(1, CHANNELS)
    feats[:, SDF] = -1
    feats[:, COLOR] = torch.tensor([20.0, -20, -20, 0, 0, 0]).repeat(8)
    return Cubes(coords=torch.tensor([at], dtype=torch.int32), feats=feats, resolution=resolution)


def ball(resolution: int, radius: float) -> Cubes:
    """The cubes around the surface of a ball; red grows with x, green with y, blue with z."""
    axis = torch.arange(resolution)
    cells = torch.cartesian_prod(axis, axis, axis)
    distance = ((cells + 0.5) / resolution - 0.5).norm(dim=1) - radius
    cells = cells[distance.abs() < 2 / resolution]
    feats = torch.zeros(len(cells), CHANNELS)
    for corner, offset in enumerate(CORNERS):
        place = (cells + torch.tensor(offset)) / resolution - 0.5
        feats[:, corner] = place.norm(dim=1) - radius + 1 / resolution
        feats[:, COLOR.start + 6 * corner :][:, :3] = torch.logit(place + 0.5)
    return Cubes(coords=cells.int(), feats=feats, resolution=resolution)


def test_cubes_next_to_an_active_one_are_solid_where_the_surface_passes_and_have_its_colour() -> (
    None
):
    voxels = voxels_from_cubes(lone_cube((3, 3, 3), 8), resolution=8)
    assert len(voxels) == 27
    assert set(colors(voxels).values()) == {(255, 0, 0)}
    bounds = voxels.bounds()
    assert bounds is not None and (bounds.min, bounds.max) == ((2, 2, 3), (4, 4, 5))


def test_solid_cubes_end_at_the_border_of_the_grid() -> None:
    assert len(voxels_from_cubes(lone_cube((0, 0, 7), 8), resolution=8)) == 8


@pytest.mark.parametrize("resolution", [32, 16])
def test_every_vertex_of_the_mesh_lies_in_a_solid_cube_of_its_colour(resolution: int) -> None:
    cubes = ball(32, 0.3)
    cubes.feats[:, DEFORM] = 0  # with it vertices may leave their cube by half
    mesh = extract(cubes)
    cells = ((mesh.vertices + 0.5) * resolution).floor().int()
    cells = torch.stack([cells[:, 0], cells[:, 2], resolution - 1 - cells[:, 1]], dim=1)
    found = colors(voxels_from_cubes(cubes, resolution=resolution))
    shown = torch.tensor([found[x, y, z] for x, y, z in cells.tolist()]) / 255
    error = (shown - mesh.colors).abs()
    # Within a cell the colour changes by 1/resolution on each axis.
    assert error.mean() < 0.3 / resolution + 1 / 255
    assert error.max() < 1.1 / resolution + 1 / 255


def test_the_solid_of_a_closed_surface_has_no_hole() -> None:
    """From the corner of the grid the empty cells within the ball cannot be reached."""
    resolution = 32
    voxels = voxels_from_cubes(ball(resolution, 0.38), resolution=resolution)
    solid = np.zeros((resolution + 2,) * 3, bool)
    solid[tuple(voxels.coords.T.astype(int) + 1)] = True
    reached = np.zeros_like(solid)
    reached[0, 0, 0] = True
    count = 0
    while count != reached.sum():
        count = reached.sum()
        for axis in range(3):
            for step in (-1, 1):
                reached |= np.roll(reached, step, axis) & ~solid
    centre = resolution // 2
    assert not solid[centre, centre, centre] and not reached[centre, centre, centre]


def test_pooled_cubes_take_the_colour_of_the_surface_and_not_of_the_inside() -> None:
    """Two cubes of one cell: the left one is crossed and red, the right one inside and blue."""
    axis = torch.arange(4)
    cells = torch.cartesian_prod(axis, axis, axis)
    feats = torch.zeros(len(cells), CHANNELS)
    for corner, (x, _, _) in enumerate(CORNERS):
        at = cells[:, 0] + x
        feats[:, corner] = torch.where(at <= 2, 1.0, -1.0)
        color = torch.where(at[:, None] <= 3, torch.tensor([20.0, -20, -20]), -20.0)
        color[:, 2] = torch.where(at <= 3, -20.0, 20.0)
        feats[:, COLOR.start + 6 * corner :][:, :3] = color
    cubes = Cubes(coords=cells.int(), feats=feats, resolution=4)
    fine = colors(voxels_from_cubes(cubes, resolution=4))
    assert fine[2, 0, 0] == (255, 0, 0) and fine[3, 0, 0] == (128, 0, 128)
    coarse = colors(voxels_from_cubes(cubes, resolution=2))
    assert set(coarse) == {(1, y, z) for y in (0, 1) for z in (0, 1)}
    assert set(coarse.values()) == {(255, 0, 0)}


def test_cubes_without_a_surface_give_no_voxels() -> None:
    cubes = lone_cube((3, 3, 3), 8)
    cubes.feats[:, SDF] = 1
    assert len(voxels_from_cubes(cubes, resolution=4)) == 0
    none = replace(cubes, coords=cubes.coords[:0], feats=cubes.feats[:0])
    assert len(voxels_from_cubes(none, resolution=8)) == 0


@pytest.mark.parametrize(("part", "words"), [(SDF, "distances"), (COLOR, "colours")])
def test_cubes_that_are_no_numbers_are_refused(part: slice, words: str) -> None:
    cubes = lone_cube((3, 3, 3), 8)
    cubes.feats[:, part.start] = math.nan
    with pytest.raises(VoxelizeError, match=f"{words} of the cubes: NaN or infinity"):
        voxels_from_cubes(cubes, resolution=8)


def test_cubes_are_not_subdivided() -> None:
    with pytest.raises(VoxelizeError, match="use 8 or an integer fraction of it"):
        voxels_from_cubes(lone_cube((3, 3, 3), 8), resolution=16)
