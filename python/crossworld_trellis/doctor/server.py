"""The server that programs ask: whether it is there, healthy and knows the token."""

import json
from collections.abc import Iterator
from typing import Any, cast
from urllib.parse import urlsplit

from .. import config
from .check import Check, note, ok, problem
from .surroundings import Surroundings

URL_VARIABLE = "TRELLIS_SERVER_URL"
"""Where the Rust side looks for a server."""

_START = "python -m crossworld_trellis serve"


def check_server(around: Surroundings, *, url: str | None = None) -> Iterator[Check]:
    """Asks `/health` of the server that is named, or that would run on this machine."""
    named = url or around.variables.get(URL_VARIABLE)
    port = around.variables.get(config.PORT_VARIABLE) or config.DEFAULT_PORT
    address = (named or f"http://{config.DEFAULT_HOST}:{port}").rstrip("/")
    if not address.startswith(("http://", "https://")):
        yield problem("server", f"'{address}' is no address", "write it as http://HOST:8001")
        return
    token = around.variables.get(config.TOKEN_VARIABLE) or None
    answer = around.get(f"{address}/health", token)
    if answer.status is None:
        if named:
            remedy = f"start it there with '{_START}', or check address, tunnel and firewall"
            yield problem("server", f"{address} does not answer: {answer.text}", remedy)
        else:
            yield note("server", f"none runs at {address}", f"start one with '{_START}'")
        return
    yield _judge(address, answer.status, answer.text, token)
    if token and address.startswith("http://") and not _is_here(address):
        yield note(
            "token",
            f"it crosses the network to {address} in the clear",
            "use a tunnel: 'ssh -L 8001:127.0.0.1:8001 HOST', then http://127.0.0.1:8001",
        )


def _judge(address: str, status: int, text: str, token: str | None) -> Check:
    if status in (401, 403):
        remedy = f"set {config.TOKEN_VARIABLE} to the server's token"
        return problem("server", f"{address} refuses ({status})", remedy)
    if status != 200:
        remedy = "see the server's log; perhaps another program listens there"
        return problem("server", f"{address} answers with status {status}", remedy)
    try:
        told = json.loads(text)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        return ok("server", f"{address} answers '{text.strip():.40}'")
    told = cast(dict[str, Any], told)
    state = told.get("status")
    if state == "error":
        remedy = "see its log for the cause, then start it again"
        return problem("server", f"{address} has an error: {told.get('last_error')}", remedy)
    if token and "device" in told and told["device"] is None and state == "healthy":
        remedy = f"set {config.TOKEN_VARIABLE} to the server's token"
        return problem("server", f"{address} does not know this token", remedy)
    if state == "loading":
        return note(
            "server", f"{address} is loading its model", "wait; the first time it downloads"
        )
    where = told.get("device_name") or told.get("device") or "device not told"
    return ok("server", f"{address} is {state}, {where}")


def _is_here(address: str) -> bool:
    return (urlsplit(address).hostname or "") in ("127.0.0.1", "localhost", "::1")
