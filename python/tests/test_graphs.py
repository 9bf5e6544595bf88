"""Recorded steps: who is recorded when, and that replaying one is as good as making it."""

import gc
import threading
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field

import pytest
import torch
from cuda_needed import needs_cuda
from golden_data import cosine
from golden_trellis2 import dense_flow
from torch import Tensor, nn

from crossworld_trellis import config
from crossworld_trellis.device import rounded_products
from crossworld_trellis.graphs import Graphs, StepField, can_record
from crossworld_trellis.kernels.attention import starts_of
from crossworld_trellis.kernels.choice import plain
from crossworld_trellis.models.gaussian_decoder import GaussianDecoder
from crossworld_trellis.models.latent_flow import LatentFlow
from crossworld_trellis.models.released import GAUSSIAN_DECODER, LATENT_FLOW, STRUCTURE_FLOW
from crossworld_trellis.models.released_trellis2 import STRUCTURE_FLOW as ROTARY
from crossworld_trellis.models.released_trellis2 import TEXTURE_FLOW_1024
from crossworld_trellis.models.rotary_flow import DenseRotaryFlow, RotaryFlow
from crossworld_trellis.models.structure_flow import StructureFlow
from crossworld_trellis.sampler import TIME_SCALE, SamplerSettings, VelocityField, sample
from crossworld_trellis.sparse.grid import VoxelGrid

SETTINGS = SamplerSettings(steps=6, cfg_strength=2.0, cfg_interval=(0.4, 1.0))


@dataclass
class Sum:
    """A field whose velocity is the sum of all there is."""

    constant: Tensor
    offsets: list[Tensor]
    keeps: bool = True
    made: int = 0
    prepared: list[weakref.ref[Tensor]] = dataclass_field(default_factory=list)

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        return self.velocities(state, [self.offsets[step]], pictures=pictures, guided=guided)

    def steps(self) -> list[list[Tensor]]:
        return [[each] for each in self.offsets]

    def constants(self) -> list[Tensor] | None:
        return [self.constant] if self.keeps else None

    def prepare(self, state: Tensor) -> Tensor:
        made = state.clone()
        self.prepared.append(weakref.ref(made))
        return made

    def velocities(
        self, state: Tensor, of_step: list[Tensor], *, pictures: slice, guided: bool
    ) -> Tensor:
        self.made += 1
        return torch.stack([state + of_step[0] + self.constant] * (1 + guided))


def field(constant: float, *, keeps: bool = True) -> Sum:
    return Sum(torch.tensor([constant]), [torch.tensor([0.1 * i]) for i in range(6)], keeps)


class Again:
    """A recording that makes the step again, of the tensors that the field has."""

    def __init__(
        self, field: StepField, state: Tensor, of_step: list[Tensor], pictures: slice, guided: bool
    ) -> None:
        self._make: Callable[[Tensor, list[Tensor]], Tensor] = lambda state, of_step: (
            field.velocities(state, of_step, pictures=pictures, guided=guided)
        )
        self.velocities = self._make(state, of_step)
        self.replays = 0

    def replay(self, state: Tensor, of_step: list[Tensor]) -> Tensor:
        self.replays += 1
        return self._make(state, of_step)


class Recorder:
    def __init__(self) -> None:
        self.made: list[Again] = []

    def __call__(
        self, field: StepField, state: Tensor, of_step: list[Tensor], pictures: slice, guided: bool
    ) -> Again:
        self.made.append(Again(field, state, of_step, pictures, guided))
        return self.made[-1]


def run(field: VelocityField, settings: SamplerSettings = SETTINGS) -> Tensor:
    return sample(field, torch.ones(1), settings)


def test_a_kind_of_step_runs_as_usual_once_and_is_then_recorded() -> None:
    recorder = Recorder()
    graphs, own = Graphs(record=recorder), field(1.0)
    assert torch.equal(run(graphs.replayed("one", own)), run(field(1.0)))
    assert len(own.prepared) == 2
    guided = sum(SETTINGS.is_guided(time) for time in SETTINGS.times()[:-1].tolist())
    assert [each.replays for each in recorder.made] == [guided - 2, 6 - guided - 2]


def test_recordings_serve_the_next_run_with_its_own_constants() -> None:
    recorder = Recorder()
    graphs = Graphs(record=recorder)
    run(graphs.replayed("one", field(1.0)))
    following = field(5.0)
    assert torch.equal(run(graphs.replayed("one", following)), run(field(5.0)))
    assert len(recorder.made) == 2
    assert following.made == 0


def test_fields_that_tell_no_constants_are_recorded_each() -> None:
    recorder = Recorder()
    graphs = Graphs(record=recorder)
    for constant in (1.0, 5.0):
        made = run(graphs.replayed("one", field(constant, keeps=False)))
        assert torch.equal(made, run(field(constant)))
    assert len(recorder.made) == 4


def test_constants_of_another_shape_are_recorded_anew() -> None:
    recorder = Recorder()
    graphs = Graphs(record=recorder)
    run(graphs.replayed("one", field(1.0)))
    wide = Sum(torch.tensor([1.0, 2.0]), [torch.zeros(2)] * 6)
    made = sample(graphs.replayed("one", wide), torch.ones(2), SETTINGS)
    assert torch.equal(made, sample(wide, torch.ones(2), SETTINGS))
    assert len(recorder.made) == 4


def test_states_of_another_shape_and_other_pictures_have_recordings_of_their_own() -> None:
    recorder = Recorder()
    replayed = Graphs(record=recorder).replayed("one", field(1.0))
    for _ in range(3):
        replayed(torch.ones(1), 0, pictures=slice(0, 1), guided=True)
        replayed(torch.ones(3), 0, pictures=slice(0, 1), guided=True)
        replayed(torch.ones(1), 0, pictures=slice(1, 2), guided=True)
    assert [each.replays for each in recorder.made] == [2, 2, 1]


def test_a_run_goes_on_after_one_warning_where_recording_fails() -> None:
    def refuse(*_: object) -> Again:
        raise RuntimeError("operation not permitted.\nSecond line")

    graphs = Graphs(record=refuse)
    with pytest.warns(UserWarning, match="without CUDA graphs: operation not permitted$"):
        made = run(graphs.replayed("one", field(1.0)))
    assert torch.equal(made, run(field(1.0)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(run(graphs.replayed("one", field(2.0))), run(field(2.0)))


@torch.inference_mode()
def test_a_dense_rotary_flow_is_recorded_once_for_each_number_of_samples() -> None:
    recorder = Recorder()
    graphs, flow = Graphs(record=recorder), dense_flow()
    steps = torch.tensor(SETTINGS.times()[:-1] * TIME_SCALE, dtype=torch.float32)
    for samples, recordings in ((1, 2), (1, 2), (2, 4), (1, 6)):
        pictures = torch.randn(1, 1, 9, flow.config.cond_channels)
        grid = flow.grid(samples, torch.device("cpu"))
        noise = torch.randn(len(grid), flow.config.in_channels)
        expected = sample(flow.field(pictures, steps, grid), noise, SETTINGS)
        replayed = graphs.replayed("dense", flow.field(pictures, steps, grid))
        assert torch.allclose(sample(replayed, noise, SETTINGS), expected, atol=1e-5)
        assert len(recorder.made) == recordings


def test_what_was_recorded_goes_with_its_pipeline_at_once() -> None:
    recorder, own = Recorder(), field(1.0)
    graphs, left = Graphs(record=recorder), weakref.ref(own)
    run(graphs.replayed("one", own))
    gc.disable()
    try:
        del graphs, recorder, own
        assert left() is None
    finally:
        gc.enable()


def test_what_a_recording_reads_lives_as_long_as_the_recording() -> None:
    own = field(1.0)
    replayed = Graphs(record=Recorder()).replayed("one", own)
    for size in (1, 1, *range(2, 9)):
        replayed(torch.ones(size), 0, pictures=slice(0, 1), guided=True)
    assert all(each() is not None for each in own.prepared)
    replayed(torch.ones(9), 0, pictures=slice(0, 1), guided=True)
    assert [each() is None for each in own.prepared] == [True] + [False] * 8


def test_the_starts_that_a_recording_reads_outlive_their_cache() -> None:
    flow = dense_flow()
    grid = flow.grid(1, torch.device("cpu"))
    steps = torch.tensor(SETTINGS.times()[:-1] * TIME_SCALE, dtype=torch.float32)
    own = flow.field(torch.randn(1, 1, 9, flow.config.cond_channels), steps, grid)
    graphs = Graphs(record=Recorder())
    sample(graphs.replayed("dense", own), torch.randn(len(grid), flow.config.in_channels), SETTINGS)
    left = weakref.ref(starts_of(own.items, torch.device("cpu")))
    starts_of.cache_clear()
    assert left() is not None


def test_a_field_that_bound_recordings_leaves_only_its_steps() -> None:
    graphs, following = Graphs(record=Recorder()), field(5.0)
    run(graphs.replayed("one", field(1.0)))
    run(graphs.replayed("one", following))
    left, constant = weakref.ref(following), weakref.ref(following.constant)
    del following
    assert (left(), constant()) == (None, None)


def test_too_little_memory_to_record_concerns_this_run_only() -> None:
    recorder, failed = Recorder(), [0]

    def record(
        field: StepField, state: Tensor, of_step: list[Tensor], pictures: slice, guided: bool
    ) -> Again:
        if failed[0] == 0:
            failed[0] += 1
            try:
                raise torch.OutOfMemoryError("CUDA out of memory")
            finally:
                # As CUDA does, ending what cannot be ended.
                raise RuntimeError("capture was invalidated")
        return recorder(field, state, of_step, pictures, guided)

    graphs = Graphs(record=record)
    with pytest.warns(UserWarning, match="without CUDA graphs"):
        made = run(graphs.replayed("one", field(1.0)))
    assert torch.equal(made, run(field(1.0)))
    assert (len(recorder.made), graphs.broken) == (0, False)
    assert torch.equal(run(graphs.replayed("one", field(2.0))), run(field(2.0)))
    assert len(recorder.made) == 2


def test_a_cpu_records_nothing() -> None:
    assert not can_record(torch.device("cpu"))


@pytest.mark.parametrize("shares", [False, True])
def test_another_thread_runs_a_step_as_usual_before_it_records_one(shares: bool) -> None:
    recorder = Recorder()
    graphs = Graphs(record=recorder)
    shared = graphs.replayed("one", field(1.0, keeps=False)) if shares else None

    def steps() -> None:
        replayed = shared or graphs.replayed("one", field(1.0, keeps=False))
        for _ in range(2):
            replayed(torch.ones(1), 0, pictures=slice(0, 1), guided=True)

    steps()
    assert len(recorder.made) == 1
    other = threading.Thread(target=steps)
    other.start()
    other.join()
    assert len(recorder.made) == 2


@pytest.mark.parametrize(
    ("value", "expected"), [(None, True), ("1", True), ("0", False), ("Off", False)]
)
def test_the_environment_switches_speed_off(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: bool
) -> None:
    if value is None:
        monkeypatch.delenv("TRELLIS_FAST", raising=False)
    else:
        monkeypatch.setenv("TRELLIS_FAST", value)
    assert config.fast() is expected


def test_products_are_rounded_inside_only() -> None:
    before = torch.get_float32_matmul_precision()
    with rounded_products(False):
        assert torch.get_float32_matmul_precision() == before
    with pytest.raises(KeyError), rounded_products(True):
        assert torch.get_float32_matmul_precision() == "high"
        raise KeyError
    assert torch.get_float32_matmul_precision() == before


def shell(*, radius: float = 20.0) -> VoxelGrid:
    """Voxels of a sphere's surface at 64^3."""
    axis = torch.arange(64) - 31.5
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    near = ((x * x + y * y + z * z).sqrt() - radius).abs() < 1
    return VoxelGrid(torch.nn.functional.pad(near.nonzero(), (1, 0)).int().cuda())


def build(make: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    with torch.device("cuda"):
        return make().eval().requires_grad_(False)


def condition() -> Tensor:
    return torch.randn(1, 1, 1374, 1024, device="cuda")


def times() -> Tensor:
    return torch.tensor(SETTINGS.times()[:-1] * TIME_SCALE, dtype=torch.float32).cuda()


def assert_same_as_plain(graphs: Graphs, name: str, field: StepField, noise: Tensor) -> None:
    """The velocities of every step, and where they lead."""
    with plain():
        expected = sample(field, noise, SETTINGS)
    replayed = graphs.replayed(name, field)
    assert cosine(sample(replayed, noise, SETTINGS), expected) >= 0.9995
    for step, guided in ((0, True), (5, False)):
        with plain():
            wanted = field(noise, step, pictures=slice(1), guided=guided)
        got = replayed(noise, step, pictures=slice(0, 1), guided=guided)
        assert all(cosine(one, other) >= 0.9995 for one, other in zip(got, wanted, strict=True))


@needs_cuda
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.inference_mode()
def test_the_first_stage_recorded_is_what_plain_torch_makes(dtype: torch.dtype) -> None:
    flow = build(lambda: StructureFlow(replace(STRUCTURE_FLOW, num_blocks=6), dtype=dtype))
    assert isinstance(flow, StructureFlow)
    graphs, noise = Graphs(), torch.randn(flow.noise_shape(1), device="cuda")
    for _ in range(3):
        assert_same_as_plain(graphs, "one", flow.field(condition(), times()), noise)
    assert not graphs.broken


@needs_cuda
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.inference_mode()
def test_the_second_stage_recorded_is_what_plain_torch_makes(dtype: torch.dtype) -> None:
    flow = build(lambda: LatentFlow(replace(LATENT_FLOW, num_blocks=6), dtype=dtype))
    assert isinstance(flow, LatentFlow)
    graphs = Graphs()
    # More and fewer voxels than before.
    for radius in (20.0, 24.0, 15.0):
        grid = shell(radius=radius)
        noise = torch.randn(len(grid), 8, device="cuda")
        assert_same_as_plain(graphs, "two", flow.field(condition(), times(), grid), noise)
    assert not graphs.broken


@needs_cuda
@torch.inference_mode()
def test_random_numbers_still_come_after_a_recording_that_failed() -> None:
    class Waiting(Sum):
        def velocities(
            self, state: Tensor, of_step: list[Tensor], *, pictures: slice, guided: bool
        ) -> Tensor:
            torch.cuda.synchronize()
            return super().velocities(state, of_step, pictures=pictures, guided=guided)

    own = Waiting(torch.ones(1, device="cuda"), [torch.zeros(1, device="cuda")] * 6)
    noise = torch.ones(1, device="cuda")
    with pytest.warns(UserWarning, match="without CUDA graphs"):
        made = sample(Graphs().replayed("one", own), noise, SETTINGS)
    assert torch.equal(made, sample(own, noise, SETTINGS))
    assert torch.randn(3, device="cuda").isfinite().all()


@needs_cuda
@torch.inference_mode()
def test_the_gaussian_decoder_with_kernels_is_what_plain_torch_makes() -> None:
    decoder = build(lambda: GaussianDecoder(GAUSSIAN_DECODER, dtype=torch.float16))
    assert isinstance(decoder, GaussianDecoder)
    grid = shell()
    latents = torch.randn(len(grid), 8, device="cuda")
    with plain():
        expected = decoder.raw(latents, grid)
    assert cosine(decoder.raw(latents, grid), expected) >= 0.9995


@needs_cuda
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@torch.inference_mode()
def test_the_flows_of_trellis2_recorded_are_what_plain_torch_makes(dtype: torch.dtype) -> None:
    few, graphs = {"num_blocks": 6}, Graphs()
    dense = build(lambda: DenseRotaryFlow(replace(ROTARY, **few), dtype=dtype))
    assert isinstance(dense, DenseRotaryFlow)
    for samples in (1, 1, 2):
        grid = dense.grid(samples, torch.device("cuda"))
        noise = torch.randn(len(grid), 8, device="cuda")
        assert_same_as_plain(graphs, "dense", dense.field(condition(), times(), grid), noise)
    sparse = build(lambda: RotaryFlow(replace(TEXTURE_FLOW_1024, **few), dtype=dtype))
    assert isinstance(sparse, RotaryFlow)
    for radius in (20.0, 15.0):
        grid = shell(radius=radius)
        noise, shape = torch.randn(2, len(grid), 32, device="cuda")
        field = sparse.field(condition(), times(), grid, shape)
        assert_same_as_plain(graphs, "sparse", field, noise)
    assert not graphs.broken
