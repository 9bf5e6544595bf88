"""Radiance fields as NumPy files: .npz with an array for each tensor, or .npy with one table.

The arrays are those of `RadianceField`, in its frame (unit cube, z up) and not activated: no viewer
reads these, programs do. A .npy file holds a structured array [N] whose fields have the same names,
so `numpy.load(path)["trivec"]` works for both. Equal fields give equal bytes.
"""

import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from ..radiance_field import RadianceField
from .atomic import write_atomically
from .columns import ExportError, host_column

FieldFormat = Literal["npy", "npz"]


def write_radiance_field(path: str | os.PathLike[str], field: RadianceField) -> None:
    """Writes a .npy or .npz file, by the path's ending, whole or not at all.

    Raises `OSError` when the file cannot be written, `ExportError` for another ending, else as
    `radiance_field_bytes`.
    """
    suffix = Path(path).suffix.lower()
    if suffix == ".npy":
        data = radiance_field_bytes(field, format="npy")
    elif suffix == ".npz":
        data = radiance_field_bytes(field, format="npz")
    else:
        raise ExportError(f"a radiance field ends in .npy or .npz, not in '{suffix}' ({path})")
    write_atomically(path, data)


def radiance_field_bytes(field: RadianceField, *, format: FieldFormat) -> bytes:
    """The .npy or .npz file of a radiance field.

    Raises `ExportError` when it has no voxels or holds NaN or infinity.
    """
    columns = _columns(field)
    if format == "npz":
        return npz_bytes(columns)
    table = np.empty(len(field), [(name, c.dtype, c.shape[1:]) for name, c in columns.items()])
    for name, column in columns.items():
        table[name] = column
    return _array_bytes(table)


def npz_bytes(columns: Mapping[str, NDArray[Any]]) -> bytes:
    """The .npz file of some arrays. Equal arrays give equal bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, column in columns.items():
            # Entries without a time of their own begin in 1980, so that equal is equal.
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), _array_bytes(column))
    return file.getvalue()


def _columns(field: RadianceField) -> dict[str, NDArray[Any]]:
    count = len(field)
    if not count:
        raise ExportError("there are no voxels in the radiance field: the voxel list is empty")
    _, rank, _, samples = field.trivec.shape
    shapes = {
        "position": (count, 3),
        "trivec": (count, rank, 3, samples),
        "density": (count, rank),
        "features_dc": (count, rank, 3),
    }
    columns: dict[str, NDArray[Any]] = {
        name: host_column(name, getattr(field, name), shape=shape).astype("<f4")
        for name, shape in shapes.items()
    }
    depth: NDArray[Any] = cast(Any, field.depth.cpu()).numpy()
    return {**columns, "depth": depth.astype(np.uint8)}


def _array_bytes(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()
