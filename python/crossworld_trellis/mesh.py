"""`Mesh`: a coloured triangle mesh of one sample.

What the surface extraction yields and `export.glb` writes. Object frame: the cube [-1/2, 1/2]^3,
right-handed, z up; triangles are counter-clockwise seen from outside.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False, kw_only=True)
class Mesh:
    """Vertices with colours and triangles between them. May be empty."""

    vertices: Tensor
    """[V,3] float32 positions."""
    faces: Tensor
    """[F,3] int32 corners of each triangle."""
    colors: Tensor
    """[V,3] float32 in 0 to 1, as displayed (sRGB-like)."""
    normals: Tensor
    """[V,3] float32 as the network predicted them: about unit length, -1 to 1 on each axis."""

    def geometric_normals(self) -> Tensor:
        """[V,3] unit normals of the triangles around each vertex, weighted by their areas.

        Where the triangles of a vertex cancel out or there are none, the predicted direction; where
        that is zero as well, up.
        """
        corners = self.vertices[self.faces.long()]  # [F,3,3]
        # Twice the area times the unit normal: the weighting comes for nothing.
        spanned = torch.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0], dim=1)
        total = torch.zeros_like(self.vertices)
        for corner in range(3):
            total.index_add_(0, self.faces[:, corner].long(), spanned)
        up = torch.tensor([0.0, 0.0, 1.0], device=total.device).expand_as(total)
        return unit(total, unit(self.normals, up))


def unit(vectors: Tensor, fallback: Tensor) -> Tensor:
    """[V,3] vectors at length 1; the fallback where one is too short to have a direction."""
    # Scaled first: squares of areas of tiny triangles would leave float32.
    largest = vectors.abs().amax(dim=1, keepdim=True)
    usable = torch.isfinite(largest) & (largest > 1e-30)
    scaled = torch.where(usable, vectors / largest, 1.0)
    length = scaled.square().sum(dim=1, keepdim=True).sqrt()
    return torch.where(usable, scaled / length, fallback)
