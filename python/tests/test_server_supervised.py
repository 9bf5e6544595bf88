"""`serve --supervised`: a server that belongs to the program that started it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from golden_data import IMAGE_ENCODER, MODEL

import crossworld_trellis

PACKAGE = Path(crossworld_trellis.__file__).parents[1]


@contextmanager
def supervised(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A server whose standard input and output are ours."""
    command = [sys.executable, "-m", "crossworld_trellis", "serve", "--supervised", "--grace", "0"]
    environment = {**os.environ, "TRELLIS_IMAGE_ENCODER": str(IMAGE_ENCODER)}
    with subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0", "--device", "cpu", *arguments],
        cwd=PACKAGE,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        try:
            yield server
        finally:
            server.kill()


def test_it_says_where_it_listens_and_stops_when_its_standard_input_ends() -> None:
    with supervised("--model", str(MODEL)) as server:
        assert server.stdin is not None and server.stdout is not None
        said, _, url = server.stdout.readline().strip().rpartition(" ")
        assert said == "listening on"
        assert httpx2.get(f"{url}/health").json()["status"] in ("loading", "healthy")
        assert server.poll() is None
        server.stdin.close()
        assert server.wait(60) == 0


def test_a_standard_input_that_ends_before_it_listens_stops_it_too() -> None:
    with supervised("--model", str(MODEL)) as server:
        assert server.stdin is not None
        server.stdin.close()
        assert server.wait(60) == 0
