"""The parts of a binary glTF 2.0 file: columns and pictures in one buffer, and the container.

What the meshes of this package have in common. Frame of the files: right-handed, y up, front at +z,
the middle of the object's cube at the origin, one unit its edge.
Specification: https://registry.khronos.org/glTF/specs/2.0/glTF-2.0.html
"""

import json
import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import ExportError

# Numbers that the specification names after OpenGL.
_ARRAY_BUFFER = 34962
_ELEMENT_ARRAY_BUFFER = 34963
_COMPONENTS = {("u", 2): 5123, ("u", 4): 5125, ("f", 4): 5126}

_MAX_BYTES = (1 << 32) - 1

Document = dict[str, Any]
"""The JSON of a file."""


class GltfBuffer:
    """The binary part of a file so far, and what the document says of it.

    Every entry has a multiple of 4 bytes, or is filled up to one.
    """

    def __init__(self) -> None:
        self._parts: list[bytes | memoryview] = []
        self._length = 0
        self._views: list[dict[str, Any]] = []
        self._accessors: list[dict[str, Any]] = []

    def attribute(self, column: NDArray[Any], *, bounds: bool = False) -> int:
        """Adds a column [V,n] of the vertices, little-endian, and returns its accessor.

        Integers stand for 0 to 1. Positions need their bounds.
        """
        accessor = self._accessor(column, f"VEC{column.shape[1]}", _ARRAY_BUFFER)
        if column.dtype.kind == "u":
            accessor["normalized"] = True
        if bounds:
            # As float64 they print all digits: a reader gets exactly these float32 back.
            accessor["min"] = column.min(axis=0).astype(np.float64).tolist()
            accessor["max"] = column.max(axis=0).astype(np.float64).tolist()
        return len(self._accessors) - 1

    def indices(self, corners: NDArray[Any]) -> int:
        """Adds the corners of triangles [F,3] and returns their accessor."""
        self._accessor(corners.ravel(), "SCALAR", _ELEMENT_ARRAY_BUFFER)
        return len(self._accessors) - 1

    def picture(self, data: bytes) -> dict[str, Any]:
        """Adds a .png file and returns its entry in the document's `images`."""
        return {"bufferView": self._view(data, len(data)), "mimeType": "image/png"}

    def file(self, document: Document) -> bytes:
        """The whole file of a document, which needs not say what the buffer has.

        Raises `ExportError` where it would have more than 4 GiB.
        """
        whole = {
            **document,
            "accessors": self._accessors,
            "bufferViews": self._views,
            "buffers": [{"byteLength": self._length}],
        }
        text = json.dumps(whole, separators=(",", ":"), allow_nan=False).encode()
        text += b" " * (-len(text) % 4)
        total = 12 + 8 + len(text) + 8 + self._length
        if total > _MAX_BYTES:
            raise ExportError(
                f"the mesh makes {total} bytes: a .glb file holds {_MAX_BYTES} at most"
            )
        heads = [
            struct.pack("<4sII", b"glTF", 2, total),
            struct.pack("<I4s", len(text), b"JSON"),
            text,
            struct.pack("<I4s", self._length, b"BIN\0"),
        ]
        return b"".join([*heads, *self._parts])

    def _accessor(self, column: NDArray[Any], shape: str, target: int) -> dict[str, Any]:
        view = self._view(np.ascontiguousarray(column).data, column.nbytes)
        self._views[view]["target"] = target
        accessor: dict[str, Any] = {
            "bufferView": view,
            "componentType": _COMPONENTS[column.dtype.kind, column.dtype.itemsize],
            "count": len(column),
            "type": shape,
        }
        self._accessors.append(accessor)
        return accessor

    def _view(self, data: bytes | memoryview, length: int) -> int:
        self._views.append({"buffer": 0, "byteOffset": self._length, "byteLength": length})
        filling = -length % 4
        self._parts += [data, bytes(filling)]
        self._length += length + filling
        return len(self._views) - 1


def document_of(primitives: list[dict[str, Any]], materials: list[dict[str, Any]]) -> Document:
    """A document whose one scene shows one mesh."""
    return {
        "asset": {"version": "2.0", "generator": "crossworld-trellis"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "object"}],
        "meshes": [{"primitives": primitives, "name": "object"}],
        "materials": materials,
    }


def primitive_of(attributes: dict[str, int], indices: int, material: int) -> dict[str, Any]:
    """Triangles in a material."""
    return {"attributes": attributes, "indices": indices, "material": material, "mode": 4}


def y_up(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """From the object's frame to that of a file, (x, y, z) → (x, z, -y). [V,3]→[V,3]"""
    return (vectors[:, [0, 2, 1]] * np.array([1, 1, -1], np.float32)).astype("<f4")
