"""A model for tests of the server: no torch, and it waits where a test wants to look."""

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

from crossworld_trellis.server.app import create_app
from crossworld_trellis.server.job import Order
from crossworld_trellis.server.model import Description
from crossworld_trellis.server.settings import ServerSettings
from crossworld_trellis.voxels import SparseVoxels
from crossworld_trellis.watch import Preview, Progress, Watch

STEPS = 4


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


class FakeModel:
    """Answers with a voxel whose red is the seed. Each step takes one `permits`."""

    def __init__(self) -> None:
        self.permits = threading.Semaphore(0)
        self.free = True
        self.started: list[int] = []
        """Seeds in the order in which they were begun."""
        self.steps_done = 0
        self.orders: list[Order] = []
        self.errors: list[Exception] = []
        """Raised, one a generation, in place of an answer."""
        self.answer: bytes | None = None
        """In place of a voxel."""
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
            model="fake", device="cpu", device_name="cpu", capability=None, dtype="float32"
        )

    def generate(self, order: Order, watch: Watch) -> bytes:
        self.started.append(order.settings.seed)
        self.orders.append(order)
        if self.errors:
            raise self.errors.pop(0)
        watch.tell("picture", 0, 1)
        for step in range(STEPS):
            if not self.free:
                assert self.permits.acquire(timeout=10)
            self.steps_done += 1
            watch.tell("structure", step + 1, STEPS)
        if watch.on_preview is not None:
            watch.on_preview(Preview(0, cube(1)))
        watch.tell("decoding", 1, 1)
        return self.answer or cube(order.settings.seed % 256).to_bytes()

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
