"""How a server behaves: where it listens, who may use it, and what it bears."""

import ipaddress
from dataclasses import dataclass

from ..errors import TrellisError

MAX_BODY = 32 << 20
"""Most bytes of one request, all its pictures together."""

MAX_BATCH = 64
"""Most generations that can be made together, as `pipeline` has it."""


class ServerSettingsError(TrellisError, ValueError):
    """Settings with which no server should start."""


@dataclass(frozen=True, kw_only=True)
class ServerSettings:
    """What can be chosen about a server. Times are in seconds.

    Raises `ServerSettingsError` where they would be useless or unsafe.
    """

    host: str = "127.0.0.1"
    port: int = 8001
    token: str | None = None
    """The bearer token that every client must send; needed to listen beyond this machine."""
    waiting: int = 32
    """Most generations that wait; one client may have half of them, rounded up."""
    batch: int = 4
    """Most generations that are made together; their settings must be equal."""
    deadline: float = 600.0
    """Longest a generation may take, its wait included."""
    grace: float = 30.0
    """How long running generations may still take when the server stops."""
    read_timeout: float = 20.0
    """Longest pause of a client that should be sending."""
    send_timeout: float = 20.0
    """Longest a client may take to accept one message, besides what `slowest` grants it."""
    slowest: int = 1 << 20
    """Bytes a second that a client must take of a large message."""
    max_body: int = MAX_BODY

    def patience(self, size: int) -> float:
        """Seconds that a client may take to accept a message of so many bytes."""
        return self.send_timeout + size / self.slowest

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ServerSettingsError(f"port must be 0 to 65535, got {self.port}")
        if self.waiting < 1:
            raise ServerSettingsError(f"waiting must be at least 1, got {self.waiting}")
        if not 1 <= self.batch <= MAX_BATCH:
            raise ServerSettingsError(f"batch must be 1 to {MAX_BATCH}, got {self.batch}")
        if not self.deadline > 0:
            raise ServerSettingsError(f"deadline must be above 0 seconds, got {self.deadline:g}")
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise ServerSettingsError("the token must consist of printable ASCII characters")
        if self.token is None and not is_loopback(self.host):
            raise ServerSettingsError(
                f"without a token only this machine may be served, but the host is '{self.host}': "
                "set TRELLIS_TOKEN to a long secret, or TRELLIS_HOST to 127.0.0.1"
            )


def is_loopback(host: str) -> bool:
    """Whether a name or address means this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
