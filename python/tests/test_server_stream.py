"""`/stream`: what is told and in which order, how it is cancelled, and how bad clients end."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fake_model import STEPS, FakeModel, cube, picture, serving, state_of
from fastapi.testclient import TestClient
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from crossworld_trellis.errors import DeviceMemoryError
from crossworld_trellis.server.settings import ServerSettings
from crossworld_trellis.voxels import SparseVoxels

STREAM = "ws://127.0.0.1/stream"


@pytest.fixture
def model() -> FakeModel:
    return FakeModel()


@pytest.fixture
def client(model: FakeModel) -> Iterator[TestClient]:
    with serving(model) as client:
        yield client


def begin(socket: Any, **settings: object) -> None:
    socket.send_text(json.dumps({"pictures": 1, **settings}))
    socket.send_bytes(picture())


def read_until(socket: Any, kind: str) -> dict[str, Any]:
    while (message := socket.receive_json())["type"] != kind:
        if message["type"] == "preview":
            socket.receive_bytes()
        assert message["type"] not in ("error", "result"), message
    return message


def closed(socket: Any) -> int:
    with pytest.raises(WebSocketDisconnect) as left:
        while True:
            socket.receive_text()
    return left.value.code


def wait_for(condition: Callable[[], bool]) -> None:
    patience = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < patience, "it did not happen within 5 seconds"
        time.sleep(0.005)


def test_a_generation_tells_position_progress_preview_and_result_in_this_order(
    client: TestClient,
) -> None:
    with client.websocket_connect(STREAM) as socket:
        begin(socket, seed=9)
        told: list[Any] = []
        while not told or told[-1] != {"type": "result"}:
            told.append(socket.receive_json())
            if told[-1]["type"] == "preview":
                assert SparseVoxels.from_bytes(socket.receive_bytes()) == cube(1)
        assert SparseVoxels.from_bytes(socket.receive_bytes()) == cube(9)
        assert closed(socket) == 1000
    assert told[0] == {"type": "queued", "position": 1}
    told = [each for each in told if each.get("stage") != "loading"]
    steps = [
        {"type": "progress", "stage": "structure", "step": step + 1, "steps": STEPS}
        for step in range(STEPS)
    ]
    assert told[1:] == [
        {"type": "progress", "stage": "picture", "step": 0, "steps": 1},
        *steps,
        {"type": "preview"},
        {"type": "progress", "stage": "decoding", "step": 1, "steps": 1},
        {"type": "result"},
    ]


def test_previews_are_left_out_where_they_are_not_wanted(client: TestClient) -> None:
    with client.websocket_connect(STREAM) as socket:
        begin(socket, previews=False)
        while (message := socket.receive_json())["type"] != "result":
            assert message["type"] != "preview"


def test_a_stage_s_settings_reach_the_model(client: TestClient, model: FakeModel) -> None:
    structure = {"steps": 3, "cfg_strength": 2, "cfg_interval": [0.5, 1], "rescale_t": 3}
    with client.websocket_connect(STREAM) as socket:
        socket.send_text(json.dumps({"pictures": 2, "structure": structure, "resolution": None}))
        socket.send_bytes(picture())
        socket.send_bytes(picture())
        read_until(socket, "result")
    [order] = model.orders
    assert order.settings.structure.cfg_interval == (0.5, 1.0)
    assert order.settings.structure.steps == 3 and len(order.pictures) == 2


def test_a_large_result_may_take_longer_than_a_small_one() -> None:
    settings = ServerSettings(send_timeout=20, slowest=1 << 20)
    assert settings.patience(100) < 20.01 and settings.patience(60 << 20) == 80


def test_what_was_done_differently_comes_with_the_result(
    client: TestClient, model: FakeModel
) -> None:
    model.note = "less than asked"
    with client.websocket_connect(STREAM) as socket:
        begin(socket)
        assert read_until(socket, "result")["note"] == "less than asked"


def test_a_client_that_waits_for_the_model_learns_how_far_it_is(model: FakeModel) -> None:
    model.may_load.clear()
    with serving(model) as client, client.websocket_connect(STREAM) as socket:
        begin(socket)
        loading = read_until(socket, "progress")
        assert loading["stage"] == "loading"
        model.may_load.set()
        read_until(socket, "result")


def test_cancelling_stops_within_one_step_and_frees_the_worker(
    client: TestClient, model: FakeModel
) -> None:
    model.hold()
    with client.websocket_connect(STREAM) as socket:
        begin(socket, seed=1)
        model.permits.release()
        while read_until(socket, "progress")["stage"] != "structure":
            pass
        socket.send_json({"type": "cancel"})
        assert closed(socket) == 1000
    model.let_go()
    wait_for(lambda: not state_of(client).worker.is_busy())
    assert model.steps_done <= 2
    with client.websocket_connect(STREAM) as socket:
        begin(socket, seed=2)
        read_until(socket, "result")
    assert 'outcome="cancelled"} 1.0' in client.get("/metrics").text


def test_closing_the_socket_stops_within_one_step(client: TestClient, model: FakeModel) -> None:
    model.hold()
    with client.websocket_connect(STREAM) as socket:
        begin(socket)
        model.permits.release()
        while read_until(socket, "progress")["stage"] != "structure":
            pass
        socket.close()
        wait_for(lambda: state_of(client).streams == 0)
    model.let_go()
    wait_for(lambda: not state_of(client).worker.is_busy())
    assert model.steps_done <= 2


def test_closing_while_waiting_leaves_the_queue(client: TestClient, model: FakeModel) -> None:
    model.hold()
    with client.websocket_connect(STREAM) as first:
        begin(first)
        wait_for(state_of(client).worker.is_busy)
        with client.websocket_connect(STREAM) as second:
            begin(second, seed=5)
            assert read_until(second, "queued")["position"] == 1
        wait_for(lambda: client.get("/health").json()["queue"] == 0)
        model.let_go()
        read_until(first, "result")
    assert model.started == [0]


@pytest.mark.parametrize(
    ("text", "status", "field"),
    [
        ("{", 400, None),
        ("[]", 400, None),
        ("{}", 422, "pictures"),
        ('{"pictures": 0}', 422, "pictures"),
        ('{"pictures": 17}', 422, "pictures"),
        ('{"pictures": true}', 422, "pictures"),
        ('{"pictures": 1, "steps": 0}', 422, "steps"),
        ('{"pictures": 1, "steps": "5"}', 422, "steps"),
        ('{"pictures": 1, "cfg": NaN}', 422, "cfg"),
        ('{"pictures": 1, "structure": {"steps": 5000}}', 422, "structure.steps"),
        ('{"pictures": 1, "latents": {"cfg_interval": [1, 0]}}', 422, "latents"),
        ('{"pictures": 1, "stpes": 3}', 422, "stpes"),
        ("x" * 70000, 413, None),
    ],
)
def test_bad_settings_are_told_with_their_field_before_any_picture_is_read(
    client: TestClient, text: str, status: int, field: str | None
) -> None:
    with client.websocket_connect(STREAM) as socket:
        socket.send_text(text)
        message = socket.receive_json()
        assert message["type"] == "error" and message["status"] == status, message
        assert message.get("field") == field and message["title"] and "\n" not in message["detail"]
        assert closed(socket) == 1000


def test_messages_of_the_wrong_kind_and_bad_pictures_are_told(client: TestClient) -> None:
    with client.websocket_connect(STREAM) as socket:
        socket.send_bytes(picture())
        assert socket.receive_json()["status"] == 400
    with client.websocket_connect(STREAM) as socket:
        socket.send_text('{"pictures": 1}')
        socket.send_text("picture")
        assert socket.receive_json()["status"] == 400
    with client.websocket_connect(STREAM) as socket:
        socket.send_text('{"pictures": 1}')
        socket.send_bytes(b"no picture")
        message = socket.receive_json()
        assert (message["status"], message["field"]) == (415, "image")


def test_pictures_are_counted_together(model: FakeModel) -> None:
    with serving(model, max_body=1 << 20) as client, client.websocket_connect(STREAM) as socket:
        socket.send_text('{"pictures": 2}')
        socket.send_bytes(bytes(600_000))
        socket.send_bytes(bytes(600_000))
        assert socket.receive_json()["status"] == 413


def test_a_silent_client_is_sent_away(model: FakeModel) -> None:
    with serving(model, read_timeout=0.05) as client:
        for first in ([], ['{"pictures": 1}']):
            with client.websocket_connect(STREAM) as socket:
                for text in first:
                    socket.send_text(text)
                message = socket.receive_json()
                assert message["type"] == "error" and message["status"] == 408
                assert closed(socket) == 1000


def test_running_out_of_memory_is_told_and_the_next_generation_works(
    client: TestClient, model: FakeModel
) -> None:
    model.errors.append(DeviceMemoryError("cuda ran out of memory: use a lower resolution"))
    with client.websocket_connect(STREAM) as socket:
        begin(socket)
        while (message := socket.receive_json())["type"] != "error":
            pass
        assert message["status"] == 507 and "lower resolution" in message["detail"]
        assert closed(socket) == 1000
    with client.websocket_connect(STREAM) as socket:
        begin(socket)
        read_until(socket, "result")


def test_a_stranger_gets_401_before_the_socket_opens(model: FakeModel) -> None:
    with serving(model, token="secret") as client:
        with pytest.raises(WebSocketDenialResponse) as refused:
            client.websocket_connect(STREAM).__enter__()
        assert refused.value.status_code == 401
        authorization = {"authorization": "Bearer secret"}
        with client.websocket_connect(STREAM, headers=authorization) as socket:
            begin(socket)
            read_until(socket, "result")
