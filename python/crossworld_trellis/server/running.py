"""Running the application under uvicorn: limits of connections, and how it stops.

When the process is told to stop, jobs get their end before connections are closed: waiting ones at
once, the running one after the grace it is given.
"""

import asyncio
import socket
import time
from collections.abc import Callable

import anyio.to_thread
import uvicorn
from fastapi import FastAPI

from .protocol import ImpatientProtocol
from .settings import ServerSettings
from .worker import Worker

_MAX_CONNECTIONS = 256
_HEADERS_BYTES = 1 << 16

# Answers are small or go to a local network; one who takes longer has gone.
_LAST_ANSWERS = 10


class Server(uvicorn.Server):
    """uvicorn that lets the worker come to rest first. `on_listening` hears the address."""

    def __init__(
        self,
        app: FastAPI,
        settings: ServerSettings,
        *,
        on_listening: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                http=ImpatientProtocol,
                ws="websockets-sansio",
                ws_max_size=settings.max_body,
                ws_max_queue=4,
                # Pictures are compressed already, and a bomb could hide in it.
                ws_per_message_deflate=False,
                h11_max_incomplete_event_size=_HEADERS_BYTES,
                timeout_keep_alive=max(1, round(settings.read_timeout / 4)),
                limit_concurrency=_MAX_CONNECTIONS,
                timeout_graceful_shutdown=_LAST_ANSWERS,
                server_header=False,
                log_level="info",
            )
        )
        self._app = app
        self._grace = settings.grace
        self._on_listening = on_listening

    def stop(self) -> None:
        """Asks the server to stop, from any thread."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Opens the port, which is known only then where a free one was asked for."""
        await super().startup(sockets)
        if self._on_listening is not None and self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_listening(
                f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends all jobs, lets streams say so, then closes connections."""
        worker: Worker = self._app.state.worker
        await anyio.to_thread.run_sync(worker.close, self._grace)
        patience = time.monotonic() + _LAST_ANSWERS
        while self._app.state.streams and time.monotonic() < patience:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)
