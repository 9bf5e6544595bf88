"""The application: which address does what. Made by `create_app`, run by `commands.serve`."""

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio.to_thread
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.websockets import WebSocket

from .. import __version__
from ..image import CutOut
from .access import Access, knows_token, problem_response
from .generate import MEDIA_TYPES, generate
from .metrics import Metrics
from .model import Load
from .pictures import Preparer
from .problem import MEDIA_TYPE, Problem, from_error
from .schemas import Health, form_schema
from .settings import ServerSettings
from .stream import Stream
from .worker import Worker

_PAGE = Path(__file__).with_name("page.html")

# Only what stands in the page itself, and this server's own stream.
_PAGE_MAY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "connect-src 'self'; frame-ancestors 'none'"
)


def _nothing() -> None:
    """Nobody wants to know."""


def create_app(
    load: Load,
    settings: ServerSettings | None = None,
    *,
    cut_out: CutOut | None = None,
    on_lost: Callable[[], None] = _nothing,
) -> FastAPI:
    """A server around a model, which `load` brings in the worker's thread once the server starts.

    `cut_out` removes backgrounds of opaque pictures. `on_lost` is called, from the worker's thread,
    when the device is lost until the process restarts. The worker is at `app.state.worker`.
    """
    chosen = settings or ServerSettings()
    metrics = Metrics()
    worker = Worker(
        load, waiting=chosen.waiting, batch=chosen.batch, observer=metrics, on_lost=on_lost
    )
    preparer = Preparer(cut_out, lambda: worker.description and worker.description.framing)
    started = time.monotonic()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None, None]:
        worker.start()
        yield
        await anyio.to_thread.run_sync(worker.close, chosen.grace)

    app = FastAPI(
        title="crossworld-trellis",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,  # those pages fetch scripts from the network
        redoc_url=None,
    )
    app.state.worker = worker
    app.state.streams = 0
    app.add_middleware(Access, token=chosen.token)
    _tell_problems(app)

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        """A page to try it on: one file that fetches nothing."""
        return FileResponse(_PAGE, headers={"Content-Security-Policy": _PAGE_MAY})

    @app.get("/health", response_model=Health)
    async def health(request: Request) -> Health:
        """How the server is; answers while the model loads."""
        if not knows_token(request.headers, chosen.token):
            return Health(status=worker.state, version=__version__)
        about = worker.description
        return Health(
            status=worker.state,
            version=__version__,
            model=about and about.model,
            device=about and about.device,
            device_name=about and about.device_name,
            capability=about and about.capability,
            dtype=about and about.dtype,
            identity=about and about.identity,
            pipeline_type=about and about.pipeline_type,
            resolutions=about and list(about.resolutions),
            queue=worker.waiting(),
            uptime_seconds=round(time.monotonic() - started, 3),
            last_error=worker.last_error,
        )

    @app.get("/metrics", response_class=PlainTextResponse)
    async def metrics_page() -> Response:
        """Counters in Prometheus' text format."""
        page = metrics.page(
            waiting=worker.waiting(), running=worker.running(), ready=worker.state == "healthy"
        )
        return Response(page, media_type="text/plain; version=0.0.4")

    @app.post(
        "/generate",
        response_class=Response,
        responses=_answers(),
        openapi_extra={"requestBody": form_schema()},
    )
    async def generate_file(request: Request) -> Response:
        """Makes an object of one or several pictures of it, and answers with a file."""
        return await generate(request, chosen, worker, preparer, metrics)

    @app.websocket("/stream")
    async def stream(socket: WebSocket) -> None:
        app.state.streams += 1
        try:
            await Stream(socket, chosen, worker, preparer, metrics).run()
        finally:
            app.state.streams -= 1

    return app


def _tell_problems(app: FastAPI) -> None:
    """Makes every error an `application/problem+json`."""

    async def on_problem(_: Request, error: Exception) -> JSONResponse:
        return problem_response(from_error(error))

    async def on_http(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        detail = f"{request.method} {request.url.path[:80]}: {error.detail.lower()}"
        answer = problem_response(Problem(error.status_code, detail))
        answer.headers.update(error.headers or {})
        return answer

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_problem)


def _answers() -> dict[int | str, dict[str, object]]:
    file = {"schema": {"type": "string", "format": "binary"}}
    problem = {MEDIA_TYPE: {"schema": {"type": "object"}}}
    bad = (400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 507)
    answers: dict[int | str, dict[str, object]] = {
        status: {"description": "a problem", "content": problem} for status in bad
    }
    answers[200] = {
        "description": "the file",
        "content": {kind: file for kind in sorted(set(MEDIA_TYPES.values()))},
    }
    return answers
