"""The door for the Rust side with a checkpoint of the second generation."""

import logging
from pathlib import Path
from typing import Any

import pytest
from test_embedded import go_on, pixels

from crossworld_trellis import config, embedded
from crossworld_trellis.checkpoint.tiny_trellis2 import write_tiny
from crossworld_trellis.checkpoint.trellis2 import Trellis2Checkpoint
from crossworld_trellis.errors import Cancelled
from crossworld_trellis.image import PictureError
from crossworld_trellis.sampler import SettingsError
from crossworld_trellis.trellis2 import Trellis2
from crossworld_trellis.voxels import SparseVoxels


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedded") / "tiny"
    folder.mkdir()
    write_tiny(folder)
    return folder


@pytest.fixture(autouse=True)
def _small_type(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv(config.PIPELINE_TYPE_VARIABLE, "512")


@pytest.fixture(scope="module")
def session(tiny: Path) -> embedded.Session:
    return embedded.Session(str(tiny))


def made(answer: embedded.Answer) -> SparseVoxels:
    assert isinstance(answer, bytes), answer
    return SparseVoxels.from_bytes(answer)


@pytest.mark.parametrize("resolution", [32, 512])
def test_a_picture_becomes_voxels_with_materials(
    session: embedded.Session, resolution: int
) -> None:
    previews: list[bytes] = []

    def show(preview: bytes) -> bool:
        previews.append(preview)
        return True

    [answer], outlook = session.generate([([pixels()], 3, go_on, show)], resolution)
    voxels = made(answer)
    assert voxels.resolution == resolution and voxels.metallic_roughness is not None
    shown = [SparseVoxels.from_bytes(each).resolution for each in previews]
    assert set(shown) == {32, 64} and shown == sorted(shown)
    assert outlook is not None and "type 512" in outlook.identity
    assert (outlook.resolution, outlook.resolutions) == (256, (32, 64, 128, 256, 512))
    assert outlook.together == 1


def test_what_would_run_is_told_before_anything_is_loaded(tiny: Path) -> None:
    session = embedded.Session(str(tiny))
    assert session.examine() == session.load(go_on)


def test_a_type_that_does_not_exist_is_told_before_anything_is_loaded(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(config.PIPELINE_TYPE_VARIABLE, "2048")
    with pytest.raises(SettingsError, match="unknown pipeline type '2048': use one of 512, 1024"):
        embedded.Session(str(tiny)).examine()


def test_a_checkpoint_without_a_file_of_its_type_cannot_run_yet(tiny: Path) -> None:
    path = Trellis2Checkpoint.open(tiny).file("tex_slat_flow_model_512", ".safetensors")
    aside = path.rename(path.with_suffix(".aside"))
    try:
        with pytest.raises(embedded.TrellisError, match=r"tex_slat_flow_model_512: .* missing"):
            embedded.Session(str(tiny)).examine()
    finally:
        aside.rename(path)


def test_orders_are_answered_one_by_one_and_each_fails_alone(session: embedded.Session) -> None:
    asked: list[str] = []

    def leave(stage: str, step: int, steps: int) -> bool:
        asked.append(stage)
        return False

    orders: list[embedded.Order] = [
        ([pixels()], 3, go_on, None),
        ([pixels()], 3, leave, None),
        ([pixels(), pixels()], 3, go_on, None),
        ([pixels()], 3, go_on, None),
    ]
    first, second, third, fourth = session.generate(orders, 64)[0]
    assert made(first) == made(fourth) and isinstance(second, Cancelled) and len(asked) == 1
    assert isinstance(third, PictureError) and "one picture of an object, got 2" in str(third)


def test_what_a_token_limit_reduced_goes_to_the_log(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(config.PIPELINE_TYPE_VARIABLE, "1536_cascade")
    original = Trellis2.generate_batch

    def limited(self: Trellis2, requests: Any, **settings: Any) -> Any:
        return original(self, requests, max_tokens=1, **settings)

    monkeypatch.setattr(Trellis2, "generate_batch", limited)
    with caplog.at_level(logging.WARNING, "crossworld_trellis"):
        [answer], _ = embedded.Session(str(tiny)).generate([([pixels()], 3, go_on, None)], 64)
    assert made(answer).resolution == 64
    assert "the grid has 1024 cells an axis instead of 1536" in caplog.text
