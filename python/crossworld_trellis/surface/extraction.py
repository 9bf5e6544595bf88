"""FlexiCubes: the mesh of a signed distance that lives on sparse cubes.

Shen et al. 2023 (https://arxiv.org/abs/2308.05371): every patch of the surface in a cube makes one
vertex, a weighted mean of its edges' crossings; every crossed grid edge makes a quad between the
four cubes around it, split along the diagonal that the weights prefer. Object frame ([-1/2, 1/2]^3,
z up), triangles counter-clockwise from outside. Torch operators alone, on any device; what grows
with more than the surface is in `fields`. Colours and normals come as the network predicts them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..mesh import Mesh
from .cases import CORNERS, EDGES, MAX_PATCH_EDGES, CaseTable, case_table
from .cubes import BETA, COLOR, DEFORM, GAMMA, Cubes
from .fields import SurfaceGrid, flat_index, lookup, merge_at, unflatten_index

# Keeps a shifted vertex within half a cube of its place.
_MAX_SHIFT = 1 - 1e-8


def extract(cubes: Cubes) -> Mesh:
    """The surface where the merged distance changes its sign; an empty mesh where it never does.

    Takes the active cubes and their neighbours, which share vertices with them. The surface has a
    border where it leaves the grid.

    Raises `ValueError` for a cube outside the grid or listed twice.
    """
    if not len(cubes.coords):
        return _empty(cubes.feats.device)
    grid = SurfaceGrid.build(cubes)
    crossed = ((grid.cases != 0) & (grid.cases != 255)).reshape(-1).nonzero()[:, 0]
    if not len(crossed):
        return _empty(cubes.feats.device)
    sheets = _sheets(cubes, grid, crossed)
    values = _dual_vertices(cubes, grid, sheets)
    return Mesh(
        vertices=values[:, :3].contiguous(),
        faces=_faces(grid, sheets).int(),
        colors=values[:, 3:6].contiguous(),
        normals=values[:, 6:9] * 2 - 1,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Sheets:
    """The S cubes that the surface crosses and the P patches in them."""

    coords: Tensor
    """[S,3] int64 places in the box."""
    cases: Tensor
    """[S] int64 case that chooses the patches."""
    first: Tensor
    """[S] int64 the first patch of each cube."""
    cube: Tensor
    """[P] int64 the cube of each patch."""
    number: Tensor
    """[P] int64 the patch's number within its cube."""
    weights: Tensor
    """[S,21] activated weights: beta of 12 edges, alpha of 8 corners, gamma."""
    row: Tensor
    """[X,Y,Z] int32 crossed cube of each place in the box, -1 elsewhere."""


def _sheets(cubes: Cubes, grid: SurfaceGrid, crossed: Tensor) -> _Sheets:
    table = case_table(crossed.device)
    shape = tuple(grid.cases.shape)
    coords = unflatten_index(crossed, shape)
    cases = _repaired(grid, coords, table)
    count = table.patch_count[cases]
    end = count.cumsum(dim=0)
    cube = torch.repeat_interleave(torch.arange(len(cases), device=cases.device), count)
    first = end - count
    row = torch.full((grid.cases.numel(),), -1, dtype=torch.int32, device=cases.device)
    row[crossed] = torch.arange(len(crossed), dtype=torch.int32, device=cases.device)
    return _Sheets(
        coords=coords,
        cases=cases,
        first=first,
        cube=cube,
        number=torch.arange(len(cube), device=cases.device) - first[cube],
        weights=_weights(cubes, grid.rows_of(coords)),
        row=row.view(shape),
    )


def _repaired(grid: SurfaceGrid, coords: Tensor, table: CaseTable) -> Tensor:
    """The case of each cube by which its patches are chosen.

    Two problematic cubes at a common ambiguous face would make a surface that meets itself; each
    takes the patches of its complement instead.
    """
    cases = lookup(grid.cases, coords, 0).long()
    step = table.problem_face[cases]
    neighbour = lookup(grid.cases, coords + step, 0).long()
    problematic = (table.problem_face != 0).any(dim=1)
    return torch.where(problematic[cases] & problematic[neighbour], 255 - cases, cases)


def _weights(cubes: Cubes, rows: Tensor) -> Tensor:
    """[S,21] activated weights; a cube without data (row -1) has neutral ones."""
    known = (rows >= 0)[:, None]
    raw = cubes.feats[:, BETA.start : GAMMA.stop][rows.clamp(min=0)].float()
    raw = torch.where(known, raw, 0.0)
    spread = 1 + 0.99 * torch.tanh(raw[:, :20])
    return torch.cat([spread, 0.99 * torch.sigmoid(raw[:, 20:]) + 0.005], dim=1)


def _dual_vertices(cubes: Cubes, grid: SurfaceGrid, sheets: _Sheets) -> Tensor:
    """[P,9] position, colour and encoded normal of each patch's vertex."""
    device = grid.sdf.device
    table = case_table(device)
    values, slot = _vertex_values(cubes, grid)
    shape = tuple(grid.sdf.shape)
    ends = torch.tensor(EDGES, device=device)
    corners = torch.tensor(_corner_steps(shape), device=device)
    origin = flat_index(sheets.coords[sheets.cube], shape)  # [P]
    edges = table.patch_edges[sheets.cases[sheets.cube], sheets.number]  # [P,7]
    sdf = grid.sdf.reshape(-1)
    beta, alpha = sheets.weights[:, :12], sheets.weights[:, 12:20]

    total = torch.zeros(len(origin), values.shape[1], device=device)
    weight = torch.zeros(len(origin), 1, device=device)
    for place in range(MAX_PATCH_EDGES):
        edge = edges[:, place]
        used = edge >= 0
        edge = edge.clamp(min=0)
        a, b = ends[edge].unbind(dim=1)
        at_a, at_b = origin + corners[a], origin + corners[b]
        w_a = (alpha[sheets.cube, a] * sdf[at_a])[:, None]
        w_b = (alpha[sheets.cube, b] * sdf[at_b])[:, None]
        crossing = (w_b * values[slot[at_a]] - w_a * values[slot[at_b]]) / (w_b - w_a)
        share = torch.where(used, beta[sheets.cube, edge], 0.0)[:, None]
        # Not a product alone: an unused place may divide by zero.
        total += torch.where(used[:, None], share * crossing, 0.0)
        weight += share
    return total / weight


def _vertex_values(cubes: Cubes, grid: SurfaceGrid) -> tuple[Tensor, Tensor]:
    """[K,9] position and attributes of the grid vertices at crossed edges; and where to find them.

    The second tensor gives the row of each vertex of the flattened box, 0 for vertices that no
    crossed edge has.
    """
    shape = tuple(grid.inside.shape)
    needed = torch.zeros_like(grid.inside)
    for axis in range(3):
        length = shape[axis] - 1
        near, far = grid.inside.narrow(axis, 0, length), grid.inside.narrow(axis, 1, length)
        differs = near ^ far
        needed.narrow(axis, 0, length).logical_or_(differs)
        needed.narrow(axis, 1, length).logical_or_(differs)
    found = needed.reshape(-1).nonzero()[:, 0]
    slot = torch.zeros(needed.numel(), dtype=torch.int32, device=found.device)
    slot[found] = torch.arange(len(found), dtype=torch.int32, device=found.device)

    at = unflatten_index(found, shape)
    merged, _ = merge_at(cubes, grid, at, (DEFORM, COLOR))
    resolution = cubes.resolution
    place = (at + torch.tensor(grid.low, device=at.device)).float() / resolution - 0.5
    shift = _MAX_SHIFT / (2 * resolution) * torch.tanh(merged[:, :3])
    return torch.cat([place + shift, torch.sigmoid(merged[:, 3:])], dim=1), slot


def _corner_steps(shape: tuple[int, ...]) -> list[int]:
    """How far each corner lies behind the first one in a flattened box."""
    return [(x * shape[1] + y) * shape[2] + z for x, y, z in CORNERS]


def _faces(grid: SurfaceGrid, sheets: _Sheets) -> Tensor:
    """[F,3] int64 triangles: two for each crossed grid edge with four cubes around it."""
    return torch.cat([_faces_along(axis, grid, sheets) for axis in range(3)])


def _faces_along(axis: int, grid: SurfaceGrid, sheets: _Sheets) -> Tensor:
    """The triangles at crossed edges along one axis."""
    u, v = (other for other in range(3) if other != axis)
    # Edges on the box's boundary are left out: it is the grid's own, or nothing crosses there.
    inner = grid.inside.narrow(u, 1, grid.inside.shape[u] - 2)
    inner = inner.narrow(v, 1, grid.inside.shape[v] - 2)
    length = inner.shape[axis] - 1
    near, far = inner.narrow(axis, 0, length), inner.narrow(axis, 1, length)
    at = (near ^ far).nonzero()  # [E,3]: of the four cubes the one with the smallest coordinates
    patch_of_edge = case_table(at.device).patch_of_edge
    duals: list[Tensor] = []
    gammas: list[Tensor] = []
    for du, dv in ((0, 0), (0, 1), (1, 0), (1, 1)):
        cube = lookup(sheets.row, at + _step({u: du, v: dv}, at.device), -1).long()
        # The edge lies on the far side of a low cube and on the near side of a high one.
        edge = _edge_number(axis, {u: 1 - du, v: 1 - dv})
        duals.append(sheets.first[cube] + patch_of_edge[sheets.cases[cube], edge])
        gammas.append(sheets.weights[cube, 20])
    near_inside = near.reshape(-1)[flat_index(at, tuple(near.shape))]
    # Edges along y run from high to low.
    first_inside = ~near_inside if axis == 1 else near_inside
    return _triangles(torch.stack(duals, dim=1), torch.stack(gammas, dim=1), first_inside)


def _triangles(duals: Tensor, gammas: Tensor, first_inside: Tensor) -> Tensor:
    """[E,4] vertices and weights of the four cubes around each edge → [2E,3] triangles."""
    outward = torch.tensor([[0, 1, 3, 2], [2, 3, 1, 0]], device=duals.device)
    order = outward[first_inside.long()]  # [E,4]
    ring, gamma = duals.gather(1, order), gammas.gather(1, order)
    along = gamma[:, 0] * gamma[:, 2] > gamma[:, 1] * gamma[:, 3]
    splits = torch.tensor([[0, 1, 3, 3, 1, 2], [0, 1, 2, 0, 2, 3]], device=duals.device)
    return ring.gather(1, splits[along.long()]).reshape(-1, 3)  # [E,6]→[2E,3]


def _step(coordinates: dict[int, int], device: torch.device) -> Tensor:
    """The vector [3] with these coordinates on the named axes."""
    return torch.tensor([coordinates.get(axis, 0) for axis in range(3)], device=device)


def _edge_number(axis: int, coordinates: dict[int, int]) -> int:
    """The edge of a cube that runs along an axis at these coordinates of the two others."""
    ends = [{**coordinates, axis: end} for end in (0, 1)]
    corners = {CORNERS.index((end[0], end[1], end[2])) for end in ends}
    return next(e for e, edge in enumerate(EDGES) if set(edge) == corners)


def _empty(device: torch.device) -> Mesh:
    nothing = torch.zeros(0, 3, device=device)
    faces = torch.zeros(0, 3, dtype=torch.int32, device=device)
    return Mesh(vertices=nothing, faces=faces, colors=nothing, normals=nothing)
