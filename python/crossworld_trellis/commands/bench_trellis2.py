"""`bench --family trellis2`: as `bench`, for the second generation.

The stages are those of a real run (`trellis2.stages`), from a picture to voxels, with CUDA graphs
where these are used. Only the networks are random, and a sphere's shell takes the place of the
cells that they call solid. With `low_vram` networks are made when a stage asks for them, where a
run would read them: then the memory tells something, the times do not.
"""

import argparse
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TypeVar, cast

import torch
from PIL import Image

from ..cascade import DEFAULT_MAX_TOKENS, PIPELINE_TYPES
from ..checkpoint.roles import STRUCTURE_FLOW
from ..checkpoint.trellis2_roles import (
    DECODERS,
    TRELLIS_2,
    roles_for,
    shape_flow,
    texture_flow,
)
from ..device import choose_device, choose_dtype
from ..guidance import GuidanceSettings
from ..kernels.choice import plain
from ..models.rotary_flow import DenseRotaryFlow, RotaryFlow
from ..request import MAX_SAMPLES, EmptyResultError, whole
from ..sampler import SettingsError, Step
from ..sparse.grid import VoxelGrid
from ..trellis2.plan import Plan2, checked_resolution, checked_type
from ..trellis2.stages import (
    Conditions,
    Shelf2,
    decode,
    find_shape,
    find_structure,
    find_texture,
    look,
)
from .bench_random import RandomCheckpoint, cosines, random_checkpoint
from .bench_work import medians, operations, product_rate, repeated, shell, timed

Value = TypeVar("Value")

_STEPS = 12

# Latent voxels of an object, about, for each grid of the first stage's result.
_LATENT_VOXELS = {32: 4_160, 64: 16_352}


@dataclass(frozen=True, kw_only=True)
class Report2:
    """What was measured; what has the name of a field of `bench.Report` means the same."""

    device: str
    torch: str
    dtype: str
    fast: bool
    low_vram: bool
    pipeline_type: str
    resolution: int
    """Of the voxels that come out."""
    batch: int
    tokens: list[int]
    """Latent voxels of an object in each pass that finds the shape."""
    voxels: int
    """Voxels of an object that come out."""
    steps: int
    milliseconds: dict[str, float]
    total: float
    objects_per_second: float
    first_ms: float
    teraflops: dict[str, float]
    """Of the flows in each stage."""
    product_rate: float
    weights_gib: float
    """Of the networks that are kept."""
    peak_gib: float
    stage_peak_gib: dict[str, float]
    """Most memory that tensors took in each stage, what is kept included."""
    cosines: dict[str, float]
    """Of each network's answers in half precision and in float32, if these were compared."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options that the first generation does not have."""
    parser.add_argument(
        "--family",
        choices=("trellis", "trellis2"),
        default="trellis",
        help="generation of the model (default: the first)",
    )
    second = parser.add_argument_group("of the second generation only")
    second.add_argument("--pipeline-type", choices=PIPELINE_TYPES, help="(512)")
    second.add_argument("--resolution", type=int, help="of the voxels")


def run(options: argparse.Namespace) -> int:
    """Measures and prints."""
    if options.cold or options.whole or options.float8 or options.forecast != 1:
        raise SettingsError(
            "--cold, --whole, --float8 and --forecast are not for the second generation: leave them"
        )
    device = choose_device(options.device)
    bench = Bench(
        device,
        choose_dtype(options.dtype, device, trained=torch.bfloat16),
        random_checkpoint(),
        pipeline_type=options.pipeline_type or "512",
        resolution=options.resolution,
        steps=_STEPS if options.steps is None else options.steps,
        samples=options.batch,
        voxels=options.voxels,
        fast=not options.plain,
        low_vram=options.low_vram,
    )
    report = bench.measure(repeat=options.repeat, compare=options.compare)
    print(json.dumps(asdict(report)) if options.json else describe(report))
    return 0


def describe(report: Report2) -> str:
    """The report as lines of text."""
    ways = ["", ", plain"][not report.fast] + ["", ", low_vram"][report.low_vram]
    counted = sum(report.milliseconds[name] for name in report.teraflops)
    share = sum(report.teraflops.values()) / counted * 1e3 / report.product_rate
    tokens = " then ".join(map(str, report.tokens))
    lines = [
        f"{report.device}, torch {report.torch}, {report.dtype}{ways}",
        f"{report.pipeline_type}: {report.batch} x {tokens} latent voxels, {report.steps} steps, "
        f"{report.voxels} voxels at {report.resolution}^3",
        *(
            f"{name:20} {ms:10.1f} ms {report.stage_peak_gib[name]:8.2f} GiB"
            for name, ms in report.milliseconds.items()
        ),
        f"{'total':20} {report.total:10.1f} ms",
        f"{'flows':20} {counted:10.1f} ms, {sum(report.teraflops.values()):.1f} TFLOP, "
        f"{share:.0%} of the {report.product_rate:.2f} TFLOP/s of a matrix product",
        f"{'objects per second':20} {report.objects_per_second:10.3f}",
        f"{'first run':20} {report.first_ms:10.1f} ms",
        f"{'weights':20} {report.weights_gib:10.2f} GiB",
        f"{'peak memory':20} {report.peak_gib:10.2f} GiB",
        *(f"cosine {value:.6f} {role}" for role, value in report.cosines.items()),
    ]
    return "\n".join(lines)


class Bench:
    """A run that can be repeated."""

    def __init__(
        self,
        device: torch.device,
        dtype: torch.dtype,
        checkpoint: RandomCheckpoint,
        *,
        pipeline_type: str,
        resolution: int | None,
        steps: int,
        samples: int,
        voxels: int | None,
        fast: bool,
        low_vram: bool,
    ) -> None:
        """`voxels` are the latent ones of an object, about.

        Raises `SettingsError` for numbers out of range.
        """
        kind, own = checked_type(pipeline_type), checkpoint.description
        self._plan = Plan2(
            kind=kind,
            samples=whole("batch", samples, 1, MAX_SAMPLES),
            outputs=frozenset({"voxels"}),
            resolution=checked_resolution(resolution, kind),
            structure=own.structure_sampler.override(steps=steps),
            shape=own.shape_sampler.override(steps=steps),
            texture=own.texture_sampler.override(steps=steps),
            max_tokens=DEFAULT_MAX_TOKENS,
            noise=None,
            preprocessed=True,
        )
        self._checkpoint, self._fast, self._low_vram = checkpoint, fast, low_vram
        self._shelf = Shelf2(
            checkpoint,
            device=device,
            dtype=dtype,
            keep=not low_vram,
            load_encoder=lambda: checkpoint.load_image_encoder(device=device),
            dtypes=dict.fromkeys(
                DECODERS, torch.float32 if dtype == torch.float32 else torch.float16
            ),
            fast=fast,
        )
        count = _LATENT_VOXELS[kind.structure_grid] if voxels is None else voxels
        count = whole("voxels", count, 1, kind.structure_grid**3)
        self._coords = shell(count, kind.structure_grid).to(device)

    @torch.inference_mode()
    def measure(self, *, repeat: int, compare: bool) -> Report2:
        """Runs all stages once, and then as often as asked for.

        Raises `SettingsError` for a negative number, and what stages raise.
        """
        whole("repeat", repeat, 0, 1000)
        shelf, plan, device = self._shelf, self._plan, self._shelf.device
        torch.manual_seed(0)  # pyright: ignore[reportUnknownMemberType]
        if not self._low_vram:
            shelf.encoder()
            for role in roles_for(plan.kind, plan.outputs):
                shelf.model(role)
        cuda = device.type == "cuda"
        weights = torch.cuda.memory_allocated(device) if cuda else 0
        with plain(not self._fast):
            first, *runs = (self._run() for _ in range(repeat + 1))
        stages = medians([each.milliseconds for each in runs or [first]])
        total = sum(stages.values())
        work = self._operations(first)
        return Report2(
            device=torch.cuda.get_device_name(device) if cuda else str(device),
            torch=torch.__version__,
            dtype=str(shelf.dtype).removeprefix("torch."),
            fast=self._fast,
            low_vram=self._low_vram,
            pipeline_type=plan.kind.name,
            resolution=plan.resolution,
            batch=plan.samples,
            tokens=first.tokens,
            voxels=first.voxels,
            steps=plan.structure.steps,
            milliseconds=stages,
            total=total,
            objects_per_second=1e3 * plan.samples / total,
            first_ms=sum(first.milliseconds.values()),
            teraflops={name: count / 1e12 for name, count in work.items()},
            product_rate=product_rate(device, shelf.dtype) / 1e12,
            weights_gib=weights / 2**30,
            peak_gib=max(each.reserved for each in [first, *runs]) / 2**30,
            stage_peak_gib={
                name: max(each.peaks[name] for each in [first, *runs]) / 2**30 for name in stages
            },
            cosines=self._cosines() if compare else {},
        )

    def _run(self) -> "_Run":
        shelf, plan, made = self._shelf, self._plan, _Run()
        random = torch.Generator().manual_seed(0)
        picture = Image.effect_noise((1024, 1024), 64).convert("RGB")

        def stage(name: str, work: Callable[[], Value]) -> Value:
            result = timed(made.milliseconds, name, shelf.device, work)
            made.note_memory(name, shelf.device)
            shelf.tidy()
            return result

        seen = stage(
            "picture", lambda: look(shelf, plan.kind, picture, preprocessed=True, cut_out=None)
        )
        stage("structure", lambda: self._find_structure(seen, random))
        grid = repeated(self._coords, plan.samples)
        shape = stage(
            "shape", lambda: find_shape(shelf, plan, seen, grid, random, on_step=_ignore_shape)
        )
        texture = stage(
            "texture", lambda: find_texture(shelf, plan, seen, shape, random, on_step=_ignore)
        )
        objects = stage("decoding", lambda: decode(shelf, plan, shape, texture))
        passes = [grid, shape.grid][-len(plan.kind.passes) :]
        made.tokens = [len(each) // plan.samples for each in passes]
        made.pictures = {side: each.shape[2] for side, each in seen.items()}
        made.voxels = sum(len(each.voxels or ()) for each in objects) // plan.samples
        return made

    def _find_structure(self, seen: Conditions, random: torch.Generator) -> None:
        # What random weights call solid is of no use, and may be nothing.
        with suppress(EmptyResultError):
            find_structure(self._shelf, self._plan, seen, random, on_step=_ignore)

    def _operations(self, run: "_Run") -> dict[str, int]:
        """Operations of the flows in each stage."""
        plan, last = self._plan, run.tokens[-1]
        texture = plan.kind.texture_pass
        passes = zip(plan.kind.passes, run.tokens, strict=True)
        return {
            "structure": self._of_flow(STRUCTURE_FLOW, 0, run.pictures[512], plan.structure),
            "shape": sum(
                self._of_flow(shape_flow(side), tokens, run.pictures[side], plan.shape)
                for side, tokens in passes
            ),
            "texture": self._of_flow(
                texture_flow(texture), last, run.pictures[texture], plan.texture
            ),
        }

    def _of_flow(self, role: str, tokens: int, length: int, settings: GuidanceSettings) -> int:
        """Counted on the meta device, where nothing is computed."""
        config = self._checkpoint.config(role)
        flow = cast(RotaryFlow, TRELLIS_2.build(role, config, dtype=self._shelf.dtype))
        meta, samples, sizes = torch.device("meta"), self._plan.samples, flow.config
        if isinstance(flow, DenseRotaryFlow):
            grid = flow.grid(samples, meta)
        else:
            cells = torch.empty(samples * tokens, 4, dtype=torch.int32, device=meta)
            grid = VoxelGrid(cells, items=[tokens] * samples)
        constant = None
        if sizes.constant_channels:
            constant = torch.empty(len(grid), sizes.constant_channels, device=meta)
        condition = torch.empty(1, 1, length, sizes.cond_channels, device=meta)
        bound = flow.field(condition, torch.empty(1, device=meta), grid, constant)
        state = torch.empty(len(grid), sizes.out_channels, device=meta)
        total = 0
        for guided in (False, True):
            steps = sum(settings.is_guided(time) == guided for time in settings.times()[:-1])
            step = operations(lambda g=guided: bound(state, 0, pictures=slice(1), guided=g))
            total += steps * step
        return total

    def _cosines(self) -> dict[str, float]:
        half = self._shelf.dtype
        half = torch.bfloat16 if half == torch.float32 else half
        grid = VoxelGrid(self._coords, items=[len(self._coords)])
        return cosines(self._checkpoint, self._plan.kind, grid, half=half)


@dataclass
class _Run:
    """What one run tells."""

    milliseconds: dict[str, float] = field(default_factory=dict[str, float])
    peaks: dict[str, int] = field(default_factory=dict[str, int])
    """Bytes of tensors in each stage."""
    reserved: int = 0
    """Bytes that were taken from the device."""
    tokens: list[int] = field(default_factory=list[int])
    pictures: dict[int, int] = field(default_factory=dict[int, int])
    """Condition tokens of each size of picture."""
    voxels: int = 0

    def note_memory(self, stage: str, device: torch.device) -> None:
        """Of the stage that just ended; counts anew."""
        self.peaks[stage] = 0
        if device.type == "cuda":
            self.peaks[stage] = torch.cuda.max_memory_allocated(device)
            self.reserved = max(self.reserved, torch.cuda.max_memory_reserved(device))
            torch.cuda.reset_peak_memory_stats(device)


def _ignore(_: Step) -> None:
    pass


def _ignore_shape(_: Step, grid: VoxelGrid, resolution: int) -> None:
    pass
