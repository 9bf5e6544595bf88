"""Surfaces from sparse cubes: FlexiCubes in torch operators.

`cubes` is the input, `cases` the table of how a surface crosses a cube, `fields` merges the cubes'
numbers on the vertices of their grid, `extraction` makes the mesh.
"""

from .cubes import CHANNELS, Cubes
from .extraction import extract

__all__ = ["CHANNELS", "Cubes", "extract"]
