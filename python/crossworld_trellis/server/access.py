"""Who may come in: the bearer token, and pages of other sites kept out of a server without one.

A plain ASGI middleware, because a refused request's body should not be read.
"""

import hmac
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .problem import MEDIA_TYPE, Problem
from .settings import is_loopback

OPEN_PATHS = frozenset({"/", "/health"})
"""What everybody may see: nothing there starts work, and `/health` tells strangers little."""


class Access:
    """Lets requests through that carry the token, or any from this machine where none is set."""

    def __init__(self, app: ASGIApp, *, token: str | None) -> None:
        self._app = app
        self._token = token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers or passes on."""
        problem = self._refusal(scope) if scope["type"] in ("http", "websocket") else None
        if problem is None:
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await problem_response(problem)(scope, receive, send)
        elif "websocket.http.response" in scope.get("extensions", {}):
            # Starlette translates the answer to the messages of this extension.
            await problem_response(problem)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": problem.title})

    def _refusal(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        # WebSockets and forms are not held back by browsers when other sites open them.
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return Problem(
                403, f"pages of {origin[:80]} may not use this server: open its own page at /"
            )
        if self._token is None:
            # A name that an attacker points at this machine would look like the same origin.
            name = urlsplit(f"//{host}").hostname or ""
            if is_loopback(name):
                return None
            return Problem(
                403,
                f"without a token this server answers to 127.0.0.1 and localhost only, not to "
                f"'{name[:80]}': set TRELLIS_TOKEN",
            )
        if scope["path"] in OPEN_PATHS or knows_token(headers, self._token):
            return None
        return Problem(401, "the token is missing or wrong: send 'Authorization: Bearer TOKEN'")


def knows_token(headers: Headers, token: str | None) -> bool:
    """Whether a request carries the token, where there is one."""
    if token is None:
        return True
    scheme, _, given = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(
        given.strip().encode(), token.encode()
    )


def problem_response(problem: Problem) -> JSONResponse:
    """A problem as an HTTP answer."""
    return JSONResponse(
        {"type": "about:blank", **problem.body()},
        status_code=problem.status,
        headers=problem.headers(),
        media_type=MEDIA_TYPE,
    )
