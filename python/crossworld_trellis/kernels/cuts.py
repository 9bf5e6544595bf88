"""Places in a network where a recording of its kernels may be cut: `cut`.

Whoever records listens with `cuts_to`; for everybody else a cut is nothing.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar

_listener: ContextVar[Callable[[], None] | None] = ContextVar("listener", default=None)


def cut() -> None:
    """Says that what was launched so far can be carried out."""
    listener = _listener.get()
    if listener is not None:
        listener()


@contextmanager
def cuts_to(listener: Callable[[], None]) -> Generator[None]:
    """Calls the listener at every cut inside."""
    before = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(before)
