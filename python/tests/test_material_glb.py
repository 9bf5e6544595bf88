"""Meshes with materials as .glb: what a viewer shows is what the voxels say."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from dual_grid_cases import ball, chosen, o_voxels
from glb_file import File
from numpy.typing import NDArray

from crossworld_trellis.export import atlas
from crossworld_trellis.export.atlas import TILE, lay_out
from crossworld_trellis.export.columns import ExportError
from crossworld_trellis.export.glb import glb_bytes
from crossworld_trellis.material_mesh import MaterialMesh
from crossworld_trellis.o_voxels import OVoxels

BASE, FINISH = "baseColorTexture", "metallicRoughnessTexture"


def noisy_ball(resolution: int = 40) -> OVoxels:
    """Every voxel with a material of its own, in whole bytes and opaque."""
    voxels = o_voxels(ball(resolution))
    random = torch.Generator().manual_seed(3)
    materials = torch.randint(0, 256, (len(voxels), 6), generator=random) / 255
    materials[:, 5] = 1.0
    return replace(voxels, materials=materials)


def painted(rule: str, material: list[float]) -> OVoxels:
    """White voxels, and those of one half ("x", "y" or "z" above the middle) of a material."""
    voxels = o_voxels(ball(40))
    half = voxels.coords[:, "xyz".index(rule)] >= 20
    materials = torch.tensor([1.0, 1, 1, 0, 0.5, 1]).repeat(len(voxels), 1)
    materials[half] = torch.tensor(material)
    return replace(voxels, materials=materials)


def sampled(picture: NDArray[np.uint8], uv: NDArray[np.float32]) -> NDArray[np.float64]:
    """What a viewer reads at [N,2]: linear filtering, clamped, v down from the upper edge."""
    height, width = picture.shape[:2]
    at = uv.astype(float) * [width, height] - 0.5
    low = np.floor(at).astype(int)
    share = at - low
    total = np.zeros((len(uv), picture.shape[2]))
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        weight = np.abs(1 - dx - share[:, 0]) * np.abs(1 - dy - share[:, 1])
        column = (low[:, 0] + dx).clip(0, width - 1)
        row = (low[:, 1] + dy).clip(0, height - 1)
        total += weight[:, None] * picture[row, column].astype(float)
    return total


def picture(file: File, texture: str, part: int = 0) -> NDArray[np.uint8]:
    material = file.document["materials"][file.primitives[part]["material"]]
    return file.picture(material["pbrMetallicRoughness"][texture]["index"])


def shown(file: File, texture: str, uv: NDArray[np.float32], part: int = 0) -> NDArray[np.float64]:
    return sampled(picture(file, texture, part), uv)


def test_every_corner_shows_exactly_the_material_of_its_voxel() -> None:
    voxels = noisy_ball()
    mesh = voxels.mesh()
    file = File.parse(glb_bytes(mesh))
    corner_voxels = mesh.faces.numpy().ravel()
    uv = file.attribute("TEXCOORD_0")[file.faces().ravel()]
    expected = np.rint(voxels.materials.numpy() * 255)[corner_voxels]
    assert np.abs(shown(file, BASE, uv) - expected[:, :3]).max() < 0.01
    finish = shown(file, FINISH, uv)
    assert np.abs(finish[:, 1] - expected[:, 4]).max() < 0.01  # roughness is green
    assert np.abs(finish[:, 2] - expected[:, 3]).max() < 0.01  # metallic is blue


def test_inside_a_triangle_nothing_shows_but_the_four_voxels_of_its_quad() -> None:
    voxels = noisy_ball()
    mesh = voxels.mesh()
    file = File.parse(glb_bytes(mesh))
    weights = np.random.default_rng(4).dirichlet([1, 1, 1], len(file.faces()))
    corners = file.attribute("TEXCOORD_0")[file.faces()]  # [F,3,2]
    uv = (corners * weights[:, :, None]).sum(axis=1).astype(np.float32)
    of_quads = np.rint(voxels.materials.numpy() * 255)[mesh.quads.corners.numpy()]  # [Q,4,6]
    allowed = of_quads.repeat(2, axis=0)[..., :3]  # two triangles a quad
    seen = shown(file, BASE, uv)
    assert (seen > allowed.min(axis=1) - 0.1).all() and (seen < allowed.max(axis=1) + 0.1).all()
    # Not only the corners: between them the colours are mixed.
    assert np.abs(seen[:, None] - allowed).max(axis=2).min(axis=1).mean() > 5


def test_triangles_lie_where_the_mesh_has_them_turned_to_the_frame_of_the_file() -> None:
    mesh = noisy_ball().mesh()
    file = File.parse(glb_bytes(mesh))
    corners = mesh.faces.long()
    for name, of_mesh in (("POSITION", mesh.vertices), ("NORMAL", mesh.geometric_normals())):
        x, y, z = of_mesh[corners].numpy().transpose(2, 0, 1)
        assert np.array_equal(file.attribute(name)[file.faces()], np.stack([x, z, -y], axis=2))


def test_red_voxels_are_red_where_they_are() -> None:
    file = File.parse(glb_bytes(painted("z", [1, 0, 0, 0, 0.5, 1]).mesh()))
    corners = file.attribute("POSITION")[file.faces()]  # z is up in the file's y
    uv = file.attribute("TEXCOORD_0")[file.faces()].mean(axis=1)
    colors = shown(file, BASE, uv)
    upper, lower = corners[..., 1].min(axis=1) > 0.03, corners[..., 1].max(axis=1) < -0.03
    assert upper.sum() > 1000 and np.abs(colors[upper] - [255, 0, 0]).max() < 0.1
    assert lower.sum() > 1000 and np.abs(colors[lower] - 255).max() < 0.1


def test_metal_reads_255_and_the_rest_0() -> None:
    file = File.parse(glb_bytes(painted("x", [1, 1, 1, 1, 0.25, 1]).mesh()))
    corners = file.attribute("POSITION")[file.faces()]
    uv = file.attribute("TEXCOORD_0")[file.faces()].mean(axis=1)
    finish = shown(file, FINISH, uv)
    right, left = corners[..., 0].min(axis=1) > 0.03, corners[..., 0].max(axis=1) < -0.03
    assert np.abs(finish[right, 1:] - [64, 255]).max() < 0.1
    assert np.abs(finish[left, 1:] - [128, 0]).max() < 0.1


def test_only_quads_that_let_light_through_are_blended() -> None:
    voxels = painted("y", [1, 1, 1, 0, 0.1, 0.4])
    file = File.parse(glb_bytes(voxels.mesh()))
    looks = [file.document["materials"][part["material"]] for part in file.primitives]
    assert [look["alphaMode"] for look in looks] == ["OPAQUE", "BLEND"]
    assert all(look["doubleSided"] for look in looks)
    # The front of the object, its smaller y, is the larger z of the file.
    depths = [file.attribute("POSITION", part)[file.faces(part)][..., 2] for part in (0, 1)]
    assert len(depths[0]) > 1000 and len(depths[1]) > 1000
    assert depths[0].min() > -0.03 and depths[1].max() < 0.06
    quads = voxels.mesh().quads.corners.long()
    lets_through = (voxels.materials[:, 5][quads] < 0.9).any(dim=1)
    expected = [2 * int(of_part.sum()) for of_part in (~lets_through, lets_through)]
    assert [len(part) for part in depths] == expected
    assert picture(file, BASE).shape[2] == 3
    uv = file.attribute("TEXCOORD_0", 1)
    behind = file.attribute("POSITION", 1)[:, 2] < -0.03
    assert np.abs(shown(file, BASE, uv[behind], 1) - [255, 255, 255, 102]).max() < 0.1
    assert np.abs(shown(file, FINISH, uv[behind], 1)[:, 1:] - [26, 0]).max() < 0.1


@pytest.mark.parametrize(("alpha", "modes"), [(0.96, ["OPAQUE"]), (0.9, ["BLEND"])])
def test_a_material_that_is_almost_opaque_is_opaque(alpha: float, modes: list[str]) -> None:
    voxels = o_voxels(ball(8))
    materials = torch.tensor([0.5, 0.5, 0.5, 0, 1, alpha]).expand(len(voxels), 6)
    file = File.parse(glb_bytes(replace(voxels, materials=materials).mesh()))
    assert [look["alphaMode"] for look in file.document["materials"]] == modes


def test_numbers_beyond_0_and_1_are_cut_off() -> None:
    voxels = o_voxels(ball(8))
    materials = torch.tensor([1.5, -0.5, 0.5, -1, 2, 9]).expand(len(voxels), 6)
    file = File.parse(glb_bytes(replace(voxels, materials=materials).mesh()))
    uv = file.attribute("TEXCOORD_0")
    assert np.abs(shown(file, BASE, uv) - [255, 0, 128]).max() < 0.01
    assert np.abs(shown(file, FINISH, uv)[:, 1:] - [255, 0]).max() < 0.01


def test_pictures_are_of_one_size_and_are_never_shrunk_by_a_viewer() -> None:
    file = File.parse(glb_bytes(painted("y", [1, 1, 1, 0, 0.1, 0.4]).mesh()))
    for part in (0, 1):
        base, finish = picture(file, BASE, part), picture(file, FINISH, part)
        assert base.shape[:2] == finish.shape[:2] and finish.shape[2] == 3
        assert all(edge & (edge - 1) == 0 for edge in base.shape[:2])
    [sampler] = file.document["samplers"]
    assert sampler["minFilter"] == sampler["magFilter"] == 9729  # linear, one level
    assert sampler["wrapS"] == sampler["wrapT"] == 33071  # clamped
    assert all(each["sampler"] == 0 for each in file.document["textures"])


def test_views_and_accessors_are_inside_the_buffer() -> None:
    file = File.parse(glb_bytes(painted("y", [1, 1, 1, 0, 0.1, 0.4]).mesh()))
    [buffer] = file.document["buffers"]
    assert buffer["byteLength"] == len(file.binary)
    end = 0
    for view in file.document["bufferViews"]:
        assert view["byteOffset"] % 4 == 0 and view["byteOffset"] >= end
        end = view["byteOffset"] + view["byteLength"]
    assert end <= buffer["byteLength"]
    for index in range(len(file.document["accessors"])):
        file.accessor(index)
    for part in (0, 1):
        vertices = len(file.attribute("POSITION", part))
        assert file.faces(part).min() >= 0 and file.faces(part).max() < vertices
        for name in ("NORMAL", "TEXCOORD_0"):
            assert len(file.attribute(name, part)) == vertices


def test_equal_meshes_make_equal_files() -> None:
    assert glb_bytes(noisy_ball().mesh()) == glb_bytes(noisy_ball().mesh())


def empty() -> MaterialMesh:
    return chosen(o_voxels(ball(8)), torch.arange(1)).mesh()


def with_nan(name: str) -> MaterialMesh:
    mesh = o_voxels(ball(8)).mesh()
    broken = getattr(mesh, name).clone()
    broken[3, 1] = float("nan")
    return replace(mesh, **{name: broken})


@pytest.mark.parametrize(
    ("mesh", "told"),
    [
        (empty(), "has no triangle to write: the surface is empty"),
        (with_nan("vertices"), "vertices holds NaN or infinity in 1 of"),
        (with_nan("materials"), "materials holds NaN or infinity in 1 of"),
    ],
)
def test_a_mesh_that_no_viewer_could_show_is_refused(mesh: MaterialMesh, told: str) -> None:
    with pytest.raises(ExportError, match=told):
        glb_bytes(mesh)


def test_a_texture_that_no_card_takes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atlas, "MAX_EDGE", 64)
    with pytest.raises(ExportError, match="but graphics cards take 64 an edge"):
        glb_bytes(noisy_ball().mesh())


def block(crossed: float, seed: int) -> MaterialMesh:
    """Quads in all directions through a block of voxels, some of them left out."""
    random = torch.Generator().manual_seed(seed)
    voxels = o_voxels(torch.rand(13, 13, 13, generator=random) < 0.5)
    flags = torch.rand(len(voxels), 3, generator=random) < crossed
    return replace(voxels, surface=replace(voxels.surface, crossed=flags)).mesh()


@pytest.mark.parametrize("crossed", [0.002, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_quad_lies_between_four_texels_of_a_square_that_show_its_voxels(
    crossed: float, seed: int
) -> None:
    mesh = block(crossed, seed)
    quads = mesh.quads.corners.numpy()
    laid = lay_out(quads, mesh.quads.axis.numpy(), mesh.vertices.numpy())
    assert np.array_equal(laid.voxel[laid.corners], quads)
    places = laid.places()
    assert len(np.unique(places, axis=0)) == len(places) == len(laid.voxel)
    assert places.min() >= 0 and (places < [laid.width, laid.height]).all()
    square = places[laid.corners]  # [Q,4,2]
    assert np.array_equal(square[:, 0] + square[:, 2], square[:, 1] + square[:, 3])
    assert (np.abs(square[:, 1] - square[:, 0]).sum(axis=1) == 1).all()
    assert (np.abs(square[:, 2] - square[:, 0]) == 1).all()
    # Within a tile, so that no line is broken by the next tile.
    assert (square // TILE == square[:, :1] // TILE).all()
    assert (laid.voxel >= 0).all()


def floor(cells: int) -> MaterialMesh:
    """A floor through the whole grid, of one voxel a cell."""
    inside = torch.zeros(cells + 1, cells + 1, cells + 1, dtype=torch.bool)
    inside[:, :, : cells // 2] = True
    return o_voxels(inside).mesh()


def test_quads_in_a_row_share_texels() -> None:
    mesh = floor(40)
    laid = lay_out(mesh.quads.corners.numpy(), mesh.quads.axis.numpy(), mesh.vertices.numpy())
    assert len(mesh.quads) == 39 * 39
    # 39 quads in strips of 16 make 42 columns of two texels, and one in 31 is there twice.
    assert len(laid.voxel) <= 39 * 42 * 2 * (32 / 31) + 2 * TILE


def test_texels_that_a_reader_would_mix_are_near_in_the_object() -> None:
    mesh = floor(128)
    laid = lay_out(mesh.quads.corners.numpy(), mesh.quads.axis.numpy(), mesh.vertices.numpy())
    blocks = laid.places() // 8  # as in a texture shrunk three times
    _, block = np.unique(blocks, axis=0, return_inverse=True)
    places = mesh.vertices.numpy()[laid.voxel] * 128
    order = np.argsort(block, kind="stable")
    first = np.flatnonzero(np.diff(block[order], prepend=-1))
    low, high = (each.reduceat(places[order], first) for each in (np.minimum, np.maximum))
    assert np.median(np.linalg.norm(high - low, axis=1)) < 25
