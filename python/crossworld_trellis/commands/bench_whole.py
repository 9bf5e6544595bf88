"""`bench --whole`: from a picture to coloured voxels, as `Trellis.generate` makes them.

Networks are random (`bench_first`); everything else runs as it does for users, so that this is what
they wait for: preparing the picture, previews and the way back to the host are in it.
"""

import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import torch

from ..pipeline import Request, Trellis
from ..sampler import SamplerSettings
from ..watch import PREVIEW_EVERY, Preview, Progress, Watch
from .bench_first import SETTINGS, random_checkpoint, some_picture
from .bench_work import wait


@dataclass(frozen=True, kw_only=True)
class Whole:
    """What was measured; milliseconds are medians."""

    device: str
    torch: str
    dtype: str
    """With a note where large products are of eight bits."""
    fast: bool
    low_vram: bool
    batch: int
    voxels: int
    steps: int
    forecast_steps: int
    milliseconds: float
    """From the picture to the voxels of all of a batch."""
    pictures_a_minute: float
    begins: dict[str, float]
    """When each stage began, in milliseconds."""
    first_preview: float
    """When the solid cells were shown, without other previews; in milliseconds."""
    with_previews: float
    """As `milliseconds`, with a preview every few steps."""
    runs: list[float] = field(repr=False)
    """All that `milliseconds` is the median of."""
    loading: float
    first: float
    """The first, cold run, in milliseconds."""
    allocated_gib: float
    """Most memory that tensors took; 0 where the device does not tell."""
    reserved_gib: float
    """Most memory that was taken from the device, after the first two runs."""
    cold_s: float | None = None
    """Seconds from the start of a process to the end of its first run, if that was measured."""


class Bench:
    """A pipeline and a picture."""

    def __init__(
        self,
        *,
        device: str,
        dtype: str,
        voxels: int,
        batch: int,
        steps: int,
        forecast: int,
        fast: bool,
        float8: bool,
        low_vram: bool,
    ) -> None:
        self._batch = batch
        self.settings = SETTINGS.override(steps=steps, forecast=forecast)
        started = time.perf_counter()
        self.trellis = Trellis.of_checkpoint(
            random_checkpoint(voxels),
            device=device,
            dtype=dtype,
            fast=fast,
            float8=float8,
            low_vram=low_vram,
        )
        wait(self.trellis.device)
        self.loading = 1e3 * (time.perf_counter() - started)
        self._float8, self._fast, self._low_vram = float8, fast, low_vram
        self._picture = some_picture()
        self.voxels = 0

    def run(self, **watched: Any) -> float:
        """Milliseconds of one batch."""
        settings: SamplerSettings = self.settings
        started = time.perf_counter()
        made = self.trellis.generate_batch(
            [
                Request(images=self._picture, seed=index, watch=Watch(**watched))
                for index in range(self._batch)
            ],
            structure=settings,
            latents=settings,
        )
        spent = 1e3 * (time.perf_counter() - started)
        for each in made:
            if isinstance(each, Exception):
                raise each
            assert each.voxels is not None
            self.voxels = len(each.voxels)
        return spent

    def measure(self, repeat: int) -> Whole:
        """Runs some times; only once with a `repeat` of 0."""
        device = self.trellis.device
        cuda = device.type == "cuda"
        first = self.run()
        if repeat:
            # Recorded now, and the next one is as all others.
            self.run()
            if cuda:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats(device)
            self.run()
        runs = [self.run() for _ in range(repeat)] or [first]
        allocated = torch.cuda.max_memory_allocated(device) if cuda else 0
        reserved = torch.cuda.max_memory_reserved(device) if cuda else 0
        begins, shown, watched = self._watch(repeat)
        middle = statistics.median(runs)
        return Whole(
            device=torch.cuda.get_device_name(device) if cuda else str(device),
            torch=torch.__version__,
            dtype=str(self.trellis.dtype).removeprefix("torch.")
            + (" with float8 products" if self._float8 else ""),
            fast=self._fast,
            low_vram=self._low_vram,
            batch=self._batch,
            voxels=self.voxels,
            steps=self.settings.steps,
            forecast_steps=self.trellis.forecast_steps,
            milliseconds=middle,
            pictures_a_minute=60e3 * self._batch / middle,
            begins=begins,
            first_preview=shown,
            with_previews=watched,
            runs=runs,
            loading=self.loading,
            first=first,
            allocated_gib=allocated / 2**30,
            reserved_gib=reserved / 2**30,
        )

    def _watch(self, repeat: int) -> tuple[dict[str, float], float, float]:
        """When stages begin, when solid cells are shown, and how long all previews make a run."""
        ears = [_Ears() for _ in range(repeat)]
        for each in ears:
            each.listen()
            self.run(on_progress=each.progress, on_preview=each.preview, preview_every=0)
        watched = [self.run(on_preview=_Ears().preview, preview_every=PREVIEW_EVERY) for _ in ears]
        if not repeat:
            return {}, 0.0, 0.0
        begins = {
            name: statistics.median(each.begins[name] for each in ears) for name in ears[0].begins
        }
        shown = statistics.median(each.shown[0] for each in ears)
        return begins, shown, statistics.median(watched)


class _Ears:
    """Remembers when something was told, in milliseconds from `listen` on."""

    def __init__(self) -> None:
        self.begins: dict[str, float] = {}
        self.shown: list[float] = []
        self._started = time.perf_counter()

    def listen(self) -> None:
        self._started = time.perf_counter()

    def progress(self, progress: Progress) -> None:
        self.begins.setdefault(progress.stage, self._now())

    def preview(self, _: Preview) -> None:
        self.shown.append(self._now())

    def _now(self) -> float:
        return 1e3 * (time.perf_counter() - self._started)


def describe(whole: Whole) -> str:
    """The report as lines of text."""
    lines = [
        f"{whole.device}, torch {whole.torch}, {whole.dtype}"
        f"{'' if whole.fast else ', plain'}{', low_vram' if whole.low_vram else ''}",
        f"{whole.batch} x {whole.voxels} voxels, {whole.steps} + {whole.steps} steps, "
        f"{whole.forecast_steps} of them forecast",
        f"{'picture to voxels':20} {whole.milliseconds:10.0f} ms, of "
        f"{min(whole.runs):.0f} to {max(whole.runs):.0f}",
        f"{'pictures a minute':20} {whole.pictures_a_minute:10.1f}",
        *(f"{name + ' begins':20} {ms:10.0f} ms" for name, ms in whole.begins.items()),
        f"{'solid cells shown':20} {whole.first_preview:10.0f} ms",
        f"{'with all previews':20} {whole.with_previews:10.0f} ms",
        f"{'loading':20} {whole.loading:10.0f} ms",
        f"{'first run':20} {whole.first:10.0f} ms",
        *([] if whole.cold_s is None else [f"{'cold start':20} {whole.cold_s:10.1f} s"]),
        f"{'memory of tensors':20} {whole.allocated_gib:10.2f} GiB",
        f"{'memory taken':20} {whole.reserved_gib:10.2f} GiB",
    ]
    return "\n".join(lines)
