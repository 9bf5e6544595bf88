"""The door for the Rust side: what it hands over, how it is stopped, and what memory does to it."""

import gc
import importlib
import logging
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossworld_trellis import embedded
from crossworld_trellis.checkpoint import CheckpointError
from crossworld_trellis.checkpoint.tiny import write_tiny
from crossworld_trellis.errors import Cancelled, DeviceMemoryError
from crossworld_trellis.image import PictureError
from crossworld_trellis.models.latent_flow import LatentFlow
from crossworld_trellis.pipeline import Trellis
from crossworld_trellis.voxels import SparseVoxels

Tell = Callable[[str, int, int], bool]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedded") / "tiny"
    folder.mkdir()
    write_tiny(folder)
    return folder


@pytest.fixture(scope="module")
def session(tiny: Path) -> embedded.Session:
    return embedded.Session(str(tiny))


def pixels() -> embedded.Pixels:
    """A white square on nothing."""
    row = bytes(4 * 8) + b"\xff" * 4 * 16 + bytes(4 * 8)
    return bytes(4 * 32 * 8) + row * 16 + bytes(4 * 32 * 8), 32, 32


def go_on(stage: str, step: int, steps: int) -> bool:
    return True


def alone(session: embedded.Session, tell: Tell, seed: int = 3) -> embedded.Answer:
    [answer], _ = session.generate([([pixels()], seed, tell, None)], 64)
    return answer


def test_the_bytes_are_voxels_and_the_description_names_what_made_them(
    session: embedded.Session, tiny: Path
) -> None:
    previews: list[bytes] = []

    def show(preview: bytes) -> bool:
        previews.append(preview)
        return True

    [made], description = session.generate([([pixels()], 3, go_on, show)], 64)
    assert isinstance(made, bytes) and description is not None
    assert SparseVoxels.from_bytes(made).resolution == 64
    assert len(SparseVoxels.from_bytes(previews[-1])) > 0
    assert description.model.startswith(f"{tiny.name}@")
    assert description.model in description.identity and "torch" in description.identity
    assert (description.device, description.resolution) == ("cpu", 64)


@pytest.mark.parametrize("stage", ["picture", "structure", "appearance", "decoding"])
def test_no_as_answer_stops_the_work_at_once(session: embedded.Session, stage: str) -> None:
    told: list[str] = []

    def tell(now: str, step: int, steps: int) -> bool:
        told.append(now)
        return now != stage

    assert isinstance(alone(session, tell), Cancelled)
    assert told.count(stage) == 1 and told[-1] == stage


def test_no_to_a_preview_stops_the_work_too(session: embedded.Session) -> None:
    [end], _ = session.generate([([pixels()], 3, go_on, lambda _: False)], 64)
    assert isinstance(end, Cancelled)


def test_loading_is_told_once_and_can_be_stopped(tiny: Path) -> None:
    session = embedded.Session(str(tiny))
    with pytest.raises(Cancelled):
        session.load(lambda stage, step, steps: step < 2)
    told: list[str] = []

    def tell(stage: str, step: int, steps: int) -> bool:
        told.append(stage)
        return True

    session.load(tell)
    assert set(told) == {"loading"}
    told.clear()
    session.load(tell)
    assert told == []


def test_a_closed_session_holds_no_networks_and_loads_them_anew(tiny: Path) -> None:
    others = _networks()
    session = embedded.Session(str(tiny))
    session.close()
    before = alone(session, go_on)
    assert _networks() == others + 1
    session.close()
    assert _networks() == others
    assert alone(session, go_on) == before


def _networks() -> int:
    """How many there are. Some objects of torch's warn when they are asked what they are like."""
    # What other tests left in cycles is none of ours.
    gc.collect()
    return sum(type(thing) is LatentFlow for thing in gc.get_objects())


def test_who_leaves_while_torch_is_imported_does_not_wait_for_it(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported, asked = threading.Event(), 0
    monkeypatch.delitem(sys.modules, "crossworld_trellis.opening")
    monkeypatch.setattr(importlib, "import_module", lambda _: imported.wait(10))

    def tell(stage: str, step: int, steps: int) -> bool:
        nonlocal asked
        asked += 1
        return asked < 3

    try:
        [end], _ = embedded.Session(str(tiny)).generate([([pixels()], 3, tell, None)], 64)
    finally:
        imported.set()
    assert isinstance(end, Cancelled) and asked == 3


def test_an_import_that_fails_is_what_the_caller_gets(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str) -> None:
        raise ModuleNotFoundError("No module named 'torch'", name="torch")

    monkeypatch.delitem(sys.modules, "crossworld_trellis.opening")
    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(ModuleNotFoundError, match="torch"):
        embedded.Session(str(tiny)).load(go_on)


def test_memory_that_ends_once_is_made_up_for_and_twice_is_told(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = embedded.Session(str(tiny))
    original, loads = Trellis.of_checkpoint, []
    tries = 0

    def load(*arguments: Any, **settings: Any) -> Trellis:
        loads.append(settings["low_vram"])
        return original(*arguments, **settings)

    def full(*_: Any, **__: Any) -> Any:
        nonlocal tries
        tries += 1
        raise DeviceMemoryError("full")

    monkeypatch.setattr(Trellis, "of_checkpoint", load)
    with monkeypatch.context() as bent:
        bent.setattr(Trellis, "generate_batch", full)
        end = alone(session, go_on)
    assert isinstance(end, DeviceMemoryError)
    assert re.search(r"one network at a time .* lower resolution", str(end))
    assert (tries, loads) == (2, [False, True])
    assert isinstance(alone(session, go_on), bytes)
    assert loads == [False, True, True]


def test_a_lost_device_is_told_apart_from_other_errors(
    session: embedded.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(message: str) -> embedded.Answer:
        def generate(*_: Any, **__: Any) -> Any:
            raise RuntimeError(message)

        monkeypatch.setattr(Trellis, "generate_batch", generate)
        return alone(session, go_on)

    lost = lose("CUDA error: device-side assert triggered\nmore")
    assert isinstance(lost, embedded.DeviceLostError) and "start it again" in str(lost)
    other = lose("shapes differ")
    assert type(other) is RuntimeError


def test_what_would_run_is_told_before_anything_is_loaded(tiny: Path) -> None:
    session = embedded.Session(str(tiny))
    assert session.examine() == session.load(go_on)


def test_orders_of_one_batch_give_what_each_gives_alone(session: embedded.Session) -> None:
    lone = [alone(session, go_on, seed) for seed in (3, 4, 5)]
    together, _ = session.generate([([pixels()], seed, go_on, None) for seed in (3, 4, 5)], 64)
    for one, other in zip(lone, together, strict=True):
        assert isinstance(one, bytes) and isinstance(other, bytes)
        one, other = SparseVoxels.from_bytes(one), SparseVoxels.from_bytes(other)
        assert (one.coords == other.coords).all()


def test_who_leaves_a_batch_is_asked_no_more_and_the_others_go_on(tiny: Path) -> None:
    session = embedded.Session(str(tiny))
    asked = 0

    def leave(stage: str, step: int, steps: int) -> bool:
        nonlocal asked
        asked += 1
        return False

    orders: list[embedded.Order] = [
        ([pixels()], seed, leave if seed == 1 else go_on, None) for seed in range(3)
    ]
    first, second, third = session.generate(orders, 64)[0]
    assert isinstance(first, bytes) and isinstance(third, bytes)
    assert isinstance(second, Cancelled) and asked == 1


def test_an_order_that_cannot_be_made_leaves_its_neighbours_alone(
    session: embedded.Session,
) -> None:
    nothing = (bytes(4 * 32 * 32), 32, 32)
    orders: list[embedded.Order] = [
        ([picture], 3, go_on, None) for picture in (pixels(), nothing, pixels())
    ]
    first, second, third = session.generate(orders, 64)[0]
    assert isinstance(first, bytes) and first == third
    assert isinstance(second, PictureError)


def test_several_and_single_pictures_are_not_made_together(session: embedded.Session) -> None:
    one, two = [pixels()], [pixels(), pixels()]
    orders: list[embedded.Order] = [(each, 3, go_on, None) for each in (one, two, one)]
    assert all(isinstance(made, bytes) for made in session.generate(orders, 64)[0])


@pytest.mark.parametrize(
    ("error", "sizes"),
    [(DeviceMemoryError("full"), [2, 1, 1, 1, 1]), (ValueError("odd"), [2, 1, 1, 2])],
)
def test_a_batch_that_fails_is_made_one_by_one_and_smaller_where_memory_is_short(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, sizes: list[int]
) -> None:
    original, seen = Trellis.generate_batch, list[int]()

    def fails_together(self: Trellis, requests: Any, **settings: Any) -> Any:
        seen.append(len(requests))
        if seen == [2]:
            raise error
        return original(self, requests, **settings)

    monkeypatch.setattr(Trellis, "generate_batch", fails_together)
    fresh = embedded.Session(str(tiny))
    for _ in range(2):
        orders: list[embedded.Order] = [([pixels()], seed, go_on, None) for seed in (1, 2)]
        assert all(isinstance(made, bytes) for made in fresh.generate(orders, 64)[0])
    assert seen == sizes


def test_what_ends_the_program_ends_every_order(
    session: embedded.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(*_: Any, **__: Any) -> Any:
        raise SystemExit(3)

    monkeypatch.setattr(Trellis, "generate_batch", leave)
    orders: list[embedded.Order] = [([pixels()], seed, go_on, None) for seed in (1, 2)]
    ends, _ = session.generate(orders, 64)
    assert [type(end) for end in ends] == [SystemExit, SystemExit]


def test_a_checkpoint_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    session = embedded.Session(str(tmp_path / "nothing" / "here"))
    with pytest.raises(CheckpointError, match="no such folder"):
        session.load(go_on)


def test_records_go_to_the_last_log_given_and_chatter_of_others_to_none() -> None:
    first: list[tuple[int, str, str]] = []
    heard: list[tuple[int, str, str]] = []
    embedded.forward_log(lambda *record: first.append(record))
    embedded.forward_log(lambda *record: heard.append(record))
    try:
        logging.getLogger("crossworld_trellis.some").info("ours %d", 1)
        logging.getLogger("other").info("theirs")
        logging.getLogger("other").warning("theirs, and bad")
    finally:
        for handler in logging.getLogger().handlers[:]:
            if handler.__class__.__module__ == embedded.__name__:
                logging.getLogger().removeHandler(handler)
    assert heard == [
        (logging.INFO, "crossworld_trellis.some", "ours 1"),
        (logging.WARNING, "other", "theirs, and bad"),
    ]
    assert first == []
