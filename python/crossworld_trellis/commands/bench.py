"""`bench`: how long the full-size networks take on this machine, with random weights.

Nothing is downloaded. The active voxels are a sphere's shell, because random weights make no
object; everything else runs as in `pipeline`, for a batch of one or several objects. Times are
medians; the device is waited for around each stage. Looking at the picture is not in them.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..device import choose_device, choose_dtype
from ..errors import TrellisError
from ..forecast import Forecast
from ..graphs import Graphs, StepField, can_record
from ..kernels.choice import plain
from ..models.gaussian_decoder import GaussianDecoder
from ..models.latent_flow import LatentFlow
from ..models.released import GAUSSIAN_DECODER, LATENT_FLOW, STRUCTURE_DECODER, STRUCTURE_FLOW
from ..models.structure_decoder import StructureDecoder, active_voxels
from ..models.structure_flow import StructureFlow
from ..request import MAX_SAMPLES, whole
from ..sampler import TIME_SCALE, SamplerSettings, SettingsError, VelocityField, sample
from ..sparse.grid import VoxelGrid
from ..voxelize import occupancy_preview, voxels_from_gaussians
from . import bench_precision, bench_trellis2, bench_whole
from .bench_work import medians, operations, product_rate, repeated, shell, timed

Module = TypeVar("Module", bound=nn.Module)

_TOKENS, _CHANNELS = 1374, 1024

_VOXELS, _STEPS = 20_000, 25


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured."""

    device: str
    torch: str
    dtype: str
    fast: bool
    """Whether kernels of our own and CUDA graphs were allowed."""
    batch: int
    """Objects made together."""
    voxels: int
    """Of each object."""
    tokens: int
    """Of the second stage's transformer, for each object."""
    steps: int
    forecast_steps: int
    """Steps of both stages that were forecast instead of computed."""
    milliseconds: dict[str, float]
    """Median of each stage."""
    total: float
    """Their sum, in milliseconds."""
    objects_per_second: float
    preview_milliseconds: dict[str, float]
    """Median of one coarse preview of the whole batch in each stage; not in the sum."""
    first_ms: float
    """The first, cold run of all stages."""
    cold_s: float | None
    """Seconds from the start of a process to the end of its first run, if that was measured."""
    teraflops: dict[str, float]
    """Operations in each stage, in 10^12; of steps that are forecast none."""
    teraflops_per_second: dict[str, float]
    product_rate: float
    """What the device reaches in a large matrix product, in 10^12 operations a second."""
    weights_gib: float
    peak_gib: float
    """Most memory that was taken from the device; 0 where the device does not tell."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    bench_trellis2.add_arguments(parser)
    parser.add_argument("--voxels", type=int, help="active or latent voxels (about)")
    parser.add_argument("--steps", type=int, help="steps of each stage")
    parser.add_argument(
        "--forecast", type=int, default=1, help="steps that share one run of a network"
    )
    parser.add_argument("--batch", type=int, default=1, help="objects made together")
    parser.add_argument("--repeat", type=int, default=5, help="runs to take the median of")
    parser.add_argument(
        "--plain", action="store_true", help="torch's own operators only, and no CUDA graphs"
    )
    parser.add_argument(
        "--cold", action="store_true", help="also time a new process up to its first result"
    )
    parser.add_argument(
        "--whole", action="store_true", help="time all from a picture to voxels, as users see it"
    )
    parser.add_argument(
        "--low-vram",
        action="store_true",
        help="one network on the device at a time (with --whole, or of the second generation)",
    )
    parser.add_argument(
        "--float8", action="store_true", help="large products of eight bits (with --whole)"
    )
    parser.add_argument(
        "--compare", action="store_true", help="compare half precision with float32"
    )
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Measures and prints."""
    if options.family == "trellis2":
        return bench_trellis2.run(options)
    for name in ("pipeline_type", "resolution"):
        if getattr(options, name) is not None:
            raise SettingsError(
                f"--{name.replace('_', '-')} is for the second generation: add --family trellis2"
            )
    voxels = _VOXELS if options.voxels is None else options.voxels
    options.voxels = whole("voxels", voxels, 1, LATENT_FLOW.resolution**3)
    options.steps = SamplerSettings(steps=_STEPS if options.steps is None else options.steps).steps
    device = choose_device(options.device)
    if options.compare:
        made = bench_precision.compare(device, voxels=options.voxels, steps=options.steps)
        text = json.dumps({name: asdict(each) for name, each in made.items()})
        print(text if options.json else bench_precision.describe(made))
        return 0
    cold = _cold_start(options) if options.cold else None
    if options.whole:
        return _run_whole(options, cold)
    if options.float8 or options.low_vram:
        raise SettingsError("--float8 and --low-vram go with --whole: add it")
    report = measure(
        device,
        choose_dtype(options.dtype, device),
        voxels=options.voxels,
        steps=options.steps,
        batch=options.batch,
        repeat=options.repeat,
        fast=not options.plain,
        forecast=options.forecast,
    )
    report = replace(report, cold_s=cold)
    print(json.dumps(asdict(report)) if options.json else describe(report))
    return 0


def _run_whole(options: argparse.Namespace, cold: float | None) -> int:
    bench = bench_whole.Bench(
        device=options.device,
        dtype=options.dtype,
        voxels=options.voxels,
        batch=whole("batch", options.batch, 1, MAX_SAMPLES),
        steps=options.steps,
        forecast=options.forecast,
        fast=not options.plain,
        float8=options.float8,
        low_vram=options.low_vram,
    )
    report = replace(bench.measure(options.repeat), cold_s=cold)
    print(json.dumps(asdict(report)) if options.json else bench_whole.describe(report))
    return 0


def _cold_start(options: argparse.Namespace) -> float:
    """Seconds that a process takes from a picture to its first voxels, its start included.

    Raises `TrellisError` where that fails.
    """
    command = [sys.executable, "-m", "crossworld_trellis", "bench", "--whole", "--repeat", "0"]
    for name in ("voxels", "steps", "forecast", "batch", "device", "dtype"):
        command += [f"--{name}", str(getattr(options, name))]
    started = time.perf_counter()
    for name in ("plain", "float8", "low_vram"):
        command += [f"--{name.replace('_', '-')}"] if getattr(options, name) else []
    ended = subprocess.run(command, capture_output=True, text=True)
    if ended.returncode:
        last = ended.stderr.strip().rpartition("\n")[2].removeprefix("error: ")
        raise TrellisError(f"the process for the cold start failed: {last}")
    return time.perf_counter() - started


def describe(report: Report) -> str:
    """The report as lines of text."""
    share = sum(report.teraflops.values()) / report.total * 1e3 / report.product_rate
    lines = [
        f"{report.device}, torch {report.torch}, {report.dtype}{'' if report.fast else ', plain'}",
        f"{report.batch} x {report.voxels} voxels, {report.tokens} tokens each, "
        f"{report.steps} + {report.steps} steps, {report.forecast_steps} of them forecast",
        *(
            f"{name:20} {ms:10.1f} ms {report.teraflops_per_second[name]:8.2f} TFLOP/s"
            for name, ms in report.milliseconds.items()
        ),
        f"{'total':20} {report.total:10.1f} ms, {sum(report.teraflops.values()):.1f} TFLOP, "
        f"{share:.0%} of the {report.product_rate:.2f} TFLOP/s of a matrix product",
        f"{'objects per second':20} {report.objects_per_second:10.3f}",
        f"{'first run':20} {report.first_ms:10.1f} ms",
        *([] if report.cold_s is None else [f"{'cold start':20} {report.cold_s:10.1f} s"]),
        *(f"{name:20} {ms:10.1f} ms" for name, ms in report.preview_milliseconds.items()),
        f"{'weights':20} {report.weights_gib:10.2f} GiB",
        f"{'peak memory':20} {report.peak_gib:10.2f} GiB",
    ]
    return "\n".join(lines)


@torch.inference_mode()
def measure(
    device: torch.device,
    dtype: torch.dtype,
    *,
    voxels: int,
    steps: int,
    repeat: int,
    batch: int = 1,
    fast: bool = True,
    forecast: int = 1,
) -> Report:
    """Runs all stages some times on random weights of the released sizes.

    Raises `SettingsError` for numbers out of range.
    """
    whole("batch", batch, 1, MAX_SAMPLES)
    networks = _Networks(device, dtype, fast=fast)
    weights = _allocated(device)
    coords = shell(voxels, LATENT_FLOW.resolution).to(device)
    settings = SamplerSettings(
        steps=steps,
        cfg_strength=5.0,
        cfg_interval=(0.5, 1.0),
        rescale_t=3.0,
        forecast=forecast,
    )
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    with plain(not fast):
        first, *runs = (networks.run(coords, settings, batch) for _ in range(repeat + 1))
        peak = torch.cuda.max_memory_reserved(device) if device.type == "cuda" else 0
        guesses = [networks.guess(coords, batch) for _ in range(repeat)]
    stages = medians(runs or [first])
    work = networks.operations(coords, settings, batch)
    teraflops = {name: work.get(name, 0) / 1e12 for name in stages}
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    return Report(
        device=name,
        torch=torch.__version__,
        dtype=str(dtype).removeprefix("torch."),
        fast=fast,
        batch=batch,
        voxels=len(coords),
        tokens=len(VoxelGrid(coords).pooled.grid),
        steps=steps,
        forecast_steps=networks.forecast_steps,
        milliseconds=stages,
        total=sum(stages.values()),
        objects_per_second=1e3 * batch / sum(stages.values()),
        preview_milliseconds=medians(guesses) if guesses else {},
        first_ms=sum(first.values()),
        cold_s=None,
        teraflops=teraflops,
        teraflops_per_second={name: teraflops[name] / ms * 1e3 for name, ms in stages.items()},
        product_rate=product_rate(device, dtype) / 1e12,
        weights_gib=weights / 2**30,
        peak_gib=peak / 2**30,
    )


class _Networks:
    """The networks that make coloured voxels, with random weights."""

    def __init__(self, device: torch.device, dtype: torch.dtype, *, fast: bool) -> None:
        self._device = device
        self._graphs = Graphs() if fast and can_record(device) else None
        self.forecast_steps = 0
        """Of the last run."""
        self._structure = _build(lambda: StructureFlow(STRUCTURE_FLOW, dtype=dtype), device)
        self._occupancy = _build(lambda: StructureDecoder(STRUCTURE_DECODER, dtype=dtype), device)
        self._latents = _build(lambda: LatentFlow(LATENT_FLOW, dtype=dtype), device)
        self._gaussians = _build(lambda: GaussianDecoder(GAUSSIAN_DECODER, dtype=dtype), device)

    def run(self, coords: Tensor, settings: SamplerSettings, batch: int) -> dict[str, float]:
        """Milliseconds of every stage of a batch, each object with these voxels [N,4]."""
        device, spent = self._device, dict[str, float]()
        times = torch.tensor(settings.times()[:-1] * TIME_SCALE, dtype=torch.float32)
        condition = torch.randn(1, batch, _TOKENS, _CHANNELS, device=device)
        noise = torch.randn(self._structure.noise_shape(batch), device=device)
        field = timed(
            spent,
            "structure prepare",
            device,
            lambda: self._replayed("structure", self._structure.field(condition, times)),
        )
        first = Forecast(field, settings)
        state = timed(spent, "structure flow", device, lambda: sample(first, noise, settings))
        timed(spent, "structure decoder", device, lambda: self._occupancy(state))
        own = [VoxelGrid(coords, items=[len(coords)]) for _ in range(batch)]
        grid = own[0] if batch == 1 else repeated(coords, batch)
        fine = torch.randn(len(grid), LATENT_FLOW.in_channels, device=device)
        bound = timed(
            spent,
            "latent prepare",
            device,
            lambda: self._replayed("latent", self._latents.field(condition, times, grid)),
        )
        second = Forecast(bound, settings)
        slat = timed(spent, "latent flow", device, lambda: sample(second, fine, settings))
        self.forecast_steps = first.saved + second.saved
        parts = slat.tensor_split(batch)
        timed(
            spent,
            "gaussian decoder",
            device,
            lambda: [self._gaussians(part, each) for part, each in zip(parts, own, strict=True)],
        )
        return spent

    def _replayed(self, name: str, field: StepField) -> VelocityField:
        return field if self._graphs is None else self._graphs.replayed(name, field)

    def operations(self, coords: Tensor, settings: SamplerSettings, batch: int) -> dict[str, int]:
        """Operations in the stages of `run` that multiply."""
        device, grid = self._device, repeated(coords, batch)
        condition = torch.randn(1, batch, _TOKENS, _CHANNELS, device=device)
        time = torch.full((1,), TIME_SCALE, device=device)
        state = torch.randn(self._structure.noise_shape(batch), device=device)
        fine = torch.randn(len(grid), LATENT_FLOW.in_channels, device=device)
        return {
            "structure flow": _flow_operations(
                self._structure.field(condition, time), state, settings
            ),
            "structure decoder": operations(lambda: self._occupancy(state)),
            "latent flow": _flow_operations(
                self._latents.field(condition, time, grid), fine, settings
            ),
            "gaussian decoder": operations(lambda: self._gaussians(fine, grid)),
        }

    def guess(self, coords: Tensor, batch: int) -> dict[str, float]:
        """Milliseconds of a coarse preview of a batch in each stage, voxels included."""
        device, spent = self._device, dict[str, float]()
        side = LATENT_FLOW.resolution
        states = torch.randn(self._structure.noise_shape(batch), device=device).tensor_split(batch)
        grid = VoxelGrid(coords, items=[len(coords)])
        fine = torch.randn(len(grid), LATENT_FLOW.in_channels, device=device)
        self._gaussians(fine, grid)  # finds the windows, which a run finds once

        def structure() -> None:
            for state in states:
                active_voxels(self._occupancy(state))
                occupancy_preview(coords[:, 1:], resolution=side)

        def appearance() -> None:
            for _ in range(batch):
                [gaussians] = self._gaussians(fine, grid)
                voxels_from_gaussians(
                    coords[:, 1:], gaussians, grid_resolution=side, resolution=side // 2
                )

        timed(spent, "structure preview", device, structure)
        timed(spent, "appearance preview", device, appearance)
        return spent


def _flow_operations(field: VelocityField, state: Tensor, settings: SamplerSettings) -> int:
    """Operations in the steps of a run that are not forecast."""
    asked: list[bool] = []

    def listen(state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        asked.append(guided)
        return state.expand(1 + guided, -1)

    sample(Forecast(listen, settings), torch.zeros(1), settings)
    total = 0
    for kind in set(asked):
        step = operations(lambda kind=kind: field(state, 0, pictures=slice(1), guided=kind))
        total += asked.count(kind) * step
    return total


def _build(make: Callable[[], Module], device: torch.device) -> Module:
    with torch.device(device):
        return make().eval().requires_grad_(False)


def _allocated(device: torch.device) -> int:
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
