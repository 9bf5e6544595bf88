"""Surface extraction: the derived table, golden cubes, closedness, grids without a surface."""

import hashlib
import math

import golden_data
import pytest
import torch
from mesh_matching import attributes, match_vertices, open_edges, triangles
from torch import Tensor

from crossworld_trellis.mesh import Mesh
from crossworld_trellis.surface import CHANNELS, Cubes, extract
from crossworld_trellis.surface.cases import CORNERS, case_table, patches
from crossworld_trellis.surface.cubes import DEFORM, SDF

# SPEC 14.7: the published tables, in the notation of `table_text`.
TABLE_HASH = "2e0137ea9c1304b51abdac1173d8ae43b5699b64ef6a1fa0f24240ccd038b143"


def grid_cells(resolution: int) -> Tensor:
    axis = torch.arange(resolution, dtype=torch.int32)
    return torch.cartesian_prod(axis, axis, axis)


def cubes_of_field(coords: Tensor, field: Tensor, resolution: int, *, seed: int = 0) -> Cubes:
    """Cubes whose corners have the distances of a field [R+1,R+1,R+1]; all else is random."""
    generator = torch.Generator().manual_seed(seed)
    feats = torch.randn(len(coords), CHANNELS, generator=generator)
    for corner, offset in enumerate(CORNERS):
        x, y, z = (coords + torch.tensor(offset)).long().unbind(1)
        feats[:, corner] = field[x, y, z] + 1 / resolution  # the bias is taken off again
    return Cubes(coords=coords, feats=feats, resolution=resolution)


def sphere(resolution: int, radius: float) -> Tensor:
    """Distance to a sphere in the middle at the vertices of a grid."""
    axis = torch.arange(resolution + 1) / resolution - 0.5
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    return (x * x + y * y + z * z).sqrt() - radius


def volume(mesh: Mesh) -> float:
    """Of a closed mesh; positive where triangles turn counter-clockwise from outside."""
    a, b, c = mesh.vertices[mesh.faces.long()].unbind(1)
    return (torch.cross(a, b, dim=1) * c).sum().item() / 6


def test_the_derived_patches_are_the_published_ones() -> None:
    text = ";".join("|".join(",".join(map(str, p)) for p in case) for case in patches())
    assert hashlib.sha256(text.encode()).hexdigest() == TABLE_HASH


def test_the_table_has_358_patches_and_36_problematic_cases() -> None:
    table = case_table(torch.device("cpu"))
    assert table.patch_count.sum() == 358
    assert (table.problem_face != 0).any(1).sum() == 36
    assert ((table.patch_edges >= 0).sum() == (table.patch_of_edge >= 0).sum()).item()


def test_golden_cubes_give_the_golden_mesh() -> None:
    golden = golden_data.load("flexicubes")
    resolution = golden_data.params("flexicubes")["grid_resolution"]
    mesh = extract(
        Cubes(coords=golden["coords"][:, 1:], feats=golden["feats"], resolution=resolution)
    )
    match = match_vertices(mesh, golden["vertices"])
    back = match.argsort()
    golden_data.assert_golden(mesh.vertices[back], "flexicubes", "vertices")
    golden_data.assert_golden(attributes(mesh)[back], "flexicubes", "vertex_attrs")
    assert triangles(match[mesh.faces.long()]) == triangles(golden["faces"])


def test_the_order_of_cubes_does_not_change_the_surface() -> None:
    golden = golden_data.load("flexicubes")
    coords, feats = golden["coords"][:, 1:], golden["feats"]
    shuffled = torch.randperm(len(coords), generator=torch.Generator().manual_seed(1))
    first = extract(Cubes(coords=coords, feats=feats, resolution=16))
    second = extract(Cubes(coords=coords[shuffled], feats=feats[shuffled], resolution=16))
    assert torch.equal(first.vertices, second.vertices)
    assert torch.equal(first.faces, second.faces)


def test_a_sphere_is_closed_and_turned_outwards() -> None:
    resolution, radius = 24, 0.35
    cubes = cubes_of_field(grid_cells(resolution), sphere(resolution, radius), resolution)
    cubes.feats[:, DEFORM] = 0
    mesh = extract(cubes)
    assert open_edges(mesh.faces) == 0
    assert volume(mesh) == pytest.approx(4 / 3 * math.pi * radius**3, rel=0.05)
    # Every vertex lies within a cube of the true sphere.
    assert (mesh.vertices.norm(dim=1) - radius).abs().max() < 1 / resolution
    outward = (mesh.geometric_normals() * mesh.vertices).sum(1) / mesh.vertices.norm(dim=1)
    assert outward.min() > 0.5


@pytest.mark.parametrize("seed", range(4))
def test_any_signs_give_a_closed_surface_unless_they_reach_the_border(seed: int) -> None:
    resolution = 8
    generator = torch.Generator().manual_seed(seed)
    field = torch.ones(resolution + 1, resolution + 1, resolution + 1)
    inner = resolution - 1
    field[1:-1, 1:-1, 1:-1] = torch.randn(inner, inner, inner, generator=generator)
    mesh = extract(cubes_of_field(grid_cells(resolution), field, resolution, seed=seed))
    assert len(mesh.faces) > 500
    assert open_edges(mesh.faces) == 0
    assert torch.isfinite(mesh.vertices).all()


def test_the_surface_passes_through_neighbours_of_a_lone_cube() -> None:
    """One cube that is inside: its 26 neighbours share its corners and carry the surface."""
    feats = torch.zeros(1, CHANNELS)
    feats[:, SDF] = -1
    mesh = extract(Cubes(coords=torch.tensor([[3, 3, 3]]), feats=feats, resolution=8))
    # 24 edges leave the 8 corners; each makes two triangles.
    assert (len(mesh.vertices), len(mesh.faces)) == (26, 48)
    assert open_edges(mesh.faces) == 0
    assert volume(mesh) > 0


def test_the_grid_border_cuts_the_surface_open() -> None:
    feats = torch.zeros(1, CHANNELS)
    feats[:, SDF] = -1
    mesh = extract(Cubes(coords=torch.tensor([[0, 3, 3]]), feats=feats, resolution=8))
    assert 0 < len(mesh.faces) < 48
    assert open_edges(mesh.faces) > 0


@pytest.mark.parametrize("distance", [-1.0, 1.0])
def test_a_grid_without_a_change_of_sign_gives_an_empty_mesh(distance: float) -> None:
    resolution = 4
    field = torch.full((5, 5, 5), distance)
    mesh = extract(cubes_of_field(grid_cells(resolution), field, resolution))
    assert mesh.vertices.shape == mesh.colors.shape == mesh.normals.shape == (0, 3)
    assert mesh.faces.shape == (0, 3)
    assert mesh.geometric_normals().shape == (0, 3)


def test_no_cubes_give_an_empty_mesh() -> None:
    none = Cubes(
        coords=torch.zeros(0, 3, dtype=torch.int32), feats=torch.zeros(0, CHANNELS), resolution=8
    )
    assert len(extract(none).vertices) == 0


def test_a_grid_of_one_cube_has_a_patch_but_no_triangle() -> None:
    field = torch.ones(2, 2, 2)
    field[0, 0, 0] = -1
    mesh = extract(cubes_of_field(grid_cells(1), field, 1))
    assert (len(mesh.vertices), len(mesh.faces)) == (1, 0)


def test_an_exact_zero_counts_as_outside_and_makes_no_nan() -> None:
    resolution = 4
    field = torch.zeros(5, 5, 5)
    field[2, 2, 2] = -1
    mesh = extract(cubes_of_field(grid_cells(resolution), field, resolution))
    assert torch.isfinite(mesh.vertices).all()
    assert open_edges(mesh.faces) == 0
    assert volume(mesh) > 0


def test_a_cube_listed_twice_is_refused() -> None:
    coords = torch.tensor([[1, 1, 1], [2, 2, 2], [1, 1, 1]])
    cubes = Cubes(coords=coords, feats=torch.randn(3, CHANNELS), resolution=4)
    with pytest.raises(ValueError, match="1 of 3 cubes are listed twice"):
        extract(cubes)


@pytest.mark.parametrize("outside", [-1, 4])
def test_a_cube_outside_the_grid_is_refused(outside: int) -> None:
    coords = torch.tensor([[1, outside, 1]])
    cubes = Cubes(coords=coords, feats=torch.randn(1, CHANNELS), resolution=4)
    with pytest.raises(ValueError, match="outside a grid of 4"):
        extract(cubes)


@pytest.mark.parametrize(
    ("coords", "feats", "resolution", "words"),
    [
        ((2, 4), (2, CHANNELS), 8, "coords must be of shape"),
        ((2, 3), (3, CHANNELS), 8, "feats must be of shape"),
        ((2, 3), (2, 53), 8, r"\[2, 101\], got \[2, 53\]"),
        ((2, 3), (2, CHANNELS), 0, "resolution must be 1 to 1024, got 0"),
    ],
)
def test_cubes_that_contradict_themselves_are_refused(
    coords: tuple[int, int], feats: tuple[int, int], resolution: int, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Cubes(
            coords=torch.zeros(coords, dtype=torch.int32),
            feats=torch.zeros(feats),
            resolution=resolution,
        )


def test_normals_of_vertices_without_triangles_are_the_predicted_ones() -> None:
    mesh = Mesh(
        vertices=torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [5, 5, 5], [6, 6, 6]]),
        faces=torch.tensor([[0, 1, 2]], dtype=torch.int32),
        colors=torch.zeros(5, 3),
        normals=torch.tensor([[1.0, 0, 0]] * 3 + [[0, 3, 4], [0, 0, 0]]),
    )
    expected = torch.tensor([[0.0, 0, 1]] * 3 + [[0, 0.6, 0.8], [0, 0, 1]])
    assert torch.allclose(mesh.geometric_normals(), expected)


def test_normals_of_tiny_triangles_keep_their_direction() -> None:
    mesh = Mesh(
        vertices=torch.tensor([[0.0, 0, 0], [1, 0, 0], [0, 1, 0]]) * 1e-12,
        faces=torch.tensor([[0, 1, 2]], dtype=torch.int32),
        colors=torch.zeros(3, 3),
        normals=torch.zeros(3, 3),
    )
    assert torch.allclose(mesh.geometric_normals(), torch.tensor([0.0, 0, 1]))
