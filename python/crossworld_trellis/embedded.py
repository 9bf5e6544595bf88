"""The package inside another program's process: what `src/backend/python` of the Rust side calls.

A narrow door, so that Rust knows few names: raw pixels in, the bytes of a `.voxels` file out,
progress and previews through callbacks whose answer says whether to go on. Importing this module
imports no torch, so that a missing one is told like any other error. Nothing is read from files and
no signal handler is set. One thread at a time may use a `Session`.
"""

import gc
import importlib
import itertools
import logging
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from . import config
from .batch_limit import BatchLimit
from .errors import LOST_SIGNS, Cancelled, DeviceMemoryError, TrellisError

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from .image import CutOut
    from .opening import Made, Outlook, Pipeline
    from .watch import Preview, Progress, Watch

INTERFACE = 3
"""Number of what stands here; the Rust side refuses another one than it was built for."""

Pixels = tuple[bytes, int, int]
"""RGBA bytes in rows from the top, width, height."""

Tell = Callable[[str, int, int], bool]
"""Takes stage, steps done and steps of a `Progress`; whether to go on."""

Show = Callable[[bytes], bool]
"""Takes a `.voxels` file with a rough version of the result; whether to go on."""

Order = tuple[Sequence[Pixels], int, Tell, Show | None]
"""Pictures of one object, a seed, and who hears of the work."""

Answer = bytes | BaseException
"""A `.voxels` file, or why there is none."""

Result = TypeVar("Result")

Log = Callable[[int, str, str], object]
"""Takes level (as in `logging`), the logger's name and the message of a record."""

_LOG = logging.getLogger("crossworld_trellis.embedded")


class DeviceLostError(TrellisError):
    """The process has lost its device for good."""


def forward_log(log: Log) -> None:
    """Hands records of this package from INFO on, and of others from WARNING on, to a function.

    A function that was given earlier gets none any more.
    """
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _Forward)]:
        root.removeHandler(handler)
    root.addHandler(_Forward(log))
    logging.getLogger("crossworld_trellis").setLevel(logging.INFO)


class Session:
    """A checkpoint, of either generation, that is loaded when it is needed and stays.

    Where the device has too little memory for several objects together, they are made one by one,
    and in smaller batches for a while. Where it has too little for one, the cache is freed and the
    work done anew with one network at a time on the device; from then on it stays with that.
    """

    def __init__(self, model: str | None = None) -> None:
        self._source = config.model_source() if model is None else model
        self._pipeline: Pipeline | None = None
        self._description: Outlook | None = None
        self._low_memory = False
        self._limit = BatchLimit(64)
        self._cut_out: CutOut | None = None

    def examine(self) -> "Outlook | None":
        """What would run, where the device works and all files are on this machine; loads no
        weights.

        Raises `CheckpointError` for files that are not whole, `SettingsError` where the environment
        names a pipeline type or a precision that cannot be.
        """
        from .checkpoint import NotDownloadedError
        from .device import choose_device
        from .opening import foresee

        device = choose_device("auto")
        if not _works(device):
            return None
        try:
            return foresee(self._source, device)
        except NotDownloadedError:
            return None

    def load(self, tell: Tell) -> "Outlook":
        """Loads the checkpoint unless that is done. Raises as `open_pipeline`, and `Cancelled`."""
        job = _Job((), 0, tell, None)
        return self._sparing_memory(lambda: self._loaded([job])[1])

    def generate(
        self, orders: Sequence[Order], resolution: int
    ) -> "tuple[list[Answer], Outlook | None]":
        """The `.voxels` file of each order's object, or what was raised instead, and what runs.

        Loads the checkpoint if need be. The objects are made together where that gains something
        (`Pipeline.together`). What is raised is that of `load` and `Pipeline.generate_batch`,
        `DeviceLostError`, and anything else; one order's own error leaves the others alone.
        """
        answers: list[Answer] = []
        for jobs in self._batches([_Job(*order) for order in orders]):
            answers += self._answers(jobs, resolution)
        return answers, self._description

    def close(self) -> None:
        """Drops the networks and gives their memory back to the device, for another session."""
        # Without torch nothing was loaded, and nothing needs importing now.
        if "torch" in sys.modules:
            self._forget()

    def _batches(self, jobs: "list[_Job]") -> "Iterator[list[_Job]]":
        """Neighbours that can be made together: those with equally many pictures."""
        for _, alike in itertools.groupby(jobs, key=lambda job: len(job.pictures)):
            group = list(alike)
            while group:
                # The description outlives networks that were dropped.
                known = self._description
                gains = self._limit.most if known is None else known.together
                size = min(self._limit.size, gains)
                yield group[:size]
                group = group[size:]

    def _answers(self, jobs: "list[_Job]", resolution: int) -> list[Answer]:
        def attempt() -> list[Answer]:
            return self._attempt(jobs, resolution)

        try:
            return self._sparing_memory(attempt) if len(jobs) == 1 else _telling_loss(attempt)
        except BaseException as error:
            concerns_all = isinstance(error, TrellisError) or not isinstance(error, Exception)
            if len(jobs) == 1 or (concerns_all and not isinstance(error, DeviceMemoryError)):
                return [error] * len(jobs)
            if isinstance(error, DeviceMemoryError):
                self._limit.ran_out(len(jobs))
            _LOG.warning("%d together failed, each is tried alone: %s", len(jobs), error)
        # Out here the error and its frames, which hold tensors, are gone.
        self._free_cache()
        return [answer for job in jobs for answer in self._answers([job], resolution)]

    def _attempt(self, jobs: "list[_Job]", resolution: int) -> list[Answer]:
        pipeline, _ = self._loaded(jobs)
        # Below, because it imports torch.
        from .request import Request

        requests = [
            Request(images=self._images(job.pictures), seed=job.seed, watch=job.watch())
            for job in jobs
        ]
        results = pipeline.generate_batch(requests, resolution=resolution, cut_out=self._cut_out)
        self._limit.went_well(len(jobs))
        return [_answer(result) for result in results]

    def _loaded(self, jobs: "Sequence[_Job]") -> "tuple[Pipeline, Outlook]":
        # Where everything is missing, torch is what has to be told first: it fits the machine.
        importlib.import_module("torch")
        from .watch import Progress

        def on_progress(progress: Progress) -> None:
            for job in jobs:
                with suppress(Cancelled):
                    job.hear(progress)
            if all(job.has_left for job in jobs):
                raise Cancelled

        if self._pipeline is None or self._description is None:
            _import_opening(lambda: on_progress(Progress("loading", 0, 1)))
            from .opening import Outlook, open_pipeline

            pipeline: Pipeline = open_pipeline(
                self._source, low_vram=self._low_memory, on_progress=on_progress
            )
            self._description = Outlook.of(pipeline)
            self._pipeline = pipeline
        return self._pipeline, self._description

    def _images(self, pictures: Sequence[Pixels]) -> "list[Image.Image]":
        from PIL import Image

        from .image import rembg_cut_out

        self._cut_out = self._cut_out or rembg_cut_out()
        return [Image.frombuffer("RGBA", (width, height), data) for data, width, height in pictures]

    def _sparing_memory(self, attempt: Callable[[], Result]) -> Result:
        try:
            return _telling_loss(attempt)
        except DeviceMemoryError as error:
            cause = str(error)
        # Out here the error and its frames, which hold tensors, are gone.
        if not self._low_memory:
            _LOG.warning("trying again with one network at a time on the device: %s", cause)
            self._low_memory = True
            self._forget()
            try:
                return _telling_loss(attempt)
            except DeviceMemoryError as error:
                cause = str(error)
        self._forget()
        raise DeviceMemoryError(
            "too little memory even with one network at a time on the device: close what else "
            f"uses it, ask for a lower resolution, or use a server ({cause})"
        )

    def _forget(self) -> None:
        """Drops the networks and gives their memory back to the device."""
        self._pipeline = None
        self._free_cache()

    def _free_cache(self) -> None:
        from .device import choose_device, free_cached_memory

        gc.collect()
        free_cached_memory(choose_device("auto"))


def _import_opening(hear: Callable[[], None]) -> None:
    """Imports torch and what needs it, which takes seconds the first time.

    In another thread, while this one calls `hear`; what that raises ends the waiting.
    """
    name = f"{__package__}.opening"
    if name in sys.modules:
        return
    failed: list[BaseException] = []

    def work() -> None:
        try:
            importlib.import_module(name)
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=work, name="import", daemon=True)
    thread.start()
    while thread.is_alive():
        hear()
        thread.join(0.1)
    if failed:
        raise failed[0]


class _Job:
    """One order, whose caller is asked no more once it has said stop."""

    def __init__(
        self, pictures: Sequence[Pixels], seed: int, tell: Tell, show: Show | None
    ) -> None:
        self.pictures = pictures
        self.seed = seed
        self._tell = tell
        self._show = show
        self.has_left = False

    def watch(self) -> "Watch":
        from .watch import Watch

        return Watch(on_progress=self.hear, on_preview=self._show and self._see)

    def hear(self, progress: "Progress") -> None:
        """Reports progress. Raises `Cancelled` where the answer is no."""
        self._heed(lambda: self._tell(progress.stage, progress.step, progress.steps))

    def _see(self, preview: "Preview") -> None:
        show = self._show
        self._heed(lambda: show is None or show(preview.voxels.to_bytes()))

    def _heed(self, ask: Callable[[], bool]) -> None:
        self.has_left = self.has_left or not ask()
        if self.has_left:
            raise Cancelled


class _Forward(logging.Handler):
    """Hands records on."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.INFO)
        self._log = log

    def filter(self, record: logging.LogRecord) -> bool:
        ours = record.name.partition(".")[0] == __package__
        return ours or record.levelno >= logging.WARNING

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._log(record.levelno, record.name, record.getMessage())
        except Exception:
            self.handleError(record)


def _answer(result: "Made | TrellisError") -> Answer:
    if isinstance(result, TrellisError):
        return result
    if result.reduced is not None:
        _LOG.warning("the result differs from what was asked: %s", result.reduced)
    assert result.voxels is not None
    return result.voxels.to_bytes()


def _telling_loss(attempt: Callable[[], Result]) -> Result:
    """What an attempt gives. Raises `DeviceLostError` in place of what torch raises then."""
    try:
        return attempt()
    except RuntimeError as error:
        if not any(sign in str(error) for sign in LOST_SIGNS):
            raise
        cause = str(error).strip().split("\n")[0].rstrip(".")
        raise DeviceLostError(f"the process lost its device: start it again ({cause})") from error


def _works(device: "torch.device") -> bool:
    """Whether a device computes, which one that is too new or too old for this torch does not."""
    import torch

    try:
        ones = torch.ones(64, 64, device=device, dtype=torch.float16)
        return float((ones @ ones).float().sum()) == 64.0**3
    except RuntimeError as error:
        _LOG.warning("%s does not work: %s", device, str(error).strip().split("\n")[0])
        return False
