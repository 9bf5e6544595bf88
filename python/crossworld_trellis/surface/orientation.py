"""Which side of each quad of a flexible dual grid is outside.

Two quads that share a side with nobody else should go along it in opposite directions. From every
piece the smoothest of these links leads on to the next piece (Borůvka's minimum spanning forest;
links that fold the surface least come first, as Hoppe et al. 1992 orient points), and turns it like
the first. So links that contradict each other, as near holes and where sheets touch, are used last,
if at all, and a piece with one side only, such as a Möbius strip, has a seam somewhere. A finished
piece as a whole is turned so that the volume between it and the middle of all vertices is positive:
exact for a closed piece wherever it lies, and for an open one the side that faces away from the
middle. So the wall of a hollow counts as the outside of what is in it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .dual_grid import RINGS, Quads

# What a link counts that folds the surface back onto itself.
_STEEPEST = 1 << 12

# The axes that a quad's sides run along: from corner 0 to 1 and 3 to 2, from 1 to 2 and 0 to 3.
_SIDE_AXES = tuple(
    tuple(next(axis for axis in range(3) if ring[corner][axis]) for corner in (1, 3))
    for ring in RINGS
)


def turned_outward(vertices: Tensor, quads: Quads) -> Tensor:
    """[Q] bool: the quads that are counter-clockwise from outside when one goes round backwards."""
    if not len(quads):
        return torch.zeros(0, dtype=torch.bool, device=vertices.device)
    areas = quad_areas(vertices, quads)
    links = _links(quads, len(vertices))
    piece, turned = _joined(len(quads), links, _folding(areas, links))
    volume = (areas * (quad_middles(vertices, quads) - vertices.mean(dim=0))).sum(dim=1)
    total = torch.zeros_like(volume).index_add_(0, piece, torch.where(turned, -volume, volume))
    return turned ^ (total[piece] < 0)


def quad_areas(vertices: Tensor, quads: Quads) -> Tensor:
    """[Q,3] normals of quads as long as their areas, for somebody to whom they go round
    counter-clockwise."""
    a, b, c, d = (vertices[corner.long()] for corner in quads.corners.unbind(dim=1))
    return torch.cross(c - a, d - b, dim=1) / 2


def quad_middles(vertices: Tensor, quads: Quads) -> Tensor:
    """[Q,3] means of the corners."""
    a, b, c, d = (vertices[corner.long()] for corner in quads.corners.unbind(dim=1))
    return (a + b + c + d) / 4


@dataclass(frozen=True, eq=False)
class _Links:
    """The L sides that two quads share with nobody else."""

    first: Tensor
    """[L] int64 one of the two."""
    second: Tensor
    """[L] int64 the other."""
    opposed: Tensor
    """[L] bool: both go along the side in the same direction, so that one has to be turned."""

    def __len__(self) -> int:
        return len(self.first)

    def chosen(self, rows: Tensor) -> "_Links":
        """Some of them."""
        return _Links(self.first[rows], self.second[rows], self.opposed[rows])


def _links(quads: Quads, voxels: int) -> _Links:
    count, device = len(quads), quads.corners.device
    along, across = torch.tensor(_SIDE_AXES, device=device)[quads.axis].unbind(dim=1)  # [Q]
    a, b, _, d = quads.corners.long().unbind(dim=1)
    # A side is named by its lower voxel and its axis. The first two are gone along upwards.
    sides = torch.stack([3 * a + along, 3 * b + across, 3 * d + along, 3 * a + across]).view(-1)
    users = torch.arange(4 * count, device=device)
    low = torch.full((3 * voxels,), 4 * count, device=device)
    low.scatter_reduce_(0, sides, users, "amin")
    high = torch.full((3 * voxels,), -1, device=device)
    high.scatter_reduce_(0, sides, users, "amax")
    pairs = (torch.bincount(sides, minlength=3 * voxels) == 2).nonzero()[:, 0]
    low, high = low[pairs], high[pairs]
    return _Links(low % count, high % count, (low < 2 * count) == (high < 2 * count))


def _folding(areas: Tensor, links: _Links) -> Tensor:
    """[L] int64: how far each link folds the surface, 0 to `_STEEPEST`."""
    units = torch.nn.functional.normalize(areas, dim=1)
    cosine = (units[links.first] * units[links.second]).sum(dim=1)
    straight = torch.where(links.opposed, -cosine, cosine)
    return ((1 - straight) * (_STEEPEST / 2)).nan_to_num(_STEEPEST).clamp(0, _STEEPEST).long()


def _joined(count: int, links: _Links, folding: Tensor) -> tuple[Tensor, Tensor]:
    """For each of `count` quads the piece that it belongs to and whether it is turned in it."""
    piece = torch.arange(count, device=folding.device)
    turned = torch.zeros_like(piece, dtype=torch.bool)
    # No two links have the same rank, so that pieces do not choose each other in a circle.
    rank = folding * len(links) + torch.arange(len(links), device=folding.device)
    while True:
        ends = piece[links.first], piece[links.second]
        apart = (ends[0] != ends[1]).nonzero()[:, 0]
        if not len(apart):
            return piece, turned
        links, rank = links.chosen(apart), rank[apart]
        onto, across = _hooks(piece, turned, links, rank)
        # Against the piece that it is now in, a quad is turned as in its own and as that is.
        turned = turned ^ across[piece]
        piece = onto[piece]


def _hooks(piece: Tensor, turned: Tensor, links: _Links, rank: Tensor) -> tuple[Tensor, Tensor]:
    """For each piece the one that it becomes part of, and whether it is turned for that."""
    ends = piece[links.first], piece[links.second]
    best = torch.full_like(piece, torch.iinfo(torch.int64).max)
    for end in ends:
        best.scatter_reduce_(0, end, rank, "amin")
    every = torch.arange(len(piece), device=piece.device)
    onto, across = every.clone(), torch.zeros_like(turned)
    differs = turned[links.first] ^ turned[links.second] ^ links.opposed
    for own, other in (ends, ends[::-1]):
        taken = (best[own] == rank).nonzero()[:, 0]
        onto[own[taken]] = other[taken]
        across[own[taken]] = differs[taken]
    # Of two that chose each other the smaller one stays.
    stays = (onto[onto] == every) & (every <= onto)
    onto, across = torch.where(stays, every, onto), across & ~stays
    while not torch.equal(further := onto[onto], onto):
        across = across ^ across[onto]
        onto = further
    return onto, across
