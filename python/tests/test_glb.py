"""Meshes as .glb: the file as glTF 2.0 wants it, frame and colours, and what is refused."""

import math
from dataclasses import replace
from pathlib import Path

import golden_data
import numpy as np
import pytest
import torch
from glb_file import File
from torch import Tensor

from crossworld_trellis.errors import TrellisError
from crossworld_trellis.export.columns import ExportError
from crossworld_trellis.export.glb import glb_bytes, write_glb
from crossworld_trellis.mesh import Mesh
from crossworld_trellis.surface import Cubes, extract


def triangle() -> Mesh:
    return Mesh(
        vertices=torch.tensor([[0.0, 0.0, 0.0], [0.1, 0.0, 0.0], [0.0, 0.2, 0.3]]),
        faces=torch.tensor([[0, 1, 2]], dtype=torch.int32),
        colors=torch.tensor([[0.0, 0.5, 1.0], [0.04, 1.5, -0.5], [0.2, 0.2, 0.2]]),
        normals=torch.tensor([[0.0, 0.0, 1.0]] * 3),
    )


@pytest.fixture(scope="module")
def golden_mesh() -> Mesh:
    golden = golden_data.load("flexicubes")
    return extract(Cubes(coords=golden["coords"][:, 1:], feats=golden["feats"], resolution=16))


@pytest.fixture(scope="module")
def golden_file(golden_mesh: Mesh) -> File:
    return File.parse(glb_bytes(golden_mesh))


def test_the_document_names_its_version_and_one_mesh_in_one_scene(golden_file: File) -> None:
    document = golden_file.document
    assert document["asset"]["version"] == "2.0"
    assert document["scenes"][document["scene"]]["nodes"] == [0]
    assert document["nodes"][0]["mesh"] == 0
    assert golden_file.primitive["mode"] == 4


def test_the_binary_chunk_holds_the_buffer_and_all_views(golden_file: File) -> None:
    document = golden_file.document
    (buffer,) = document["buffers"]
    assert 0 <= len(golden_file.binary) - buffer["byteLength"] < 4
    ends = [view["byteOffset"] + view["byteLength"] for view in document["bufferViews"]]
    assert max(ends) == buffer["byteLength"]
    assert [view["target"] for view in document["bufferViews"]] == [34962, 34962, 34962, 34963]


def test_every_vertex_and_triangle_is_in_the_file(golden_file: File, golden_mesh: Mesh) -> None:
    x, y, z = golden_mesh.vertices.numpy().T
    assert np.array_equal(golden_file.attribute("POSITION"), np.stack([x, z, -y], axis=1))
    assert np.array_equal(golden_file.faces(), golden_mesh.faces.numpy())


def test_the_bounds_of_positions_are_exact(golden_file: File) -> None:
    positions = golden_file.attribute("POSITION")
    accessor = golden_file.document["accessors"][golden_file.primitive["attributes"]["POSITION"]]
    assert np.array_equal(np.array(accessor["min"], np.float32), positions.min(0))
    assert np.array_equal(np.array(accessor["max"], np.float32), positions.max(0))


def test_normals_have_unit_length(golden_file: File) -> None:
    lengths = np.linalg.norm(golden_file.attribute("NORMAL").astype(float), axis=1)
    assert np.abs(lengths - 1).max() < 1e-5


def test_normals_are_those_of_the_triangles_in_the_frame_of_the_file() -> None:
    file = File.parse(glb_bytes(triangle()))
    a, b, c = file.attribute("POSITION").astype(float)
    across = np.cross(b - a, c - a)
    expected = across / np.linalg.norm(across)
    assert np.abs(file.attribute("NORMAL") - expected).max() < 1e-6


def test_up_and_front_of_the_object_are_up_and_front_in_the_file() -> None:
    mesh = triangle()
    mesh = replace(mesh, vertices=torch.tensor([[0.0, 0, 1], [0, -1, 0], [1, 0, 0]]))
    positions = File.parse(glb_bytes(mesh)).attribute("POSITION")
    assert positions.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_colours_are_linear_and_opaque() -> None:
    file = File.parse(glb_bytes(triangle()))
    accessor = file.document["accessors"][file.primitive["attributes"]["COLOR_0"]]
    assert accessor["normalized"] is True
    colors = file.attribute("COLOR_0") / 65535
    # sRGB 0.5 is 0.21404 of white; 0.04 lies in the straight part of the curve.
    assert colors[0].tolist() == pytest.approx([0, 0.21404, 1, 1], abs=1e-5)
    assert colors[1].tolist() == pytest.approx([0.04 / 12.92, 1, 0, 1], abs=1e-5)


def test_every_srgb_byte_survives_the_way_into_the_file() -> None:
    level = torch.arange(256) / 255
    mesh = Mesh(
        vertices=torch.rand(256, 3, generator=torch.Generator().manual_seed(0)),
        faces=torch.arange(255, dtype=torch.int32).view(-1, 3),
        colors=level[:, None].expand(-1, 3),
        normals=torch.zeros(256, 3),
    )
    linear = File.parse(glb_bytes(mesh)).attribute("COLOR_0")[:, 0] / 65535
    srgb = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    assert np.array_equal(np.rint(srgb * 255), np.arange(256))


def test_the_material_is_matte_and_white(golden_file: File) -> None:
    (material,) = golden_file.document["materials"]
    surface = material["pbrMetallicRoughness"]
    assert (surface["metallicFactor"], surface["roughnessFactor"]) == (0, 1)
    assert surface.get("baseColorFactor", [1, 1, 1, 1]) == [1, 1, 1, 1]
    assert golden_file.primitive["material"] == 0


def test_equal_meshes_give_equal_bytes(golden_mesh: Mesh) -> None:
    assert glb_bytes(golden_mesh) == glb_bytes(replace(golden_mesh))


def test_a_written_file_is_the_bytes_and_nothing_else_is_left(tmp_path: Path) -> None:
    write_glb(tmp_path / "object.glb", triangle())
    assert [path.name for path in tmp_path.iterdir()] == ["object.glb"]
    assert (tmp_path / "object.glb").read_bytes() == glb_bytes(triangle())


def test_a_refused_mesh_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "object.glb"
    path.write_bytes(b"old")
    with pytest.raises(TrellisError):
        write_glb(path, replace(triangle(), faces=torch.zeros(0, 3, dtype=torch.int32)))
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"old"]


def test_an_empty_mesh_is_refused() -> None:
    nothing = torch.zeros(0, 3)
    empty = Mesh(vertices=nothing, faces=nothing.int(), colors=nothing, normals=nothing)
    with pytest.raises(ExportError, match="no triangle"):
        glb_bytes(empty)


@pytest.mark.parametrize("name", ["vertices", "colors", "normals"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_numbers_that_are_none_are_refused(name: str, value: float) -> None:
    broken: Tensor = getattr(triangle(), name).clone()
    broken[1, 2] = value
    with pytest.raises(ExportError, match=f"{name} holds NaN or infinity in 1 of 3 rows"):
        glb_bytes(replace(triangle(), **{name: broken}))


@pytest.mark.parametrize("corner", [-1, 3])
def test_triangles_of_missing_vertices_are_refused(corner: int) -> None:
    faces = torch.tensor([[0, 1, corner]], dtype=torch.int32)
    with pytest.raises(ExportError, match="but there are 3"):
        glb_bytes(replace(triangle(), faces=faces))


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(ExportError, match=r"colors has shape \[2, 3\], expected \[3, 3\]"):
        glb_bytes(replace(triangle(), colors=torch.zeros(2, 3)))
