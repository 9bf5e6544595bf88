"""Generations made together: who joins whom, and that nobody suffers from company."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fake_model import PREPARED, FakeModel, cube, picture, serving, state_of
from fastapi.testclient import TestClient
from httpx2 import Response
from test_server_queue import ends, wait_for, worker_of

from crossworld_trellis import config
from crossworld_trellis.__main__ import main
from crossworld_trellis.errors import DeviceMemoryError, TrellisError
from crossworld_trellis.server.job import Event, Failed, Finished, Job, Order
from crossworld_trellis.server.line import Line
from crossworld_trellis.server.problem import CLIENT_LEFT, Problem
from crossworld_trellis.server.schemas import GenerationSettings, StageSettings, StreamRequest
from crossworld_trellis.server.settings import ServerSettings, ServerSettingsError
from crossworld_trellis.server.worker import Worker


def order_of(seed: int = 0, *, pictures: int = 1, **settings: Any) -> Order:
    output_format = settings.pop("output_format", "voxels")
    return Order(
        pictures=[PREPARED] * pictures,
        settings=GenerationSettings(seed=seed, **settings),
        output_format=output_format,
    )


def submit(worker: Worker, order: Order, *, client: str = "a") -> tuple[Job, list[Event]]:
    events: list[Event] = []
    job = Job(order, client=client, notify=events.append)
    worker.submit(job)
    return job, events


def held(batch: int = 4) -> tuple[FakeModel, Worker]:
    """A worker whose model is at work on a first generation, seed 0, until it is let go."""
    model = FakeModel()
    model.hold()
    worker = worker_of(model, waiting=16, batch=batch)
    submit(worker, order_of(0))
    wait_for(lambda: model.started == [0])
    return model, worker


def result(events: list[Event]) -> Finished | Failed:
    wait_for(lambda: bool(ends(events)))
    [end] = ends(events)
    return end


def is_voxel_of(seed: int, events: list[Event]) -> bool:
    return result(events) == Finished(cube(seed).to_bytes())


def test_those_that_wait_with_equal_settings_are_made_together() -> None:
    model, worker = held()
    heard = {seed: submit(worker, order_of(seed))[1] for seed in range(1, 7)}
    model.let_go()
    for seed, events in heard.items():
        assert is_voxel_of(seed, events)
    assert model.batches == [[0], [1, 2, 3, 4], [5, 6]]
    worker.close(5)


@pytest.mark.parametrize(
    "other",
    [
        order_of(1, steps=3),
        order_of(1, cfg=3),
        order_of(1, resolution=64),
        order_of(1, mode="multidiffusion"),
        order_of(1, structure=StageSettings(cfg_interval=(0.5, 1.0))),
        order_of(1, output_format="glb"),
        order_of(1, pictures=2),
    ],
)
def test_other_settings_are_never_made_together(other: Order) -> None:
    assert not order_of().is_like(other) and not other.is_like(order_of())


def test_a_model_that_gains_nothing_from_company_works_one_by_one() -> None:
    model = FakeModel()
    model.together = 1
    model.may_load.clear()
    worker = worker_of(model, waiting=16, batch=4)
    heard = [submit(worker, order_of(seed))[1] for seed in range(3)]
    model.may_load.set()
    assert all(is_voxel_of(seed, events) for seed, events in enumerate(heard))
    assert model.batches == [[0], [1], [2]]
    worker.close(5)


def test_a_stream_and_a_form_with_equal_settings_are_alike() -> None:
    settings = StreamRequest(seed=3, pictures=1, previews=False, steps=3)
    stream = Order(pictures=[PREPARED], settings=settings, previews=True)
    assert stream.is_like(order_of(1, steps=3)) and order_of(1, steps=3).is_like(stream)


def test_taking_others_along_keeps_every_client_s_order_and_the_turn_of_who_stays() -> None:
    line: Line[str] = Line(16)
    # Small letters are alike.
    for entry in ("a1", "a2", "B1", "b2", "c1", "c2", "d1"):
        line.push(entry[0].lower(), entry)

    def alike(entry: str, other: str) -> bool:
        return entry.islower() and other.islower()

    assert line.pop_alike(4, alike) == ["a1", "c1", "d1", "a2"]
    assert line.order() == ["B1", "c2", "b2"]
    assert line.pop_alike(4, alike) == ["B1"]
    assert line.pop_alike(4, alike) == ["c2", "b2"]
    assert line.pop_alike(4, alike) == []


def test_a_single_request_among_many_of_others_waits_for_one_batch_at_most() -> None:
    model, worker = held()
    for seed in range(1, 8):
        submit(worker, order_of(seed))
    _, heard = submit(worker, order_of(99, steps=7), client="b")
    model.let_go()
    assert is_voxel_of(99, heard)
    wait_for(lambda: not worker.is_busy() and not worker.waiting())
    assert model.batches == [[0], [1, 2, 3, 4], [99], [5, 6, 7]]
    worker.close(5)


def test_an_error_of_one_is_told_to_that_one() -> None:
    model, worker = held()
    model.own_errors[2] = TrellisError("nothing there")
    heard = {seed: submit(worker, order_of(seed))[1] for seed in (1, 2, 3)}
    model.let_go()
    failed = result(heard[2])
    assert isinstance(failed, Failed) and failed.problem.detail == "nothing there"
    assert is_voxel_of(1, heard[1]) and is_voxel_of(3, heard[3])
    assert len(model.batches) == 2
    worker.close(5)


def test_memory_that_runs_out_makes_them_one_by_one_and_later_batches_smaller() -> None:
    model, worker = held()
    heard = {seed: submit(worker, order_of(seed))[1] for seed in range(1, 9)}
    model.errors.append(DeviceMemoryError("too little"))
    model.let_go()
    for seed, events in heard.items():
        assert is_voxel_of(seed, events)
    assert model.batches == [[0], [1, 2, 3, 4], [1], [2], [3], [4], [5, 6], [7, 8]]
    assert model.recovered == 1 and worker.state == "healthy"
    worker.close(5)


def test_batches_become_larger_again_after_a_while() -> None:
    model, worker = held(batch=2)
    for seed in (1, 2):
        submit(worker, order_of(seed))
    model.errors.append(DeviceMemoryError("too little"))
    model.let_go()
    wait_for(lambda: model.batches == [[0], [1, 2], [1], [2]] and not worker.is_busy())
    for seed in range(3, 9):
        assert is_voxel_of(seed, submit(worker, order_of(seed))[1])
    model.hold()
    submit(worker, order_of(9))
    wait_for(lambda: model.started[-1] == 9)
    for seed in (10, 11):
        submit(worker, order_of(seed))
    model.let_go()
    wait_for(lambda: model.batches[-1] == [10, 11])
    worker.close(5)


def test_one_that_is_too_large_alone_is_told_so_and_the_others_are_made() -> None:
    model, worker = held()
    heard = {seed: submit(worker, order_of(seed))[1] for seed in (1, 2)}
    model.errors += [DeviceMemoryError("too little"), DeviceMemoryError("too little")]
    model.let_go()
    failed = result(heard[1])
    assert isinstance(failed, Failed) and failed.problem.status == 507
    assert is_voxel_of(2, heard[2])
    assert model.recovered == 2
    worker.close(5)


def test_a_fault_in_a_batch_is_told_to_whom_it_strikes_alone_and_batches_stay_large() -> None:
    model, worker = held()
    heard = {seed: submit(worker, order_of(seed))[1] for seed in (1, 2, 3)}
    model.errors += [ZeroDivisionError(), ZeroDivisionError()]
    model.let_go()
    failed = result(heard[1])
    assert isinstance(failed, Failed) and failed.problem.status == 500
    assert is_voxel_of(2, heard[2]) and is_voxel_of(3, heard[3])
    model.hold()
    submit(worker, order_of(4))
    wait_for(lambda: model.started[-1] == 4)
    for seed in (5, 6, 7, 8):
        submit(worker, order_of(seed))
    model.let_go()
    wait_for(lambda: model.batches[-1] == [5, 6, 7, 8])
    worker.close(5)


def test_a_device_lost_in_a_batch_fails_all_of_it_once() -> None:
    model, worker = held()
    heard = [submit(worker, order_of(seed))[1] for seed in range(1, 7)]
    model.errors.append(RuntimeError("CUDA error: an illegal memory access was encountered"))
    model.let_go()
    for events in heard:
        failed = result(events)
        assert isinstance(failed, Failed) and failed.problem.status == 503
        assert "lost its device" in failed.problem.detail
    assert worker.is_lost and len(model.batches) == 2


def test_one_that_ends_in_a_batch_is_told_at_once_and_the_others_go_on() -> None:
    model, worker = held()
    jobs = [submit(worker, order_of(seed)) for seed in (1, 2)]
    model.permits.release(4)
    wait_for(lambda: model.started == [0, 1, 2])
    worker.stop_job(jobs[0][0], Problem(CLIENT_LEFT, "the client left"))
    failed = result(jobs[0][1])
    assert isinstance(failed, Failed) and failed.problem.status == CLIENT_LEFT
    assert worker.running() == 2 and not ends(jobs[1][1])
    model.let_go()
    assert is_voxel_of(2, jobs[1][1])
    worker.close(5)


def test_a_batch_that_all_have_left_stops_within_one_step() -> None:
    model, worker = held()
    jobs = [submit(worker, order_of(seed))[0] for seed in (1, 2)]
    model.permits.release(5)
    wait_for(lambda: model.started == [0, 1, 2] and model.steps_done == 5)
    for job in jobs:
        worker.stop_job(job, Problem(CLIENT_LEFT, "the client left"))
    model.let_go()
    wait_for(lambda: not worker.is_busy())
    assert model.steps_done <= 6
    worker.close(5)


def test_closing_gives_a_whole_batch_its_grace() -> None:
    model, worker = held()
    heard = {seed: submit(worker, order_of(seed))[1] for seed in (1, 2)}
    model.permits.release(4)
    wait_for(lambda: model.started == [0, 1, 2])
    closing = threading.Thread(target=worker.close, args=(5,))
    closing.start()
    model.let_go()
    closing.join()
    assert is_voxel_of(1, heard[1]) and is_voxel_of(2, heard[2])


def test_closing_stops_a_batch_that_takes_longer_than_the_grace() -> None:
    model, worker = held()
    heard = [submit(worker, order_of(seed))[1] for seed in (1, 2)]
    model.permits.release(4)
    wait_for(lambda: model.started == [0, 1, 2])
    worker.close(0.01)
    for events in heard:
        failed = result(events)
        assert isinstance(failed, Failed) and failed.problem.status == 503
    model.let_go()


def post(client: TestClient, seed: int) -> Response:
    return client.post("/generate", files={"image": ("a.png", picture())}, data={"seed": str(seed)})


def test_metrics_tell_how_many_were_made_together() -> None:
    model = FakeModel()
    model.hold()
    with serving(model, batch=2) as client, ThreadPoolExecutor() as pool:
        first = pool.submit(post, client, 0)
        wait_for(state_of(client).worker.is_busy)
        others = [pool.submit(post, client, seed) for seed in (1, 2, 3)]
        wait_for(lambda: client.get("/health").json()["queue"] == 3)
        model.let_go()
        assert [answer.result().status_code for answer in (first, *others)] == [200] * 4
        page = client.get("/metrics").text
    assert 'trellis_batch_size_bucket{le="1.0"} 2.0' in page
    assert "trellis_batch_size_count 3.0" in page and "trellis_batch_size_sum 4.0" in page
    assert 'trellis_generations_total{outcome="done"} 4.0' in page


def test_a_stream_is_told_when_to_try_again() -> None:
    model = FakeModel()
    model.hold()
    with serving(model, waiting=1) as client, ThreadPoolExecutor() as pool:
        first = pool.submit(post, client, 0)
        wait_for(state_of(client).worker.is_busy)
        second = pool.submit(post, client, 1)
        wait_for(lambda: client.get("/health").json()["queue"] == 1)
        with client.websocket_connect("ws://127.0.0.1/stream") as socket:
            socket.send_text(json.dumps({"pictures": 1}))
            socket.send_bytes(picture())
            refused = socket.receive_json()
        assert refused["type"] == "error" and refused["status"] == 429
        assert 1 <= refused["retry_after"] <= 60
        answer = post(client, 2)
        assert answer.json()["retry_after"] == int(answer.headers["retry-after"])
        model.let_go()
        assert first.result().status_code == second.result().status_code == 200


@pytest.mark.parametrize("batch", ["0", "65", "-1", "four", "²"])
def test_a_batch_that_cannot_be_keeps_the_server_from_starting(
    capsys: pytest.CaptureFixture[str], batch: str
) -> None:
    assert main(["serve", f"--batch={batch}"]) == 1
    assert f"batch must be 1 to 64, got {batch}" in capsys.readouterr().err.replace("'", "")


def test_the_environment_names_batch_and_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TRELLIS_BATCH", "TRELLIS_DEVICE", "TRELLIS_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    assert (config.server_batch(), config.device()) == (None, "auto")
    assert ServerSettings().batch == 4
    monkeypatch.setenv("TRELLIS_BATCH", "9")
    monkeypatch.setenv("TRELLIS_DEVICE", "cuda:1")
    assert (config.server_batch(), config.device()) == ("9", "cuda:1")
    monkeypatch.setenv("TRELLIS_BATCH", "99")
    assert main(["serve"]) == 1
    with pytest.raises(ServerSettingsError, match="batch must be 1 to 64, got 99"):
        ServerSettings(batch=99)


def test_a_number_of_workers_is_accepted_and_said_to_be_needless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TRELLIS_WORKERS", "1")
    assert not any("WORKERS" in line for line in config.needless_variables())
    monkeypatch.setenv("TRELLIS_WORKERS", "4")
    assert any("TRELLIS_WORKERS: one worker" in line for line in config.needless_variables())
