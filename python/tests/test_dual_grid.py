"""The mesh of a flexible dual grid: the original's triangles, closed surfaces, outside, borders."""

import math
from dataclasses import replace

import pytest
import torch
from dual_grid_cases import MIDDLE, ball, chosen, o_voxels
from golden_trellis2 import assert_golden, load, params
from torch import Tensor

from crossworld_trellis.material_mesh import MaterialMesh, triangles
from crossworld_trellis.models.octree_decoder import Surface
from crossworld_trellis.o_voxels import OVoxels
from crossworld_trellis.surface import dual_grid


def voxels_of(coords: Tensor, golden: dict[str, Tensor], resolution: int) -> OVoxels:
    return OVoxels(
        resolution=resolution,
        coords=coords,
        surface=Surface(dual=golden["dual"], crossed=golden["crossed"], quad=golden["quad"]),
        materials=torch.ones(len(coords), 6),
    )


def as_the_original_turns_them(mesh: MaterialMesh) -> Tensor:
    """The triangles before any is turned outward."""
    return triangles(mesh.quads.corners, mesh.quads.cut, torch.zeros_like(mesh.turned))


def directed_edges(faces: Tensor) -> list[tuple[int, int]]:
    edges = torch.cat([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    return [(a, b) for a, b in edges.tolist()]


def volume(mesh: MaterialMesh) -> float:
    a, b, c = mesh.vertices.double()[mesh.faces.long()].unbind(1)
    return float((a * torch.cross(b, c, dim=1)).sum() / 6)


def outwardness(mesh: MaterialMesh, middle: Tensor) -> Tensor:
    """Cosine of each triangle's normal and the direction from the middle of a ball."""
    a, b, c = mesh.vertices[mesh.faces.long()].unbind(1)
    across = torch.cross(b - a, c - a, dim=1)
    return torch.nn.functional.cosine_similarity(across, (a + b + c) / 3 - middle, dim=1)


def test_vertices_and_triangles_are_those_of_the_original() -> None:
    golden = load("dual_grid")
    mesh = voxels_of(golden["coords"], golden, params("dual_grid")["resolution"]).mesh()
    assert_golden(mesh.vertices, "dual_grid", "vertices")
    assert_golden(as_the_original_turns_them(mesh), "dual_grid", "faces")


@pytest.mark.parametrize("item", [0, 1])
def test_a_decoded_shape_becomes_the_mesh_of_the_original(item: int) -> None:
    golden = load("shape_decoder")
    rows = golden["coords_4"][:, 0] == item
    of_item = {name: golden[name][rows] for name in ("dual", "crossed", "quad")}
    coords = golden["coords_4"][rows, 1:]
    mesh = voxels_of(coords, of_item, params("shape_decoder")["resolution"]).mesh()
    assert_golden(mesh.vertices, "shape_decoder", f"vertices_{item}")
    assert_golden(as_the_original_turns_them(mesh), "shape_decoder", f"faces_{item}")


def test_looking_up_in_pieces_gives_the_same_quads(monkeypatch: pytest.MonkeyPatch) -> None:
    golden = load("dual_grid")
    monkeypatch.setattr(dual_grid, "_LOOKUP_ROWS", 7)
    mesh = voxels_of(golden["coords"], golden, params("dual_grid")["resolution"]).mesh()
    assert_golden(as_the_original_turns_them(mesh), "dual_grid", "faces")


def test_a_ball_has_a_closed_surface_whose_edges_are_gone_along_once_each_way() -> None:
    voxels = o_voxels(ball())
    mesh = voxels.mesh()
    edges = directed_edges(mesh.faces)
    assert len(set(edges)) == len(edges)
    assert {(b, a) for a, b in edges} == set(edges)
    # Euler: a sphere of quads has two more vertices than quads.
    assert len(mesh.quads) == len(voxels) - 2


def test_triangles_of_a_ball_face_outward() -> None:
    mesh = o_voxels(ball(48)).mesh()
    assert outwardness(mesh, torch.tensor(MIDDLE - 0.5)).min() > 0
    assert volume(mesh) == pytest.approx(4 / 3 * math.pi * 0.37**3, rel=0.02)


def test_normals_are_of_unit_length_and_face_outward() -> None:
    mesh = o_voxels(ball(48)).mesh()
    normals = mesh.geometric_normals()
    assert (normals.norm(dim=1) - 1).abs().max() < 1e-5
    outward = torch.nn.functional.normalize(mesh.vertices - (MIDDLE - 0.5), dim=1)
    assert (normals * outward).sum(dim=1).min() > 0.8


def test_every_piece_of_an_object_faces_outward() -> None:
    inside = ball(32, 0.12, 0.2) | ball(32, 0.15, 0.7)
    mesh = o_voxels(inside).mesh()
    for place in (0.2, 0.7):
        here = (mesh.vertices[mesh.faces.long()].mean(dim=1) - (place - 0.5)).norm(dim=1) < 0.2
        assert here.any()
        assert outwardness(mesh, torch.tensor(place - 0.5))[here].min() > 0


def leaves(resolution: int = 64) -> Tensor:
    """The corners inside a tangle of thin leaves, whose sheets come as near as a voxel."""
    random = torch.Generator().manual_seed(1)
    coarse = torch.randn(1, 1, 5, 5, 5, generator=random)
    size = (resolution + 1,) * 3
    field = torch.nn.functional.interpolate(coarse, size, mode="trilinear", align_corners=True)
    return (field[0, 0].abs() < 0.25) & ball(resolution, 0.45, 0.5)


def test_a_few_wrong_flags_and_missing_voxels_turn_no_more_than_what_is_around_them() -> None:
    inside, random = leaves(), torch.Generator().manual_seed(0)
    whole = o_voxels(inside)
    voxels = chosen(whole, (torch.rand(len(whole), generator=random) >= 0.03).nonzero()[:, 0])
    wrong = torch.rand(len(voxels), 3, generator=random) < 0.03
    flags = voxels.surface.crossed ^ wrong
    mesh = replace(voxels, surface=replace(voxels.surface, crossed=flags)).mesh()
    # The truth: a crossed edge leads out of the leaf or into it.
    axis, voxel = mesh.quads.axis, mesh.quads.corners[:, 0].long()
    far = voxels.coords[voxel].long() + 1
    near = far - torch.nn.functional.one_hot(axis, 3)
    starts, ends = (inside[tuple(corner.unbind(1))] for corner in (near, far))
    real = starts != ends
    assert real.sum() > 20_000 and len(real) > real.sum()
    # As it is made, a quad faces the lower end of its edge.
    assert (mesh.turned == starts)[real].float().mean() > 0.99


def test_the_order_of_voxels_changes_only_the_order_of_triangles() -> None:
    voxels = o_voxels(ball(16))
    order = torch.randperm(len(voxels), generator=torch.Generator().manual_seed(2))
    shuffled = chosen(voxels, order).mesh()

    def rotated(faces: Tensor) -> set[tuple[int, ...]]:
        """Triangles with their smallest corner first."""
        first = faces.argmin(dim=1, keepdim=True)
        return {tuple(f) for f in faces.gather(1, (first + torch.arange(3)) % 3).tolist()}

    assert rotated(order[shuffled.faces.long()]) == rotated(voxels.mesh().faces.long())


def test_voxels_that_are_missing_leave_a_hole_and_the_rest_faces_outward() -> None:
    voxels = o_voxels(ball(48))
    kept = chosen(voxels, (voxels.coords[:, 2] < 30).nonzero()[:, 0])
    mesh = kept.mesh()
    edges = set(directed_edges(mesh.faces))
    border = [(a, b) for a, b in edges if (b, a) not in edges]
    # A circle: one edge leads to each of its vertices and one away.
    assert 50 < len(border) == len({a for a, _ in border}) == len({b for _, b in border})
    assert outwardness(mesh, torch.tensor(MIDDLE - 0.5)).min() > 0


def test_an_edge_at_the_border_of_the_grid_makes_no_quad() -> None:
    # With a stride of the resolution these four would count as neighbours.
    coords = torch.tensor([[0, 0, 3], [0, 1, 3], [0, 1, 0], [0, 2, 0]], dtype=torch.int32)
    crossed = torch.ones(4, 3, dtype=torch.bool)
    quads = dual_grid.find_quads(coords, crossed=crossed, weight=torch.ones(4, 1), resolution=4)
    assert len(quads) == 0


def test_three_of_four_voxels_make_no_quad() -> None:
    coords = torch.tensor([[1, 1, 1], [1, 1, 2], [1, 2, 2], [1, 2, 1]], dtype=torch.int32)
    crossed = torch.tensor([[True, False, False]] + [[False] * 3] * 3)
    for rows, expected in ((slice(4), [[0, 1, 2, 3]]), (slice(3), [])):
        quads = dual_grid.find_quads(
            coords[rows], crossed=crossed[rows], weight=torch.ones(4, 1)[rows], resolution=8
        )
        assert quads.corners.tolist() == expected


@pytest.mark.parametrize("count", [0, 1])
def test_too_few_voxels_make_an_empty_mesh(count: int) -> None:
    mesh = chosen(o_voxels(ball(8)), torch.arange(count)).mesh()
    assert mesh.vertices.shape == (count, 3)
    assert mesh.faces.shape == (0, 3) and mesh.faces.dtype == torch.int32
    assert mesh.geometric_normals().tolist() == [[0, 0, 1]] * count


@pytest.mark.parametrize(
    ("coords", "told"),
    [
        ([[1, 2, 3], [1, 2, 3]], "a voxel is listed twice"),
        ([[1, 2, 3], [1, 2, 8]], "coordinates from 1 to 8, but the grid has 0 to 7"),
        ([[1, 2, 3], [-1, 2, 3]], "coordinates from -1 to 3, but"),
    ],
)
def test_voxels_that_make_no_grid_are_refused(coords: list[list[int]], told: str) -> None:
    crossed, weight = torch.ones(2, 3, dtype=torch.bool), torch.ones(2, 1)
    with pytest.raises(ValueError, match=told):
        dual_grid.find_quads(
            torch.tensor(coords, dtype=torch.int32), crossed=crossed, weight=weight, resolution=8
        )


def test_a_tangle_of_quads_that_is_no_surface_is_turned_too() -> None:
    axes = torch.arange(5, dtype=torch.int32)
    coords = torch.cartesian_prod(axes, axes, axes)
    crossed = torch.rand(125, 3, generator=torch.Generator().manual_seed(1)) < 0.6
    dual, quad = torch.full((125, 3), 0.5), torch.ones(125, 1)
    mesh = voxels_of(coords, {"dual": dual, "crossed": crossed, "quad": quad}, 5).mesh()
    assert len(mesh.quads) > 50 and 0 < int(mesh.turned.sum()) < len(mesh.quads)
