"""Meshes as binary glTF 2.0 (.glb) with vertex colours, for engines and viewers.

Frame of the file: right-handed, y up, front at +z, the middle of the object's cube at the origin,
one unit its edge; (x, y, z) → (x, z, -y) leads there from the object's frame and keeps the winding
(SPEC 15). One mesh, one matte white material that vertex colours tint. Vertex colours of glTF are
linear, those of the network are as displayed, so they are converted. Normals are those of the
triangles: they agree with the surface that is drawn, while the predicted ones are of about unit
length only and know nothing of how the surface was extracted. Textures are not written.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import json
import os
import struct
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..mesh import Mesh
from .atomic import write_atomically
from .columns import ExportError, host_column

# Numbers that the specification names after OpenGL.
_ARRAY_BUFFER = 34962
_ELEMENT_ARRAY_BUFFER = 34963
_UNSIGNED_SHORT = 5123
_UNSIGNED_INT = 5125
_FLOAT = 5126

_MAX_BYTES = (1 << 32) - 1


def write_glb(path: str | os.PathLike[str], mesh: Mesh) -> None:
    """Writes a .glb file, whole or not at all.

    Raises `OSError` when the file cannot be written, else as `glb_bytes`.
    """
    write_atomically(path, glb_bytes(mesh))


def glb_bytes(mesh: Mesh) -> bytes:
    """The .glb file of a mesh. Equal meshes give equal bytes.

    Raises `ExportError` when the mesh has no triangle, holds NaN or infinity, or names vertices
    that it does not have.
    """
    if not len(mesh.faces):
        raise ExportError(
            "the mesh has no triangle to write: the surface is empty, try another seed"
        )
    shape = (len(mesh.vertices), 3)
    faces = _checked_faces(mesh)
    positions = _y_up(host_column("vertices", mesh.vertices, shape=shape))
    colors = host_column("colors", mesh.colors, shape=shape)
    host_column("normals", mesh.normals, shape=shape)  # fill in where triangles have none
    normals = _y_up(host_column("geometric normals", mesh.geometric_normals(), shape=shape))
    columns = [
        ("POSITION", positions, _FLOAT),
        ("NORMAL", normals, _FLOAT),
        ("COLOR_0", _linear(colors), _UNSIGNED_SHORT),
        ("indices", faces.ravel(), _UNSIGNED_INT),
    ]
    return _container(_document(columns), b"".join(column.tobytes() for _, column, _ in columns))


def _checked_faces(mesh: Mesh) -> NDArray[np.uint32]:
    if mesh.faces.shape[1:] != (3,):
        raise ExportError(f"faces has shape {list(mesh.faces.shape)}, expected [F, 3]")
    # The method has no types.
    faces: NDArray[np.int64] = cast(Any, mesh.faces.detach().cpu().long()).numpy()
    if faces.min() < 0 or faces.max() >= len(mesh.vertices):
        raise ExportError(
            f"faces name vertices {faces.min()} to {faces.max()}, "
            f"but there are {len(mesh.vertices)}"
        )
    return faces.astype("<u4")


def _y_up(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """(x, y, z) → (x, z, -y). [V,3]→[V,3]"""
    return (vectors[:, [0, 2, 1]] * np.array([1, 1, -1], np.float32)).astype("<f4")


def _linear(colors: NDArray[np.float32]) -> NDArray[np.uint16]:
    """sRGB colours, clamped to 0..1, as linear ones with full alpha. [V,3]→[V,4]

    With 16 bits the darkest sRGB byte still is 20 steps from black.
    """
    srgb = colors.astype(np.float64).clip(0, 1)
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    result = np.full((len(colors), 4), 65535, "<u2")
    result[:, :3] = np.rint(linear * 65535)
    return result


def _document(columns: list[tuple[str, NDArray[Any], int]]) -> dict[str, Any]:
    """The JSON of a file whose columns lie one after the other, the indices last."""
    views: list[dict[str, Any]] = []
    accessors: list[dict[str, Any]] = []
    offset = 0
    for name, column, component in columns:
        target = _ELEMENT_ARRAY_BUFFER if name == "indices" else _ARRAY_BUFFER
        # All element sizes are multiples of 4, and so are the offsets.
        views.append(
            {"buffer": 0, "byteOffset": offset, "byteLength": column.nbytes, "target": target}
        )
        accessor: dict[str, Any] = {
            "bufferView": len(accessors),
            "componentType": component,
            "count": len(column),
            "type": "SCALAR" if column.ndim == 1 else f"VEC{column.shape[1]}",
        }
        if name == "POSITION":
            # As float64 they print all digits: a reader gets exactly these float32 back.
            accessor["min"] = column.min(axis=0).astype(np.float64).tolist()
            accessor["max"] = column.max(axis=0).astype(np.float64).tolist()
        if name == "COLOR_0":
            accessor["normalized"] = True
        accessors.append(accessor)
        offset += column.nbytes
    attributes = {name: index for index, (name, _, _) in enumerate(columns[:-1])}
    primitive = {"attributes": attributes, "indices": len(columns) - 1, "material": 0, "mode": 4}
    return {
        "asset": {"version": "2.0", "generator": "crossworld-trellis"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "object"}],
        "meshes": [{"primitives": [primitive], "name": "object"}],
        "materials": [
            {"name": "matte", "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 1}}
        ],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": offset}],
    }


def _container(document: dict[str, Any], binary: bytes) -> bytes:
    """Header, JSON chunk and binary chunk, each filled up to a multiple of 4 bytes."""
    text = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
    text += b" " * (-len(text) % 4)
    binary += bytes(-len(binary) % 4)
    total = 12 + 8 + len(text) + 8 + len(binary)
    if total > _MAX_BYTES:
        raise ExportError(f"the mesh makes {total} bytes: a .glb file holds {_MAX_BYTES} at most")
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, total),
            struct.pack("<I4s", len(text), b"JSON"),
            text,
            struct.pack("<I4s", len(binary), b"BIN\0"),
            binary,
        ]
    )
