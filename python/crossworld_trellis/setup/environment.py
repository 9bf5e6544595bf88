"""What a virtual environment holds, seen from outside: packages, and whether they are whole.

A package whose installation was cut short has lost files that its list names, or has no list. The
environment's own Python looks, because only it knows where its packages lie.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from ..program import Run

# Runs in the environment, with the standard library alone.
_PROBE = r"""
import importlib.util, json, re, sys
from importlib import metadata
found = {}
for one in metadata.distributions():
    name = re.sub(r"[-_.]+", "-", one.metadata["Name"] or "").lower()
    files, where = one.files, str(one._path)
    compiled = lambda file: file.suffix == ".pyc"
    whole = files is not None and all(
        file.locate().exists() for file in files if not compiled(file))
    found[name] = {"version": one.version, "whole": whole, "folder": where}
build = {}
spec = importlib.util.find_spec("torch")
if spec and spec.origin:
    try:
        text = open(spec.origin.replace("__init__.py", "version.py"), encoding="utf-8").read()
        build = dict(re.findall(r"^(cuda|hip)\b[^=]*= ['\"]([^'\"]+)['\"]", text, re.M))
    except OSError:
        pass
print(json.dumps({"packages": found, "build": build}))
"""


@dataclass(frozen=True, kw_only=True)
class Package:
    """An installed package."""

    version: str
    whole: bool
    folder: Path
    """Where its description lies; without it, the package counts as not installed."""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What an environment holds."""

    packages: Mapping[str, Package] = field(default_factory=dict[str, Package])
    """By name, in lower case with hyphens."""
    cuda: str | None = None
    """The CUDA version that its torch was built for."""
    hip: str | None = None

    def broken(self) -> list[Package]:
        """What was not installed to its end."""
        return [package for package in self.packages.values() if not package.whole]

    def has(self, name: str) -> bool:
        """Whether a package is there and whole."""
        return name in self.packages and self.packages[name].whole


@dataclass(frozen=True)
class Environment:
    """A virtual environment, there or not."""

    root: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.root / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def stamp(self) -> Path:
        """Where set-up notes what it has finished."""
        return self.root / "crossworld-trellis.json"

    def is_foreign(self) -> bool:
        """Whether something else lies there, which must not be touched."""
        if not self.root.exists() and not self.root.is_symlink():
            return False
        if not self.root.is_dir():
            return True
        if (self.root / "pyvenv.cfg").is_file():
            return False
        # A venv that was cut short in its first moment has folders only.
        return any(path.is_file() and not path.is_symlink() for path in self.root.rglob("*"))

    def works(self, run: Run) -> bool:
        """Whether it has a Python that runs, and pip."""
        return self.python.exists() and run([str(self.python), "-c", "import pip"]).ok

    def contents(self, run: Run) -> Contents:
        """What it holds; nothing where it cannot be asked."""
        ran = run([str(self.python), "-c", _PROBE])
        try:
            told = cast(dict[str, Any], json.loads(ran.output)) if ran.ok else {}
            packages = cast(dict[str, dict[str, Any]], told.get("packages", {}))
            return Contents(
                packages={
                    name: Package(
                        version=one["version"], whole=one["whole"], folder=Path(one["folder"])
                    )
                    for name, one in packages.items()
                },
                cuda=told.get("build", {}).get("cuda"),
                hip=told.get("build", {}).get("hip"),
            )
        except (ValueError, KeyError, TypeError):
            return Contents()
