"""Meshes as binary glTF 2.0 (.glb), for engines and viewers: with vertex colours here, with
physically based materials in `material_glb`.

Frame: that of `gltf`; (x, y, z) → (x, z, -y) leads there from the object's frame and keeps the
winding (SPEC 15). One mesh, one matte white material that vertex colours tint. Vertex colours of
glTF are linear, those of the network are as displayed, so they are converted. Normals are those of
the triangles: they agree with the surface that is drawn, while the predicted ones are of about unit
length only and know nothing of how the surface was extracted. Textures are not written.
"""

import os
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ..material_mesh import MaterialMesh
from ..mesh import Mesh
from .atomic import write_atomically
from .columns import ExportError, host_column
from .gltf import GltfBuffer, document_of, primitive_of, y_up
from .material_glb import material_glb_bytes


def write_glb(path: str | os.PathLike[str], mesh: Mesh | MaterialMesh) -> None:
    """Writes a .glb file, whole or not at all.

    Raises `OSError` when the file cannot be written, else as `glb_bytes`.
    """
    write_atomically(path, glb_bytes(mesh))


def glb_bytes(mesh: Mesh | MaterialMesh) -> bytes:
    """The .glb file of a mesh. Equal meshes give equal bytes.

    Raises `ExportError` when the mesh has no triangle, holds NaN or infinity, or names vertices
    that it does not have.
    """
    if isinstance(mesh, MaterialMesh):
        return material_glb_bytes(mesh)
    if not len(mesh.faces):
        raise ExportError(
            "the mesh has no triangle to write: the surface is empty, try another seed"
        )
    shape = (len(mesh.vertices), 3)
    faces = _checked_faces(mesh)
    positions = y_up(host_column("vertices", mesh.vertices, shape=shape))
    colors = host_column("colors", mesh.colors, shape=shape)
    host_column("normals", mesh.normals, shape=shape)  # fill in where triangles have none
    normals = y_up(host_column("geometric normals", mesh.geometric_normals(), shape=shape))
    buffer = GltfBuffer()
    attributes = {
        "POSITION": buffer.attribute(positions, bounds=True),
        "NORMAL": buffer.attribute(normals),
        "COLOR_0": buffer.attribute(_linear(colors)),
    }
    primitive = primitive_of(attributes, buffer.indices(faces), 0)
    matte = {"name": "matte", "pbrMetallicRoughness": {"metallicFactor": 0, "roughnessFactor": 1}}
    return buffer.file(document_of([primitive], [matte]))


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


def _linear(colors: NDArray[np.float32]) -> NDArray[np.uint16]:
    """sRGB colours, clamped to 0..1, as linear ones with full alpha. [V,3]→[V,4]

    With 16 bits the darkest sRGB byte still is 20 steps from black.
    """
    srgb = colors.astype(np.float64).clip(0, 1)
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    result = np.full((len(colors), 4), 65535, "<u2")
    result[:, :3] = np.rint(linear * 65535)
    return result
