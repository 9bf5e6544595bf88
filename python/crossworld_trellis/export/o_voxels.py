"""O-voxels as a .npz file, for the original's library: to fill holes, remesh or simplify there.

Arrays of bytes with one row a voxel beside `coord` [N,3] uint16, in the object's frame: the
attributes `base_color` [N,3] as displayed, `metallic`, `roughness` and `alpha` [N,1]; and the
flexible dual grid, `dual_vertices` [N,3] within the voxel and `intersected` [N,1], the flags of the
crossed edges as bits (x lowest) (SPEC 14). Bytes stand for 0 to 1: what is beyond is cut off, also
where a dual vertex leaves its voxel. The weights that cut quads are not in such a file, nor is the
resolution.
"""

import os

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..o_voxels import OVoxels
from .atomic import write_atomically
from .columns import ExportError, host_array, host_column
from .npy import npz_bytes


def write_o_voxels(path: str | os.PathLike[str], voxels: OVoxels) -> None:
    """Writes a .npz file, whole or not at all.

    Raises `OSError` when the file cannot be written, else as `o_voxels_bytes`.
    """
    write_atomically(path, o_voxels_bytes(voxels))


def o_voxels_bytes(voxels: OVoxels) -> bytes:
    """The .npz file of O-voxels. Equal voxels give equal bytes.

    Raises `ExportError` when there are none, or materials or dual vertices hold NaN or infinity.
    """
    if not len(voxels):
        raise ExportError("there are no voxels to write: the list is empty")
    materials = _bytes("materials", voxels.materials, 6)
    crossed = host_array(voxels.surface.crossed) @ np.array([1, 2, 4])
    return npz_bytes(
        {
            "coord": host_array(voxels.coords).astype("<u2"),
            "base_color": materials[:, :3],
            "metallic": materials[:, 3:4],
            "roughness": materials[:, 4:5],
            "alpha": materials[:, 5:],
            "dual_vertices": _bytes("dual vertices", voxels.surface.dual, 3),
            "intersected": crossed.astype(np.uint8)[:, None],
        }
    )


def _bytes(name: str, tensor: Tensor, width: int) -> NDArray[np.uint8]:
    """[N,width] numbers from 0 to 1 as bytes."""
    column = host_column(name, tensor, shape=(len(tensor), width))
    return np.rint(column.clip(0, 1) * 255).astype(np.uint8)
