"""The 256 ways in which a surface can cross a cube, derived instead of stored.

Bit c of a case is set where corner c lies inside. Corner c of cube (x, y, z) is grid vertex
(x + (c & 1), y + (c>>1 & 1), z + (c>>2 & 1)). A *patch* is one sheet of the surface inside a cube,
named by the edges that it crosses; it becomes one vertex of the mesh (dual marching cubes, Nielson
2004, as in FlexiCubes, Shen et al. 2023, https://arxiv.org/abs/2308.05371). Grids are looked at in
`fields` and `extraction`.
"""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

CORNERS = tuple((c & 1, c >> 1 & 1, c >> 2 & 1) for c in range(8))
"""Offset (x, y, z) of each corner from the cube's smallest one."""

EDGES = (
    (0, 1), (1, 5), (4, 5), (0, 4), (2, 3), (3, 7), (6, 7), (2, 6), (2, 0), (3, 1), (7, 5), (6, 4)
)  # fmt: skip
"""First and second corner of each edge: 0, 2, 4, 6 along x, 1, 3, 5, 7 along z, 8 to 11 along y."""

MAX_PATCHES = 4
"""Most patches of a cube."""

MAX_PATCH_EDGES = 7
"""Most edges of a patch."""

Patches = tuple[tuple[int, ...], ...]
"""The patches of a case, each the ascending list of its edges."""


@dataclass(frozen=True, eq=False, kw_only=True)
class CaseTable:
    """Everything about the 256 cases as tensors of one device, to be indexed with a case."""

    patch_count: Tensor
    """[256] int64: patches of the case, 0 to 4."""
    patch_edges: Tensor
    """[256,4,7] int64: edges of each patch; -1 fills up."""
    patch_of_edge: Tensor
    """[256,12] int64: the patch that crosses an edge, -1 where none does."""
    problem_face: Tensor
    """[256,3] int64: step across the one ambiguous face of a problematic case; 0 for others."""


@cache
def patches() -> tuple[Patches, ...]:
    """The patches of every case."""
    return tuple(_patches(case) for case in range(256))


@cache
def case_table(device: torch.device) -> CaseTable:
    """The table on a device; made once for each."""
    count = torch.zeros(256, dtype=torch.int64)
    edges = torch.full((256, MAX_PATCHES, MAX_PATCH_EDGES), -1, dtype=torch.int64)
    of_edge = torch.full((256, len(EDGES)), -1, dtype=torch.int64)
    face = torch.zeros(256, 3, dtype=torch.int64)
    for case, found in enumerate(patches()):
        count[case] = len(found)
        for number, patch in enumerate(found):
            edges[case, number, : len(patch)] = torch.tensor(patch)
            of_edge[case, list(patch)] = number
        ambiguous = [step for step in _FACES if _is_ambiguous(case, step)]
        if len(ambiguous) == 1 and len(found) == 1:
            face[case] = torch.tensor(ambiguous[0])
    return CaseTable(
        patch_count=count.to(device),
        patch_edges=edges.to(device),
        patch_of_edge=of_edge.to(device),
        problem_face=face.to(device),
    )


Step = tuple[int, int, int]

# The six faces of a cube, each as the step to the cube beyond it.
_FACES: tuple[Step, ...] = (
    (-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1)
)  # fmt: skip


def _face_corners(step: Step) -> list[int]:
    """The four corners of a face."""
    axis = next(axis for axis in range(3) if step[axis])
    side = (step[axis] + 1) // 2
    return [c for c, corner in enumerate(CORNERS) if corner[axis] == side]


def _crossed(case: int, corners: list[int]) -> list[int]:
    """The edges between these corners whose ends lie on different sides of the surface."""
    return [
        e
        for e, (a, b) in enumerate(EDGES)
        if a in corners and b in corners and (case >> a ^ case >> b) & 1
    ]


def _is_ambiguous(case: int, step: Step) -> bool:
    """Whether the surface may cross a face in two ways."""
    return len(_crossed(case, _face_corners(step))) == 4


def _links(case: int, step: Step) -> list[list[int]]:
    """The pairs of edges that the surface joins on a face."""
    corners = _face_corners(step)
    crossed = _crossed(case, corners)
    if len(crossed) < 4:
        return [crossed] if crossed else []
    # Ambiguous: the inside corners are kept apart, each between its own two edges.
    inside = [c for c in corners if case >> c & 1]
    return [[e for e in crossed if c in EDGES[e]] for c in inside]


def _patches(case: int) -> Patches:
    """The components of a case's linked edges."""
    groups: list[set[int]] = []
    for step in _FACES:
        for link in _links(case, step):
            merged = set(link).union(*(group for group in groups if not group.isdisjoint(link)))
            groups = [group for group in groups if group.isdisjoint(link)] + [merged]
    return tuple(sorted(tuple(sorted(group)) for group in groups))
