"""One finding of the doctor."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "problem", "note"]

SET_UP = "run 'python3 python/set_up.py' in the repository"
"""The remedy of most ills; it keeps what is whole."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """What was found about one thing. A problem keeps something from working, a note does not."""

    name: str
    status: Status
    found: str
    remedy: str | None = None

    def __post_init__(self) -> None:
        assert "\n" not in self.found, self.found
        assert self.status != "problem" or self.remedy, f"{self.name} has no remedy"


def ok(name: str, found: str) -> Check:
    """Something that is well."""
    return Check(name=name, status="ok", found=found)


def note(name: str, found: str, remedy: str | None = None) -> Check:
    """Something to know."""
    return Check(name=name, status="note", found=found, remedy=remedy)


def problem(name: str, found: str, remedy: str) -> Check:
    """Something that is broken."""
    return Check(name=name, status="problem", found=found, remedy=remedy)
