"""Python, this package and the packages it needs."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from .. import __version__
from ..machine import Version, version_of
from ..torch_build import OLDEST_PYTHON
from .check import SET_UP, Check, note, ok, problem
from .families import Family
from .known import explain
from .surroundings import Surroundings

NEEDED: dict[str, tuple[str, Version]] = {
    "huggingface-hub": ("huggingface_hub", (0, 26)),
    "numpy": ("numpy", (1, 24)),
    "pillow": ("PIL", (10, 1)),
    "safetensors": ("safetensors", (0, 4, 3)),
    "transformers": ("transformers", (4, 48)),
}
"""Packages besides torch, with the name to import and the oldest version, as `pyproject.toml`."""

FOR_THE_SERVER = ("fastapi", "uvicorn", "python-multipart", "websockets", "prometheus-client")
"""What the extra `server` brings."""


def check_python(around: Surroundings) -> Iterator[Check]:
    """Whether this Python is new enough."""
    version = _dotted(around.machine.python)
    if around.machine.python < OLDEST_PYTHON:
        yield problem(
            "Python",
            f"{version} is too old ({sys.executable})",
            f"install Python {_dotted(OLDEST_PYTHON)} or later and {SET_UP} with it",
        )
    else:
        yield ok("Python", f"{version} ({sys.executable})")


def check_package(around: Surroundings) -> Iterator[Check]:
    """This package: the one that runs, and the one that is installed."""
    there = around.packages.get("crossworld-trellis")
    folder = Path(__file__).resolve().parents[1]
    if there is None:
        found = f"{__version__}, not installed, run from its folder ({folder})"
        yield note("package", found, f"{SET_UP} to have it in every folder")
    elif there != __version__:
        yield problem(
            "package",
            f"{__version__} runs, but {there} is installed ({folder})",
            SET_UP,
        )
    else:
        yield ok("package", f"crossworld-trellis {there} ({folder})")


def check_dependencies(around: Surroundings, family: Family) -> Iterator[Check]:
    """The needed packages: there, new enough for a generation of the model, and importable."""
    versions = {name: around.packages.get(name) for name in NEEDED}
    whole: list[str] = []
    for name, version in versions.items():
        module, oldest = NEEDED[name]
        oldest = family.transformers if name == "transformers" else oldest
        if version is None:
            yield problem(name, "not installed", f"{SET_UP}, or 'pip install {name}'")
        elif version_of(version) < oldest:
            told = f"{version} is older than {_dotted(oldest)}"
            yield problem(name, told, f"pip install --upgrade '{name}>={_dotted(oldest)}'")
        else:
            whole.append(module)
    broken: Mapping[str, str] = around.broken_imports(whole) if whole else {}
    for name, (module, _) in NEEDED.items():
        if module in broken:
            yield problem(
                name,
                f"{versions[name]} does not import: {broken[module]}",
                explain(broken[module]) or f"pip install --force-reinstall --no-deps {name}",
            )
    if len(whole) == len(NEEDED) and not broken:
        yield ok("packages", ", ".join(f"{name} {version}" for name, version in versions.items()))


def check_extras(around: Surroundings) -> Iterator[Check]:
    """What only some commands need."""
    missing = [name for name in FOR_THE_SERVER if name not in around.packages]
    if missing:
        found = f"the server cannot start: {', '.join(missing)} not installed"
        yield note("extra 'server'", found, f"{SET_UP}, or pip install './python[server]'")
    else:
        yield ok("extra 'server'", "the server can start")
    if "rembg" not in around.packages:
        yield note(
            "extra 'rembg'",
            "not installed, so pictures need a transparent background",
            "pip install './python[rembg]' if yours have none",
        )


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
