"""Where files come from: folders, and the hub through a stand-in that downloads nothing."""

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from golden_data import IMAGE_ENCODER, MODEL
from huggingface_hub import errors

from crossworld_trellis import config
from crossworld_trellis.checkpoint import Checkpoint, CheckpointError
from crossworld_trellis.checkpoint.source import Folder, Repository, hub_error, open_source

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """A hub whose repositories are folders, with the layout of the real cache."""

    def __init__(self, cache: Path, repositories: dict[str, Path]) -> None:
        self.cache = cache
        self.repositories = repositories
        self.asked: list[tuple[str, str, str | None, bool]] = []

    def __call__(self, repo: str, name: str, *, revision: str | None, offline: bool) -> Path:
        self.asked.append((repo, name, revision, offline))
        source = self.repositories[repo] / name
        if not source.exists():
            raise CheckpointError(f"the repository has no such file ({repo}, file {name})")
        cached = self.cache / repo / "snapshots" / COMMIT / name
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, cached)
        return cached

    def names(self, repo: str) -> set[str]:
        return {name for asked, name, _, _ in self.asked if asked == repo}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    for variable in (
        config.MODEL_VARIABLE,
        config.IMAGE_ENCODER_VARIABLE,
        config.OFFLINE_VARIABLE,
    ):
        monkeypatch.delenv(variable, raising=False)
    published = {config.DEFAULT_MODEL: MODEL, "someone/theirs": MODEL}
    return FakeHub(tmp_path / "cache", published)


def test_without_a_source_the_released_checkpoint_is_opened(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint.open(download=hub)
    assert checkpoint.identity == f"microsoft/TRELLIS-image-large@{COMMIT}"
    monkeypatch.setenv(config.MODEL_VARIABLE, str(MODEL))
    assert isinstance(Checkpoint.open(download=hub).source, Folder)
    assert Checkpoint.open("someone/theirs", download=hub).identity == f"someone/theirs@{COMMIT}"


def test_only_the_files_that_the_outputs_need_are_downloaded(hub: FakeHub) -> None:
    checkpoint = Checkpoint.open(download=hub)
    assert hub.names(config.DEFAULT_MODEL) == {"pipeline.json"}
    checkpoint.fetch(["voxels"])
    stems = ("ss_flow_img_dit", "ss_dec_conv3d", "slat_flow_img_dit", "slat_dec_gs")
    assert hub.names(config.DEFAULT_MODEL) == {
        "pipeline.json",
        *(f"ckpts/{stem}_tiny{suffix}" for stem in stems for suffix in (".json", ".safetensors")),
    }


def test_the_weights_are_downloaded_last_so_that_a_bad_json_costs_nothing(hub: FakeHub) -> None:
    Checkpoint.open(download=hub).fetch(["voxels"])
    suffixes = [Path(name).suffix for _, name, _, _ in hub.asked]
    assert ".json" not in suffixes[suffixes.index(".safetensors") :]


def test_all_files_come_from_the_commit_of_the_first(hub: FakeHub) -> None:
    Checkpoint.open(revision="v1.0", download=hub).fetch(["mesh"])
    revisions = [revision for _, _, revision, _ in hub.asked]
    assert revisions[0] == "v1.0" and set(revisions[1:]) == {COMMIT}


def test_a_downloaded_model_loads(hub: FakeHub) -> None:
    checkpoint = Checkpoint.open(download=hub)
    checkpoint.load("slat_decoder_gs", device=torch.device("cpu"), dtype=torch.float32)
    assert hub.names(config.DEFAULT_MODEL) == {
        "pipeline.json",
        "ckpts/slat_dec_gs_tiny.json",
        "ckpts/slat_dec_gs_tiny.safetensors",
    }


def test_a_model_may_lie_in_another_repository(hub: FakeHub, tmp_path: Path) -> None:
    folder = shutil.copytree(MODEL, tmp_path / "model")
    path = folder / "pipeline.json"
    path.write_text(
        path.read_text().replace(
            '"ckpts/slat_dec_gs_tiny', '"someone/theirs/ckpts/slat_dec_gs_tiny'
        )
    )
    for stem in folder.glob("ckpts/slat_dec_gs*"):
        stem.unlink()
    checkpoint = Checkpoint.open(folder, offline=True, download=hub)
    checkpoint.fetch(["voxels"])
    gaussians = "ckpts/slat_dec_gs_tiny"
    assert hub.names("someone/theirs") == {f"{gaussians}.json", f"{gaussians}.safetensors"}
    assert all(offline for _, _, _, offline in hub.asked)


def test_an_error_of_the_hub_names_the_role_and_is_not_papered_over(hub: FakeHub) -> None:
    hub.repositories[config.DEFAULT_MODEL] = MODEL.parent / "nothing"
    with pytest.raises(CheckpointError, match=r"no such file \(microsoft/.*pipeline\.json"):
        Checkpoint.open(download=hub)
    hub.repositories[config.DEFAULT_MODEL] = MODEL
    checkpoint = Checkpoint.open(download=hub)
    hub.repositories[config.DEFAULT_MODEL] = MODEL.parent / "nothing"
    asked = len(hub.asked)
    with pytest.raises(CheckpointError, match=r"^sparse_structure_flow_model: the repository"):
        checkpoint.fetch(["voxels"])
    assert len(hub.asked) == asked + 1


def test_offline_mode_comes_from_the_argument_or_the_environment(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(argument: bool) -> set[bool]:
        hub.asked.clear()
        Checkpoint.open(offline=argument, download=hub)
        return {offline for _, _, _, offline in hub.asked}

    assert offline(False) == {False}
    assert offline(True) == {True}
    monkeypatch.setenv(config.OFFLINE_VARIABLE, "1")
    assert offline(False) == {True}


def test_the_published_image_encoder_is_downloaded_as_safetensors_only(
    hub: FakeHub, tmp_path: Path
) -> None:
    published = shutil.copytree(IMAGE_ENCODER, tmp_path / "published")
    (published / "hub_state.safetensors").rename(published / "model.safetensors")
    (published / "pytorch_model.bin").write_bytes(b"\x80\x02")
    hub.repositories[config.DEFAULT_IMAGE_ENCODER] = published
    encoder = Checkpoint.open(MODEL, download=hub).load_image_encoder(device=torch.device("cpu"))
    assert encoder.width == 48
    assert hub.names(config.DEFAULT_IMAGE_ENCODER) == {"config.json", "model.safetensors"}


def test_a_source_is_a_folder_or_a_repository_or_an_error(tmp_path: Path) -> None:
    assert open_source(tmp_path) == Folder(tmp_path)
    assert isinstance(open_source("owner/name", revision="v1"), Repository)
    file = tmp_path / "pipeline.json"
    file.write_text("{}")
    for source, told in (
        (file, "this is a file: name the folder that holds pipeline.json"),
        (tmp_path / "nowhere", "there is no such folder"),
        ("./owner/name", "there is no such folder"),
        ("../name", "there is no such folder"),
        ("owner/name/ckpts", "no hub repository of the form owner/name"),
        ("https://huggingface.co/owner/name", "no hub repository of the form owner/name"),
        ("name", "no hub repository of the form owner/name"),
    ):
        with pytest.raises(CheckpointError, match=told):
            open_source(source)
    with pytest.raises(CheckpointError, match="revision 'v1' makes sense for a hub repository"):
        open_source(tmp_path, revision="v1")


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "ckpts/../../x", "", "c:\\x", "a\\..\\b"])
def test_a_file_name_never_leads_out_of_its_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="leads outside its folder"):
        Folder(tmp_path).file(name)
    with pytest.raises(CheckpointError, match="leads outside its folder"):
        open_source("owner/name", download=FakeHub(tmp_path, {})).file(name)


def answer(kind: type[Exception], text: str = "no") -> Exception:
    """An error as the hub's client makes it from an answer of the server."""
    response: Any = SimpleNamespace(headers={}, status_code=404, request=None, url="")
    return kind(text, response=response) if issubclass(kind, errors.HfHubHTTPError) else kind(text)


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


LOST = ConnectionError("Name or service not known")


@pytest.mark.parametrize(
    ("error", "offline", "told"),
    [
        (answer(errors.GatedRepoError), False, "accept its terms at https://huggingface.co/o/r"),
        (answer(errors.RepositoryNotFoundError), False, "neither a folder of this name exists"),
        (answer(errors.RevisionNotFoundError), False, "the repository has no revision 'v9'"),
        (answer(errors.EntryNotFoundError), False, "the repository has no such file"),
        (errors.HFValidationError("bad id"), False, "this is no name of a hub repository: bad id"),
        (errors.LocalEntryNotFoundError("x"), True, "this file was never downloaded, and offline"),
        (
            caused(errors.LocalEntryNotFoundError("x"), LOST),
            False,
            "the hub cannot be reached and the file is not cached: Name or service not known",
        ),
        (LOST, False, "the download failed: Name or service not known; run it again"),
        (OSError(errno.ENOSPC, "No space left on device"), False, "the disk is full"),
        (
            caused(RuntimeError("transfer failed"), OSError(errno.ENOSPC, "full")),
            False,
            "the disk is full",
        ),
        (PermissionError(errno.EACCES, "denied"), False, "set HF_HOME to a folder of yours"),
        (answer(errors.HfHubHTTPError, "503 Service Unavailable"), False, "503 Service Unavail"),
    ],
)
def test_errors_of_the_hub_are_told_by_their_true_cause(
    error: Exception, offline: bool, told: str
) -> None:
    said = hub_error(error, "o/r", "ckpts/x.json", revision="v9", offline=offline)
    message = str(said)
    assert told in message and message.endswith("(o/r, file ckpts/x.json)")
    assert "\n" not in message


def test_offline_without_a_cache_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real client, which asks nobody here: its cache is an empty folder.
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(CheckpointError, match="never downloaded, and offline mode forbids it"):
        Checkpoint.open("microsoft/TRELLIS-image-large", offline=True)
