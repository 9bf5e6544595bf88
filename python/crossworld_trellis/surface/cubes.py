"""`Cubes`: what the mesh decoder says about the cubes around a surface.

The input of the surface extraction and of voxels from the mesh decoder. Cube coordinates count from
the minimum corner of the grid, axes as in the object frame (z up). Each cube has 101 raw numbers;
corners and edges are numbered as in `cases`.
"""

from dataclasses import dataclass

from torch import Tensor

CHANNELS = 101
"""Numbers of a cube."""

SDF = slice(0, 8)
"""Signed distance of each corner, negative inside; the bias is not added yet."""
DEFORM = slice(8, 32)
"""Shift of each corner, 8 x 3, before tanh."""
BETA = slice(32, 44)
"""Weight of each edge in its dual vertex, before the activation."""
ALPHA = slice(44, 52)
"""Weight of each corner's distance in its crossings, before the activation."""
GAMMA = slice(52, 53)
"""Weight that chooses how a quad is split, before the activation."""
COLOR = slice(53, 101)
"""Colour and normal of each corner, 8 x 6, before the logistic function."""

MAX_RESOLUTION = 1024
"""Most cubes an axis may have."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Cubes:
    """The active cubes of one sample.

    Raises `ValueError` when shapes contradict each other or the resolution is not 1 to 1024. Cubes
    listed twice or outside the grid are found where they are used.
    """

    coords: Tensor
    """[M,3] int32 cubes (x, y, z), each once, in any order."""
    feats: Tensor
    """[M,101] float32."""
    resolution: int
    """Cubes per axis of the grid."""

    def __post_init__(self) -> None:
        if not 1 <= self.resolution <= MAX_RESOLUTION:
            raise ValueError(f"resolution must be 1 to {MAX_RESOLUTION}, got {self.resolution}")
        if self.coords.ndim != 2 or self.coords.shape[1] != 3:
            raise ValueError(f"coords must be of shape [M, 3], got {list(self.coords.shape)}")
        expected = [len(self.coords), CHANNELS]
        if list(self.feats.shape) != expected:
            raise ValueError(f"feats must be of shape {expected}, got {list(self.feats.shape)}")
