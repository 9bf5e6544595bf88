"""A reader of .glb files that knows nothing but the specification."""

import io
import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

COMPONENTS = {5126: np.dtype("<f4"), 5125: np.dtype("<u4"), 5123: np.dtype("<u2")}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}


@dataclass(frozen=True)
class File:
    """A .glb taken apart by the rules of the specification alone."""

    document: dict[str, Any]
    binary: bytes

    @classmethod
    def parse(cls, data: bytes) -> "File":
        magic, version, length = struct.unpack_from("<4sII", data)
        assert (magic, version, length) == (b"glTF", 2, len(data))
        chunks: list[tuple[bytes, bytes]] = []
        at = 12
        while at < len(data):
            size, kind = struct.unpack_from("<I4s", data, at)
            assert size % 4 == 0
            chunks.append((kind, data[at + 8 : at + 8 + size]))
            at += 8 + size
        assert at == len(data)
        (text_kind, text), (binary_kind, binary) = chunks
        assert (text_kind, binary_kind) == (b"JSON", b"BIN\0")
        return cls(json.loads(text), binary)

    def accessor(self, index: int) -> NDArray[Any]:
        accessor = self.document["accessors"][index]
        view = self.document["bufferViews"][accessor["bufferView"]]
        kind, width = COMPONENTS[accessor["componentType"]], WIDTHS[accessor["type"]]
        size = kind.itemsize * width
        assert view["byteOffset"] % 4 == 0 and size % 4 == 0
        assert view["byteLength"] == accessor["count"] * size
        data = self.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        column = np.frombuffer(data, kind)
        return column if width == 1 else column.reshape(-1, width)

    def picture(self, texture: int) -> NDArray[np.uint8]:
        """The pixels [H,W,n] of a texture's picture, which lies in the file."""
        image = self.document["images"][self.document["textures"][texture]["source"]]
        view = self.document["bufferViews"][image["bufferView"]]
        assert image["mimeType"] == "image/png"
        data = self.binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        return np.asarray(Image.open(io.BytesIO(data), formats=["PNG"]))

    @property
    def primitives(self) -> list[dict[str, Any]]:
        return self.document["meshes"][0]["primitives"]

    @property
    def primitive(self) -> dict[str, Any]:
        return self.primitives[0]

    def attribute(self, name: str, primitive: int = 0) -> NDArray[Any]:
        return self.accessor(self.primitives[primitive]["attributes"][name])

    def faces(self, primitive: int = 0) -> NDArray[Any]:
        return self.accessor(self.primitives[primitive]["indices"]).reshape(-1, 3)
