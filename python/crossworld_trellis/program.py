"""Runs another program to its end and keeps what it printed. Standard library only.

Apart, so that what looks at a machine (`machine`, `doctor`, `setup`) can be tested with programs
that do not exist here.
"""

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Ran:
    """How a program ended."""

    code: int | None
    """Exit code, negative for the signal that ended it; `None`: it is not there or took too
    long."""
    output: str
    """What it printed, or why it did not run."""

    @property
    def ok(self) -> bool:
        """Whether it ran and was content."""
        return self.code == 0


Run = Callable[[Sequence[str]], Ran]
"""Runs a program; never raises."""


def run_program(command: Sequence[str], *, timeout: float = 20.0) -> Ran:
    """Runs a program without input. Its standard error counts only where it fails."""
    try:
        done = subprocess.run(
            list(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Ran(None, f"no answer within {timeout:g} seconds")
    except OSError as error:
        return Ran(None, error.strerror or str(error))
    if done.returncode == 0:
        return Ran(0, done.stdout)
    return Ran(done.returncode, done.stdout + done.stderr)
