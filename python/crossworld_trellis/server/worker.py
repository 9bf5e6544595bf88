"""The one thread that owns the model: it loads it, then takes job after job.

Jobs that are alike and wait at the same time are made in one batch. Nobody else touches the model.
Whatever a job raises ends that job only: a batch that fails as a whole is made again one by one,
and the next ones are smaller for a while where it was memory that ran out. A device that is lost
for this process ends the worker, and `is_lost` tells so. Every job that was taken in gets its end.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from ..batch_limit import BatchLimit
from ..errors import LOST_SIGNS, Cancelled, DeviceMemoryError
from ..watch import Progress, Watch
from .job import Failed, Finished, Job, Queued
from .line import Line
from .model import Description, Load, Model
from .problem import CLIENT_LEFT, Problem, from_error

State = Literal["loading", "healthy", "error"]

THREAD = "trellis-model"
"""Name of the thread that has the model."""

_LOG = logging.getLogger("crossworld_trellis.server")


class Observer(Protocol):
    """Hears how generations begin and end."""

    def began(self, generations: int) -> None:
        """The model begins to make some together."""
        ...

    def ended(self, outcome: str, seconds: float) -> None:
        """An outcome is "done", "cancelled" or the status of a problem."""
        ...


class Worker:
    """The model's thread and the line in front of it."""

    def __init__(
        self,
        load: Load,
        *,
        waiting: int,
        batch: int,
        observer: Observer,
        on_lost: Callable[[], None],
    ) -> None:
        self._load = load
        self._observer = observer
        self._on_lost = on_lost
        self._changed = threading.Condition()
        self._line: Line[Job] = Line(waiting)
        self._running: Sequence[Job] = ()
        self._limit = BatchLimit(batch)
        self._closed: Problem | None = None
        self._lost: Problem | None = None
        self._loading = Progress("loading", 0, 1)
        self._seconds = 10.0
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=THREAD, daemon=True)
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

    def running(self) -> int:
        """Generations that run."""
        return len(self._running)

    def is_busy(self) -> bool:
        """Whether a generation runs."""
        return self.running() > 0

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
                    retry_after=self._room_in(),
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
        if self.is_busy():
            self._thread.join(grace)
        for job in self._running:
            job.stop(problem.copy())
        self._thread.join(1)

    def _close(self, problem: Problem) -> None:
        with self._changed:
            if self._closed is None:
                self._closed = problem
            for job in self._line.clear():
                job.stop(problem.copy())
            self._changed.notify_all()

    def _run(self) -> None:
        loaded = self._loaded()
        if loaded is None:
            return
        model, description = loaded
        while jobs := self._next(description.together):
            self._work(model, jobs)
            with self._changed:
                self._running = ()

    def _loaded(self) -> tuple[Model, Description] | None:
        try:
            model = self._load(self._tell_loading)
            self.description = description = model.describe()
        except Exception as error:
            _LOG.error("the model does not load", exc_info=error)
            self.last_error = from_error(error).detail
            self.state = "error"
            self._close(Problem(503, f"the model did not load: {self.last_error}", retry_after=60))
            return None
        with self._changed:
            self.state = "healthy"
        _LOG.info("the model is ready: %s", description)
        return model, description

    def _tell_loading(self, progress: Progress) -> None:
        with self._changed:
            self._loading = progress
            for job in self._line.order():
                job.tell(progress)

    def _next(self, together: int) -> Sequence[Job]:
        """Waits for at most so many jobs that are alike; none when the worker is closed."""
        with self._changed:
            limit = min(self._limit.size, together)
            while not (jobs := self._line.pop_alike(limit, _are_alike)):
                if self._closed is not None:
                    return ()
                self._changed.wait()
            self._running = jobs
            self._began = time.monotonic()
            self._announce()
            return jobs

    def _work(self, model: Model, jobs: Sequence[Job]) -> None:
        started = time.monotonic()
        for job in jobs:
            job.observe = lambda event: self._count(event, time.monotonic() - started)
        ends = self._attempt(model, jobs)
        if ends is None:
            # The error and its frames, which hold tensors, are gone by now.
            model.recover()
            for job in jobs:
                self._work(model, [job])
            return
        if any(isinstance(end, Finished) for end in ends):
            self._limit.went_well(len(jobs))
            # Recent batches count more: an exponential mean over about four.
            self._seconds += (time.monotonic() - started - self._seconds) / 4
        for job, end in zip(jobs, ends, strict=True):
            job.end(end)
        if any(isinstance(end, Failed) and end.problem.status == 507 for end in ends):
            model.recover()

    def _attempt(self, model: Model, jobs: Sequence[Job]) -> list[Finished | Failed] | None:
        """How each job ends, without tracebacks; `None` where each should be tried alone."""
        if self._lost is not None:
            return [Failed(self._lost.copy()) for _ in jobs]
        if all(job.is_stopped() for job in jobs):
            return [Failed(_left()) for _ in jobs]
        self._observer.began(len(jobs))
        try:
            answers = model.generate([job.order for job in jobs], [_watch(job) for job in jobs])
        except Exception as error:
            if _is_loss(error):
                self._lose(error)
            elif len(jobs) > 1:
                self._go_smaller(len(jobs), error)
                return None
            # Kept beyond this line, the error would keep this frame and its jobs.
            return [self._end(error) for _ in jobs]
        return [self._end(answer) for answer in answers]

    def _end(self, answer: Finished | Exception) -> Finished | Failed:
        if isinstance(answer, Finished):
            return answer
        if isinstance(answer, Cancelled):
            # Told already by whoever stopped the job.
            return Failed(_left())
        if self._lost is not None:
            return Failed(self._lost.copy())
        problem = from_error(answer)
        if problem.status >= 500:
            self.last_error = problem.detail
        return Failed(problem.copy())

    def _go_smaller(self, size: int, error: Exception) -> None:
        """Remembers that a batch of some size failed as a whole."""
        if isinstance(error, DeviceMemoryError):
            self._limit.ran_out(size)
            _LOG.warning("batches are at most %d for a while: %s", self._limit.size, error)
        else:
            _LOG.warning("a batch of %d failed, each is tried alone: %s", size, error)

    def _count(self, event: Finished | Failed, seconds: float) -> None:
        if isinstance(event, Finished):
            self._observer.ended("done", seconds)
            return
        left = event.problem.status == CLIENT_LEFT
        self._observer.ended("cancelled" if left else str(event.problem.status), seconds)

    def _room_in(self) -> int:
        """Seconds until the next batch leaves the line, about: 1 to 60."""
        spent = time.monotonic() - self._began if self.is_busy() else 0.0
        return max(1, min(60, round(self._seconds - spent)))

    def _lose(self, error: Exception) -> None:
        self.last_error = from_error(error).detail
        self._lost = Problem(
            503, "the server lost its device and restarts: try again", retry_after=30
        )
        self.is_lost = True
        self.state = "error"
        self._close(self._lost)
        self._on_lost()

    def _announce(self) -> None:
        for position, job in enumerate(self._line.order(), 1):
            job.tell(Queued(position))


def _watch(job: Job) -> Watch:
    return Watch(
        on_progress=job.tell,
        on_preview=job.tell if job.order.previews else None,
        should_cancel=job.is_stopped,
    )


def _are_alike(job: Job, other: Job) -> bool:
    return job.order.is_like(other.order)


def _left() -> Problem:
    return Problem(CLIENT_LEFT, "the generation was cancelled")


def _is_loss(error: Exception) -> bool:
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in LOST_SIGNS)
