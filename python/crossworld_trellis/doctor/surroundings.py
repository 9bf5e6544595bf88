"""All that the doctor asks of the world around it, behind one object, so that tests can fake it.

What could crash or hang (importing torch, a driver's program, a server) runs in another process or
with a time limit, and only when a check asks. Memory is in bytes.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, cast

from ..machine import Machine, Version, look
from ..program import run_program

# Imports of large packages on a slow disk take their time.
_IMPORT_TIMEOUT = 180.0

_SERVER_TIMEOUT = 5.0

_LONGEST_ANSWER = 1 << 20

_TORCH_PROBE = r"""
import json, warnings
warnings.simplefilter("ignore")
import torch
report = {
    "version": torch.__version__, "cuda": torch.version.cuda,
    "hip": getattr(torch.version, "hip", None), "mps": torch.backends.mps.is_available(),
    "architectures": [], "devices": [], "trouble": None,
}
try:
    if torch.cuda.is_available():
        report["architectures"] = torch.cuda.get_arch_list()
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            report["devices"].append({
                "name": torch.cuda.get_device_name(index), "free": free, "total": total,
                "capability": list(torch.cuda.get_device_capability(index))})
    elif torch.version.cuda:
        torch.cuda.init()
except Exception as error:
    report["trouble"] = str(error).strip().split("\n")[0]
print(json.dumps(report))
"""

_IMPORT_PROBE = r"""
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
broken = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        broken[name] = (str(error).strip() or type(error).__name__).split("\n")[0]
print(json.dumps(broken))
"""


@dataclass(frozen=True, kw_only=True)
class Device:
    """A card as torch sees it."""

    name: str
    capability: Version
    free: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Torch:
    """What torch says about itself."""

    version: str = ""
    """Empty where it cannot be imported; then `trouble` says why."""
    cuda: str | None = None
    hip: str | None = None
    mps: bool = False
    architectures: tuple[str, ...] = ()
    """What it holds code for: sm_90, compute_120, gfx1100."""
    devices: tuple[Device, ...] = ()
    trouble: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a server said."""

    status: int | None
    """HTTP status, `None` when nothing answered."""
    text: str
    """Its body, or why nothing answered."""


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """The machine, the environment and what can be asked."""

    machine: Machine
    torch: Callable[[], Torch]
    broken_imports: Callable[[Sequence[str]], Mapping[str, str]]
    """Which of these modules cannot be imported, with the reason."""
    get: Callable[[str, str | None], Answer]
    """Asks an address over HTTP, with a bearer token or without."""
    home: Path
    root: Path = Path("/")
    packages: Mapping[str, str] = field(default_factory=dict[str, str])
    """Version of each installed package, by name in lower case with hyphens."""
    variables: Mapping[str, str] = field(default_factory=dict[str, str])
    """The process's environment variables."""

    @classmethod
    def real(cls) -> "Surroundings":
        """This machine."""
        return cls(
            machine=look(),
            torch=ask_torch,
            broken_imports=ask_imports,
            get=ask_server,
            home=Path.home(),
            packages=installed(),
            variables=dict(os.environ),
        )


def installed() -> dict[str, str]:
    """Packages that this Python can see."""
    found: dict[str, str] = {}
    for package in metadata.distributions():
        # A half-installed package has no name.
        name = cast(str | None, package.metadata["Name"])
        if name:
            found.setdefault(name.lower().replace("_", "-").replace(".", "-"), package.version)
    return found


def ask_torch() -> Torch:
    """Imports torch in another process and reports."""
    ran = run_program([sys.executable, "-c", _TORCH_PROBE], timeout=_IMPORT_TIMEOUT)
    if not ran.ok:
        return Torch(trouble=_ending(ran.code, ran.output))
    try:
        told = cast(dict[str, Any], json.loads(ran.output.strip().splitlines()[-1]))
        devices = [
            Device(
                name=one["name"],
                capability=tuple(one["capability"]),
                free=one["free"],
                total=one["total"],
            )
            for one in cast(list[dict[str, Any]], told.pop("devices"))
        ]
        architectures = tuple(cast(list[str], told.pop("architectures")))
        return Torch(**told, devices=tuple(devices), architectures=architectures)
    except (ValueError, KeyError, TypeError, IndexError):
        return Torch(trouble=f"its report makes no sense: {ran.output[:100]!r}")


def ask_imports(names: Sequence[str]) -> Mapping[str, str]:
    """Imports modules in another process; when that one dies, each in its own."""
    ran = run_program([sys.executable, "-c", _IMPORT_PROBE, *names], timeout=_IMPORT_TIMEOUT)
    if ran.ok:
        try:
            return cast(dict[str, str], json.loads(ran.output.strip().splitlines()[-1]))
        except (ValueError, IndexError):
            return {names[0]: "its import prints nonsense"} if names else {}
    if len(names) == 1:
        return {names[0]: _ending(ran.code, ran.output)}
    return {name: reason for one in names for name, reason in ask_imports([one]).items()}


def ask_server(url: str, token: str | None) -> Answer:
    """A GET, without proxies and within seconds."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(url, headers=headers)
        with opener.open(request, timeout=_SERVER_TIMEOUT) as response:
            text = cast(bytes, response.read(_LONGEST_ANSWER))
            return Answer(status=response.status, text=text.decode(errors="replace"))
    except urllib.error.HTTPError as error:
        return Answer(status=error.code, text=str(error.reason))
    # What is no address raises ValueError; what is no HTTP, an exception of its own.
    except Exception as error:
        reason = getattr(error, "reason", error)
        return Answer(status=None, text=str(reason).split("\n")[0] or type(error).__name__)


def _ending(code: int | None, output: str) -> str:
    """Why another process failed, in one line."""
    if code is not None and code < 0:
        return f"it crashed (signal {-code})"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f"{lines[-1]:.300}" if lines else f"it ended with code {code}"
