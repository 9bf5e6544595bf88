"""Writes `tiny.voxels`, or checks that a file holds the same voxels. Needs only Python itself.

    python3 make_golden.py                 writes tiny.voxels beside this script
    python3 make_golden.py --check FILE    exits with 1 and a message unless FILE holds these voxels

Written apart from the Rust reader and writer, from the format's description alone, so that both can be wrong only
separately.
"""

import json
import struct
import sys
from pathlib import Path

RESOLUTION = 8
VOXELS = [  # cell, RGBA, metallic and roughness; the cells in Morton order
    ((0, 0, 0), (255, 0, 0, 255), (0, 255)),
    ((1, 0, 0), (0, 255, 0, 255), (255, 0)),
    ((0, 1, 0), (0, 0, 255, 255), (10, 20)),
    ((0, 0, 1), (255, 255, 255, 128), (30, 40)),
    ((7, 7, 7), (1, 2, 3, 4), (50, 60)),
]
METADATA = {
    "format": "crossworld-voxels",
    "version": "1",
    "resolution": str(RESOLUTION),
    "frame": "y-up",
}


def write(path: Path) -> None:
    count = len(VOXELS)
    coords = b"".join(struct.pack("<3H", *cell) for cell, _, _ in VOXELS)
    rgba = b"".join(bytes(color) for _, color, _ in VOXELS)
    finish = b"".join(bytes(pair) for _, _, pair in VOXELS)
    header, data = {"__metadata__": METADATA | {"generator": Path(__file__).name}}, b""
    for name, dtype, width, part in [
        ("coords", "U16", 3, coords),
        ("rgba", "U8", 4, rgba),
        ("metallic_roughness", "U8", 2, finish),
    ]:
        offsets = [len(data), len(data) + len(part)]
        header[name] = {"dtype": dtype, "shape": [count, width], "data_offsets": offsets}
        data += part
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path: Path) -> list[tuple]:
    raw = path.read_bytes()
    (length,) = struct.unpack_from("<Q", raw)
    header, data = json.loads(raw[8 : 8 + length]), raw[8 + length :]
    metadata = header.pop("__metadata__")
    assert METADATA.items() <= metadata.items(), f"metadata {metadata}"
    columns = []
    for name, dtype, code, width in [
        ("coords", "U16", "H", 3),
        ("rgba", "U8", "B", 4),
        ("metallic_roughness", "U8", "B", 2),
    ]:
        tensor = header[name]
        start, end = tensor["data_offsets"]
        assert tensor["dtype"] == dtype, f"{name} is {tensor['dtype']}"
        assert tensor["shape"] == [len(VOXELS), width], f"{name} has shape {tensor['shape']}"
        columns.append(list(struct.iter_unpack(f"<{width}{code}", data[start:end])))
    return list(zip(*columns, strict=True))


if __name__ == "__main__":
    match sys.argv[1:]:
        case []:
            write(Path(__file__).with_name("tiny.voxels"))
        case ["--check", file]:
            found = read(Path(file))
            assert found == VOXELS, f"{file} holds {found}"
        case _:
            sys.exit(__doc__)
