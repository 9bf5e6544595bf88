"""A server that another program started: it says where it listens, and does not outlive that one.

The address goes to standard output as a line of its own. The other program holds standard input
open; when that ends, be it because the program was killed, the server stops.
"""

import os
import threading
import time
from collections.abc import Callable

# After the grace, for the last answers and for letting go of a device; then nothing is waited for.
_PATIENCE = 15


def announce(url: str) -> None:
    """Tells the other program where the server listens."""
    print(f"listening on {url}", flush=True)


def stop_with_stdin(stop: Callable[[], None], *, grace: float) -> None:
    """Calls `stop` once standard input ends, and ends the process if that does not, in seconds."""
    threading.Thread(target=_follow, args=(stop, grace), name="stdin", daemon=True).start()


def _follow(stop: Callable[[], None], grace: float) -> None:
    try:
        # Not `sys.stdin`, whose lock a process that ends would wait for.
        while os.read(0, 1 << 12):
            pass
    except OSError:
        # There was none from the start.
        pass
    stop()
    time.sleep(grace + _PATIENCE)
    os._exit(1)
