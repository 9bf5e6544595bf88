"""pip and venv, called: the commands, and their errors in one line with a remedy."""

import errno
import os
from collections.abc import Sequence
from pathlib import Path

_FULL = (f"[Errno {errno.ENOSPC}]", "No space left on device", "not enough space on the disk")
_UNREACHABLE = (
    "Temporary failure in name resolution",
    "Name or service not known",
    "getaddrinfo failed",
    "nodename nor servname",
    "Failed to establish a new connection",
    "Network is unreachable",
    "Connection refused",
    "Connection timed out",
    "Connection broken",
    "Read timed out",
    "ConnectTimeoutError",
    "ProxyError",
    "SSLError",
)


def install(python: Path, *arguments: str) -> list[str]:
    """The command that installs packages into the environment of `python`."""
    quiet = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
    return [str(python), "-m", "pip", "install", *quiet, *arguments]


def explain(lines: Sequence[str], *, doing: str, index: str | None = None) -> str:
    """What went wrong, from what pip or venv printed, and what to do."""
    text = "\n".join(lines)
    again = "then run this again, it goes on from there"
    if any(sign in text for sign in _FULL):
        return f"the disk is full while {doing}: free some space, {again}"
    if any(sign in text for sign in _UNREACHABLE):
        where = index or "the package index"
        advice = (
            " or name another index with --torch-index URL, or use --torch pypi," if index else ""
        )
        return f"no network: {where} cannot be reached while {doing}: connect,{advice} {again}"
    if "ensurepip is not available" in text or "No module named ensurepip" in text:
        return (
            "this Python cannot make virtual environments: install the package python3-venv "
            f"('sudo apt install python3-venv' on Debian and Ubuntu), {again}"
        )
    if "No module named venv" in text:
        return f"this Python has no module venv: install a complete Python 3.10 or later, {again}"
    if "Permission denied" in text or "Access is denied" in text:
        told = _telling(lines)
        return f"a file may not be written while {doing}: {told}: check who owns it, {again}"
    if "No matching distribution found" in text or "Could not find a version" in text:
        where = index or "the package index"
        return (
            f"{where} has nothing for this Python and system while {doing}: {_telling(lines)}; use "
            "Python 3.10 to 3.14 on a 64-bit system, or another build (--torch, --torch-index)"
        )
    return f"{doing} failed: {_telling(lines)}; run this again, it goes on from there"


def _telling(lines: Sequence[str]) -> str:
    """The line that tells most: pip marks its errors."""
    told = [line.strip() for line in lines if line.strip()]
    marked = [line for line in told if line.upper().startswith("ERROR")]
    line = (marked or told or ["it said nothing"])[-1]
    return f"{line.removeprefix('ERROR:').strip():.300}"


def clean_environment() -> dict[str, str]:
    """The process's variables without those that would lead pip into another environment."""
    leading = ("PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PYTHONHOME", "__PYVENV_LAUNCHER__")
    return {name: value for name, value in os.environ.items() if name not in leading}
