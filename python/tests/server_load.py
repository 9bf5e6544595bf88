"""Many clients at once against a real server process, and an account of what became of everything.

    PYTHONPATH=python python python/tests/server_load.py --requests 1000 --clients 50

Posts forms, opens streams, leaves some of them; who is told 429 comes again after the time named.
The checkpoint is the tiny golden one, on the CPU. Prints what was counted and fails where a request
was lost, answered twice or wrongly, or memory grew. `test_server_load` does the same with fewer.
"""

import argparse
import json
import os
import queue
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx2
import numpy as np
from golden_data import IMAGE_ENCODER, MODEL, TRELLIS
from websockets.sync.client import connect

import crossworld_trellis
from crossworld_trellis.voxels import SparseVoxels

PICTURE = (TRELLIS / "preprocess_0_in.png").read_bytes()
SEEDS = 8
PATIENCE = 60.0
"""Seconds that no single answer may take."""

Kind = Literal["form", "stream", "cancel", "leave"]
KINDS: tuple[Kind, ...] = ("form", "form", "stream", "form", "cancel", "form", "stream", "leave")
"""What the requests are, in turn."""


@dataclass
class Account:
    """What became of all requests."""

    requests: int
    seconds: float = 0.0
    ends: Counter[str] = field(default_factory=Counter[str])
    """Of requests: "done", "cancelled", or what went wrong."""
    refused: int = 0
    """Answers 429; each was followed by another try."""
    latencies: list[float] = field(default_factory=list[float])
    """Seconds of each try that was done."""
    memory: list[int] = field(default_factory=list[int])
    """Bytes of the server's process after each request; empty where the system does not tell."""
    outcomes: dict[str, int] = field(default_factory=dict[str, int])
    """What the server counted."""
    batch_size: float = 0.0
    """Mean, as the server counted."""

    def growth(self) -> float | None:
        """Memory in the last fifth relative to the second one."""
        fifth = len(self.memory) // 5
        if not fifth:
            return None
        return max(self.memory[-fifth:]) / max(self.memory[fifth : 2 * fifth])

    def describe(self) -> str:
        """A few lines."""
        ordered = sorted(self.latencies)
        growth = self.growth()
        memory = "not told by this system" if growth is None else f"{growth:.3f} times"
        return "\n".join(
            [
                f"{self.requests} requests in {self.seconds:.1f} s: "
                f"{self.ends['done'] / self.seconds:.2f} objects a second",
                f"ends: {dict(self.ends)}; 429: {self.refused}; server: {self.outcomes}",
                f"mean batch {self.batch_size:.2f}; seconds to an answer: median "
                f"{statistics.median(ordered):.2f}, 95 % {ordered[len(ordered) * 19 // 20]:.2f}",
                f"memory of the server, last fifth to second: {memory}",
            ]
        )

    def check(self) -> None:
        """Fails where something was lost or told twice."""
        assert set(self.ends) <= {"done", "cancelled"}, self.describe()
        assert sum(self.ends.values()) == self.requests, self.describe()
        # Who leaves may miss a result that was made.
        assert set(self.outcomes) <= {"done", "cancelled"}, self.describe()
        assert sum(self.outcomes.values()) == self.requests, self.describe()
        assert self.outcomes["done"] >= self.ends["done"], self.describe()


class Load:
    """Clients of one server."""

    def __init__(self, url: str, process: int) -> None:
        self._url = url
        self._process = process
        self._lock = threading.Lock()
        self._expected = [self._post(seed) for seed in range(SEEDS)]
        """One by one, so each was alone."""

    def run(self, requests: int, clients: int, kinds: tuple[Kind, ...] = KINDS) -> Account:
        """Everything at once."""
        before = self._counted()
        account = Account(requests)
        errands: queue.SimpleQueue[int] = queue.SimpleQueue()
        for errand in range(requests):
            errands.put(errand)
        threads = [
            threading.Thread(target=self._client, args=(errands, kinds, account))
            for _ in range(clients)
        ]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        account.seconds = time.monotonic() - started
        # Those who left are counted once the worker has noticed.
        patience = time.monotonic() + PATIENCE
        while True:
            after = self._counted()
            new = {name: after[name] - before.get(name, 0.0) for name in after}
            outcomes = {
                name.split('"')[1]: int(count)
                for name, count in new.items()
                if name.startswith("trellis_generations_total{") and count
            }
            if sum(outcomes.values()) >= requests or time.monotonic() > patience:
                break
        account.outcomes = outcomes
        account.batch_size = new["trellis_batch_size_sum"] / new["trellis_batch_size_count"]
        return account

    def _client(
        self, errands: "queue.SimpleQueue[int]", kinds: tuple[Kind, ...], account: Account
    ) -> None:
        while True:
            try:
                errand = errands.get_nowait()
            except queue.Empty:
                return
            kind, seed = kinds[errand % len(kinds)], errand % SEEDS
            while True:
                started = time.monotonic()
                try:
                    end = self._ask(kind, seed)
                except Exception as error:
                    end = f"{kind}: {type(error).__name__}: {error}"
                if isinstance(end, str):
                    break
                with self._lock:
                    account.refused += 1
                time.sleep(end)
            with self._lock:
                account.ends[end] += 1
                if end == "done":
                    account.latencies.append(time.monotonic() - started)
                account.memory += memory_of(self._process)

    def _ask(self, kind: Kind, seed: int) -> str | int:
        """How a request ended, or the seconds after which to come again."""
        if kind != "form":
            return self._stream(kind, seed)
        answer = self._post(seed)
        if isinstance(answer, int):
            return answer
        self._compare(answer, seed)
        return "done"

    def _post(self, seed: int) -> SparseVoxels | int:
        fields = {"output_format": "voxels", "steps": "2", "seed": str(seed)}
        answer = httpx2.post(
            f"{self._url}/generate", files={"image": PICTURE}, data=fields, timeout=PATIENCE
        )
        if answer.status_code == 429:
            seconds = int(answer.headers["retry-after"])
            assert answer.json()["retry_after"] == seconds >= 1
            return seconds
        assert answer.status_code == 200, answer.text
        assert f"object-{seed}." in answer.headers["content-disposition"]
        return SparseVoxels.from_bytes(answer.content)

    def _stream(self, kind: Kind, seed: int) -> str | int:
        address = self._url.replace("http", "ws") + "/stream"
        ends: list[str | int] = []
        with connect(address, open_timeout=PATIENCE) as socket:
            socket.send(json.dumps({"pictures": 1, "steps": 2, "seed": seed}))
            socket.send(PICTURE)
            told = False
            for message in socket:
                assert isinstance(message, str)
                news = json.loads(message)
                if news["type"] == "error":
                    assert news["status"] == 429, news
                    ends.append(int(news["retry_after"]))
                elif news["type"] == "preview":
                    SparseVoxels.from_bytes(_bytes(socket.recv(timeout=PATIENCE)))
                elif news["type"] == "result":
                    data = _bytes(socket.recv(timeout=PATIENCE))
                    self._compare(SparseVoxels.from_bytes(data), seed)
                    ends.append("done")
                elif kind == "leave":
                    return "cancelled"
                elif kind == "cancel" and not told and news.get("stage") == "structure":
                    told = True
                    socket.send(json.dumps({"type": "cancel"}))
        if told and not ends:
            return "cancelled"
        assert len(ends) == 1, f"one end was expected, got {ends}"
        return ends[0]

    def _compare(self, voxels: SparseVoxels, seed: int) -> None:
        expected = self._expected[seed]
        assert isinstance(expected, SparseVoxels)
        assert np.array_equal(voxels.coords, expected.coords), f"not the object of seed {seed}"
        assert np.abs(voxels.rgba.astype(int) - expected.rgba).max() <= 1

    def _counted(self) -> dict[str, float]:
        page = httpx2.get(f"{self._url}/metrics", timeout=PATIENCE).text
        lines = [line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}


def _bytes(message: str | bytes) -> bytes:
    assert isinstance(message, bytes)
    return message


def memory_of(process: int) -> list[int]:
    """Resident bytes of a process, where the system tells."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return []
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return [int(found[1]) << 10] if found else []


@contextmanager
def server(*arguments: str) -> Iterator[Load]:
    """A server process whose model is loaded, and clients of it."""
    command = [sys.executable, "-m", "crossworld_trellis", "serve", "--port", "0"]
    names = {"TRELLIS_HOST", "TRELLIS_TOKEN", "TRELLIS_BATCH", "TRELLIS_DEVICE"}
    variables = {name: value for name, value in os.environ.items() if name not in names}
    variables |= {
        "TRELLIS_MODEL_PATH": str(MODEL),
        "TRELLIS_IMAGE_ENCODER": str(IMAGE_ENCODER),
        "OMP_NUM_THREADS": "1",
    }
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, "--device", "cpu", *arguments],
            cwd=Path(crossworld_trellis.__file__).parents[1],
            env=variables,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        try:
            yield Load(_address(log.fileno(), process), process.pid)
        finally:
            process.kill()
            process.wait()


def _address(log: int, process: "subprocess.Popen[bytes]") -> str:
    patience = time.monotonic() + PATIENCE
    while True:
        text = os.pread(log, 1 << 16, 0).decode()
        found = re.search(r"running on (http://127\.0\.0\.1:\d+)", text)
        if found:
            return found[1]
        assert process.poll() is None and time.monotonic() < patience, text
        time.sleep(0.05)


def main() -> None:
    """Measures and checks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--waiting", type=int, default=32)
    parser.add_argument("--forms", action="store_true", help="no streams: for measuring speed")
    options = parser.parse_args()
    with server(f"--batch={options.batch}", f"--waiting={options.waiting}") as load:
        kinds: tuple[Kind, ...] = ("form",) if options.forms else KINDS
        account = load.run(options.requests, options.clients, kinds)
    print(account.describe())
    account.check()
    growth = account.growth()
    assert growth is None or growth <= 1.1, "memory grew by more than a tenth"


if __name__ == "__main__":
    main()
