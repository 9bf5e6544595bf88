"""The one thread that owns the model: it loads it, then takes one job after the other.

Nobody else touches the model. Whatever a job raises ends that job only; a device that is lost for
this process ends the worker, and `is_lost` tells so. Every job that was taken in gets its end.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Literal, Protocol

from ..errors import Cancelled, DeviceMemoryError
from ..watch import Progress, Watch
from .job import Failed, Finished, Job, Queued
from .line import Line
from .model import Description, Load, Model
from .problem import CLIENT_LEFT, Problem, from_error

State = Literal["loading", "healthy", "error"]

_LOG = logging.getLogger("crossworld_trellis.server")

# What CUDA and ROCm say when a process has lost its device: nothing works until it is restarted.
_LOST = ("CUDA error", "HIP error", "device-side assert")


class Observer(Protocol):
    """Hears how generations end."""

    def ended(self, outcome: str, seconds: float) -> None:
        """An outcome is "done", "cancelled" or the status of a problem."""
        ...


class Worker:
    """The model's thread and the line in front of it."""

    def __init__(
        self, load: Load, *, waiting: int, observer: Observer, on_lost: Callable[[], None]
    ) -> None:
        self._load = load
        self._observer = observer
        self._on_lost = on_lost
        self._changed = threading.Condition()
        self._line: Line[Job] = Line(waiting)
        self._running: Job | None = None
        self._closed: Problem | None = None
        self._loading = Progress("loading", 0, 1)
        self._seconds = 10.0
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self.state: State = "loading"
        self.description: Description | None = None
        self.last_error: str | None = None
        self.is_lost = False

    def start(self) -> None:
        """Starts loading."""
        self._thread.start()

    def waiting(self) -> int:
        """Generations that wait."""
        with self._changed:
            return len(self._line)

    def is_busy(self) -> bool:
        """Whether a generation runs."""
        return self._running is not None

    def check_room(self, client: str) -> None:
        """Raises `Problem` where a client's job would not be taken in: before work is put in it."""
        with self._changed:
            if self._closed is not None:
                raise self._closed.copy()
            room = self._line.room(client)
            if room != "free":
                whose = "the queue is full" if room == "full" else "your share of the queue is full"
                limit = self._line.capacity if room == "full" else self._line.share
                raise Problem(
                    429,
                    f"{whose}: {limit} generations wait already, try again later",
                    retry_after=max(1, min(60, round(self._seconds))),
                )

    def submit(self, job: Job) -> None:
        """Takes a job in. Raises as `check_room`."""
        with self._changed:
            self.check_room(job.client)
            job.observe = lambda event: self._count(event, 0)
            self._line.push(job.client, job)
            self._announce()
            if self.state == "loading":
                job.tell(self._loading)
            self._changed.notify_all()

    def stop_job(self, job: Job, problem: Problem) -> None:
        """Ends a job at once, wherever it is."""
        with self._changed:
            if self._line.remove(job):
                self._announce()
        job.stop(problem)

    def close(self, grace: float) -> None:
        """Takes nothing in any more, fails what waits, and gives what runs some seconds.

        Blocks until the thread rests, or for a second more than `grace`.
        """
        problem = Problem(503, "the server stops: try again in a while", retry_after=10)
        self._close(problem)
        if not self._thread.is_alive():
            return
        if self._running is not None:
            self._thread.join(grace)
        running = self._running
        if running is not None:
            self.stop_job(running, problem)
        self._thread.join(1)

    def _close(self, problem: Problem) -> None:
        with self._changed:
            if self._closed is None:
                self._closed = problem
            for job in self._line.clear():
                job.stop(problem.copy())
            self._changed.notify_all()

    def _run(self) -> None:
        model = self._loaded()
        while model is not None and (job := self._next()) is not None:
            self._work(model, job)
            with self._changed:
                self._running = None

    def _loaded(self) -> Model | None:
        try:
            model = self._load(self._tell_loading)
            self.description = model.describe()
        except Exception as error:
            _LOG.error("the model does not load", exc_info=error)
            self.last_error = from_error(error).detail
            self.state = "error"
            self._close(Problem(503, f"the model did not load: {self.last_error}", retry_after=60))
            return None
        with self._changed:
            self.state = "healthy"
        _LOG.info("the model is ready: %s", self.description)
        return model

    def _tell_loading(self, progress: Progress) -> None:
        with self._changed:
            self._loading = progress
            for job in self._line.order():
                job.tell(progress)

    def _next(self) -> Job | None:
        with self._changed:
            while (job := self._line.pop()) is None:
                if self._closed is not None:
                    return None
                self._changed.wait()
            self._running = job
            self._announce()
            return job

    def _work(self, model: Model, job: Job) -> None:
        started = time.monotonic()

        def observe(event: Finished | Failed) -> None:
            self._count(event, time.monotonic() - started)

        job.observe = observe
        end = self._attempt(model, job)
        job.end(end)
        if isinstance(end, Failed) and end.problem.status == 507:
            # The error and its frames, which hold tensors, are gone by now.
            model.recover()

    def _attempt(self, model: Model, job: Job) -> Finished | Failed:
        """Runs a job; what went wrong comes back without its traceback."""
        watch = Watch(on_progress=job.tell, on_preview=job.tell, should_cancel=job.is_stopped)
        try:
            return Finished(model.generate(job.order, watch))
        except Cancelled:
            # Told already by whoever stopped the job.
            return Failed(Problem(CLIENT_LEFT, "the generation was cancelled"))
        except Exception as error:
            problem = from_error(error)
            if problem.status >= 500:
                self.last_error = problem.detail
            if not isinstance(error, DeviceMemoryError) and _is_loss(error):
                problem = Problem(
                    503, "the server lost its device and restarts: try again", retry_after=30
                )
                self._lose(problem)
            return Failed(problem.copy())

    def _count(self, event: Finished | Failed, seconds: float) -> None:
        if isinstance(event, Finished):
            # Recent generations count more: an exponential mean over about four.
            self._seconds += (seconds - self._seconds) / 4
            self._observer.ended("done", seconds)
            return
        left = event.problem.status == CLIENT_LEFT
        self._observer.ended("cancelled" if left else str(event.problem.status), seconds)

    def _lose(self, problem: Problem) -> None:
        self.is_lost = True
        self.state = "error"
        self._close(problem)
        self._on_lost()

    def _announce(self) -> None:
        for position, job in enumerate(self._line.order(), 1):
            job.tell(Queued(position))


def _is_loss(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _LOST)
