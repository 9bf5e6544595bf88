"""Sparse voxel grids: what follows from a list of active voxels, and operators on their features.

`grid` holds the list and its plans (neighbours, pooling, windows), `convolution`, `norm` and
`windows` the operators. Separate from the models because all of them share it. Features are plain
tensors with one row a voxel. Coordinates are TRELLIS's grid axes (x, y, z), z up. Everything is
made of torch operators that exist on CUDA, ROCm, MPS and CPU; some give way to those of `kernels`
where these run.
"""
