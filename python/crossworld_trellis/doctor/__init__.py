"""What is wrong with an installation, and what to do about it. Needs no package to run.

`examine` asks every check in turn; each is a function from `Surroundings` to what it found, so
that a test can fake any machine. Rooms: `surroundings` looks at the real one; `installation`,
`graphics`, `leftovers`, `models`, `server` and `vulkan` judge; `known` explains error messages.
Whether the networks compute is not asked here: that is `verify`.
"""

from .check import Check
from .examination import examine
from .known import explain
from .surroundings import Surroundings

__all__ = ["Check", "Surroundings", "examine", "explain"]
