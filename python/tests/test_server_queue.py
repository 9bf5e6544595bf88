"""The worker and the line in front of it: bounds, fairness, deadlines, and how a server ends."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from fake_model import PREPARED, FakeModel, picture, serving, state_of
from fastapi.testclient import TestClient
from httpx2 import Response

from crossworld_trellis.server.job import Event, Failed, Finished, Job, Order, Queued
from crossworld_trellis.server.line import Line
from crossworld_trellis.server.problem import Problem
from crossworld_trellis.server.schemas import GenerationSettings
from crossworld_trellis.server.worker import Worker


class Unobserved:
    def began(self, generations: int) -> None:
        pass

    def ended(self, outcome: str, seconds: float) -> None:
        pass


def worker_of(
    model: FakeModel,
    *,
    waiting: int = 8,
    batch: int = 1,
    on_lost: Callable[[], None] = lambda: None,
) -> Worker:
    worker = Worker(
        model.load, waiting=waiting, batch=batch, observer=Unobserved(), on_lost=on_lost
    )
    worker.start()
    return worker


def job_of(seed: int, *, client: str = "a") -> tuple[Job, list[Event]]:
    events: list[Event] = []
    order = Order(pictures=[PREPARED], settings=GenerationSettings(seed=seed))
    return Job(order, client=client, notify=events.append), events


def wait_for(condition: Callable[[], bool]) -> None:
    patience = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < patience, "it did not happen within 5 seconds"
        time.sleep(0.005)


def ends(events: list[Event]) -> list[Finished | Failed]:
    return [event for event in events if isinstance(event, (Finished, Failed))]


def test_clients_take_turns_and_their_own_entries_keep_their_order() -> None:
    line: Line[str] = Line(16)
    for entry in ("a1", "a2", "a3", "b1", "b2", "c1"):
        line.push(entry[0], entry)
    expected = ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert line.order() == expected
    assert [line.pop() for _ in range(7)] == [*expected, None]


def test_a_line_foretells_the_order_in_which_it_pops() -> None:
    line: Line[str] = Line(16)
    for entry in ("a1", "b1", "a2"):
        line.push(entry[0], entry)
    assert line.pop() == "a1"
    line.push("c", "c1")
    foretold = line.order()
    assert [line.pop() for _ in range(3)] == foretold


def test_one_client_may_have_half_of_the_line() -> None:
    line: Line[int] = Line(4)
    for entry in range(2):
        assert line.room("a") == "free"
        line.push("a", entry)
    assert line.room("a") == "share" and line.room("b") == "free"
    line.push("b", 2)
    line.push("c", 3)
    assert line.room("d") == "full"
    assert line.remove(3) and not line.remove(3)
    assert line.room("d") == "free"


def test_a_greedy_client_does_not_make_others_wait_for_all_of_its_own() -> None:
    model = FakeModel()
    model.hold()
    worker = worker_of(model)
    first, _ = job_of(0)
    worker.submit(first)
    wait_for(worker.is_busy)
    jobs = [job_of(seed) for seed in (1, 2, 3)]
    for job, _ in jobs:
        worker.submit(job)
    modest, heard = job_of(9, client="b")
    worker.submit(modest)
    assert heard == [Queued(2)]
    assert jobs[1][1] == [Queued(2), Queued(2), Queued(3)]
    model.let_go()
    wait_for(lambda: len(model.started) == 5)
    assert model.started == [0, 1, 9, 2, 3]
    worker.close(5)


def test_closing_finishes_what_runs_and_fails_what_waits() -> None:
    model = FakeModel()
    model.hold()
    worker = worker_of(model)
    running, waiting = job_of(1), job_of(2)
    worker.submit(running[0])
    wait_for(worker.is_busy)
    worker.submit(waiting[0])
    closing = threading.Thread(target=worker.close, args=(5,))
    closing.start()
    wait_for(lambda: bool(ends(waiting[1])))
    [failed] = ends(waiting[1])
    assert isinstance(failed, Failed) and failed.problem.status == 503
    with pytest.raises(Problem, match="the server stops"):
        worker.submit(job_of(3)[0])
    model.let_go()
    closing.join()
    [finished] = ends(running[1])
    assert isinstance(finished, Finished)


def test_closing_stops_what_takes_longer_than_the_grace() -> None:
    model = FakeModel()
    model.hold()
    worker = worker_of(model)
    job, events = job_of(1)
    worker.submit(job)
    wait_for(worker.is_busy)
    threading.Timer(0.3, model.let_go).start()
    worker.close(0.05)
    [failed] = ends(events)
    assert isinstance(failed, Failed) and failed.problem.status == 503
    assert model.steps_done == 1


def test_a_lost_device_fails_everything_and_asks_for_a_restart() -> None:
    model = FakeModel()
    model.hold()
    model.may_load.clear()
    lost = threading.Event()
    worker = worker_of(model, on_lost=lost.set)
    jobs = [job_of(seed) for seed in (1, 2)]
    for job, _ in jobs:
        worker.submit(job)
    model.errors.append(RuntimeError("CUDA error: an illegal memory access was encountered"))
    model.may_load.set()
    assert lost.wait(5) and worker.is_lost
    for _, events in jobs:
        wait_for(lambda events=events: bool(ends(events)))
        [failed] = ends(events)
        assert isinstance(failed, Failed) and failed.problem.status == 503
    assert worker.state == "error" and model.started == [1]


def post(client: TestClient, seed: int) -> Response:
    return client.post("/generate", files={"image": ("a.png", picture())}, data={"seed": str(seed)})


def test_a_full_queue_answers_429_with_the_time_to_wait() -> None:
    model = FakeModel()
    model.hold()
    with serving(model, waiting=2) as client, ThreadPoolExecutor() as pool:
        first = pool.submit(post, client, 0)
        wait_for(state_of(client).worker.is_busy)
        second = pool.submit(post, client, 1)
        wait_for(lambda: client.get("/health").json()["queue"] == 1)
        refused = post(client, 2)
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) >= 1
        assert refused.json()["title"] == "Too Many Requests"
        model.let_go()
        assert first.result().status_code == second.result().status_code == 200


def test_a_generation_past_its_deadline_is_answered_and_stopped() -> None:
    model = FakeModel()
    model.hold()
    with serving(model, deadline=0.2) as client, ThreadPoolExecutor() as pool:
        running = pool.submit(post, client, 0)
        wait_for(state_of(client).worker.is_busy)
        waiting = pool.submit(post, client, 1)
        for answer in (running.result(), waiting.result()):
            assert answer.status_code == 503 and "0.2 seconds" in answer.json()["detail"]
            assert int(answer.headers["retry-after"]) > 0
        model.let_go()
        wait_for(lambda: not state_of(client).worker.is_busy())
        assert model.started == [0] and model.steps_done == 1
        assert post(client, 2).status_code == 200


def test_of_many_requests_at_once_every_one_gets_its_own_answer_or_a_429() -> None:
    model = FakeModel()
    with serving(model) as client, ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda seed: (seed, post(client, seed)), range(64)))
    done = [seed for seed, answer in answers if answer.status_code == 200]
    assert sorted(model.started) == done
    for seed, answer in answers:
        if answer.status_code == 200:
            assert f"object-{seed}.glb" in answer.headers["content-disposition"]
        else:
            assert answer.status_code == 429
