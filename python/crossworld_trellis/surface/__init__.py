"""Surfaces of both generations in torch operators.

From sparse cubes, FlexiCubes: `cubes` is the input, `cases` the table of how a surface crosses a
cube, `fields` merges the cubes' numbers on the vertices of their grid, `extraction` makes the mesh.
From voxels with crossed edges: `dual_grid` finds the quads, `orientation` their outside.
"""

from .cubes import CHANNELS, Cubes
from .extraction import extract

__all__ = ["CHANNELS", "Cubes", "extract"]
