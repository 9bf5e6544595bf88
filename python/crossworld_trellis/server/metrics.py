"""What `/metrics` counts, for Prometheus. One registry a server, so that two never share."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_BATCHES = (1, 2, 3, 4, 6, 8, 12, 16, 32, 64)
_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)


class Metrics:
    """Counters of one server."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._asked = Counter(
            "trellis_requests",
            "generations that were asked for, by format",
            ["format"],
            registry=self._registry,
        )
        self._ended = Counter(
            "trellis_generations",
            "generations that ended, by outcome: done, cancelled or the status of a problem",
            ["outcome"],
            registry=self._registry,
        )
        self._seconds = Histogram(
            "trellis_generation_seconds",
            "time that the model took for a generation that was done",
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._batches = Histogram(
            "trellis_batch_size",
            "generations that the model made together, counted once a batch",
            buckets=_BATCHES,
            registry=self._registry,
        )
        self._waiting = Gauge("trellis_waiting", "generations that wait", registry=self._registry)
        self._running = Gauge("trellis_running", "generations that run", registry=self._registry)
        self._ready = Gauge(
            "trellis_ready", "1 once the model is loaded and well", registry=self._registry
        )

    def asked(self, output_format: str) -> None:
        """A generation was asked for."""
        self._asked.labels(output_format).inc()

    def ended(self, outcome: str, seconds: float) -> None:
        """A generation ended."""
        self._ended.labels(outcome).inc()
        if outcome == "done":
            self._seconds.observe(seconds)

    def began(self, generations: int) -> None:
        """The model begins a batch."""
        self._batches.observe(generations)

    def page(self, *, waiting: int, running: int, ready: bool) -> bytes:
        """Everything in Prometheus' text format."""
        self._waiting.set(waiting)
        self._running.set(running)
        self._ready.set(ready)
        return generate_latest(self._registry)
