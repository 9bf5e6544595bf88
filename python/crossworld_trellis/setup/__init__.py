"""Set-up in one command: a virtual environment with the torch that fits this machine.

`python3 python/set_up.py` in a checkout, or `just trellis-setup`. Needs nothing but the standard
library. Rooms: `options` is the command line, `environment` looks at a virtual environment, `pip`
words its errors, `steps` does the work. Every step first looks whether it is done, so that a run
that was cut short is completed by the next one.
"""

from .options import main

__all__ = ["main"]
