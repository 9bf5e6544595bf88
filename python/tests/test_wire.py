"""The `.voxels` format: round trips, the golden file that Rust reads too, and hostile bytes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from crossworld_trellis import voxels as voxels_module
from crossworld_trellis.voxels import SparseVoxels, VoxelsError
from crossworld_trellis.wire import FormatError

GOLDEN = Path(__file__).parents[2] / "tests" / "golden"
METADATA = {"format": "crossworld-voxels", "version": "1", "frame": "y-up", "resolution": "8"}


def pair(*, finish: bool = True) -> SparseVoxels:
    return SparseVoxels(
        8,
        np.array([[0, 0, 0], [7, 3, 1]]),
        np.array([[1, 2, 3, 255], [4, 5, 6, 7]], np.uint8),
        np.array([[8, 9], [10, 11]], np.uint8) if finish else None,
    )


def file(header: Any, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def changed(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The file of `pair()` with another header."""
    whole = pair().to_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    change(header)
    return file(header, whole[8 + length :])


def refusal(data: bytes) -> str:
    with pytest.raises((FormatError, VoxelsError)) as refused:
        SparseVoxels.from_bytes(data)
    message = str(refused.value)
    assert "\n" not in message and len(message) < 300
    return message


@pytest.mark.parametrize("finish", [True, False])
def test_what_is_written_reads_back_equal(finish: bool) -> None:
    assert SparseVoxels.from_bytes(pair(finish=finish).to_bytes()) == pair(finish=finish)


def test_no_voxels_at_all_read_back_equal() -> None:
    empty = SparseVoxels(1024, np.zeros((0, 3), np.uint16), np.zeros((0, 4), np.uint8))
    assert SparseVoxels.from_bytes(empty.to_bytes()) == empty


def test_any_voxels_read_back_equal() -> None:
    rng = np.random.default_rng(4)
    for _ in range(50):
        resolution = int(rng.integers(1, 1025))
        coords = np.unique(rng.integers(0, resolution, (100, 3)), axis=0)
        rgba = rng.integers(0, 256, (len(coords), 4)).astype(np.uint8)
        some = SparseVoxels(resolution, rng.permutation(coords), rgba)
        assert SparseVoxels.from_bytes(some.to_bytes()) == some


def test_the_bytes_are_those_of_the_format_page() -> None:
    header = (
        b'{"__metadata__":{"format":"crossworld-voxels","frame":"y-up","resolution":"8",'
        b'"version":"1"},"coords":{"data_offsets":[0,12],"dtype":"U16","shape":[2,3]},'
        b'"metallic_roughness":{"data_offsets":[12,16],"dtype":"U8","shape":[2,2]},'
        b'"rgba":{"data_offsets":[16,24],"dtype":"U8","shape":[2,4]}}'
    )
    data = bytes([0, 0, 0, 0, 0, 0, 7, 0, 3, 0, 1, 0, 8, 9, 10, 11, 1, 2, 3, 255, 4, 5, 6, 7])
    padded = header + b" " * (-len(header) % 8)
    assert pair().to_bytes() == file(padded, data)


def test_the_safetensors_package_reads_what_is_written(tmp_path: Path) -> None:
    pair().save(tmp_path / "pair.voxels")
    tensors = load_safetensors((tmp_path / "pair.voxels").read_bytes())
    assert tensors.keys() == {"coords", "rgba", "metallic_roughness"}
    assert np.array_equal(tensors["coords"], pair().coords)
    with safetensors.safe_open(tmp_path / "pair.voxels", "np") as opened:
        assert opened.metadata() == METADATA


def test_other_writers_tensors_and_metadata_are_ignored() -> None:
    voxels = pair()
    tensors = {"coords": voxels.coords[::-1].copy(), "rgba": voxels.rgba[::-1].copy()}
    extra = {"normals": np.zeros((2, 3), np.float32)}
    data = save_safetensors(tensors | extra, METADATA | {"backend": "inflate"})
    assert SparseVoxels.from_bytes(data) == pair(finish=False)


@pytest.mark.skipif(not GOLDEN.is_dir(), reason="tests/golden is only in the repository")
def test_the_golden_file_that_rust_reads_holds_its_five_voxels() -> None:
    golden = SparseVoxels.load(GOLDEN / "tiny.voxels")
    assert golden == SparseVoxels(
        8,
        np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [7, 7, 7]]),
        np.array(
            [
                [255, 0, 0, 255],
                [0, 255, 0, 255],
                [0, 0, 255, 255],
                [255, 255, 255, 128],
                [1, 2, 3, 4],
            ],
            np.uint8,
        ),
        np.array([[0, 255], [255, 0], [10, 20], [30, 40], [50, 60]], np.uint8),
    )


def test_a_saved_file_replaces_the_old_one_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.voxels"
    path.write_bytes(b"old")
    pair().save(path)
    assert SparseVoxels.load(path) == pair()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.voxels"]


def test_a_failed_save_keeps_what_was_there_and_leaves_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "folder.voxels").mkdir()
    for name in ("folder.voxels", "missing/a.voxels"):
        with pytest.raises(OSError):
            pair().save(tmp_path / name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.voxels"]


def test_a_file_cut_anywhere_is_refused() -> None:
    whole = pair().to_bytes()
    for length in range(len(whole)):
        refusal(whole[:length])
    refusal(whole + b"\0")


def test_a_damaged_byte_never_raises_anything_else() -> None:
    whole = pair().to_bytes()
    rng = np.random.default_rng(5)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] = int(rng.integers(0, 256))
        try:
            SparseVoxels.from_bytes(bytes(damaged))
        except (FormatError, VoxelsError) as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("claimed", [(1 << 20) + 1, 1 << 40, (1 << 64) - 1])
def test_a_header_that_claims_too_much_is_refused(claimed: int) -> None:
    assert refusal(claimed.to_bytes(8, "little") + b"{}") == (
        f"this is no safetensors file: its header would have {claimed} bytes, "
        "at most 1048576 are allowed"
    )


@pytest.mark.parametrize(
    "header", [b"", b"[]", b"{", b"\xff\xfe", b'{"x":' + b"[" * 200_000, b"1" * 9000]
)
def test_a_header_that_is_no_object_is_refused(header: bytes) -> None:
    assert "the header is no valid safetensors header" in refusal(file(header))


def test_a_tensor_that_claims_more_than_there_is_is_refused() -> None:
    def claim(header: dict[str, Any]) -> None:
        header["rgba"]["shape"][0] = 1 << 40
        header["rgba"]["data_offsets"][1] = 16 + (4 << 40)

    assert "this is no valid safetensors file" in refusal(changed(claim))


@pytest.mark.parametrize("key", sorted(METADATA))
def test_metadata_that_are_missing_or_unknown_are_told_by_name(key: str) -> None:
    assert f"has no '{key}'" in refusal(changed(lambda h: h["__metadata__"].pop(key)))
    for value in ("zz\n\ud800", "", "x" * 100_000):
        wrong = changed(lambda h, value=value: h["__metadata__"].update({key: value}))
        assert f"the metadata says {key} = " in refusal(wrong)
    for value in (None, 8, [[[]]]):
        wrong = changed(lambda h, value=value: h["__metadata__"].update({key: value}))
        assert f"the metadata entry '{key}' is no text" in refusal(wrong)


def test_a_safetensors_file_of_something_else_is_told_by_its_missing_format() -> None:
    weights = save_safetensors({"weights": np.zeros(3, np.float32)})
    assert refusal(weights) == "the metadata has no 'format': it should be 'crossworld-voxels'"
    assert "has no 'format'" in refusal(changed(lambda h: h.update(__metadata__=[1, 2])))


@pytest.mark.parametrize("value", ["+8", "8.0", "-1", "٨", " 8", "9" * 5000])
def test_a_resolution_that_is_no_plain_number_is_refused(value: str) -> None:
    data = changed(lambda h: h["__metadata__"].update(resolution=value))
    assert "this reader knows 'a number from 1 to 1024' only" in refusal(data)


def test_a_resolution_out_of_range_is_refused() -> None:
    for value in ("0", "1025", "4294967295"):
        data = changed(lambda h, value=value: h["__metadata__"].update(resolution=value))
        assert refusal(data) == f"resolution {value} is out of range: use 1 to 1024"


def test_missing_tensors_and_tensors_of_another_type_are_told_by_name() -> None:
    voxels = pair()
    coords, rgba = voxels.coords.copy(), voxels.rgba.copy()
    metadata = METADATA
    assert refusal(save_safetensors({"rgba": rgba}, metadata)) == (
        "the tensor 'coords' is missing: it should be U16 of shape [N, 3]"
    )
    assert refusal(save_safetensors({"coords": coords}, metadata)) == (
        "the tensor 'rgba' is missing: it should be U8 of shape [N, 4]"
    )
    wide = {"coords": coords.astype(np.int32), "rgba": rgba}
    assert refusal(save_safetensors(wide, metadata)) == (
        "the tensor 'coords' is I32 of shape [2, 3], it should be U16 of shape [N, 3]"
    )
    flat = {"coords": coords, "rgba": rgba.reshape(-1)}
    assert refusal(save_safetensors(flat, metadata)) == (
        "the tensor 'rgba' is U8 of shape [8], it should be U8 of shape [N, 4]"
    )


def test_voxels_that_break_the_grid_are_refused_as_on_construction() -> None:
    tensors = {"coords": np.full((2, 3), 8, np.uint16), "rgba": np.zeros((2, 4), np.uint8)}
    assert refusal(save_safetensors(tensors, METADATA)) == (
        "voxel 0 at [8, 8, 8] lies outside a grid of resolution 8"
    )


def test_a_file_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voxels_module, "MAX_FILE_BYTES", 100)
    pair().save(tmp_path / "pair.voxels")
    with pytest.raises(FormatError, match="nothing that large is read"):
        SparseVoxels.load(tmp_path / "pair.voxels")
