"""The door for the Rust side: what it hands over, how it is stopped, and what memory does to it."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crossworld_trellis import embedded
from crossworld_trellis.checkpoint import CheckpointError
from crossworld_trellis.checkpoint.tiny import write_tiny
from crossworld_trellis.errors import Cancelled, DeviceMemoryError
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


def test_the_bytes_are_voxels_and_the_description_names_what_made_them(
    session: embedded.Session, tiny: Path
) -> None:
    previews: list[bytes] = []

    def show(preview: bytes) -> bool:
        previews.append(preview)
        return True

    made, description = session.generate([pixels()], 3, 64, go_on, show)
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

    with pytest.raises(Cancelled):
        session.generate([pixels()], 3, 64, tell, None)
    assert told.count(stage) == 1 and told[-1] == stage


def test_no_to_a_preview_stops_the_work_too(session: embedded.Session) -> None:
    with pytest.raises(Cancelled):
        session.generate([pixels()], 3, 64, go_on, lambda _: False)


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


def test_memory_that_ends_once_is_made_up_for_and_twice_is_told(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = embedded.Session(str(tiny))
    original, loads = Trellis.load, []
    tries = 0

    def load(*arguments: Any, **settings: Any) -> Trellis:
        loads.append(settings["low_vram"])
        return original(*arguments, **settings)

    def full(*_: Any, **__: Any) -> Any:
        nonlocal tries
        tries += 1
        raise DeviceMemoryError("full")

    monkeypatch.setattr(Trellis, "load", load)
    with monkeypatch.context() as bent:
        bent.setattr(Trellis, "generate", full)
        with pytest.raises(DeviceMemoryError, match=r"one network at a time .* lower resolution"):
            session.generate([pixels()], 3, 64, go_on, None)
    assert (tries, loads) == (2, [False, True])
    session.generate([pixels()], 3, 64, go_on, None)
    assert loads == [False, True, True]


def test_a_lost_device_is_told_apart_from_other_errors(
    session: embedded.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(message: str) -> None:
        def generate(*_: Any, **__: Any) -> Any:
            raise RuntimeError(message)

        monkeypatch.setattr(Trellis, "generate", generate)
        session.generate([pixels()], 3, 64, go_on, None)

    with pytest.raises(embedded.DeviceLostError, match="start it again"):
        lose("CUDA error: device-side assert triggered\nmore")
    with pytest.raises(RuntimeError, match="shapes"):
        lose("shapes differ")


def test_nothing_is_ready_where_there_is_no_gpu(session: embedded.Session) -> None:
    import torch

    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("this machine has a GPU")
    assert session.examine() is None


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
