"""A process that has lost its device starts itself again."""

import os
import socket
import sys
import threading
import time

import httpx2
import pytest
from fake_model import FakeModel, picture

from crossworld_trellis.__main__ import main
from crossworld_trellis.commands import serve


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def test_a_lost_device_is_answered_with_503_and_starts_the_same_command_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, port = FakeModel(), free_port()
    model.errors.append(RuntimeError("CUDA error: unspecified launch failure"))
    started: list[list[str]] = []
    answers: list[httpx2.Response] = []
    monkeypatch.setattr(serve, "load_model", lambda _, tell: model.load(tell))
    monkeypatch.setattr(os, "execv", lambda _, command: started.append(command))
    monkeypatch.setattr(sys, "argv", ["trellis", "serve", "--port", str(port)])

    def ask() -> None:
        patience = time.monotonic() + 5
        while time.monotonic() < patience:
            try:
                files = {"image": ("a.png", picture())}
                answers.append(httpx2.post(f"http://127.0.0.1:{port}/generate", files=files))
                return
            except httpx2.ConnectError:
                time.sleep(0.02)

    asking = threading.Thread(target=ask)
    asking.start()
    main()
    asking.join()
    assert [answer.status_code for answer in answers] == [503]
    assert "lost its device" in answers[0].json()["detail"]
    command = [sys.executable, "-m", "crossworld_trellis", "serve", "--port", str(port)]
    assert started == [command]
