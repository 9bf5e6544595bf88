"""A job as seen from the event loop: taken in on entry, ended on exit, its news in an inbox."""

import asyncio
import contextlib
import functools
from collections.abc import AsyncGenerator

from .job import Event, Job, Order
from .problem import CLIENT_LEFT, Problem
from .worker import Worker


class Ticket:
    """One job of one client."""

    def __init__(self, worker: Worker, order: Order, client: str) -> None:
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._worker = worker
        # The job must not know the ticket: pictures in a cycle would wait for a full collection.
        notify = functools.partial(_put, asyncio.get_running_loop(), self._events)
        self.job = Job(order, client=client, notify=notify)

    async def next(self) -> Event:
        """The next news; after `Finished` or `Failed` nothing comes."""
        return await self._events.get()

    def stop(self, problem: Problem) -> None:
        """Ends the job, if it runs or waits."""
        self._worker.stop_job(self.job, problem)


@contextlib.asynccontextmanager
async def ticket(
    worker: Worker, order: Order, *, client: str, deadline: float
) -> AsyncGenerator[Ticket, None]:
    """Gives an order to the worker; whatever ends the block ends the job.

    Raises `Problem` where the worker does not take it.
    """
    mine = Ticket(worker, order, client)
    worker.submit(mine.job)
    late = Problem(
        503,
        f"the generation was not done within {deadline:g} seconds: try fewer steps, or later",
        retry_after=30,
    )
    timer = asyncio.get_running_loop().call_later(deadline, mine.stop, late)
    try:
        yield mine
    finally:
        timer.cancel()
        mine.stop(gone())


def _put(loop: asyncio.AbstractEventLoop, events: "asyncio.Queue[Event]", event: Event) -> None:
    # A loop that was closed meanwhile has nobody left who could wait.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(events.put_nowait, event)


def gone() -> Problem:
    """The end of a job whose client left; nobody reads it."""
    return Problem(CLIENT_LEFT, "the client left")
