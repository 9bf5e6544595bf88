"""The models' files: whether they are there, whole and as they were published.

Reads headers only, with the standard library: a safetensors file says in its first bytes how long
it must be. In a Hugging Face cache each file bears its own checksum as a name, which tells an edit;
comparing the large ones takes seconds and is done when asked. That tensors fit the networks is
`verify`'s to say.
"""

import hashlib
import json
import os
import re
import struct
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .. import config
from ..content import explain_content
from .check import Check, note, ok, problem
from .surroundings import Surroundings

# class in the model's json, place in the released checkpoint
ROLES: dict[str, tuple[str, str]] = {
    "sparse_structure_flow_model": (
        "SparseStructureFlowModel",
        "ckpts/ss_flow_img_dit_L_16l8_fp16",
    ),
    "sparse_structure_decoder": ("SparseStructureDecoder", "ckpts/ss_dec_conv3d_16l8_fp16"),
    "slat_flow_model": ("SLatFlowModel", "ckpts/slat_flow_img_dit_L_64l8p2_fp16"),
    "slat_decoder_gs": ("SLatGaussianDecoder", "ckpts/slat_dec_gs_swin8_B_64l8gs32_fp16"),
    "slat_decoder_rf": ("SLatRadianceFieldDecoder", "ckpts/slat_dec_rf_swin8_B_64l8r16_fp16"),
    "slat_decoder_mesh": ("SLatMeshDecoder", "ckpts/slat_dec_mesh_swin8_B_64l8m256c_fp16"),
}

FETCH = "run 'python -m crossworld_trellis fetch'"

_AGAIN = f"delete it and {FETCH}, or copy it again"

_ENCODER_WEIGHTS = ("model.safetensors", "hub_state.safetensors")

_LONGEST_HEADER = 100 << 20


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a model's files lie."""

    folder: Path
    hub: str | None
    """The hub's repository that this is a cached copy of."""
    unfinished: int = 0
    """Downloads in that cache that were cut short."""


def check_models(
    around: Surroundings, *, model: str | None = None, checksums: bool = False
) -> Iterator[Check]:
    """`pipeline.json`, the six models and the image encoder."""
    source = model or around.variables.get(config.MODEL_VARIABLE) or config.DEFAULT_MODEL
    place = find(around, source)
    if place is None:
        yield _absent("models", source)
        return
    yield from _unfinished(place)
    pipeline = place.folder / "pipeline.json"
    models = yield from _check_pipeline(pipeline, place)
    for role, stem in models.items():
        if role in ROLES and stem.startswith("ckpts/") and ".." not in stem:
            yield _check_model(role, place.folder / stem, checksums=checksums)
    yield from _check_encoder(around, place, checksums=checksums)


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


def _absent(name: str, source: str) -> Check:
    if re.fullmatch(r"[\w.-]+/[\w.-]+", source) and not source.startswith("."):
        found = f"{source} was not downloaded yet"
        return note(name, found, f"{FETCH}, about 4 GB; the first generation does it too")
    return problem(
        name,
        f"there is no such folder, and it is no repository owner/name: {source}",
        f"set {config.MODEL_VARIABLE} to a folder with pipeline.json, or unset it",
    )


def _unfinished(place: Place) -> Iterator[Check]:
    if place.unfinished:
        found = f"{place.unfinished} files of {place.hub} were cut short"
        yield note("download", found, f"{FETCH}, which goes on where it stopped")


def _check_pipeline(path: Path, place: Place) -> Generator[Check, None, dict[str, str]]:
    """Checks `pipeline.json`; its value is where it says each role's model lies."""
    models: dict[str, str] = {}
    origin = place.hub or str(place.folder)
    if not path.is_file():
        if place.hub:
            yield _absent("pipeline.json", place.hub)
        else:
            remedy = f"name the folder that holds it in {config.MODEL_VARIABLE}"
            yield problem("pipeline.json", f"missing in {place.folder}", remedy)
        return models
    whole = _read_object(path)
    arguments: Any = whole.get("args") if whole else None
    named: Any = cast(dict[str, Any], arguments).get("models") if isinstance(arguments, dict) else 0
    if not isinstance(named, dict):
        found = explain_content(path) or "no description of a pipeline"
        yield problem("pipeline.json", f"it is {found.split(':')[0]}", f"{_AGAIN} ({path})")
        return models
    named = cast(dict[str, Any], named)
    models = {role: stem for role, stem in named.items() if isinstance(stem, str)}
    faults = [fault for role, stem in models.items() if (fault := _wrong_role(role, stem))]
    if faults:
        yield problem("pipeline.json", faults[0][0], faults[0][1])
    elif is_edited(path):
        yield problem(
            "pipeline.json",
            "edited since it was downloaded",
            f"delete it and {FETCH} ({path})",
        )
    else:
        yield ok("pipeline.json", origin)
    return models


def _wrong_role(role: str, stem: str) -> tuple[str, str] | None:
    """What is wrong with a role's model by its name alone, with the remedy."""
    if role not in ROLES:
        return None
    released = ROLES[role][1]
    others = [other for other, (_, place) in ROLES.items() if place == stem and other != role]
    if not others:
        return None
    return (
        f"{role} is set to {stem}, which is the {others[0]}: a guide's edit that cannot work",
        f'restore "{released}" in pipeline.json, or delete the file and {FETCH}; the message '
        '"Repository Not Found" that it should cure hides another error',
    )


def _check_model(role: str, stem: Path, *, checksums: bool) -> Check:
    """A model's json and weights."""
    description, weights = (stem.with_name(stem.name + end) for end in (".json", ".safetensors"))
    missing = [path.name for path in (description, weights) if not path.is_file()]
    if missing:
        return note(role, f"{' and '.join(missing)} not on this machine", f"{FETCH} or copy it")
    original = ROLES[role][0]
    name = (_read_object(description) or {}).get("name")
    if name not in (original, f"Elastic{original}"):
        return problem(
            role,
            f"{description.name} holds a {name!s:.60}, but this role needs {original}",
            f'restore "{ROLES[role][1]}" in pipeline.json, or delete {description.name} and '
            f"{FETCH}",
        )
    return _check_weights(role, weights, checksums=checksums)


def _check_weights(name: str, path: Path, *, checksums: bool) -> Check:
    fault = safetensors_fault(path)
    if fault is not None:
        return problem(name, f"{path.name} is {fault}", f"{_AGAIN} ({path})")
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    if not checksums:
        return ok(name, f"whole, {size}")
    checksum = _checksum_in_name(path, length=64)
    if checksum is None:
        return ok(name, f"whole, {size}; no checksum is known outside of a hub cache")
    if _sha256(path) != checksum:
        return problem(name, f"{path.name} is damaged: its checksum differs", f"{_AGAIN} ({path})")
    return ok(name, f"whole, {size}, checksum right")


def _check_encoder(around: Surroundings, place: Place, *, checksums: bool) -> Iterator[Check]:
    source = around.variables.get(config.IMAGE_ENCODER_VARIABLE)
    own = place.folder / "image_cond"
    if not source and place.hub is None and own.is_dir():
        source = str(own)
    found = find(around, source or config.DEFAULT_IMAGE_ENCODER)
    if found is None:
        yield _absent("image encoder", source or config.DEFAULT_IMAGE_ENCODER)
        return
    yield from _unfinished(found)
    weights = [path for one in _ENCODER_WEIGHTS if (path := found.folder / one).is_file()]
    if not (found.folder / "config.json").is_file() or not weights:
        told = f"config.json or {_ENCODER_WEIGHTS[0]} is missing in {found.folder}"
        if found.hub:
            yield note("image encoder", told, FETCH)
        else:
            remedy = f"copy it again, or unset {config.IMAGE_ENCODER_VARIABLE}"
            yield problem("image encoder", told, remedy)
        return
    yield _check_weights("image encoder", weights[0], checksums=checksums)


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
    checksum = _checksum_in_name(path, length=40)
    if checksum is None:
        return False
    content = path.read_bytes()
    blob = b"blob %d\0" % len(content) + content
    return hashlib.sha1(blob, usedforsecurity=False).hexdigest() != checksum


def _checksum_in_name(path: Path, *, length: int) -> str | None:
    """The checksum that a hub cache's link leads to."""
    target = Path(os.path.realpath(path))
    known = target.parent.name == "blobs" and re.fullmatch(rf"[0-9a-f]{{{length}}}", target.name)
    return target.name if known else None


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 22):
            digest.update(block)
    return digest.hexdigest()


def _read_object(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
