"""Where the quads of a flexible dual grid lie in a texture with a texel for each corner.

A quad covers the square between the middles of four texels, so that a texture with linear filtering
shows between four voxels exactly what interpolation says, and never a texel of anything else. Quads
in a row share their texels: neighbours across sides of the same kind make a strip, two texels high.
Strips follow each other on one long line, which is folded into tiles. What is near in the object is
near in a tile, so that even a reader that shrinks the texture mixes what belongs together.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import morton
from .columns import ExportError

TILE = 32
"""Edge of a tile in texels."""

MAX_EDGE = 16384
"""Most texels an edge of the texture may have: what graphics cards take."""

# Quads of a strip. Longer ones save hardly a texel, but reach far away.
_MAX_STRIP = 16

Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False, kw_only=True)
class Atlas:
    """A texture's T texels in use, each of which is a vertex of the textured mesh."""

    width: int
    height: int
    voxel: NDArray[np.int64]
    """[T] the voxel that a texel shows."""
    corners: NDArray[np.int64]
    """[Q,4] the texels at the corners of each quad."""

    def places(self) -> NDArray[np.int64]:
        """[T,2] column and row of each texel, from the texture's upper left."""
        slot, row = np.divmod(np.arange(len(self.voxel)), 2)
        segment, x = np.divmod(slot, TILE)
        tile, fold = np.divmod(segment, TILE // 2)
        down, right = np.divmod(tile, self.width // TILE)
        return np.stack([right * TILE + x, down * TILE + 2 * fold + row], axis=1)


def lay_out(quads: Ints, axis: Ints, vertices: NDArray[np.float32]) -> Atlas:
    """Places quads [Q,4] between vertices [V,3] in [-1/2, 1/2], one or more.

    Corners are in the order of `dual_grid.RINGS` of their axis [Q].

    Raises `ExportError` where no texture is large enough.
    """
    following, forward = _following(quads.astype(np.int64), axis.astype(np.int64), len(vertices))
    head, rank = _strips(following)
    heads = np.flatnonzero(rank == 0)
    cells = np.floor((vertices[quads[heads, 0]] + 0.5) * 1024).clip(0, 1023).astype(np.int64)
    heads = heads[np.argsort(morton.encode(cells), kind="stable")]
    # A strip has one column more than quads.
    lengths = np.bincount(head, minlength=len(quads))[heads] + 1
    start = np.zeros(len(quads), np.int64)
    start[heads] = np.cumsum(lengths) - lengths
    column = start[head] + rank
    # The line is folded so that a segment ends with the column that the next one begins with.
    segment, x = np.divmod(column, TILE - 1)
    near = 2 * (segment * TILE + x)
    far = near + 2
    # Corners 0 and 2 face each other; a strip goes on from 0 to 1, or from 0 to 3.
    corners = np.stack(
        [near, np.where(forward, far, near + 1), far + 1, np.where(forward, near + 1, far)],
        axis=1,
    )
    voxel = _voxels(corners, quads)
    width, height = _size(len(voxel))
    return Atlas(width=width, height=height, voxel=voxel, corners=corners)


def _following(quads: Ints, axis: Ints, voxels: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """[Q] the next quad of each one's strip, -1 at its end; and whether it lies beyond corner 1
    (else 3). Every quad goes the way in which more of them lie in a row."""
    table = np.full(3 * voxels, -1, np.int64)
    table[axis * voxels + quads[:, 0]] = np.arange(len(quads))
    beyond = [table[axis * voxels + quads[:, corner]] for corner in (1, 3)]
    heads = [_followed(_reversed(each))[0] for each in beyond]
    lengths = [np.bincount(head, minlength=len(quads))[head] for head in heads]
    forward = lengths[0] >= lengths[1]
    following = np.where(forward, *beyond)
    # The next one may go the other way.
    return np.where(forward[following] == forward, following, -1), forward


def _strips(following: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[Q] the first quad of each one's strip, and how many come before it there."""
    before = _reversed(following)
    _, rank = _followed(before)
    rank %= _MAX_STRIP
    return _followed(np.where(rank == 0, np.arange(len(following)), before))


def _reversed(following: NDArray[np.int64]) -> NDArray[np.int64]:
    """Links to the next one, -1 where there is none → to the one before, itself where there is
    none."""
    before = np.arange(len(following))
    linked = np.flatnonzero(following >= 0)
    before[following[linked]] = linked
    return before


def _followed(before: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Links to the one before, followed to the first, which links to itself; and how many."""
    steps = (before != np.arange(len(before))).astype(np.int64)
    # Each round follows twice as many links as the one before.
    while not np.array_equal(further := before[before], before):
        steps += steps[before]
        before = further
    return before, steps


def _voxels(corners: NDArray[np.int64], quads: Ints) -> NDArray[np.int64]:
    """[T] the voxel that each texel shows, also those that a fold leaves to no quad."""
    slots = int(corners.max()) // 2 + 1
    voxel = np.full((slots, 2), -1, np.int64)
    voxel[corners // 2, corners % 2] = quads
    # A column at a fold is there twice, even where quads are on one side of it only.
    first, last = voxel[TILE::TILE], voxel[TILE - 1 : -1 : TILE]
    first[:], last[:] = np.where(first < 0, last, first), np.where(last < 0, first, last)
    return voxel.ravel()


def _size(texels: int) -> tuple[int, int]:
    """Width and height of a texture: powers of two, which no viewer resizes, about equal."""
    tiles = -(-texels // (TILE * TILE))
    doublings = (tiles - 1).bit_length()
    width, height = TILE << -(-doublings // 2), TILE << doublings // 2
    if width > MAX_EDGE:
        raise ExportError(
            f"a texture of {width}x{height} texels would be needed, but graphics cards take "
            f"{MAX_EDGE} an edge: use a coarser pipeline type"
        )
    return width, height
