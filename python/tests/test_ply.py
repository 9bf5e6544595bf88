"""Gaussians as .ply: the original's bytes, the two frames, and what is refused."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_data import TRELLIS, load, tolerance
from numpy.typing import NDArray

from crossworld_trellis.errors import TrellisError
from crossworld_trellis.export.columns import ExportError
from crossworld_trellis.export.ply import PlyFrame, ply_bytes, write_ply
from crossworld_trellis.gaussians import Gaussians

GOLDEN = "gaussians_first96.ply"


def golden_gaussians() -> Gaussians:
    tensors = load("gs_decoder")
    return Gaussians(
        xyz=tensors["xyz_0"][:96],
        features_dc=tensors["features_dc_0"][:96, 0],
        scaling=tensors["scaling_0"][:96],
        rotation=tensors["rotation_0"][:96],
        opacity=tensors["opacity_0"][:96],
        per_cell=32,
    )


def split(data: bytes) -> tuple[bytes, NDArray[np.float32]]:
    """Header and table of a file."""
    header, body = data.split(b"end_header\n")
    return header, np.frombuffer(body, "<f4").reshape(-1, 17)


def rotation_matrices(quaternions: NDArray[np.floating]) -> NDArray[np.float64]:
    w, x, y, z = quaternions.astype(np.float64).T
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


def test_the_file_is_the_one_that_the_original_writes() -> None:
    header, table = split(ply_bytes(golden_gaussians()))
    expected_header, expected = split((TRELLIS / GOLDEN).read_bytes())
    assert header == expected_header
    assert table.shape == expected.shape
    # The same rotation has two quaternions.
    flip = np.sign((table[:, 13:] * expected[:, 13:]).sum(1, keepdims=True))
    expected = np.concatenate([expected[:, :13], expected[:, 13:] * flip], axis=1)
    assert np.abs(table - expected).max() <= tolerance(GOLDEN)


@pytest.mark.parametrize(
    ("frame", "matrix"),
    [
        ("splat", [[1, 0, 0], [0, 0, -1], [0, 1, 0]]),
        ("y-up", [[1, 0, 0], [0, 0, 1], [0, -1, 0]]),
    ],
)
def test_centres_and_axes_turn_alike(frame: PlyFrame, matrix: list[list[int]]) -> None:
    gaussians = golden_gaussians()
    _, table = split(ply_bytes(gaussians, frame=frame))
    turn = np.array(matrix)
    assert np.allclose(table[:, :3], gaussians.xyz.numpy() @ turn.T)
    expected = turn @ rotation_matrices(gaussians.rotation.numpy())
    assert np.allclose(rotation_matrices(table[:, 13:]), expected, atol=1e-6)
    assert (
        np.take_along_axis(table[:, 13:], np.abs(table[:, 13:]).argmax(1)[:, None], 1) > 0
    ).all()
    assert np.allclose(np.linalg.norm(table[:, 13:], axis=1), 1)


def test_opacities_that_round_to_0_or_1_are_written_as_finite_logits() -> None:
    opacity = torch.tensor([[0.0], [1.0]]).repeat(48, 1)
    _, table = split(ply_bytes(replace(golden_gaussians(), opacity=opacity)))
    logits = table[:2, 9]
    assert math.isclose(logits[0], -logits[1])
    assert 16 < logits[1] < 17


@pytest.mark.parametrize("column", ["xyz", "features_dc", "scaling", "rotation", "opacity"])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_broken_numbers_are_refused_and_nothing_is_written(
    column: str, value: float, tmp_path: Path
) -> None:
    gaussians = golden_gaussians()
    broken = getattr(gaussians, column).clone()
    broken[5, 0] = broken[7, 0] = value
    path = tmp_path / "cloud.ply"
    with pytest.raises(ExportError, match=f"{column} holds NaN or infinity in 2 of 96 rows") as e:
        write_ply(path, replace(gaussians, **{column: broken}))
    assert isinstance(e.value, TrellisError)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("scaling", 0.0, "scaling goes down to 0: every scale must be over 0"),
        ("opacity", 1.5, r"opacity runs from 0.*to 1\.5: every opacity must be 0 to 1"),
        ("rotation", 0.0, "rotation holds a quaternion of length 0"),
    ],
)
def test_numbers_that_mean_nothing_are_refused(column: str, value: float, message: str) -> None:
    gaussians = golden_gaussians()
    broken = getattr(gaussians, column).clone()
    broken[5] = value
    with pytest.raises(ExportError, match=message):
        ply_bytes(replace(gaussians, **{column: broken}))


def test_an_empty_cloud_is_refused() -> None:
    empty = {name: getattr(golden_gaussians(), name)[:0] for name in ("xyz", "opacity")}
    with pytest.raises(ExportError, match="there are no Gaussians to write"):
        ply_bytes(replace(golden_gaussians(), **empty))


def test_columns_of_different_lengths_are_refused() -> None:
    short = golden_gaussians().opacity[:5]
    with pytest.raises(ExportError, match=r"opacity has shape \[5, 1\], expected \[96, 1\]"):
        ply_bytes(replace(golden_gaussians(), opacity=short))


def test_an_unknown_frame_is_refused() -> None:
    with pytest.raises(ExportError, match="the frame 'up' is not known: use splat or y-up"):
        ply_bytes(golden_gaussians(), frame="up")  # pyright: ignore[reportArgumentType]


def test_a_file_holds_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "cloud.ply"
    write_ply(path, golden_gaussians())
    assert path.read_bytes() == ply_bytes(golden_gaussians())
    assert list(tmp_path.iterdir()) == [path]
