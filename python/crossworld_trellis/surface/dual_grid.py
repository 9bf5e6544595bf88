"""The flexible dual grid: from voxels that a surface passes through to quads between them.

Every voxel has one vertex. Around every grid edge that the surface crosses lie four voxels, whose
vertices make a quad; where one of the four is not there, there is no quad and the surface has a
border. The flags carry no sign: which side of a quad is outside is found in `orientation`. Torch
operators alone, on any device. Memory grows with the voxels alone, however fine their grid is.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

RINGS = (
    ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0)),
    ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)),
    ((0, 0, 0), (0, 1, 0), (1, 1, 0), (1, 0, 0)),
)
"""For a crossed edge along x, y, z: the four voxels around it, as steps from the one that has the
flag, going round. The edge lies at the upper corner of that voxel's two other coordinates."""

# Edges looked up at once: 24 MiB of keys.
_LOOKUP_ROWS = 1 << 20


@dataclass(frozen=True, eq=False, kw_only=True)
class Quads:
    """Quads between voxels, in the order of the voxels whose flags made them, then x, y, z."""

    corners: Tensor
    """[Q,4] int32 voxels (rows) at the corners, in the order of `RINGS`."""
    axis: Tensor
    """[Q] int64 axis of the crossed edge: 0, 1, 2."""
    cut: Tensor
    """[Q] bool: cut into triangles from corner 0 to 2; else from 1 to 3."""

    def __len__(self) -> int:
        """Number of quads."""
        return len(self.corners)


def find_quads(coords: Tensor, *, crossed: Tensor, weight: Tensor, resolution: int) -> Quads:
    """The quads of voxels [N,3] of a grid, of flags [N,3] of their edges along x, y, z and of the
    weights [N,1] with which quads are cut.

    Raises `ValueError` for a voxel outside the grid or listed twice.
    """
    keys, stride = _keys(coords, resolution)
    ordered, rows = keys.sort()
    if (ordered[1:] == ordered[:-1]).any():
        raise ValueError("a voxel is listed twice: each has one row")
    rings = torch.tensor(
        [[(x * stride + y) * stride + z for x, y, z in ring[1:]] for ring in RINGS],
        device=coords.device,
    )
    corners = [torch.zeros(0, 4, dtype=torch.int32, device=coords.device)]
    axes = [torch.zeros(0, dtype=torch.int64, device=coords.device)]
    edges = crossed.nonzero()  # [E,2] in the order of the quads
    for start in range(0, len(edges), _LOOKUP_ROWS):
        voxel, axis = edges[start : start + _LOOKUP_ROWS].unbind(dim=1)
        wanted = keys[voxel][:, None] + rings[axis]  # [E,3]
        at = torch.searchsorted(ordered, wanted).clamp_(max=len(keys) - 1)
        whole = (ordered[at] == wanted).all(dim=1)
        found = torch.cat([voxel[:, None], rows[at]], dim=1)[whole]
        corners.append(found.int())
        axes.append(axis[whole])
    every = torch.cat(corners)
    return Quads(corners=every, axis=torch.cat(axes), cut=_cuts(every, weight))


def _keys(coords: Tensor, resolution: int) -> tuple[Tensor, int]:
    """A number [N] for each voxel that grows by the same for the same step, and its y-step."""
    if len(coords) and not 0 <= int(coords.min()) <= int(coords.max()) < resolution:
        raise ValueError(
            f"voxels have coordinates from {int(coords.min())} to {int(coords.max())}, but the "
            f"grid has 0 to {resolution - 1}"
        )
    # One more than there are cells, so that a step beyond the border leads to no voxel.
    stride = resolution + 1
    x, y, z = coords.long().unbind(dim=1)
    return (x * stride + y) * stride + z, stride


def _cuts(corners: Tensor, weight: Tensor) -> Tensor:
    """[Q,4]→[Q] bool: whether corners 0 and 2 outweigh the others."""
    flat = weight.reshape(-1)
    a, b, c, d = (flat[corner.long()] for corner in corners.unbind(dim=1))
    return a * c > b * d
