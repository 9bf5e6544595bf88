"""What follows from the times of a run alone, kept for runs with the same times: `Schedules`."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from torch import Tensor

Value = TypeVar("Value")

# Step counts that somebody who plays with them has used lately; a few MiB each.
_MOST = 8


class Schedules(Generic[Value]):
    """Keeps nothing until told to: the weights of a network that is still changed count too."""

    def __init__(self) -> None:
        self._kept: dict[tuple[float, ...], Value] | None = None

    def keep(self) -> None:
        """Keeps what is made from now on. Weights may not change any more."""
        self._kept = {}

    def of(self, times: Tensor, make: Callable[[], Value]) -> Value:
        """What belongs to times [S]. Where it is kept, it waits for a device that these lie on."""
        if self._kept is None:
            return make()
        # The method has no types.
        key: tuple[float, ...] = tuple(cast(Any, times).tolist())
        # The latest goes to the end.
        value = self._kept.pop(key) if key in self._kept else make()
        while len(self._kept) >= _MOST:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = value
        return value
