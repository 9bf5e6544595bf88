"""Results as files: Gaussians as .ply, radiance fields as .npy or .npz, O-voxels as .npz, meshes
as .glb.

One file a format, each with a function that gives the bytes and one that writes them. Every file is
written whole or not at all (`atomic`). Voxels write themselves: see `voxels`.
"""
