"""The files of models: where they lie, and whether they are whole and as they were published.

Reads headers only, with the standard library: a safetensors file says in its first bytes how long
it must be. In a Hugging Face cache each file bears its own checksum as a name, which tells an edit.
"""

import hashlib
import json
import os
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ..content import explain_content
from .surroundings import Surroundings

_LONGEST_HEADER = 100 << 20


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a model's files lie."""

    folder: Path
    hub: str | None
    """The hub's repository that this is a cached copy of."""
    unfinished: int = 0
    """Downloads in that cache that were cut short."""


def find(around: Surroundings, source: str) -> Place | None:
    """The folder of that name, or the cached copy of the hub's repository."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return Place(folder=folder, hub=None)
    cache = hub_cache(around) / f"models--{source.replace('/', '--')}"
    try:
        commit = (cache / "refs/main").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    if not re.fullmatch(r"[0-9a-f]{40}", commit) or not (cache / "snapshots" / commit).is_dir():
        return None
    unfinished = len([*(cache / "blobs").glob("*.incomplete")])
    return Place(folder=cache / "snapshots" / commit, hub=source, unfinished=unfinished)


def hub_cache(around: Surroundings) -> Path:
    """Where Hugging Face's client keeps what it downloads."""
    variables = around.variables
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if variables.get(name):
            return Path(variables[name]).expanduser()
    if variables.get("HF_HOME"):
        return Path(variables["HF_HOME"]).expanduser() / "hub"
    caches = variables.get("XDG_CACHE_HOME") or str(around.home / ".cache")
    return Path(caches) / "huggingface/hub"


def safetensors_fault(path: Path) -> str | None:
    """What is wrong with a safetensors file, by its header and its length; `None` for nothing.

    The format: 8 bytes with the header's length, little endian; the header, json that says where
    each tensor's bytes begin and end; those bytes, without gaps.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
            if size < 8 or length > min(size - 8, _LONGEST_HEADER):
                what = explain_content(path)
                return what.split(":")[0] if what else "cut short or no safetensors file"
            header = cast(dict[str, Any], json.loads(file.read(length)))
        ends = [one["data_offsets"][1] for name, one in header.items() if name != "__metadata__"]
    except OSError as error:
        return f"not readable: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return "no safetensors file"
    wanted = 8 + length + max(ends, default=0)
    return None if size == wanted else f"{size} bytes long instead of {wanted}: cut or spoiled"


def is_edited(path: Path) -> bool:
    """Whether a small file of a hub cache differs from what its name there says.

    The cache names it by its git checksum. Outside of a cache, nothing is known: no.
    """
    checksum = checksum_in_name(path, length=40)
    if checksum is None:
        return False
    content = path.read_bytes()
    blob = b"blob %d\0" % len(content) + content
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest() != checksum


def checksum_in_name(path: Path, *, length: int) -> str | None:
    """The checksum that a hub cache's link leads to."""
    target = Path(os.path.realpath(path))
    known = target.parent.name == "blobs" and re.fullmatch(rf"[0-9a-f]{{{length}}}", target.name)
    return target.name if known else None


def sha256(path: Path) -> str:
    """The checksum of a file, however large."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def read_object(path: Path) -> dict[str, Any] | None:
    """The object that a json file holds, if it holds one."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
