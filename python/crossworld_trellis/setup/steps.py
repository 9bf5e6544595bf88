"""The steps of a set-up, each of which looks first whether it is done.

Nothing here starts a program by itself: `Work.stream` and `Work.run` do, so that tests can put
something else in their place.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .. import __version__, config
from ..doctor.families import family_of
from ..machine import Machine, version_of
from ..program import Run
from ..torch_build import OLDEST_TORCH, TorchBuild, is_build, serves
from . import pip
from .environment import Contents, Environment
from .error import SetupError

Stream = Callable[[Sequence[str], Callable[[str], None]], int]
"""Runs a program, hands on each line that it prints, and returns its exit code."""

GIB = 1 << 30

# Room that a step needs while it works: downloads and what they unpack to, rounded up.
_TORCH_ROOM = {"cpu": 2 * GIB, "cu": 9 * GIB, "rocm": 16 * GIB, "pypi": 9 * GIB}

_PACKAGE = "crossworld-trellis"


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a set-up works with."""

    machine: Machine
    environment: Environment
    checkout: Path
    """Folder with the package's `pyproject.toml`."""
    torch: TorchBuild
    by_name: bool
    """Whether that build was asked for by name; otherwise any that serves the machine will do."""
    extras: tuple[str, ...]
    model: str | None = None
    """Folder or repository of the models, where not what the environment names."""
    run: Run
    stream: Stream
    tell: Callable[[str], None]
    free: Callable[[Path], int]
    """Tells the free bytes where a path lies."""

    def call(self, command: Sequence[str], *, doing: str, index: str | None = None) -> None:
        """Runs a program and shows what it says that matters. Raises `SetupError`."""
        lines: list[str] = []

        def on_line(line: str) -> None:
            lines.append(line)
            del lines[:-400]
            if line.lstrip().startswith(_TELLING):
                self.tell(f"      {line.strip():.110}")

        if self.stream(command, on_line) != 0:
            raise SetupError(pip.explain(lines, doing=doing, index=index))

    def naming_model(self) -> list[str]:
        """The options that tell a command of this package which models are meant."""
        return [] if self.model is None else ["--model", self.model]

    def contents(self) -> Contents:
        """What the environment holds now."""
        return self.environment.contents(self.run)

    def need_room(self, size: int, *, what: str) -> None:
        """Raises `SetupError` where the disk has too little room."""
        free = self.free(self.environment.root)
        if free < size:
            raise SetupError(
                f"{what} needs about {size / GIB:.0f} GiB, but only {free / GIB:.1f} GiB are free "
                f"on the disk: free some space or name another place with --venv "
                f"({self.environment.root})"
            )


# What pip prints that tells how it goes on.
_TELLING = ("Downloading", "Installing collected packages", "Building", "Successfully", "WARNING")


def make_environment(work: Work) -> str:
    """The virtual environment, with pip."""
    environment = work.environment
    if environment.is_foreign():
        raise SetupError(
            f"something else lies where the virtual environment should be: move it away, or name "
            f"another place with --venv ({environment.root})"
        )
    if environment.works(work.run):
        return "already there"
    command = [sys.executable, "-m", "venv", "--clear", str(environment.root)]
    work.call(command, doing="making the virtual environment")
    if not environment.works(work.run):
        raise SetupError(
            "the virtual environment was made but its pip does not start: install the package "
            f"python3-venv, or a complete Python 3.10 or later ({environment.root})"
        )
    return "made"


def install_torch(work: Work) -> str:
    """torch, as it fits the machine or was asked for."""
    contents = work.contents()
    wanted = work.torch
    if wanted.name == "none":
        return "left as it is, as asked"
    there = contents.packages.get("torch")
    if contents.has("torch") and there is not None:
        new_enough = version_of(there.version)[:2] >= OLDEST_TORCH
        if new_enough and _is_wanted(work, contents):
            return f"already there, {there.version}"
    work.need_room(_room(wanted.name), what=f"torch ({wanted.name})")
    _forget(contents)
    stamp = _read_stamp(work.environment)
    if stamp.pop("verified", None):
        _write(work.environment.stamp, stamp)
    python = work.environment.python
    if there is not None and there.whole:
        remove = [str(python), "-m", "pip", "uninstall", "--yes", "torch"]
        work.call(remove, doing="removing the torch that does not fit")
    index = () if wanted.index is None else ("--index-url", wanted.index)
    command = pip.install(python, f"torch>={'.'.join(map(str, OLDEST_TORCH))}", *index)
    work.call(command, doing="installing torch", index=wanted.index)
    now = work.contents()
    if not now.has("torch"):
        raise SetupError("torch was installed but is not whole: run this again")
    return f"installed, {now.packages['torch'].version}"


def install_package(work: Work) -> str:
    """This package from the checkout, and what it needs."""
    stamp = _stamp(work)
    contents = work.contents()
    if _is_stamped(work, stamp, contents):
        return f"already there, {contents.packages[_PACKAGE].version}"
    _forget(contents)
    extras = f"[{','.join(work.extras)}]" if work.extras else ""
    # Editable: after `git pull` the environment runs the new code without another set-up.
    command = pip.install(work.environment.python, "--editable", f"{work.checkout}{extras}")
    work.call(command, doing="installing the package")
    now = work.contents()
    if not now.has(_PACKAGE) or now.broken():
        raise SetupError("the package was installed but is not whole: run this again")
    _write(work.environment.stamp, {**stamp, "packages": sorted(now.packages)})
    return f"installed, {now.packages[_PACKAGE].version}"


def fetch_weights(work: Work) -> str:
    """The models' files, into the hub's cache, which goes on where a download was cut short."""
    lines: list[str] = []
    program = [str(work.environment.python), "-m", "crossworld_trellis"]
    command = [*program, "fetch", *work.naming_model()]

    def on_line(line: str) -> None:
        lines.append(line)
        work.tell(f"      {line.rstrip():.160}")

    if work.stream(command, on_line) != 0:
        raise SetupError(_last(lines, "the download failed: run this again"))
    return "on this machine"


def verify(work: Work) -> str:
    """Whether all of it works, told by the package itself; skipped where nothing has changed."""
    state = _state(work)
    stamp = _read_stamp(work.environment)
    if stamp.get("verified") == state:
        return "nothing has changed since it worked"
    program = [str(work.environment.python), "-m", "crossworld_trellis"]
    command = [*program, "verify", *work.naming_model()]
    if work.stream(command, lambda line: work.tell(f"      {line.rstrip():.160}")) != 0:
        raise SetupError(
            "the installation does not work yet: see above, and ask "
            f"'{shown(work.environment.python)} -m crossworld_trellis doctor' for remedies"
        )
    _write(work.environment.stamp, {**stamp, "verified": state})
    return "everything works"


def download_of(work: Work) -> str:
    """How much there is to download for the models, in words."""
    source = work.model or config.model_source()
    return family_of(None, source).download


def shown(path: Path) -> str:
    """A path as a user would type it here."""
    try:
        return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    except ValueError:
        return str(path)


def _is_wanted(work: Work, contents: Contents) -> bool:
    if work.by_name:
        return is_build(work.torch.name, cuda=contents.cuda, hip=contents.hip)
    return serves(work.machine, cuda=contents.cuda, hip=contents.hip)


def _room(name: str) -> int:
    return next(size for start, size in _TORCH_ROOM.items() if name.startswith(start))


def _forget(contents: Contents) -> None:
    """Removes the descriptions of half-installed packages, so that pip installs them anew."""
    for package in contents.broken():
        shutil.rmtree(package.folder, ignore_errors=True)


def _stamp(work: Work) -> dict[str, Any]:
    """What an installation depends on besides the machine."""
    text = (work.checkout / "pyproject.toml").read_bytes()
    return {
        "checkout": str(work.checkout),
        "extras": list(work.extras),
        "pyproject": hashlib.sha256(text).hexdigest(),
    }


def _is_stamped(work: Work, stamp: dict[str, Any], contents: Contents) -> bool:
    noted = _read_stamp(work.environment)
    # More extras than asked for do no harm.
    if not set(work.extras) <= set(noted.get("extras", [])):
        return False
    same = all(noted.get(key) == stamp[key] for key in ("checkout", "pyproject"))
    return same and all(contents.has(name) for name in (*noted["packages"], _PACKAGE))


def _read_stamp(environment: Environment) -> dict[str, Any]:
    """What an earlier set-up noted; nothing where there is none to trust."""
    try:
        noted = json.loads(environment.stamp.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    whole = isinstance(noted, dict) and "packages" in noted
    return cast(dict[str, Any], noted) if whole else {}


def _state(work: Work) -> str:
    """A digest of all that decides whether the networks run."""
    machine = work.machine
    packages = {name: one.version for name, one in work.contents().packages.items()}
    cards = [card.name for card in machine.cards]
    parts = [sorted(packages.items()), cards, machine.nvidia_driver, machine.rocm, __version__]
    # Where no model is named, the environment names one, and not always the same.
    parts.append(work.model or config.model_source())
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _write(path: Path, value: object) -> None:
    unfinished = path.with_suffix(".tmp")
    unfinished.write_text(json.dumps(value, indent=1), encoding="utf-8")
    unfinished.replace(path)


def _last(lines: Sequence[str], otherwise: str) -> str:
    told = [line.strip().removeprefix("error: ") for line in lines if line.strip()]
    return told[-1] if told else otherwise
