"""`/stream`: one generation over one WebSocket, with progress, previews and a brake.

A text message with the settings, then the pictures; back come progress, previews and the result,
or one error. A client that closes, cancels, or does not take what it is sent ends the generation.
"""

import asyncio
import contextlib
import json
from typing import Any

from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from ..watch import Preview, Progress
from .generate import client_of
from .job import Event, Failed, Finished, Order, Queued
from .metrics import Metrics
from .pictures import Preparer
from .problem import CLIENT_LEFT, Problem, from_error, from_validation
from .schemas import StreamRequest
from .settings import ServerSettings
from .ticket import Ticket, gone, ticket
from .worker import Worker

_MAX_SETTINGS_BYTES = 1 << 16


class Stream:
    """One connection."""

    def __init__(
        self,
        socket: WebSocket,
        settings: ServerSettings,
        worker: Worker,
        preparer: Preparer,
        metrics: Metrics,
    ) -> None:
        self._socket = socket
        self._settings = settings
        self._worker = worker
        self._preparer = preparer
        self._metrics = metrics

    async def run(self) -> None:
        """Serves the connection to its end."""
        await self._socket.accept()
        try:
            await self._serve()
        except (WebSocketDisconnect, _TooSlow):
            pass
        except Exception as error:
            body = from_error(error).body()
            with contextlib.suppress(WebSocketDisconnect, _TooSlow, RuntimeError):
                await self._tell({"type": "error", **body})
        if self._socket.client_state is WebSocketState.CONNECTED:
            # The other side may be gone already, or not take even this.
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, asyncio.TimeoutError):
                await asyncio.wait_for(self._socket.close(1000), self._settings.send_timeout)

    async def _serve(self) -> None:
        asked = await self._read_settings()
        files = await self._read_pictures(asked.pictures)
        self._metrics.asked("voxels")
        client = client_of(self._socket)
        self._worker.check_room(client)
        pictures = await self._preparer.prepare(files)
        order = Order(pictures=pictures, settings=asked, previews=asked.previews)
        async with ticket(
            self._worker, order, client=client, deadline=self._settings.deadline
        ) as mine:
            listener = asyncio.create_task(self._listen(mine))
            try:
                await self._talk(mine)
            finally:
                listener.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await listener

    async def _talk(self, mine: Ticket) -> None:
        """Passes news on until the end."""
        while True:
            event: Event = await mine.next()
            match event:
                case Queued(position):
                    await self._tell({"type": "queued", "position": position})
                case Progress(stage, step, steps):
                    await self._tell(
                        {"type": "progress", "stage": stage, "step": step, "steps": steps}
                    )
                case Preview():
                    await self._tell({"type": "preview"})
                    await self._send(event.voxels.to_bytes())
                case Finished(data, note):
                    await self._tell({"type": "result"} | ({} if note is None else {"note": note}))
                    await self._send(data)
                    return
                case Failed(problem):
                    if problem.status != CLIENT_LEFT:
                        raise problem.copy()
                    return

    async def _listen(self, mine: Ticket) -> None:
        """Waits for the client to cancel or to leave."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect" or _is_cancel(message.get("text")):
                mine.stop(gone())
                return

    async def _read_settings(self) -> StreamRequest:
        message = await self._receive("the settings")
        text = message.get("text")
        if text is None:
            raise Problem(400, "the first message must be a text with the settings as JSON")
        if len(text) > _MAX_SETTINGS_BYTES:
            raise Problem(413, f"the settings have {len(text)} characters: far too many")
        try:
            return StreamRequest.model_validate_json(text, strict=True)
        except ValidationError as error:
            raise from_validation(error) from error

    async def _read_pictures(self, count: int) -> list[bytes]:
        files: list[bytes] = []
        total = 0
        for index in range(count):
            message = await self._receive(f"picture {index + 1} of {count}")
            data = message.get("bytes")
            if data is None:
                raise Problem(
                    400,
                    f"picture {index + 1} of {count} must be a binary message, got a text",
                    field="pictures",
                )
            total += len(data)
            if total > self._settings.max_body:
                limit = self._settings.max_body >> 20
                raise Problem(
                    413,
                    f"the pictures have more than {limit} MiB: send smaller ones",
                    field="image",
                )
            files.append(data)
        return files

    async def _receive(self, what: str) -> dict[str, Any]:
        """The next message of a client that should be sending."""
        timeout = self._settings.read_timeout
        try:
            message = await asyncio.wait_for(self._socket.receive(), timeout)
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise Problem(
                408, f"{what} did not come within {timeout:g} seconds: send it at once"
            ) from error
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        return dict(message)

    async def _tell(self, message: dict[str, Any]) -> None:
        await self._send(json.dumps(message))

    async def _send(self, message: str | bytes) -> None:
        """Sends one message. Raises `_TooSlow` when the client does not take it."""
        if isinstance(message, str):
            sending = self._socket.send_text(message)
        else:
            sending = self._socket.send_bytes(message)
        try:
            await asyncio.wait_for(sending, self._settings.patience(len(message)))
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise _TooSlow from error
        except RuntimeError as error:  # what Starlette says about a closed socket
            raise WebSocketDisconnect(1006) from error


class _TooSlow(Exception):
    """The client does not read."""


def _is_cancel(text: str | None) -> bool:
    if text is None:
        return False
    try:
        message = json.loads(text[:_MAX_SETTINGS_BYTES])
    except (ValueError, RecursionError):
        return False
    return message == {"type": "cancel"}
