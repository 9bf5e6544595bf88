"""The stages of a run of TRELLIS.2, each from what the one before left to what the next takes.

Progress, cancelling and memory errors are the business of `pipeline`, which calls them.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import max_pool3d

from ..cascade import LATENT_SCALE, PipelineType, fit
from ..checkpoint.description import Normalization
from ..checkpoint.roles import STRUCTURE_DECODER, STRUCTURE_FLOW
from ..checkpoint.trellis2 import Trellis2Checkpoint
from ..checkpoint.trellis2_roles import (
    SHAPE_DECODER,
    TEXTURE_DECODER,
    shape_flow,
    texture_flow,
)
from ..device import exact_convolutions, rounded_products
from ..guidance import GuidanceSettings, sample
from ..image import CutOut, Source, crop_tightly, open_picture, resized, stack
from ..models.dinov3_encoder import Dinov3Encoder
from ..models.octree_decoder import Octree, ShapeDecoder, Surface, TextureDecoder
from ..models.rotary_flow import DenseRotaryFlow, RotaryField, RotaryFlow, pack, unpack
from ..models.structure_decoder import active_voxels
from ..o_voxels import OVoxels, level_for, occupancy, voxels_from_materials
from ..request import EmptyResultError, noise_for
from ..sampler import TIME_SCALE, Step, VelocityField
from ..shelf import ModelShelf
from ..sparse.grid import VoxelGrid
from ..sparse.grouping import host_numbers
from ..voxels import SparseVoxels
from .plan import Plan2, Sample2

Shelf2 = ModelShelf[Trellis2Checkpoint, Dinov3Encoder]
"""The networks of the second generation."""

OnStep = Callable[[Step], None]

OnShapeStep = Callable[[Step, VoxelGrid, int], None]
"""Gets a step, its latent voxels, and the finest voxels per axis that they will have."""

# With so many tokens the device is never done before the host: graphs would only take memory.
_LONG = 8192

# Most cells per axis of a guess at the shape.
_GUESS_RESOLUTION = 128

Conditions = Mapping[int, Tensor]
"""[1,1,L,C] float32: what the networks see of a picture with so many pixels a side."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Shape:
    """The shape of all samples, before it is decoded."""

    grid: VoxelGrid
    """The latent voxels."""
    state: Tensor
    """[N,C] normalised latents, as the texture flow is told them."""
    latents: Tensor
    """[N,C] the same as the decoder takes them."""
    resolution: int
    """Finest voxels per axis that the decoder makes of it."""
    reduced: str | None
    """What a cascade had to do differently."""


def look(
    shelf: Shelf2,
    kind: PipelineType,
    picture: Source,
    *,
    preprocessed: bool,
    cut_out: CutOut | None,
) -> Conditions:
    """What the networks see of a picture, at every size that a type needs."""
    if preprocessed:
        square = open_picture(picture).convert("RGB")
    else:
        square = crop_tightly(picture, cut_out=cut_out)
    encoder = shelf.encoder()
    conditions: dict[int, Tensor] = {}
    for side in kind.picture_sides:
        pixels = torch.tensor(stack([resized(square, side)]), device=shelf.device)
        with rounded_products(shelf.rounds):
            conditions[side] = encoder.encode(pixels)[:, None]  # [1,L,C]→[1,1,L,C]
    return conditions


def find_structure(
    shelf: Shelf2,
    plan: Plan2,
    conditions: Conditions,
    random: torch.Generator,
    *,
    on_step: OnStep,
) -> VoxelGrid:
    """The solid cells of all samples. Raises `EmptyResultError` where a sample has none.

    The state of a step that `on_step` gets is a grid [B,C,R,R,R].
    """
    flow: DenseRotaryFlow = shelf.model(STRUCTURE_FLOW)
    shape = flow.noise_shape(plan.samples)
    given = plan.noise and plan.noise.structure
    noise = noise_for(given, shape, random, "structure").to(shelf.device)
    grid = flow.grid(plan.samples, shelf.device)
    # Every type looks at the small picture here.
    times = network_times(plan.structure, shelf.device)
    field = _recorded(shelf, STRUCTURE_FLOW, flow.field(conditions[512], times, grid))

    def on_dense_step(step: Step) -> None:
        state = unpack(step.state, shape)
        on_step(Step(step.done, step.steps, state, lambda: unpack(step.clean(), shape)))

    state = sample(field, pack(noise), plan.structure, grid.items, on_step=on_dense_step)
    del flow, field
    shelf.tidy()
    cells = solid_cells(shelf, plan.kind, unpack(state, shape))
    return _grid(cells, plan.samples, "has no solid cell")


def solid_cells(shelf: Shelf2, kind: PipelineType, state: Tensor) -> Tensor:
    """The solid cells [N,4] (item, x, y, z) of the first stage's state [B,C,R,R,R].

    A cell is solid where anything in it is.
    """
    decoder = shelf.model(STRUCTURE_DECODER)
    with exact_convolutions(shelf.dtype_of(STRUCTURE_DECODER)):
        logits: Tensor = decoder(state)
    ratio = logits.shape[-1] // kind.structure_grid
    return active_voxels(max_pool3d(logits, ratio) if ratio > 1 else logits)


def find_shape(
    shelf: Shelf2,
    plan: Plan2,
    conditions: Conditions,
    grid: VoxelGrid,
    random: torch.Generator,
    *,
    on_step: OnShapeStep,
) -> Shape:
    """The latents of the shape: of the solid cells, then of finer ones where the type says so."""
    normal = shelf.checkpoint.description.shape_latents
    resolution, reduced = LATENT_SCALE * plan.kind.structure_grid, None

    def on_pass_step(step: Step) -> None:
        on_step(step, grid, resolution)

    first, *finer = plan.kind.passes
    state = _shape_pass(shelf, plan, conditions[first], grid, random, 0, on_step=on_pass_step)
    for index, side in enumerate(finer, start=1):
        resolution, grid = _refined(shelf, plan, denormalised(state, normal), grid)
        if resolution != plan.kind.resolution:
            reduced = (
                f"the grid has {resolution} cells an axis instead of {plan.kind.resolution}: a "
                f"finer one would have {plan.max_tokens} latent voxels or more, the limit"
            )
        condition = conditions[side]
        state = _shape_pass(shelf, plan, condition, grid, random, index, on_step=on_pass_step)
    return Shape(
        grid=grid,
        state=state,
        latents=denormalised(state, normal),
        resolution=resolution,
        reduced=reduced,
    )


def _shape_pass(
    shelf: Shelf2,
    plan: Plan2,
    condition: Tensor,
    grid: VoxelGrid,
    random: torch.Generator,
    index: int,
    *,
    on_step: OnStep,
) -> Tensor:
    """[N,C] normalised latents of the shape, from one of the type's passes."""
    role = shape_flow(plan.kind.passes[index])
    flow: RotaryFlow = shelf.model(role)
    given = None if plan.noise is None else plan.noise.shapes[index]
    noise = noise_for(given, (len(grid), flow.config.out_channels), random, f"shapes[{index}]")
    times = network_times(plan.shape, shelf.device)
    field = _recorded(shelf, role, flow.field(condition, times, grid))
    state = sample(field, noise.to(shelf.device), plan.shape, grid.items, on_step=on_step)
    del flow, field
    shelf.tidy()
    return state


def guess_shape(
    shelf: Shelf2, state: Tensor, grid: VoxelGrid, resolution: int
) -> list[SparseVoxels]:
    """Which cells of each sample a state [N,C] in the middle of the second stage makes solid.

    The decoder stops at its first level: the cells are half as large as latent voxels. Colours have
    no such short cut, since only the finest level has any.
    """
    decoder: ShapeDecoder = shelf.model(SHAPE_DECODER)
    latents = denormalised(state, shelf.checkpoint.description.shape_latents)
    coarse = min(2 * resolution // LATENT_SCALE, _GUESS_RESOLUTION)
    octrees = [
        decoder.occupancy(latents[span], _item(grid, index), level=1)
        for index, span in enumerate(grid.spans)
    ]
    return [occupancy(each, finest=resolution, resolution=coarse) for each in octrees]


def find_texture(
    shelf: Shelf2,
    plan: Plan2,
    conditions: Conditions,
    shape: Shape,
    random: torch.Generator,
    *,
    on_step: OnStep,
) -> Tensor:
    """[N,C] the latents of the material of a shape's latent voxels."""
    side = plan.kind.texture_pass
    role = texture_flow(side)
    flow: RotaryFlow = shelf.model(role)
    given = None if plan.noise is None else plan.noise.texture
    noise = noise_for(given, (len(shape.grid), flow.config.out_channels), random, "texture")
    times = network_times(plan.texture, shelf.device)
    field = flow.field(conditions[side], times, shape.grid, shape.state)
    field = _recorded(shelf, role, field)
    state = sample(field, noise.to(shelf.device), plan.texture, shape.grid.items, on_step=on_step)
    return denormalised(state, shelf.checkpoint.description.texture_latents)


def decode(shelf: Shelf2, plan: Plan2, shape: Shape, texture: Tensor | None) -> list[Sample2]:
    """What was asked for. One sample after the other, so that memory is that of the largest.

    Raises `EmptyResultError` where splitting leaves no voxel of a sample.
    """
    decoder: ShapeDecoder = shelf.model(SHAPE_DECODER)
    grown = [_grow(decoder, plan, shape, index) for index in range(plan.samples)]
    del decoder
    shelf.tidy()
    painter: TextureDecoder | None = shelf.model(TEXTURE_DECODER) if plan.colored else None
    made: list[Sample2] = []
    for (octree, surface), span in zip(grown, shape.grid.spans, strict=True):
        materials = None
        if painter is not None and texture is not None:
            materials = painter(texture[span], octree)
        made.append(_sample(plan, shape, octree, surface, materials))
    return made


def _grow(
    decoder: ShapeDecoder, plan: Plan2, shape: Shape, index: int
) -> tuple[Octree, Surface | None]:
    """The voxels of one sample as far down as needed, and their surface where it is asked for."""
    grid, latents = _item(shape.grid, index), shape.latents[shape.grid.spans[index]]
    surface: Surface | None = None
    if plan.outputs & {"o_voxels", "mesh"}:
        octree, surface = decoder(latents, grid)
    elif plan.colored:
        octree = decoder.occupancy(latents, grid)
    else:
        level = level_for(plan.resolution, finest=shape.resolution)
        octree = decoder.occupancy(latents, grid, level=level)
    if not len(octree.levels[-1]):
        raise EmptyResultError(
            f"sample {index + 1} of {plan.samples} lost all its voxels when they were split: try "
            "another seed, more steps, or a picture that shows the object larger"
        )
    return octree, surface


def _sample(
    plan: Plan2, shape: Shape, octree: Octree, surface: Surface | None, materials: Tensor | None
) -> Sample2:
    finest, outputs = octree.levels[-1], plan.outputs
    voxels = o_voxels = mesh = cells = None
    if "voxels" in outputs and materials is not None:
        voxels = voxels_from_materials(
            finest.positions, materials, grid=shape.resolution, resolution=plan.resolution
        )
    if surface is not None and materials is not None:
        whole = OVoxels(
            resolution=shape.resolution,
            coords=finest.positions,
            surface=surface,
            materials=materials,
        )
        o_voxels = whole if "o_voxels" in outputs else None
        mesh = whole.mesh() if "mesh" in outputs else None
    if "occupancy" in outputs:
        cells = occupancy(octree, finest=shape.resolution, resolution=plan.resolution)
    return Sample2(
        voxels=voxels,
        occupancy=cells,
        o_voxels=o_voxels,
        mesh=mesh,
        resolution=shape.resolution,
        reduced=shape.reduced,
    )


def _refined(shelf: Shelf2, plan: Plan2, latents: Tensor, grid: VoxelGrid) -> tuple[int, VoxelGrid]:
    """The resolution and the latent voxels of a cascade's second pass."""
    decoder: ShapeDecoder = shelf.model(SHAPE_DECODER)
    parts: list[Tensor] = []
    for index, span in enumerate(grid.spans):
        coords = decoder.occupancy(latents[span], _item(grid, index)).levels[-1].coords
        parts.append(_numbered(coords, index))
    del decoder
    shelf.tidy()
    resolution, cells = fit(torch.cat(parts), plan.kind.resolution, max_tokens=plan.max_tokens)
    return resolution, _grid(cells, plan.samples, "lost all its voxels when they were split")


def _recorded(shelf: Shelf2, role: str, field: RotaryField) -> VelocityField:
    return field if sum(field.items) >= _LONG else shelf.recorded(role, field)


def _grid(cells: Tensor, samples: int, fault: str) -> VoxelGrid:
    """A grid of cells [N,4]. Raises `EmptyResultError` with a `fault` where a sample has none."""
    counts = host_numbers(torch.bincount(cells[:, 0], minlength=samples))
    if 0 in counts:
        raise EmptyResultError(
            f"sample {counts.index(0) + 1} of {samples} {fault}: try another seed, more steps, or "
            "a picture that shows the object larger"
        )
    return VoxelGrid(cells, items=counts)


def _item(grid: VoxelGrid, index: int) -> VoxelGrid:
    """One item of a grid, as item 0 of its own."""
    return VoxelGrid(_numbered(grid.coords[grid.spans[index]], 0), items=[grid.items[index]])


def _numbered(coords: Tensor, item: int) -> Tensor:
    """Coordinates [N,4] of one item, with that number."""
    return torch.cat([torch.full_like(coords[:, :1], item), coords[:, 1:]], dim=1)


def denormalised(state: Tensor, normal: Normalization) -> Tensor:
    """Latents as the decoders take them: [N,C]→[N,C]."""
    mean, std = (torch.tensor(each, device=state.device) for each in (normal.mean, normal.std))
    return state * std + mean


def network_times(settings: GuidanceSettings, device: torch.device) -> Tensor:
    """[S] float32 times as the networks take them."""
    # Multiplied in float64 first, which not every device has.
    times: Sequence[float] = [time * TIME_SCALE for time in settings.times()[:-1]]
    return torch.tensor(times, dtype=torch.float32).to(device)
