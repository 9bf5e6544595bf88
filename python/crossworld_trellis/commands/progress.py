"""Progress of a generation on a terminal: one line that is redrawn, or a line a stage elsewhere."""

import time
from typing import TextIO

from ..watch import Progress

_WIDTH = 24


class ProgressLine:
    """Shows what it is told on a stream, as a bar where that is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._redraws = stream.isatty()
        self._last: Progress | None = None
        self._began = time.monotonic()
        self._open = False

    def __call__(self, progress: Progress) -> None:
        """Shows progress; that a new stage begins means that the one before is done."""
        last = self._last
        if last is None or last.stage != progress.stage:
            if last is not None and last.step < last.steps:
                self._show(Progress(last.stage, last.steps, last.steps))
            self.close()
            self._began = time.monotonic()
        self._last = progress
        self._show(progress)

    def close(self) -> None:
        """Ends the line, so that others can write."""
        if self._open:
            self._stream.write("\n")
            self._stream.flush()
            self._open = False

    def _show(self, progress: Progress) -> None:
        if self._redraws:
            self._stream.write(f"\r{self._bar(progress)}")
            self._open = True
        elif progress.step >= progress.steps:
            self._stream.write(f"{self._bar(progress)}\n")
        self._stream.flush()

    def _bar(self, progress: Progress) -> str:
        filled = _WIDTH * progress.step // max(progress.steps, 1)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        seconds = time.monotonic() - self._began
        count = f"{progress.step}/{progress.steps}"
        return f"{progress.stage:10} [{bar}] {count:>7} {seconds:6.1f} s"
