"""The server over real sockets: how it ends, and how it bears clients that do not behave."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx2
import pytest
from fake_model import FakeModel, picture, state_of
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from crossworld_trellis.server.app import create_app
from crossworld_trellis.server.running import Server
from crossworld_trellis.server.settings import ServerSettings


def wait_for(condition: Callable[[], bool]) -> None:
    patience = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < patience, "it did not happen within 5 seconds"
        time.sleep(0.005)


@contextmanager
def running(model: FakeModel, **settings: object) -> Iterator[tuple[Server, int]]:
    """A server in a thread, and its port."""
    chosen = ServerSettings(**{"grace": 5.0, "port": 0, **settings})  # type: ignore[arg-type]
    server = Server(create_app(model.load, chosen), chosen)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        model.let_go()
        server.stop()
        thread.join(10)
        assert not thread.is_alive()


def test_a_stopped_server_ends_every_request_before_it_goes() -> None:
    model = FakeModel()
    model.hold()
    with running(model) as (server, port):
        url = f"127.0.0.1:{port}"
        answers: list[httpx2.Response] = []

        def post() -> None:
            files = {"image": ("a.png", picture())}
            answers.append(httpx2.post(f"http://{url}/generate", files=files, timeout=10))

        with connect(f"ws://{url}/stream") as stream:
            stream.send(json.dumps({"pictures": 1, "seed": 4}))
            stream.send(picture())
            wait_for(lambda: model.started == [4])
            waiting = threading.Thread(target=post)
            waiting.start()
            wait_for(lambda: httpx2.get(f"http://{url}/health").json()["queue"] == 1)
            server.stop()
            waiting.join()
            assert answers[0].status_code == 503 and "retry-after" in answers[0].headers
            model.let_go()
            messages = list(stream)
        assert json.loads(messages[-2]) == {"type": "result"}
        assert stream.close_code == 1000


def test_a_client_that_sends_its_body_too_slowly_is_answered_408() -> None:
    with (
        running(FakeModel(), read_timeout=0.1) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=5) as slow,
    ):
        slow.sendall(
            b"POST /generate HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        )
        assert b" 408 " in slow.recv(4096).split(b"\r\n")[0]


def test_a_client_that_never_ends_its_headers_is_cut_off_and_a_quick_one_is_not() -> None:
    with (
        running(FakeModel(), read_timeout=1) as (_, port),
        socket.create_connection(("127.0.0.1", port), timeout=5) as slow,
        connect(f"ws://127.0.0.1:{port}/stream") as stream,
    ):
        slow.settimeout(0.25)
        slow.sendall(b"GET /health HTTP/1.1\r\n")
        ended = False
        for _ in range(12):
            stream.ping()
            try:
                slow.sendall(b"x")
                ended = slow.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True
            if ended:
                break
        assert ended
        # An open stream is timed by its own rules.
        assert json.loads(stream.recv())["status"] == 408


def test_an_http_client_that_leaves_stops_its_generation() -> None:
    model = FakeModel()
    model.hold()
    with running(model) as (server, port):
        files = {"image": ("a.png", picture())}
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(f"http://127.0.0.1:{port}/generate", files=files, timeout=0.3)
        worker = state_of(server.config).worker
        assert worker.is_busy()
        wait_for(lambda: all(job.is_stopped() for job in worker._running))
        model.let_go()
        wait_for(lambda: not worker.is_busy())
        assert model.steps_done == 1


def test_a_message_that_is_too_large_ends_the_stream_only() -> None:
    with running(FakeModel(), max_body=1 << 20) as (_, port):
        with connect(f"ws://127.0.0.1:{port}/stream") as stream:
            stream.send('{"pictures": 1}')
            with pytest.raises(ConnectionClosed):
                stream.send(bytes(2 << 20))
                stream.recv()
        assert httpx2.get(f"http://127.0.0.1:{port}/health").status_code == 200


def test_a_client_that_reads_nothing_is_left_alone_after_a_while() -> None:
    model = FakeModel()
    model.answer = bytes(64 << 20)
    with (
        running(model, send_timeout=0.3, slowest=1 << 30) as (server, port),
        connect(
            f"ws://127.0.0.1:{port}/stream", max_queue=1, max_size=None, close_timeout=0.1
        ) as stream,
    ):
        stream.send(json.dumps({"pictures": 1}))
        stream.send(picture())
        streams = state_of(server.config)
        wait_for(lambda: model.started == [0])
        wait_for(lambda: streams.streams == 0)
