"""A model for tests of the server: no torch, and it waits where a test wants to look."""

import io
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from crossworld_trellis.errors import Cancelled, TrellisError
from crossworld_trellis.server.app import create_app
from crossworld_trellis.server.job import Finished, Order
from crossworld_trellis.server.model import Description
from crossworld_trellis.server.pictures import Prepared
from crossworld_trellis.server.settings import ServerSettings
from crossworld_trellis.voxels import SparseVoxels
from crossworld_trellis.watch import Preview, Progress, Stage, Watch

STEPS = 4

PREPARED = Prepared({"margin": Image.new("RGB", (1, 1))})
"""A picture for orders that no model looks at."""


def cube(color: int) -> SparseVoxels:
    """One voxel."""
    rgba = np.array([[color, 0, 0, 255]], np.uint8)
    return SparseVoxels(64, np.array([[1, 2, 3]]), rgba)


def picture(*, side: int = 32, color: int = 200) -> bytes:
    """A PNG of an opaque square on nothing."""
    image = Image.new("RGBA", (side, side))
    image.paste((color, 10, 10, 255), (side // 4, side // 4, side * 3 // 4, side * 3 // 4))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def state_of(around: TestClient | uvicorn.Config) -> Any:
    """The state of the application that something runs."""
    return cast(FastAPI, around.app).state


class Together:
    """Those of a batch who have not cancelled."""

    def __init__(self, watches: Sequence[Watch]) -> None:
        self.watches = watches
        self.ended: dict[int, TrellisError] = {}

    def all_ended(self) -> bool:
        return len(self.ended) == len(self.watches)

    def tell(self, stage: Stage, step: int, steps: int) -> None:
        for index, watch in enumerate(self.watches):
            if index not in self.ended:
                try:
                    watch.tell(stage, step, steps)
                except Cancelled as error:
                    self.ended[index] = error.with_traceback(None)

    def preview(self, voxels: SparseVoxels) -> None:
        for index, watch in enumerate(self.watches):
            if index not in self.ended and watch.on_preview is not None:
                watch.on_preview(Preview(0, voxels))


class FakeModel:
    """Answers with a voxel whose red is the seed. Each step takes one `permits`."""

    def __init__(self) -> None:
        self.permits = threading.Semaphore(0)
        self.free = True
        self.started: list[int] = []
        """Seeds in the order in which they were begun."""
        self.batches: list[list[int]] = []
        """Seeds that were made together."""
        self.steps_done = 0
        """Steps of batches."""
        self.orders: list[Order] = []
        self.errors: list[Exception] = []
        """Raised, one a batch, in place of answers."""
        self.own_errors: dict[int, TrellisError] = {}
        """In place of the voxel of a seed."""
        self.answer: bytes | None = None
        """In place of a voxel."""
        self.note: str | None = None
        self.together = 64
        self.recovered = 0
        self.may_load = threading.Event()
        self.may_load.set()
        self.load_error: Exception | None = None

    def load(self, tell: Callable[[Progress], None]) -> "FakeModel":
        tell(Progress("loading", 0, 2))
        assert self.may_load.wait(10)
        if self.load_error is not None:
            raise self.load_error
        return self

    def hold(self) -> None:
        """From here on every step waits for a permit."""
        self.free = False

    def let_go(self) -> None:
        self.free = True
        self.permits.release(100)

    def describe(self) -> Description:
        return Description(
            model="fake",
            device="cpu",
            device_name="cpu",
            capability=None,
            dtype="float32",
            identity="fake 1",
            pipeline_type=None,
            resolutions=(32, 64, 128, 256),
            framing="margin",
            together=self.together,
        )

    def generate(
        self, orders: Sequence[Order], watches: Sequence[Watch]
    ) -> list[Finished | TrellisError]:
        seeds = [order.settings.seed for order in orders]
        self.batches.append(seeds)
        self.started += seeds
        self.orders += orders
        if self.errors:
            raise self.errors.pop(0)
        together = Together(watches)
        together.tell("picture", 0, 1)
        for step in range(STEPS):
            if together.all_ended():
                break
            if not self.free:
                assert self.permits.acquire(timeout=10)
            self.steps_done += 1
            together.tell("structure", step + 1, STEPS)
        together.preview(cube(1))
        together.tell("decoding", 1, 1)
        return [
            together.ended.get(index)
            or self.own_errors.get(seed)
            or Finished(self.answer or cube(seed % 256).to_bytes(), self.note)
            for index, seed in enumerate(seeds)
        ]

    def recover(self) -> None:
        self.recovered += 1


@contextmanager
def serving(
    model: FakeModel, on_lost: Callable[[], None] = lambda: None, **settings: object
) -> Iterator[TestClient]:
    """A running server around the model."""
    chosen = ServerSettings(**{"grace": 5.0, **settings})  # type: ignore[arg-type]
    app = create_app(model.load, chosen, on_lost=on_lost)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        try:
            yield client
        finally:
            model.let_go()
            model.may_load.set()
