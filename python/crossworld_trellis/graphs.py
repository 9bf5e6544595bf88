"""CUDA graphs of a sampler's steps: `Graphs`.

A step launches some hundreds of kernels, each short. Recorded once, they are launched together, and
the device never waits for the host. The first step of a kind ever (guided or not) runs as usual:
libraries prepare themselves then, which they cannot while recording. Where recording fails, steps
go on as usual, after one warning. What a step computes, and how its sampler goes on, is decided
elsewhere.
"""

import functools
import itertools
import threading
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from .kernels.cuts import cuts_to
from .sampler import VelocityField

# Recordings of a field; more come from runs that change how many samples or pictures they have.
_MOST = 8

# One launch for many tensors; torch has no public name for it.
_copy_all = torch._foreach_copy_  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]

# Steps that the host may be ahead: enough to keep the device busy, few enough to cancel soon.
_AHEAD = 2


class StepField(VelocityField, Protocol):
    """A field that can tell what a step is made of, apart from the state."""

    def steps(self) -> Sequence[list[Tensor]]:
        """What changes from step to step; shapes stay."""
        ...

    def constants(self) -> list[Tensor] | None:
        """What else differs from the field of another run, if tensors of equal shapes are all that
        differs."""
        ...

    def prepare(self, state: Tensor) -> object:
        """Finds what depends on the shape of a state, so that `velocities` needs nothing from the
        host any more. What it returns must live as long as what was recorded."""
        ...

    def velocities(
        self, state: Tensor, of_step: list[Tensor], *, pictures: slice, guided: bool
    ) -> Tensor:
        """As the call, of one of `steps`."""
        ...


@dataclass(frozen=True)
class Work:
    """What some work makes of a tensor, as a field: what else it needs is the same in every run."""

    make: Callable[[Tensor], Tensor]

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        return self.make(state)

    def steps(self) -> Sequence[list[Tensor]]:
        """One, of nothing."""
        return [[]]

    def constants(self) -> list[Tensor]:
        """None."""
        return []

    def prepare(self, state: Tensor) -> None:
        """Has nothing to do."""

    def velocities(
        self, state: Tensor, of_step: list[Tensor], *, pictures: slice, guided: bool
    ) -> Tensor:
        """As the call."""
        return self.make(state)


class Recording(Protocol):
    """A step that can be repeated."""

    velocities: Tensor
    """Of the state that it was recorded with."""

    def replay(self, state: Tensor, of_step: list[Tensor]) -> Tensor:
        """The velocities of a state, in memory that stays as it is."""
        ...


Recorder = Callable[[StepField, Tensor, list[Tensor], slice, bool], Recording]
"""Records `StepField.velocities` and carries it out. Raises `RuntimeError` where that fails."""


class Graphs:
    """The recordings of one pipeline. Those of fields that tell their constants are kept for the
    next run, the others go with their field."""

    def __init__(self, *, record: Recorder | None = None) -> None:
        self._experience = _Experience(_CudaRecording if record is None else record)
        self._kept: dict[str, _Replayed] = {}

    @property
    def broken(self) -> bool:
        """Whether recording failed, so that nobody tries it again."""
        return self._experience.broken

    def replayed(self, name: str, field: StepField) -> VelocityField:
        """The same field, with its steps recorded. Fields of one name are bound to one network."""
        constants = field.constants()
        kept = self._kept.get(name)
        if kept is not None and constants is not None and kept.suits(constants):
            kept.bind(field, constants)
            return kept
        fresh = _Replayed(self._experience, name, field)
        self._kept.pop(name, None)
        if constants is not None:
            self._kept[name] = fresh
        return fresh


def can_record(device: torch.device) -> bool:
    """Whether steps on this device can be recorded; with ROCm nobody tried."""
    return device.type == "cuda" and torch.version.hip is None


class _Experience:
    """What the fields of one pipeline share. They do not know its `Graphs`, which keep some of
    them: so the memory of both is free as soon as nobody needs them."""

    def __init__(self, record: Recorder) -> None:
        self.record = record
        self.known: set[tuple[str, bool, int]] = set()
        """Names of fields, whether guided, and the thread, of steps that ran before. Libraries
        prepare themselves in each thread."""
        self.broken = False


class _Replayed:
    """A field whose steps are recordings."""

    def __init__(self, experience: _Experience, name: str, field: StepField) -> None:
        self._experience = experience
        self._name = name
        self._field = field
        self._steps = field.steps()
        self._constants = field.constants()
        self._records = True
        self._recordings: dict[tuple[Any, ...], Recording] = {}
        self._needed: dict[tuple[Any, ...], object] = {}
        """What each recording reads and does not hold."""

    def suits(self, constants: list[Tensor]) -> bool:
        """Whether the recordings can go on with other constants."""
        return [_kind_of(each) for each in self._constants or ()] == [
            _kind_of(each) for each in constants
        ]

    def bind(self, field: StepField, constants: list[Tensor]) -> None:
        """Goes on as another field, whose constants these are."""
        # Not the field, which would keep its own constants beside ours.
        self._steps = field.steps()
        self._records = True
        for own, given in zip(self._constants or (), constants, strict=True):
            own.copy_(given)

    def __call__(self, state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        of_step = self._steps[step]
        # What a thread recorded writes into memory of that thread, see `_place`.
        thread = threading.get_ident()
        key = (*_kind_of(state), pictures.start, pictures.stop, guided, thread)
        known = (self._name, guided, thread)
        if key in self._recordings:
            return self._recordings[key].replay(state, of_step)
        may = self._records and not self._experience.broken
        if may and known in self._experience.known:
            recording = self._record(key, state, of_step, pictures, guided)
            if recording is not None:
                return recording.velocities
        velocities = self._field.velocities(state, of_step, pictures=pictures, guided=guided)
        self._experience.known.add(known)
        return velocities

    def _record(
        self,
        key: tuple[Any, ...],
        state: Tensor,
        of_step: list[Tensor],
        pictures: slice,
        guided: bool,
    ) -> Recording | None:
        while len(self._recordings) >= _MOST:
            oldest = next(iter(self._recordings))
            del self._recordings[oldest], self._needed[oldest]
        try:
            needed = self._field.prepare(state)
            made = self._experience.record(self._field, state, of_step, pictures, guided)
        except RuntimeError as error:
            self._records = False
            # The next run may find more memory.
            if not _ran_out(error):
                self._experience.broken = True
            cause = str(error).strip().split("\n")[0].rstrip(".")
            warnings.warn(f"steps run without CUDA graphs: {cause}", stacklevel=3)
            return None
        self._recordings[key], self._needed[key] = made, needed
        return made


class _CudaRecording:
    """The kernels of a step, bound to tensors of its own, as graphs to launch one after the other.

    Each is launched as soon as it is recorded, so that the device works while the host records the
    next.
    """

    def __init__(
        self,
        field: StepField,
        state: Tensor,
        of_step: list[Tensor],
        pictures: slice,
        guided: bool,
    ) -> None:
        self._inputs = [torch.empty_like(each) for each in (state, *of_step)]
        self._graphs: list[torch.cuda.CUDAGraph] = []
        self._marks: deque[torch.cuda.Event] = deque()
        self._main = torch.cuda.current_stream(state.device)
        stream, anchor = _place(state.device, threading.get_ident())
        self._copy(state, of_step)
        own, *rest = self._inputs
        try:
            # Not `torch.cuda.graph`, which waits for the device and gives its memory back.
            with torch.cuda.stream(stream), cuts_to(lambda: self._cut(anchor)):
                self._begin(anchor)
                try:
                    self._out = field.velocities(own, rest, pictures=pictures, guided=guided)
                finally:
                    self._end()
        except RuntimeError:
            # Torch goes on recording into the memory of a graph that failed.
            _place.cache_clear()
            _mend_random_numbers()
            raise
        self.velocities = self._result()

    def replay(self, state: Tensor, of_step: list[Tensor]) -> Tensor:
        if len(self._marks) >= _AHEAD:
            self._marks.popleft().synchronize()
        self._copy(state, of_step)
        for graph in self._graphs:
            graph.replay()
        return self._result()

    def _copy(self, state: Tensor, of_step: list[Tensor]) -> None:
        # By dtype, which is what can be copied in one launch.
        pairs = zip(self._inputs, (state, *of_step), strict=True)
        for _, group in itertools.groupby(pairs, lambda pair: pair[0].dtype):
            own, given = zip(*group, strict=True)
            _copy_all(own, given)

    def _begin(self, anchor: torch.cuda.CUDAGraph) -> None:
        self._graphs.append(torch.cuda.CUDAGraph())
        self._graphs[-1].capture_begin(pool=anchor.pool(), capture_error_mode="thread_local")

    def _end(self) -> None:
        self._graphs[-1].capture_end()
        with torch.cuda.stream(self._main):
            self._graphs[-1].replay()

    def _cut(self, anchor: torch.cuda.CUDAGraph) -> None:
        self._end()
        self._begin(anchor)

    def _result(self) -> Tensor:
        # The next replay of any graph writes where this one did.
        out = self._out.clone()
        mark = torch.cuda.Event(blocking=True)
        mark.record(torch.cuda.current_stream(out.device))
        self._marks.append(mark)
        return out


def _ran_out(error: BaseException | None) -> bool:
    """Whether memory ran out, be it that ending the recording then failed too."""
    while error is not None and not isinstance(error, torch.OutOfMemoryError):
        error = error.__context__
    return error is not None


def _kind_of(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
    return tensor.shape, tensor.dtype


@functools.cache
def _place(
    device: torch.device,
    thread: int,
) -> tuple[torch.cuda.Stream, torch.cuda.CUDAGraph]:
    """Where graphs are recorded, and one that stays, to keep the memory that they share.

    It is one stream, since libraries keep room for each that they have seen. A thread has its own
    memory: what it replays, it replays one after the other.
    """
    anchor = torch.cuda.CUDAGraph()
    with torch.cuda.device(device):
        stream = torch.cuda.Stream()
        with torch.cuda.graph(anchor, stream=stream):
            torch.zeros(1, device=device)
    return stream, anchor


def _mend_random_numbers() -> None:
    """After a recording that failed, torch refuses random numbers until another one succeeds."""
    with suppress(RuntimeError), torch.cuda.graph(torch.cuda.CUDAGraph()):
        torch.zeros(1, device="cuda")
