"""Radiance fields as .npy and .npz, and the atomic writing that all files share."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from crossworld_trellis.export.atomic import write_atomically
from crossworld_trellis.export.columns import ExportError
from crossworld_trellis.export.npy import radiance_field_bytes, write_radiance_field
from crossworld_trellis.radiance_field import RadianceField

NAMES = ["position", "trivec", "density", "features_dc", "depth"]


def field(count: int = 3) -> RadianceField:
    generator = torch.Generator().manual_seed(0)
    return RadianceField(
        position=torch.rand(count, 3, generator=generator),
        trivec=torch.randn(count, 4, 3, 2, generator=generator),
        density=torch.randn(count, 4, generator=generator),
        features_dc=torch.randn(count, 4, 3, generator=generator),
        depth=torch.full((count, 1), 6, dtype=torch.uint8),
    )


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".NPZ"])
def test_numpy_reads_every_tensor_back(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"field{suffix}"
    write_radiance_field(path, field())
    loaded = np.load(path, allow_pickle=False)
    for name in NAMES:
        expected = getattr(field(), name).numpy()
        assert np.array_equal(loaded[name], expected), name
        assert loaded[name].dtype == expected.dtype
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("format", ["npy", "npz"])
def test_equal_fields_give_equal_bytes(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = radiance_field_bytes(field(), format=format)  # pyright: ignore[reportArgumentType]
    monkeypatch.setattr("time.time", lambda: 2e9)
    second = radiance_field_bytes(field(), format=format)  # pyright: ignore[reportArgumentType]
    assert first == second


@pytest.mark.parametrize("column", NAMES[:-1])
def test_broken_numbers_are_refused_and_nothing_is_written(column: str, tmp_path: Path) -> None:
    broken = getattr(field(), column).clone()
    broken[1] = torch.nan
    with pytest.raises(ExportError, match=f"{column} holds NaN or infinity in 1 of 3 rows"):
        write_radiance_field(tmp_path / "field.npz", replace(field(), **{column: broken}))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_field_is_refused() -> None:
    with pytest.raises(ExportError, match="there are no voxels in the radiance field"):
        radiance_field_bytes(field(0), format="npz")


@pytest.mark.parametrize("name", ["field.txt", "field"])
def test_another_ending_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"ends in \.npy or \.npz, not in '(\.txt)?'"):
        write_radiance_field(tmp_path / name, field())
    assert list(tmp_path.iterdir()) == []


def test_writing_replaces_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_disk_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_told_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="missing"):
        write_atomically(tmp_path / "missing" / "file", b"new")
    assert list(tmp_path.iterdir()) == []
