"""Gaussians as a .ply file, the format that Gaussian-splat viewers read.

Binary little-endian, one element `vertex` of float32 properties (SPEC 12.5). What lies in the file
is not activated: opacities are logits, scales are logarithms. Viewers of this format mostly take y
to point down, and so the original writes it; `frame` chooses.
"""

import os
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..gaussians import Gaussians
from .atomic import write_atomically
from .columns import ExportError, host_column

PlyFrame = Literal["splat", "y-up"]
"""`splat`: (x, y, z) → (x, -z, y), y down, what the original writes and splat viewers expect.
`y-up`: (x, y, z) → (x, z, -y), like the mesh in a .glb."""

_PROPERTIES = [
    *("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", "opacity"),
    *("scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"),
]

# Quarter turns about x from the object's frame (z up): which way round.
_SENSES = {"splat": 1.0, "y-up": -1.0}

# An opacity that float32 rounds to 0 or 1 would have an infinite logit.
_LEAST = 2.0**-24


def write_ply(
    path: str | os.PathLike[str], gaussians: Gaussians, *, frame: PlyFrame = "splat"
) -> None:
    """Writes a .ply file, whole or not at all.

    Raises `OSError` when the file cannot be written, else as `ply_bytes`.
    """
    write_atomically(path, ply_bytes(gaussians, frame=frame))


def ply_bytes(gaussians: Gaussians, *, frame: PlyFrame = "splat") -> bytes:
    """The .ply file of some Gaussians.

    Raises `ExportError` when there are none, or when they hold numbers that no file can.
    """
    if frame not in _SENSES:
        raise ExportError(f"the frame '{frame}' is not known: use {' or '.join(_SENSES)}")
    count = len(gaussians)
    if not count:
        raise ExportError("there are no Gaussians to write: the voxel list is empty")
    xyz = host_column("xyz", gaussians.xyz, shape=(count, 3))
    color = host_column("features_dc", gaussians.features_dc, shape=(count, 3))
    scaling = host_column("scaling", gaussians.scaling, shape=(count, 3))
    rotation = host_column("rotation", gaussians.rotation, shape=(count, 4))
    opacity = host_column("opacity", gaussians.opacity, shape=(count, 1))
    if scaling.min() <= 0:
        raise ExportError(f"scaling goes down to {scaling.min():g}: every scale must be over 0")
    if opacity.min() < 0 or opacity.max() > 1:
        span = f"{opacity.min():g} to {opacity.max():g}"
        raise ExportError(f"opacity runs from {span}: every opacity must be 0 to 1")

    table = np.zeros((count, len(_PROPERTIES)), "<f4")  # the normals stay 0
    table[:, 0:3] = _turn_positions(xyz, _SENSES[frame])
    table[:, 6:9] = color
    alpha = np.minimum(np.maximum(opacity.astype(np.float64), _LEAST), 1 - _LEAST)
    table[:, 9:10] = np.log(alpha / (1 - alpha))
    table[:, 10:13] = np.log(scaling)
    table[:, 13:17] = _turn_rotations(rotation, _SENSES[frame])
    return _header(count) + table.tobytes()


def _header(count: int) -> bytes:
    lines = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {count}",
        *(f"property float {name}" for name in _PROPERTIES),
        "end_header",
    ]
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def _turn_positions(xyz: NDArray[np.float32], sense: float) -> NDArray[np.float32]:
    """A quarter turn about x: y from z, z from y, one of them the other way round. [N,3]→[N,3]"""
    signs = np.array([1, -sense, sense], np.float32)
    return xyz[:, [0, 2, 1]] * signs


def _turn_rotations(rotation: NDArray[np.float32], sense: float) -> NDArray[np.float64]:
    """Unit quaternions of the turned Gaussians, their largest component positive. [N,4]→[N,4]"""
    # A row times this is the quaternion (1, sense, 0, 0) times that of the row.
    turn = np.array([[1, sense, 0, 0], [-sense, 1, 0, 0], [0, 0, 1, sense], [0, 0, -sense, 1]])
    turned: NDArray[np.float64] = rotation.astype(np.float64) @ turn
    length = np.linalg.norm(turned, axis=1, keepdims=True)
    if length.min() == 0:
        raise ExportError("rotation holds a quaternion of length 0: it is no rotation")
    largest = np.take_along_axis(turned, np.abs(turned).argmax(axis=1)[:, None], axis=1)
    return turned / length * np.sign(largest)
