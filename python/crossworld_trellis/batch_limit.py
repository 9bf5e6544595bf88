"""How many requests are made in one batch: fewer after memory ran out, more again later.

What took the memory may be another program, or one large request; nobody should have to restart for
the full speed. Each time it was too early, twice as many batches are waited for.
"""

_FIRST_WAIT = 8
_LONGEST_WAIT = 256


class BatchLimit:
    """The size that batches may have now."""

    def __init__(self, most: int) -> None:
        self.most = most
        """The size when memory is no matter."""
        self.size = most
        self._wait = 0
        self._good = 0

    def ran_out(self, size: int) -> None:
        """A batch of this size had too little memory."""
        self.size = max(1, min(self.size, size // 2))
        self._good = 0
        self._wait = min(2 * self._wait, _LONGEST_WAIT) or _FIRST_WAIT

    def went_well(self, size: int) -> None:
        """A batch of this size was made; after enough that were full, larger ones are tried."""
        if self.size < self.most and size >= self.size:
            self._good += 1
            if self._good == self._wait:
                self.size = min(2 * self.size, self.most)
                self._good = 0
