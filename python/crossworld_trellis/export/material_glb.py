"""Meshes with physically based materials as binary glTF 2.0 (.glb).

Vertex colours know no metal and no roughness, so materials are textures: base colour, and
metallic-roughness (green is roughness, blue metallic), with a texel for each voxel in each strip of
quads, see `atlas`. The base colour of glTF is as displayed, like that of the network; the rest are
plain numbers. Quads with a corner through which light passes become a part of their own that
viewers blend; the rest is opaque, so that hardly any triangle has to be sorted. Both are seen from
both sides, since the surface may have holes. Normals are those of the quads around a voxel. Frame:
that of `gltf`. Nothing is simplified.
"""

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from ..material_mesh import MaterialMesh, triangles
from .atlas import Atlas, lay_out
from .columns import ExportError, host_array, host_column
from .gltf import GltfBuffer, document_of, primitive_of, y_up

OPAQUE_ALPHA = 242
"""From this byte on, about 95 %, a material is opaque: a network hardly ever says exactly 1."""

_METALLIC, _ROUGHNESS, _ALPHA = 3, 4, 5

# Numbers that the specification names after OpenGL.
_LINEAR = 9729
_CLAMP_TO_EDGE = 33071


@dataclass(frozen=True, eq=False, kw_only=True)
class _Columns:
    """A mesh on the host, checked."""

    vertices: NDArray[np.float32]
    """[V,3]"""
    normals: NDArray[np.float32]
    """[V,3]"""
    materials: NDArray[np.uint8]
    """[V,6] as in `MaterialMesh`, bytes for 0 to 1."""
    quads: NDArray[np.int32]
    """[Q,4]"""
    axis: NDArray[np.int64]
    """[Q]"""
    cut: NDArray[np.bool_]
    """[Q]"""
    turned: NDArray[np.bool_]
    """[Q]"""

    @classmethod
    def of(cls, mesh: MaterialMesh) -> "_Columns":
        count = len(mesh.vertices)
        materials = host_column("materials", mesh.materials, shape=(count, 6))
        return cls(
            vertices=host_column("vertices", mesh.vertices, shape=(count, 3)),
            normals=host_column("normals", mesh.geometric_normals(), shape=(count, 3)),
            materials=np.rint(materials.clip(0, 1) * 255).astype(np.uint8),
            quads=host_array(mesh.quads.corners),
            axis=host_array(mesh.quads.axis),
            cut=host_array(mesh.quads.cut),
            turned=host_array(mesh.turned),
        )

    def see_through(self) -> NDArray[np.bool_]:
        """[Q] whether light passes through a corner."""
        return self.materials[:, _ALPHA][self.quads].min(axis=1) < OPAQUE_ALPHA


def material_glb_bytes(mesh: MaterialMesh) -> bytes:
    """The .glb file of a mesh. Equal meshes give equal bytes.

    Raises `ExportError` when the mesh has no quad, holds NaN or infinity, or is too large.
    """
    if not len(mesh.quads):
        raise ExportError(
            "the mesh has no triangle to write: the surface is empty, try another seed"
        )
    # On the host sums are always taken in the same order.
    columns = _Columns.of(mesh.cpu())
    see_through = columns.see_through()
    file = _File()
    if not see_through.all():
        file.add(columns, ~see_through, "OPAQUE")
    if see_through.any():
        file.add(columns, see_through, "BLEND")
    return file.bytes()


class _File:
    """The parts of the mesh so far, each with a material and two textures of its own."""

    def __init__(self) -> None:
        self._buffer = GltfBuffer()
        self._primitives: list[dict[str, Any]] = []
        self._materials: list[dict[str, Any]] = []
        self._images: list[dict[str, Any]] = []

    def add(self, columns: _Columns, chosen: NDArray[np.bool_], alpha_mode: str) -> None:
        """Adds the chosen quads [Q]."""
        atlas = lay_out(columns.quads[chosen], columns.axis[chosen], columns.vertices)
        places, buffer = atlas.places(), self._buffer
        attributes = {
            "POSITION": buffer.attribute(y_up(columns.vertices[atlas.voxel]), bounds=True),
            "NORMAL": buffer.attribute(y_up(columns.normals[atlas.voxel])),
            "TEXCOORD_0": buffer.attribute(_middles(places, atlas)),
        }
        corners = _triangles(atlas.corners, columns.cut[chosen], columns.turned[chosen])
        indices = buffer.indices(corners)
        self._primitives.append(primitive_of(attributes, indices, len(self._materials)))
        self._materials.append(_material(alpha_mode, len(self._images)))
        texels = columns.materials[atlas.voxel]
        base = texels[:, :3] if alpha_mode == "OPAQUE" else texels[:, [0, 1, 2, _ALPHA]]
        for pixels in (base, _finish(texels)):
            self._images.append(buffer.picture(_png(pixels, places, atlas)))

    def bytes(self) -> bytes:
        """The whole file."""
        document = document_of(self._primitives, self._materials)
        document["images"] = self._images
        document["textures"] = [
            {"source": source, "sampler": 0} for source in range(len(self._images))
        ]
        # Without smaller levels, which would mix strips that are not neighbours.
        filters = {"magFilter": _LINEAR, "minFilter": _LINEAR}
        document["samplers"] = [{**filters, "wrapS": _CLAMP_TO_EDGE, "wrapT": _CLAMP_TO_EDGE}]
        return self._buffer.file(document)


def _triangles(
    corners: NDArray[np.int64], cut: NDArray[np.bool_], turned: NDArray[np.bool_]
) -> NDArray[np.uint32]:
    """Corners of quads [Q,4] → of triangles [2Q,3]."""
    made = triangles(*(torch.tensor(each) for each in (corners, cut, turned)))
    return host_array(made).astype("<u4")


def _middles(places: NDArray[np.int64], atlas: Atlas) -> NDArray[np.float32]:
    """[T,2] texture coordinates of the texels' middles."""
    return ((places + 0.5) / [atlas.width, atlas.height]).astype("<f4")


def _finish(texels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[T,6] materials → [T,3] as a metallic-roughness texture has them; red means nothing."""
    finish = np.zeros((len(texels), 3), np.uint8)
    finish[:, 1], finish[:, 2] = texels[:, _ROUGHNESS], texels[:, _METALLIC]
    return finish


def _png(texels: NDArray[np.uint8], places: NDArray[np.int64], atlas: Atlas) -> bytes:
    """A picture with these texels [T,n]; those in no use are 0."""
    pixels = np.zeros((atlas.height, atlas.width, texels.shape[1]), np.uint8)
    pixels[places[:, 1], places[:, 0]] = texels
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def _material(alpha_mode: str, texture: int) -> dict[str, Any]:
    """A material that takes everything from this texture and the next."""
    return {
        "name": alpha_mode.lower(),
        "alphaMode": alpha_mode,
        "doubleSided": True,
        "pbrMetallicRoughness": {
            "baseColorTexture": {"index": texture},
            "metallicRoughnessTexture": {"index": texture + 1},
        },
    }
