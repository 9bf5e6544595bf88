"""The image encoder of TRELLIS.2, which the hub keeps back: what each way in says of a refusal.

The hub's own client talks to a hub on this machine, which refuses everything as the real one does.
"""

import argparse
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fake_model import picture
from fastapi.testclient import TestClient
from golden_trellis2 import MODEL, TRELLIS2
from huggingface_hub import constants

from crossworld_trellis import config, embedded
from crossworld_trellis.__main__ import main
from crossworld_trellis.checkpoint import CheckpointError
from crossworld_trellis.commands import serve
from crossworld_trellis.server.app import create_app

ENCODER = "facebook/dinov3-vitl16-pretrain-lvd1689m"
REMEDIES = (f"https://huggingface.co/{ENCODER}", "hf auth login", "TRELLIS_IMAGE_ENCODER")


@pytest.fixture(params=[401, 403])
def asked(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[str]]:
    """What a hub was asked for that refuses, without a login (401) or with one (403)."""
    paths: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            paths.append(self.path)
            self.send_response(request.param)
            self.send_header("X-Error-Code", "GatedRepo")
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, format: str, *args: object) -> None:
            pass

    hub = ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{hub.server_port}"
    for variable in (config.IMAGE_ENCODER_VARIABLE, config.OFFLINE_VARIABLE, "HF_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace("https://huggingface.co", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    yield paths
    hub.shutdown()
    hub.server_close()


def told_all(text: str) -> bool:
    return "access to this repository must be granted" in text and all(
        part in text for part in REMEDIES
    )


def test_generate_and_fetch_end_in_one_line_that_tells_the_way_in(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = ["--model", str(MODEL), "--device", "cpu"]
    source = str(TRELLIS2 / "preprocess_0_in.png")
    assert main(["generate", source, "-o", str(tmp_path / "a.voxels"), *chosen]) == 1
    assert told_all(capsys.readouterr().err.splitlines()[-1])
    assert main(["fetch", *chosen[:2]]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and told_all(said)
    files = [path for path in asked if "/resolve/" in path]
    assert files and all(path.startswith(f"/{ENCODER}/") for path in files)


def test_a_server_tells_it_by_health_and_to_whoever_asks(asked: list[str]) -> None:
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    options = parser.parse_args(["--model", str(MODEL), "--device", "cpu"])
    app = create_app(lambda tell: serve.load_model(options, tell))
    with TestClient(app, base_url="http://127.0.0.1") as client:
        answer = client.post("/generate", files={"image": ("a.png", picture())})
        assert answer.status_code == 503 and told_all(answer.json()["detail"])
        health = client.get("/health").json()
        assert health["status"] == "error" and told_all(health["last_error"])


def test_in_this_process_loading_raises_it_and_looking_ahead_does_not(asked: list[str]) -> None:
    session = embedded.Session(str(MODEL))
    assert session.examine() is None and asked == []
    with pytest.raises(CheckpointError) as caught:
        session.load(lambda stage, step, steps: True)
    assert told_all(str(caught.value))
