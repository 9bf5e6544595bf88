"""`MaterialMesh`: the mesh of TRELLIS.2's voxels, with a material in each vertex.

What `OVoxels.mesh` yields and `export.glb` writes. Object frame: the cube [-1/2, 1/2]^3,
right-handed, z up. Holes that the model leaves stay open and nothing is simplified or remeshed:
triangles are as fine as voxels.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .mesh import unit
from .surface.dual_grid import Quads
from .surface.orientation import quad_areas


@dataclass(frozen=True, eq=False, kw_only=True)
class MaterialMesh:
    """Vertices with materials and quads between them. May have none."""

    vertices: Tensor
    """[V,3] float32 positions, one for each voxel, also for those that no quad uses."""
    quads: Quads
    """Between the vertices."""
    turned: Tensor
    """[Q] bool: the quads that are counter-clockwise from outside only when one goes round
    backwards."""
    materials: Tensor
    """[V,6] float32: red, green, blue as displayed (sRGB-like), metallic, roughness, alpha;
    nominally 0 to 1, not cut off."""

    def cpu(self) -> "MaterialMesh":
        """The same mesh in the host's memory."""
        quads = self.quads
        return replace(
            self,
            vertices=self.vertices.cpu(),
            quads=replace(
                quads, corners=quads.corners.cpu(), axis=quads.axis.cpu(), cut=quads.cut.cpu()
            ),
            turned=self.turned.cpu(),
            materials=self.materials.cpu(),
        )

    @property
    def faces(self) -> Tensor:
        """[2Q,3] int32 corners of the triangles, two for each quad, counter-clockwise from
        outside."""
        return triangles(self.quads.corners, self.quads.cut, self.turned)

    def geometric_normals(self) -> Tensor:
        """[V,3] unit normals of the quads around each vertex, weighted by their areas; up where
        there are none or where they cancel out."""
        areas = quad_areas(self.vertices, self.quads)
        areas = torch.where(self.turned[:, None], -areas, areas)
        total = torch.zeros_like(self.vertices)
        for corner in self.quads.corners.unbind(dim=1):
            total.index_add_(0, corner.long(), areas)
        up = torch.tensor([0.0, 0.0, 1.0], device=total.device).expand_as(total)
        return unit(total, up)


def triangles(corners: Tensor, cut: Tensor, turned: Tensor) -> Tensor:
    """[Q,4] corners, [Q] whether cut from 0 to 2 and [Q] whether turned → [2Q,3] triangles."""
    orders = torch.tensor(
        [[[0, 1, 3, 3, 1, 2], [0, 3, 1, 3, 2, 1]], [[0, 1, 2, 0, 2, 3], [0, 2, 1, 0, 3, 2]]],
        device=corners.device,
    )
    return corners.gather(1, orders[cut.long(), turned.long()]).reshape(-1, 3)  # [Q,6]→[2Q,3]
