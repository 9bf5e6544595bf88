"""One generation on its way: what crosses between the event loop and the worker's thread."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from ..watch import Preview, Progress
from .pictures import Prepared
from .problem import Problem
from .schemas import GenerationSettings, OutputFormat


@dataclass(frozen=True, eq=False, kw_only=True)
class Order:
    """What is to be made."""

    pictures: list[Prepared]
    settings: GenerationSettings
    output_format: OutputFormat = "voxels"
    previews: bool = False
    """Whether somebody looks at previews; making them costs time."""

    def is_like(self, other: "Order") -> bool:
        """Whether both can be made in one batch: all but the seed and the pictures is equal."""
        return (
            self.output_format == other.output_format
            and len(self.pictures) == len(other.pictures)
            and self.settings.shared() == other.settings.shared()
        )


@dataclass(frozen=True)
class Queued:
    """The generation waits; 1 is next."""

    position: int


@dataclass(frozen=True)
class Finished:
    """The end: the file that was asked for."""

    data: bytes
    note: str | None = None
    """What was done differently than asked."""


@dataclass(frozen=True)
class Failed:
    """The other end."""

    problem: Problem


Event = Queued | Progress | Preview | Finished | Failed


class Job:
    """An order, who gave it, and who wants to know. Its end is told exactly once."""

    def __init__(self, order: Order, *, client: str, notify: Callable[[Event], None]) -> None:
        self.order = order
        self.client = client
        self._notify = notify
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._ended = False
        self.observe: Callable[[Finished | Failed], None] | None = None
        """Hears of the end before the client does."""

    def tell(self, event: Queued | Progress | Preview) -> None:
        """Passes news on, unless the end was told."""
        with self._lock:
            if not self._ended:
                self._notify(event)

    def end(self, event: Finished | Failed) -> bool:
        """Tells the end; false where it was told before."""
        with self._lock:
            if self._ended:
                return False
            self._ended = True
            if self.observe is not None:
                self.observe(event)
            self._notify(event)
            return True

    def stop(self, problem: Problem) -> bool:
        """Ends the job at once; the worker follows within a step. False where it had ended."""
        self._stopped.set()
        return self.end(Failed(problem))

    def is_stopped(self) -> bool:
        """Whether nobody waits for the result any more."""
        return self._stopped.is_set()
