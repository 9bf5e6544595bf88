"""`Gaussians`: the cloud of 3D Gaussians that a decoder emits for one sample.

Kerbl et al. 2023. Frame: the object's, the cube [-0.5, 0.5]^3, right-handed, z up. Plain data; how
it becomes a file is in `export`, how it becomes voxels in `voxelize`.
"""

from dataclasses import dataclass

from torch import Tensor

SH_DEGREE_0 = 0.28209479177387814
"""The constant spherical harmonic: half the square root of 1/pi."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Gaussians:
    """Gaussians of one sample, all float32, those of a voxel one after the other."""

    xyz: Tensor
    """[N,3] centres."""
    features_dc: Tensor
    """[N,3] coefficients of the constant spherical harmonic, which make the colour."""
    scaling: Tensor
    """[N,3] standard deviations along the Gaussian's own axes, smoothing included."""
    rotation: Tensor
    """[N,4] unit quaternions (w, x, y, z) from the Gaussian's axes to the object's."""
    opacity: Tensor
    """[N,1] 0 to 1."""
    per_cell: int
    """Gaussian n·per_cell + g belongs to row n of the voxel list."""

    def __len__(self) -> int:
        """Number of Gaussians."""
        return len(self.xyz)

    def rgb(self) -> Tensor:
        """[N,3] sRGB colours, 0 to 1 for the most part: not clamped."""
        return 0.5 + SH_DEGREE_0 * self.features_dc
