"""CUDA graphs of the steps of a run: `replayed`.

A step launches some hundreds of kernels, each short. Recorded once, they are launched together, and
the device never waits for the host. The first step of each kind (guided or not, which pictures)
runs as usual: it prepares what must not be prepared while recording, and the device is still busy
with it when the second is recorded. Graphs live as long as their field, one generation; their
memory is used again by the next. Where recording fails, steps go on as usual, after one warning.
"""

import functools
import warnings
from typing import Any, Protocol

import torch
from torch import Tensor

from .sampler import VelocityField


class StepField(VelocityField, Protocol):
    """A field that can tell what a step is made of, apart from the state."""

    def of_step(self, step: int) -> list[Tensor]:
        """What changes from step to step; shapes stay."""
        ...

    def velocities(
        self, state: Tensor, of_step: list[Tensor], *, pictures: slice, guided: bool
    ) -> Tensor:
        """As the call, of `of_step(step)`. Does not wait for the device once it has run before."""
        ...


def replayed(field: StepField, device: torch.device) -> VelocityField:
    """The same field, with graphs where this device and this torch have them."""
    if device.type != "cuda" or not hasattr(torch.cuda, "MemPool"):
        return field
    return _Replayed(field)


class _Replayed:
    def __init__(self, field: StepField) -> None:
        self._field = field
        self._kinds: dict[tuple[int | None, int | None, bool], _Recording | None] = {}
        self._broken = False

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        kind = (pictures.start, pictures.stop, guided)
        if self._broken or kind not in self._kinds:
            self._kinds[kind] = None
            return self._field(state, step, pictures=pictures, guided=guided)
        of_step = self._field.of_step(step)
        recording = self._kinds[kind]
        if recording is None:
            try:
                recording = _Recording(
                    self._field, state, of_step, pictures=pictures, guided=guided
                )
            except RuntimeError as error:
                self._broken = True
                cause = str(error).strip().split("\n")[0].rstrip(".")
                warnings.warn(
                    f"steps run without CUDA graphs, because recording failed: {cause}",
                    stacklevel=2,
                )
                return self._field(state, step, pictures=pictures, guided=guided)
            self._kinds[kind] = recording
        return recording.replay(state, of_step)


class _Recording:
    """The kernels of a step, bound to tensors of its own."""

    def __init__(
        self,
        field: StepField,
        state: Tensor,
        of_step: list[Tensor],
        *,
        pictures: slice,
        guided: bool,
    ) -> None:
        self._state = torch.empty_like(state)
        self._of_step = [torch.empty_like(each) for each in of_step]
        self._graph = torch.cuda.CUDAGraph()
        stream, pool = _place(state.device)
        # Not `torch.cuda.graph`, which waits for the device and gives its cached memory back.
        with torch.cuda.stream(stream):
            self._graph.capture_begin(pool=pool.id, capture_error_mode="thread_local")
            try:
                self._out = field.velocities(
                    self._state, self._of_step, pictures=pictures, guided=guided
                )
            finally:
                self._graph.capture_end()

    def replay(self, state: Tensor, of_step: list[Tensor]) -> Tensor:
        """The velocities of a state."""
        for own, given in zip([self._state, *self._of_step], [state, *of_step], strict=True):
            own.copy_(given)
        self._graph.replay()
        # The next replay of any graph writes where this one did.
        return self._out.clone()


@functools.cache
def _place(device: torch.device) -> tuple[torch.cuda.Stream, Any]:
    """Where graphs are recorded, and the memory that they share: one stream, since libraries keep
    room for each that they have seen."""
    with torch.cuda.device(device):
        return torch.cuda.Stream(), torch.cuda.MemPool()
