"""How tests compare meshes: vertices by position, triangles up to the corner they begin with."""

from collections import Counter

import torch
from torch import Tensor

from crossworld_trellis.mesh import Mesh


def match_vertices(mesh: Mesh, vertices: Tensor) -> Tensor:
    """For each vertex of the mesh the nearest of the expected ones; fails unless one to one."""
    assert mesh.vertices.shape == vertices.shape
    distance = torch.cdist(mesh.vertices.double(), vertices.double())
    match = distance.argmin(dim=1)
    assert len(match.unique()) == len(vertices), "two vertices lie nearest to the same one"
    return match


def triangles(faces: Tensor) -> Counter[tuple[int, ...]]:
    """The triangles, each beginning with its smallest corner."""
    turned: list[tuple[int, ...]] = []
    for face in faces.tolist():
        start = face.index(min(face))
        turned.append((*face[start:], *face[:start]))
    return Counter(turned)


def attributes(mesh: Mesh) -> Tensor:
    """[V,6] as in golden data: colour, then the normal as 0 to 1."""
    return torch.cat([mesh.colors, (mesh.normals + 1) / 2], dim=1)


def open_edges(faces: Tensor) -> int:
    """How many directed edges have no partner in the other direction: 0 for a closed surface."""
    edges = Counter((face[i], face[(i + 1) % 3]) for face in faces.tolist() for i in range(3))
    return sum(abs(count - edges[b, a]) for (a, b), count in edges.items())
