"""O-voxels as .npz: the arrays that the original's library reads, and what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from dual_grid_cases import ball, chosen, o_voxels

from crossworld_trellis.export.columns import ExportError
from crossworld_trellis.export.o_voxels import o_voxels_bytes, write_o_voxels
from crossworld_trellis.o_voxels import OVoxels


def two() -> OVoxels:
    """Two voxels in known numbers."""
    voxels = chosen(o_voxels(ball(8)), torch.arange(2))
    return replace(
        voxels,
        resolution=1024,
        coords=torch.tensor([[1, 2, 1023], [0, 700, 3]], dtype=torch.int32),
        surface=replace(
            voxels.surface,
            dual=torch.tensor([[0.0, 0.5, 1.0], [-0.4, 1.4, 0.2]]),
            crossed=torch.tensor([[True, False, True], [False, True, False]]),
        ),
        materials=torch.tensor([[1.0, 0, 0.2, 1, 0.4, 1], [2, -1, 0.5, 0, 0.6, 0.8]]),
    )


def test_every_array_has_the_name_type_and_numbers_of_the_format(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_o_voxels(path, two())
    with np.load(path, allow_pickle=False) as file:
        arrays = dict(file)
    kinds = {name: (array.dtype.str, array.shape[1]) for name, array in arrays.items()}
    assert kinds == {
        "coord": ("<u2", 3),
        "base_color": ("|u1", 3),
        "metallic": ("|u1", 1),
        "roughness": ("|u1", 1),
        "alpha": ("|u1", 1),
        "dual_vertices": ("|u1", 3),
        "intersected": ("|u1", 1),
    }
    assert arrays["coord"].tolist() == [[1, 2, 1023], [0, 700, 3]]
    assert arrays["base_color"].tolist() == [[255, 0, 51], [255, 0, 128]]
    assert arrays["metallic"].tolist() == [[255], [0]]
    assert arrays["roughness"].tolist() == [[102], [153]]
    assert arrays["alpha"].tolist() == [[255], [204]]
    assert arrays["dual_vertices"].tolist() == [[0, 128, 255], [0, 255, 51]]
    assert arrays["intersected"].tolist() == [[5], [2]]


def test_equal_voxels_make_equal_files() -> None:
    assert o_voxels_bytes(two()) == o_voxels_bytes(two())


def test_no_voxels_and_no_numbers_are_refused() -> None:
    with pytest.raises(ExportError, match="no voxels to write"):
        o_voxels_bytes(chosen(two(), torch.arange(0)))
    broken = replace(two(), materials=torch.full((2, 6), float("nan")))
    with pytest.raises(ExportError, match="materials holds NaN or infinity in 2 of 2 rows"):
        o_voxels_bytes(broken)
