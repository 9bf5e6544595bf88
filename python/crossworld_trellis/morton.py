"""Morton order (Z-order): the order in which an octree visits its cells.

A code interleaves the bits of a coordinate, x lowest, then y, then z: octant x + 2y + 4z on every
level. Sorting by code is therefore a depth-first walk of the octree, and every aligned cube of edge
2^k is one run of it. The same codes as `src/voxel/morton.rs`; works on whole arrays.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

# (shift, mask) of each doubling of the gaps between ten bits.
_STEPS = ((16, 0x0300_00FF), (8, 0x0300_F00F), (4, 0x030C_30C3), (2, 0x0924_9249))


def encode(coords: NDArray[np.integer[Any]]) -> NDArray[np.uint32]:
    """Morton code of each cell.

    `coords` are [N,3] cells (x, y, z) below 1024; higher bits are dropped.
    """
    bits = coords.astype(np.uint32) & 0x3FF
    for shift, mask in _STEPS:
        bits = (bits | (bits << shift)) & mask
    codes = bits[:, 0] | (bits[:, 1] << 1) | (bits[:, 2] << 2)  # [N,3]→[N]
    return codes.astype(np.uint32, copy=False)


def decode(codes: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.uint16]:
    """Cell (x, y, z) of each Morton code below 2^30, the inverse of `encode`: [N]→[N,3]."""
    wide = codes.astype(np.uint32)
    bits = np.stack([wide, wide >> 1, wide >> 2], axis=-1) & 0x0924_9249
    for shift, mask in ((2, 0x030C_30C3), (4, 0x0300_F00F), (8, 0x0300_00FF), (16, 0x3FF)):
        bits = (bits | (bits >> shift)) & mask
    return bits.astype(np.uint16)
