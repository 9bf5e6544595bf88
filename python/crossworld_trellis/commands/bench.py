"""`bench`: how long the full-size networks take on this machine, with random weights.

Nothing is downloaded. The active voxels are a sphere's shell, because random weights make no
object; everything else runs as in `pipeline`. Times are medians; the device is waited for around
each stage.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from ..device import choose_device, choose_dtype
from ..models.gaussian_decoder import GaussianDecoder
from ..models.latent_flow import LatentFlow
from ..models.released import GAUSSIAN_DECODER, LATENT_FLOW, STRUCTURE_DECODER, STRUCTURE_FLOW
from ..models.structure_decoder import StructureDecoder
from ..models.structure_flow import StructureFlow
from ..sampler import TIME_SCALE, SamplerSettings, sample
from ..sparse.grid import VoxelGrid

Module = TypeVar("Module", bound=nn.Module)
Value = TypeVar("Value")

_TOKENS, _CHANNELS = 1374, 1024


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was measured."""

    device: str
    torch: str
    dtype: str
    voxels: int
    tokens: int
    """Of the second stage's transformer."""
    steps: int
    milliseconds: dict[str, float]
    """Median of each stage."""
    total: float
    """Their sum, in milliseconds."""
    first_ms: float
    """The first, cold run of all stages."""
    weights_gib: float
    peak_gib: float
    """Most memory of the device at any time; 0 where the device does not tell."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the command's options."""
    parser.add_argument("--voxels", type=int, default=20_000, help="active voxels (about)")
    parser.add_argument("--steps", type=int, default=25, help="steps of each stage")
    parser.add_argument("--repeat", type=int, default=5, help="runs to take the median of")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def run(options: argparse.Namespace) -> int:
    """Measures and prints."""
    device = choose_device(options.device)
    report = measure(
        device,
        choose_dtype(options.dtype, device),
        voxels=options.voxels,
        steps=options.steps,
        repeat=options.repeat,
    )
    print(json.dumps(asdict(report)) if options.json else describe(report))
    return 0


def describe(report: Report) -> str:
    """The report as lines of text."""
    lines = [
        f"{report.device}, torch {report.torch}, {report.dtype}",
        f"{report.voxels} voxels, {report.tokens} tokens, {report.steps} + {report.steps} steps",
        *(f"{name:20} {ms:10.1f} ms" for name, ms in report.milliseconds.items()),
        f"{'total':20} {report.total:10.1f} ms",
        f"{'first run':20} {report.first_ms:10.1f} ms",
        f"{'weights':20} {report.weights_gib:10.2f} GiB",
        f"{'peak memory':20} {report.peak_gib:10.2f} GiB",
    ]
    return "\n".join(lines)


@torch.inference_mode()
def measure(
    device: torch.device, dtype: torch.dtype, *, voxels: int, steps: int, repeat: int
) -> Report:
    """Runs all stages some times on random weights of the released sizes."""
    structure = _build(lambda: StructureFlow(STRUCTURE_FLOW, dtype=dtype), device)
    occupancy = _build(lambda: StructureDecoder(STRUCTURE_DECODER, dtype=dtype), device)
    latents = _build(lambda: LatentFlow(LATENT_FLOW, dtype=dtype), device)
    decoder = _build(lambda: GaussianDecoder(GAUSSIAN_DECODER, dtype=dtype), device)
    settings = SamplerSettings(
        steps=steps, cfg_strength=5.0, cfg_interval=(0.5, 1.0), rescale_t=3.0
    )
    times = torch.tensor(settings.times()[:-1] * TIME_SCALE, dtype=torch.float32).to(device)
    condition = torch.randn(1, 1, _TOKENS, _CHANNELS, device=device)
    coords = shell(voxels, LATENT_FLOW.resolution).to(device)
    weights = _allocated(device)

    def once() -> dict[str, float]:
        spent: dict[str, float] = {}
        noise = torch.randn(structure.noise_shape(1), device=device)
        field = _timed(
            spent, "structure prepare", device, lambda: structure.field(condition, times)
        )
        state = _timed(spent, "structure flow", device, lambda: sample(field, noise, settings))
        _timed(spent, "structure decoder", device, lambda: occupancy(state))
        grid = VoxelGrid(coords, items=[len(coords)])
        fine = torch.randn(len(grid), LATENT_FLOW.in_channels, device=device)
        bound = _timed(
            spent, "latent prepare", device, lambda: latents.field(condition, times, grid)
        )
        slat = _timed(spent, "latent flow", device, lambda: sample(bound, fine, settings))
        _timed(spent, "gaussian decoder", device, lambda: decoder(slat, grid))
        return spent

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    first = once()
    runs = [once() for _ in range(repeat)]
    medians = {name: statistics.median(run[name] for run in runs) for name in first}
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
    return Report(
        device=name,
        torch=torch.__version__,
        dtype=str(dtype).removeprefix("torch."),
        voxels=len(coords),
        tokens=len(VoxelGrid(coords).pooled.grid),
        steps=steps,
        milliseconds=medians,
        total=sum(medians.values()),
        first_ms=sum(first.values()),
        weights_gib=weights / 2**30,
        peak_gib=peak / 2**30,
    )


def shell(voxels: int, resolution: int) -> Tensor:
    """[N,4] int32: about as many cells around a sphere's surface as asked for, sorted."""
    axis = torch.arange(resolution) - (resolution - 1) / 2
    x, y, z = torch.meshgrid(axis, axis, axis, indexing="ij")
    depth = ((x * x + y * y + z * z).sqrt() - 0.42 * resolution).abs()
    chosen = depth <= depth.flatten().kthvalue(min(voxels, depth.numel())).values
    return torch.nn.functional.pad(chosen.nonzero(), (1, 0)).int()


def _build(make: Callable[[], Module], device: torch.device) -> Module:
    with torch.device(device):
        return make().eval().requires_grad_(False)


def _timed(
    spent: dict[str, float], name: str, device: torch.device, work: Callable[[], Value]
) -> Value:
    _wait(device)
    started = time.perf_counter()
    result = work()
    _wait(device)
    spent[name] = (time.perf_counter() - started) * 1e3
    return result


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _allocated(device: torch.device) -> int:
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
