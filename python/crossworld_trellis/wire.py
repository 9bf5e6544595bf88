"""The bytes of the `.voxels` format: how voxels lie in files and travel between Python and Rust.

A safetensors file (https://huggingface.co/docs/safetensors) with the tensors `coords` (U16, [N,3]),
`metallic_roughness` (U8, [N,2], optional) and `rgba` (U8, [N,4]), and the text metadata `format`,
`version`, `frame` and `resolution`. The same rules as `src/format/voxels.rs`. What the numbers mean
and whether they make a grid is not checked here but in `voxels`.
"""

import json
from typing import Any, cast

import numpy as np
import safetensors
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]
"""The tensors of a file by name."""

# Metadata that every file has, besides the resolution.
_IDENTITY = {"format": "crossworld-voxels", "version": "1", "frame": "y-up"}

# Every tensor of the format, in file order: its type in the file, the same for numpy, its columns.
_TENSORS = {
    "coords": ("U16", "<u2", 3),
    "metallic_roughness": ("U8", "u1", 2),
    "rgba": ("U8", "u1", 4),
}

_OPTIONAL = "metallic_roughness"

# Most bytes a header may have: ours have a few hundred, the rest is room for others' metadata.
_MAX_HEADER_BYTES = 1 << 20


class FormatError(ValueError):
    """Bytes that are no `.voxels` file."""


def encode(resolution: int, columns: Columns) -> bytes:
    """The file of some columns. Deterministic, and byte for byte what Rust writes."""
    # Not written by the safetensors package: there the metadata come in random order.
    header: dict[str, Any] = {"__metadata__": {**_IDENTITY, "resolution": str(resolution)}}
    parts: list[bytes] = []
    end = 0
    for name, (kind, dtype, _) in _TENSORS.items():
        if name in columns:
            column = columns[name]
            parts.append(column.astype(dtype).tobytes())
            start, end = end, end + len(parts[-1])
            shape = list(column.shape)
            header[name] = {"dtype": kind, "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(header, separators=(",", ":"), sort_keys=True).encode()
    text += b" " * (-len(text) % 8)  # aligns the tensors
    return b"".join([len(text).to_bytes(8, "little"), text, *parts])


def decode(data: bytes) -> tuple[int, Columns]:
    """Resolution and columns of a file; metadata and tensors of others are ignored.

    Raises `FormatError` when the bytes are no such file.
    """
    # The metadata come first: a file of another version may have any tensors.
    resolution = _resolution(_header(data).get("__metadata__"))
    try:
        # The package has no types.
        tensors: dict[str, Any] = dict(cast(Any, safetensors).deserialize(data))
    except safetensors.SafetensorError as error:
        raise FormatError(f"this is no valid safetensors file: {error}") from error
    return resolution, {
        name: _column(name, tensors) for name in _TENSORS if name in tensors or name != _OPTIONAL
    }


def _header(data: bytes) -> dict[str, object]:
    """The header of a safetensors file; the safetensors package shows metadata only for paths."""
    if len(data) < 8:
        raise _cut("length field", 8, len(data))
    length = int.from_bytes(data[:8], "little")
    if length > _MAX_HEADER_BYTES:
        raise FormatError(
            f"this is no safetensors file: its header would have {length} bytes, "
            f"at most {_MAX_HEADER_BYTES} are allowed"
        )
    text = data[8 : 8 + length]
    if len(text) < length:
        raise _cut("header", length, len(text))
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"the header is no valid safetensors header: {error}") from error
    if not isinstance(header, dict):
        raise FormatError("the header is no valid safetensors header: it is no JSON object")
    return cast(dict[str, object], header)


def _cut(part: str, expected: int, got: int) -> FormatError:
    return FormatError(
        f"the {part} should have {expected} bytes, but {got} are there: copy or make the file again"
    )


def _resolution(metadata: object) -> int:
    """The resolution that the metadata tell, when format, version and frame are the known ones."""
    entries = cast(dict[str, object], metadata) if isinstance(metadata, dict) else {}
    for key, expected in _IDENTITY.items():
        got = _entry(entries, key, expected)
        if got != expected:
            raise _unknown(key, got, expected)
    expected = "a number from 1 to 1024"
    got = _entry(entries, "resolution", expected)
    # The grid judges the range; ten digits are enough for that.
    if not (got.isascii() and got.isdecimal() and len(got) <= 10):
        raise _unknown("resolution", got, expected)
    return int(got)


def _entry(entries: dict[str, object], key: str, expected: str) -> str:
    if key not in entries:
        raise FormatError(f"the metadata has no '{key}': it should be '{expected}'")
    entry = entries[key]
    if not isinstance(entry, str):
        raise FormatError(f"the metadata entry '{key}' is no text: it should be '{expected}'")
    return entry


def _unknown(key: str, got: str, expected: str) -> FormatError:
    # As JSON the value stays on one line; cut to a readable length.
    shown = json.dumps(got[:40])
    return FormatError(f"the metadata says {key} = {shown}, this reader knows '{expected}' only")


def _column(name: str, tensors: dict[str, Any]) -> NDArray[Any]:
    kind, dtype, width = _TENSORS[name]
    expected = f"{kind} of shape [N, {width}]"
    if name not in tensors:
        raise FormatError(f"the tensor '{name}' is missing: it should be {expected}")
    tensor = tensors[name]
    shape: list[int] = tensor["shape"]
    if tensor["dtype"] != kind or len(shape) != 2 or shape[1] != width:
        got = f"{tensor['dtype']} of shape {shape}"
        raise FormatError(f"the tensor '{name}' is {got:.80}, it should be {expected}")
    return np.reshape(np.frombuffer(tensor["data"], dtype), (-1, width))
