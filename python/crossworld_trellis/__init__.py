"""Voxel models of crossworld-trellis in Python. Importing this package starts nothing."""

__version__ = "0.1.0"
