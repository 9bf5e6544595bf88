"""From a picture to voxels with materials, stage by stage against the original's numbers."""

from dataclasses import dataclass

import pytest
import torch
from golden_data import cosine
from golden_trellis2 import IMAGE_ENCODER, MODEL, TRELLIS2, assert_golden, load, params, tolerance
from torch import Tensor

from crossworld_trellis.cascade import DEFAULT_MAX_TOKENS, PIPELINE_TYPES, PipelineType
from crossworld_trellis.material_mesh import triangles
from crossworld_trellis.models.octree_decoder import Octree, ShapeDecoder
from crossworld_trellis.o_voxels import level_for, occupancy, pooled, voxels_from_materials
from crossworld_trellis.sampler import Step
from crossworld_trellis.sparse.grid import VoxelGrid
from crossworld_trellis.trellis2 import Noise2, Sample2, Trellis2
from crossworld_trellis.trellis2.plan import Plan2
from crossworld_trellis.trellis2.stages import (
    Shape,
    Shelf2,
    decode,
    find_shape,
    find_structure,
    find_texture,
    guess_shape,
    look,
    solid_cells,
)
from crossworld_trellis.voxelize import VoxelizeError
from crossworld_trellis.voxels import SparseVoxels

PICTURE = TRELLIS2 / "preprocess_0_in.png"


@dataclass
class Run:
    """Everything that a run leaves on its way."""

    name: str
    shelf: Shelf2
    structure: Tensor
    grid: VoxelGrid
    shape: Shape
    texture: Tensor
    octree: Octree
    sample: Sample2


def plan_of(trellis: Trellis2, kind: PipelineType, noise: Noise2) -> Plan2:
    own = trellis.checkpoint.description
    return Plan2(
        kind=kind,
        samples=1,
        outputs=frozenset({"voxels", "o_voxels", "mesh"}),
        resolution=256,
        structure=own.structure_sampler,
        shape=own.shape_sampler,
        texture=own.texture_sampler,
        max_tokens=DEFAULT_MAX_TOKENS,
        noise=noise,
        preprocessed=False,
    )


def ignore(_: Step) -> None:
    pass


def ignore_shape(_: Step, grid: VoxelGrid, resolution: int) -> None:
    pass


@pytest.fixture(scope="module")
def trellis() -> Trellis2:
    return Trellis2.load(MODEL, device="cpu", image_encoder=IMAGE_ENCODER, pipeline_type="512")


@pytest.fixture(scope="module", params=["pipeline_512", "pipeline_cascade"])
def run(trellis: Trellis2, request: pytest.FixtureRequest) -> Run:
    """A run of one of the golden pipelines from its noise."""
    name: str = request.param
    golden, kind = load(name), PIPELINE_TYPES[params(name)["pipeline_type"]]
    noises = [golden["noise_shape"]]
    if "noise_shape_hr" in golden:
        noises.append(golden["noise_shape_hr"])
    shelf = trellis._shelf
    noise = Noise2(structure=golden["noise_ss"], shapes=noises, texture=golden["noise_tex"])
    plan = plan_of(trellis, kind, noise)
    states: list[Tensor] = []

    def keep(step: Step) -> None:
        states.append(step.state)

    with torch.inference_mode():
        random = torch.Generator()
        seen = look(shelf, kind, PICTURE, preprocessed=False, cut_out=None)
        grid = find_structure(shelf, plan, seen, random, on_step=keep)
        shape = find_shape(shelf, plan, seen, grid, random, on_step=ignore_shape)
        texture = find_texture(shelf, plan, seen, shape, random, on_step=ignore)
        [sample] = decode(shelf, plan, shape, texture)
        decoder = shelf.model("shape_slat_decoder")
        assert isinstance(decoder, ShapeDecoder)
        octree = decoder.occupancy(shape.latents, shape.grid)
    return Run(name, shelf, states[-1], grid, shape, texture, octree, sample)


def test_the_structure_is_that_of_the_original(run: Run) -> None:
    assert_golden(run.structure, run.name, "z")
    assert_golden(run.grid.coords, run.name, "coords_32")


def test_latents_of_shape_and_material_are_those_of_the_original(run: Run) -> None:
    if run.name == "pipeline_cascade":
        assert_golden(run.shape.grid.coords, run.name, "coords_hr")
    assert_golden(run.shape.latents, run.name, "shape_slat")
    assert_golden(run.texture, run.name, "tex_slat")
    assert run.shape.resolution == params(run.name)["resolution"]
    assert run.shape.reduced is None


def test_the_mesh_is_that_of_the_original(run: Run) -> None:
    mesh = run.sample.mesh
    assert mesh is not None
    assert_golden(mesh.vertices, run.name, "vertices")
    as_made = triangles(mesh.quads.corners, mesh.quads.cut, torch.zeros_like(mesh.turned))
    assert_golden(as_made, run.name, "faces")


def test_voxels_of_every_level_and_their_materials_are_those_of_the_original(run: Run) -> None:
    for level, grid in enumerate(run.octree.levels[1:], start=1):
        assert_golden(grid.coords, run.name, f"level_{level}")
    fine = run.sample.o_voxels
    assert fine is not None and fine.resolution == run.shape.resolution
    assert torch.equal(fine.coords, run.octree.levels[-1].positions)
    assert_golden(fine.materials, run.name, "attrs")
    vertices = (fine.coords + fine.surface.dual) / fine.resolution - 0.5
    assert_golden(vertices, run.name, "vertices")


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_pooled_materials_are_those_of_the_original(run: Run, level: int) -> None:
    golden, fine = load(run.name), run.sample.o_voxels
    assert fine is not None
    side = fine.resolution >> (4 - level)
    cells, means = pooled(fine.coords, fine.materials, grid=fine.resolution, resolution=side)
    ours = dict(zip(map(tuple, cells.tolist()), means.tolist(), strict=True))
    count = golden[f"count_{level}"]
    coords = load(run.name)[f"level_{level}"] if level else run.shape.grid.coords
    kept = coords[count > 0, 1:].tolist()
    assert {tuple(cell) for cell in kept} == ours.keys()
    matched = torch.tensor([ours[tuple(cell)] for cell in kept], dtype=torch.float64)
    worst = (matched - golden[f"mean_{level}"][count > 0]).abs().max().item()
    assert worst <= tolerance(run.name, f"mean_{level}")


def test_the_first_pass_of_a_cascade_is_that_of_the_original(trellis: Trellis2) -> None:
    name, shelf, kind = "pipeline_cascade", trellis._shelf, PIPELINE_TYPES["512"]
    golden = load(name)
    noise = Noise2(structure=golden["noise_ss"], shapes=[golden["noise_shape"]])
    with torch.inference_mode():
        seen = look(shelf, kind, PICTURE, preprocessed=False, cut_out=None)
        grid = VoxelGrid(golden["coords_32"])
        plan, random = plan_of(trellis, kind, noise), torch.Generator()
        shape = find_shape(shelf, plan, seen, grid, random, on_step=ignore_shape)
    assert_golden(shape.latents, name, "slat_lr")
    octree = shelf.model("shape_slat_decoder").occupancy(shape.latents, grid)
    assert_golden(octree.levels[-1].coords, name, "coords_512")


def test_a_guess_at_the_shape_is_the_first_level_of_its_octree(run: Run) -> None:
    with torch.inference_mode():
        [guess] = guess_shape(run.shelf, run.shape.state, run.shape.grid, run.shape.resolution)
    side = run.shape.resolution // 8
    _, x, y, z = run.octree.levels[1].coords.unbind(1)
    assert guess.resolution == side
    expected = torch.stack([x, z, side - 1 - y], dim=1).tolist()
    assert {tuple(cell) for cell in guess.coords.tolist()} == {tuple(cell) for cell in expected}


def test_half_precision_stays_near_single_and_runs_to_the_voxels() -> None:
    name, kind = "pipeline_512", PIPELINE_TYPES["512"]
    golden = load(name)
    half = Trellis2.load(
        MODEL, device="cpu", dtype="bfloat16", image_encoder=IMAGE_ENCODER, pipeline_type="512"
    )
    noise = Noise2(
        structure=golden["noise_ss"], shapes=[golden["noise_shape"]], texture=golden["noise_tex"]
    )
    plan, random = plan_of(half, kind, noise), torch.Generator()
    with torch.inference_mode():
        seen = look(half._shelf, kind, PICTURE, preprocessed=False, cut_out=None)
        grid = VoxelGrid(golden["coords_32"])
        shape = find_shape(half._shelf, plan, seen, grid, random, on_step=ignore_shape)
        texture = find_texture(half._shelf, plan, seen, shape, random, on_step=ignore)
        [sample] = decode(half._shelf, plan, shape, texture)
    assert cosine(shape.latents, golden["shape_slat"]) >= 0.999
    assert cosine(texture, golden["tex_slat"]) >= 0.999
    assert sample.voxels is not None and len(sample.voxels) > 0


def test_the_structure_decoder_gives_the_cells_of_both_grids(trellis: Trellis2) -> None:
    name, latent = "ss_decoder", load("ss_decoder")["z"]
    logits = trellis._shelf.model("sparse_structure_decoder")(latent)
    assert_golden(logits[:, :, :24], name, "logits_low_x")
    for kind, side in ((PIPELINE_TYPES["1024"], 64), (PIPELINE_TYPES["512"], 32)):
        assert_golden(solid_cells(trellis._shelf, kind, latent), name, f"coords_{side}")


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_materials_of_a_batch_pool_within_each_item(level: int) -> None:
    shape, golden = load("shape_decoder"), load("tex_decoder")
    rows = shape["coords" if level == 0 else f"coords_{level}"]
    for item in (0, 1):
        own, fine = rows[:, 0] == item, shape["coords_4"][:, 0] == item
        count, mean = golden[f"count_{level}"][own], golden[f"mean_{level}"][own]
        cells, means = pooled(
            shape["coords_4"][fine, 1:], golden["attrs"][fine], grid=512, resolution=32 << level
        )
        ours = dict(zip(map(tuple, cells.tolist()), means.tolist(), strict=True))
        for cell, descendants, expected in zip(rows[own, 1:], count, mean, strict=True):
            found = ours.pop(tuple(cell.tolist()), None)
            assert (found is None) == (descendants == 0)
            if found is not None:
                worst = (torch.tensor(found) - expected).abs().max().item()
                assert worst <= tolerance("tex_decoder", f"mean_{level}")
        assert not ours


def test_voxels_are_y_up_with_the_front_at_plus_z(run: Run) -> None:
    fine, side = run.sample.o_voxels, run.shape.resolution
    assert fine is not None
    voxels = voxels_from_materials(fine.coords, fine.materials, grid=side, resolution=side)
    x, y, z = fine.coords.unbind(1)
    turned = torch.stack([x, z, side - 1 - y], dim=1).tolist()
    bytes_ = (fine.materials.clamp(0, 1).double() * 255).round().int().tolist()
    expected = {tuple(cell): row for cell, row in zip(turned, bytes_, strict=True)}
    assert voxels.metallic_roughness is not None
    found = zip(
        voxels.coords.tolist(),
        voxels.rgba.tolist(),
        voxels.metallic_roughness.tolist(),
        strict=True,
    )
    assert {tuple(c): [*rgba[:3], *mr, rgba[3]] for c, rgba, mr in found} == expected


def test_voxels_survive_the_file_with_all_materials(run: Run) -> None:
    voxels = run.sample.voxels
    assert voxels is not None and voxels.resolution == 256
    assert SparseVoxels.from_bytes(voxels.to_bytes()) == voxels


@pytest.mark.parametrize("resolution", [32, 64, 128, 256, 512])
def test_occupancy_is_the_level_of_the_decoder_and_holds_all_coloured_voxels(
    run: Run, resolution: int
) -> None:
    finest = run.shape.resolution
    cells = occupancy(run.octree, finest=finest, resolution=resolution)
    fine = run.sample.o_voxels
    assert fine is not None
    colored = voxels_from_materials(fine.coords, fine.materials, grid=finest, resolution=resolution)
    solid = {tuple(cell) for cell in cells.coords.tolist()}
    assert {tuple(cell) for cell in colored.coords.tolist()} <= solid
    level = level_for(resolution, finest=finest)
    if finest >> (4 - level) == resolution:
        assert len(solid) == len(run.octree.levels[level])


def test_a_resolution_that_does_not_divide_the_grid_takes_each_voxel_by_its_centre() -> None:
    coords = torch.tensor([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0], [1535, 1535, 1535]])
    materials = torch.arange(5.0)[:, None].expand(5, 6) / 4
    cells, means = pooled(coords.int(), materials, grid=1536, resolution=1024)
    assert cells.tolist() == [[0, 0, 0], [1, 0, 0], [2, 0, 0], [1023, 1023, 1023]]
    assert means[:, 0].tolist() == [0.0, 0.375, 0.75, 1.0]


def test_materials_are_cut_off_before_they_are_pooled() -> None:
    coords = torch.tensor([[0, 0, 0], [1, 0, 0]], dtype=torch.int32)
    materials = torch.tensor([[3.0] * 6, [-1.0] * 6])
    voxels = voxels_from_materials(coords, materials, grid=2, resolution=1)
    assert voxels.rgba.tolist() == [[128, 128, 128, 128]]


def test_materials_that_are_no_numbers_and_finer_grids_are_refused() -> None:
    coords, materials = torch.zeros(1, 3, dtype=torch.int32), torch.full((1, 6), float("nan"))
    with pytest.raises(VoxelizeError, match="NaN or infinity in 1 of 1 rows"):
        voxels_from_materials(coords, materials, grid=64, resolution=64)
    with pytest.raises(VoxelizeError, match=r"grid of 64\^3 voxels cannot become one of 128\^3"):
        voxels_from_materials(coords, torch.zeros(1, 6), grid=64, resolution=128)


def test_an_octree_that_ends_too_early_is_told_as_such(run: Run) -> None:
    early = Octree(run.octree.root, run.octree.children[:1], run.octree.logits[:1])
    with pytest.raises(VoxelizeError, match="the octree ends before"):
        occupancy(early, finest=run.shape.resolution, resolution=512)


def test_no_voxels_make_no_cells() -> None:
    none = torch.zeros(0, 3, dtype=torch.int32)
    assert len(voxels_from_materials(none, torch.zeros(0, 6), grid=64, resolution=32)) == 0
