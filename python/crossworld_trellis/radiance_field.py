"""`RadianceField`: the factored radiance field that a decoder emits for one sample.

Gao et al. 2023 ("Strivec"): inside a voxel's cube, the density of factor r is the product over the
three axes of a linear interpolation of `trivec[r, axis]`, weighted with `density[r]`; colours are
weighted alike. Frame: the unit cube [0, 1]^3, the object's frame moved by a half, z up. Plain data;
nothing here renders it.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class RadianceField:
    """The voxels of one sample, in the order of its voxel list; floats are float32."""

    position: Tensor
    """[N,3] centres of the voxels, 0 to 1."""
    trivec: Tensor
    """[N,r,3,D] samples along each axis of each factor."""
    density: Tensor
    """[N,r] weight of each factor, not activated."""
    features_dc: Tensor
    """[N,r,3] colour coefficients of each factor (constant spherical harmonic)."""
    depth: Tensor
    """[N,1] uint8 level of the voxel in an octree: the cube's edge is 2^-depth."""

    def __len__(self) -> int:
        """Number of voxels."""
        return len(self.position)
