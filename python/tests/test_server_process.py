"""`python -m crossworld_trellis serve` as a process of its own, with the golden checkpoint."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from golden_data import IMAGE_ENCODER, MODEL, TRELLIS

import crossworld_trellis
from crossworld_trellis.voxels import SparseVoxels

PACKAGE = Path(crossworld_trellis.__file__).parents[1]


@contextmanager
def process(*arguments: str, **variables: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """A server that answers, and its address."""
    command = [
        sys.executable,
        "-m",
        "crossworld_trellis",
        "serve",
        "--port",
        "0",
        "--device",
        "cpu",
    ]
    environment = {**os.environ, "TRELLIS_IMAGE_ENCODER": str(IMAGE_ENCODER), **variables}
    environment.pop("TRELLIS_HOST", None)
    server = subprocess.Popen(
        [*command, *arguments], cwd=PACKAGE, env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr is not None
        for line in server.stderr:
            found = re.search(r"running on (http://127\.0\.0\.1:\d+)", line)
            if found:
                break
        else:
            pytest.fail("the server ended before it listened")
        yield server, found[1]
    finally:
        server.kill()
        server.communicate()


def test_a_server_answers_before_its_model_is_there_generates_and_stops_cleanly() -> None:
    with process(TRELLIS_MODEL_PATH=str(MODEL), ATTN_BACKEND="xformers") as (server, url):
        health = httpx2.get(f"{url}/health").json()
        assert health["status"] in ("loading", "healthy")
        picture = (TRELLIS / "preprocess_0_in.png").read_bytes()
        fields = {"output_format": "voxels", "steps": "1"}
        answer = httpx2.post(f"{url}/generate", files={"image": picture}, data=fields, timeout=60)
        assert answer.status_code == 200, answer.text
        assert len(SparseVoxels.from_bytes(answer.content)) > 0
        assert httpx2.get(f"{url}/health").json()["status"] == "healthy"
        server.send_signal(signal.SIGTERM)
        assert server.wait(10) in (0, -signal.SIGTERM)


def test_a_server_without_a_checkpoint_stays_and_says_why(tmp_path: Path) -> None:
    with process("--model", str(tmp_path)) as (_, url):
        patience = time.monotonic() + 30
        while (health := httpx2.get(f"{url}/health").json())["status"] == "loading":
            assert time.monotonic() < patience
            time.sleep(0.05)
        assert health["status"] == "error" and "pipeline.json" in health["last_error"]
