"""The models of either generation: whether they are there, whole, and those that belong together.

Comparing the checksums of large files takes seconds and is done when asked. That tensors fit the
networks is `verify`'s to say.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from .. import config
from ..content import explain_content
from .check import Check, note, ok, problem
from .families import (
    DEFAULT_TYPE,
    FIRST,
    SECOND,
    TYPES,
    Family,
    family_of,
    generation_of,
    is_repository,
    needed_roles,
)
from .files import Place, checksum_in_name, find, is_edited, read_object, safetensors_fault, sha256
from .surroundings import Surroundings

_ORDINALS = {1: "first", 2: "second"}

_LICENCES = (
    "the image encoder's weights are under Meta's licence for DINOv3, which you accept on the hub; "
    "RMBG-2.0, with which the original removes backgrounds and which is for non-commercial use, is "
    "not used here"
)


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is looked at."""

    around: Surroundings
    source: str
    """Folder or repository."""
    fetch: str
    """The remedy that downloads."""
    checksums: bool
    place: Place | None
    description: dict[str, Any] | None
    """What `pipeline.json` holds."""
    family: Family

    @property
    def again(self) -> str:
        """The remedy for a spoiled file."""
        return f"delete it and {self.fetch}, or copy it again"

    @property
    def arguments(self) -> dict[str, Any]:
        """The `args` of `pipeline.json`, as far as there are any."""
        found: Any = (self.description or {}).get("args")
        return cast(dict[str, Any], found) if isinstance(found, dict) else {}

    @property
    def pipeline_type(self) -> str:
        """The pipeline type of TRELLIS.2 that would run."""
        named = self.around.variables.get(config.PIPELINE_TYPE_VARIABLE)
        return named or str(self.arguments.get("default_pipeline_type", DEFAULT_TYPE))


def look_at(around: Surroundings, *, model: str | None = None, checksums: bool = False) -> Look:
    """Finds the model, by default the one that the environment names."""
    source = model or around.variables.get(config.MODEL_VARIABLE) or config.DEFAULT_MODEL
    place = find(around, source)
    description = None if place is None else read_object(place.folder / "pipeline.json")
    named = "" if model is None else f" --model {model}"
    return Look(
        around=around,
        source=source,
        fetch=f"run 'python -m crossworld_trellis fetch{named}'",
        checksums=checksums,
        place=place,
        description=description,
        family=family_of(description, source),
    )


def check_models(look: Look) -> Iterator[Check]:
    """`pipeline.json`, the models that it names, and the image encoder."""
    if look.place is None:
        yield _absent(look, "models", look.source)
        if look.family.gated:
            yield from _check_encoder(look, None)
        return
    yield from _unfinished(look, look.place)
    models = yield from _check_pipeline(look, look.place)
    if look.family.generation == 2:
        yield _check_type(look)
    needed = needed_roles(look.family, look.pipeline_type)
    for role, stem in models.items():
        if role in look.family.roles and ".." not in stem and not stem.startswith("/"):
            yield _check_model(look, look.place, role, stem, is_needed=role in needed)
    yield from _check_encoder(look, look.place)
    if look.family.gated:
        yield note("licences", _LICENCES)


def _absent(look: Look, name: str, source: str) -> Check:
    if is_repository(source):
        found = f"{source} was not downloaded yet"
        size = look.family.download
        return note(name, found, f"{look.fetch}, {size}; making the first object does it too")
    return _nowhere(
        name, source, f"set {config.MODEL_VARIABLE} to a folder with pipeline.json, or unset it"
    )


def _nowhere(name: str, source: str, remedy: str) -> Check:
    found = f"there is no such folder, and it is no repository owner/name: {source}"
    return problem(name, found, remedy)


def _unfinished(look: Look, place: Place) -> Iterator[Check]:
    if place.unfinished:
        found = f"{place.unfinished} files of {place.hub} were cut short"
        yield note("download", found, f"{look.fetch}, which goes on where it stopped")


def _check_pipeline(look: Look, place: Place) -> Generator[Check, None, dict[str, str]]:
    """Checks `pipeline.json`; its value is where it says each role's model lies."""
    models: dict[str, str] = {}
    path = place.folder / "pipeline.json"
    if not path.is_file():
        if place.hub:
            yield _absent(look, "pipeline.json", place.hub)
        else:
            remedy = f"name the folder that holds it in {config.MODEL_VARIABLE}"
            yield problem("pipeline.json", f"missing in {place.folder}", remedy)
        return models
    named: Any = look.arguments.get("models")
    if not isinstance(named, dict):
        found = explain_content(path) or "no description of a pipeline"
        yield problem("pipeline.json", f"it is {found.split(':')[0]}", f"{look.again} ({path})")
        return models
    named = cast(dict[str, Any], named)
    models = {role: stem for role, stem in named.items() if isinstance(stem, str)}
    faults = [fault for role, stem in models.items() if (fault := _wrong_role(look, role, stem))]
    if faults:
        yield problem("pipeline.json", faults[0][0], faults[0][1])
    elif is_edited(path):
        yield problem(
            "pipeline.json",
            "edited since it was downloaded",
            f"delete it and {look.fetch} ({path})",
        )
    else:
        yield ok("pipeline.json", f"{look.family.name}, {place.hub or place.folder}")
    return models


def _wrong_role(look: Look, role: str, stem: str) -> tuple[str, str] | None:
    """What is wrong with a role's model by its name alone, with the remedy."""
    roles = look.family.roles
    if role not in roles:
        return None
    released = roles[role][1]
    others = [other for other, (_, place) in roles.items() if place == stem and other != role]
    if not others:
        return None
    return (
        f"{role} is set to {stem}, which is the {others[0]}: a guide's edit that cannot work",
        f'restore "{released}" in pipeline.json, or delete the file and {look.fetch}; the message '
        '"Repository Not Found" that it should cure hides another error',
    )


def _check_type(look: Look) -> Check:
    """The pipeline type that TRELLIS.2 would go through."""
    name = look.pipeline_type
    if name in TYPES:
        return ok("pipeline type", f"{name}, where nobody asks for another")
    known = ", ".join(TYPES)
    return problem(
        "pipeline type",
        f"there is none named '{name:.40}'",
        f"set {config.PIPELINE_TYPE_VARIABLE} to one of {known}, or unset it",
    )


def _check_model(look: Look, place: Place, role: str, stem: str, *, is_needed: bool) -> Check:
    """A model's json and weights."""
    found = _located(look, place, stem)
    if isinstance(found, str):
        return note(role, f"{found} was not downloaded yet", f"{look.fetch}")
    description, weights = (found.with_name(found.name + end) for end in (".json", ".safetensors"))
    missing = [path.name for path in (description, weights) if not path.is_file()]
    if missing:
        told = f"{' and '.join(missing)} not on this machine"
        if is_needed:
            return note(role, told, f"{look.fetch} or copy it")
        return note(role, f"{told}, and not needed for the type {look.pipeline_type}")
    original, released = look.family.roles[role]
    model = read_object(description) or {}
    name = model.get("name")
    if name not in (original, f"Elastic{original}"):
        return problem(
            role,
            f"{description.name} holds a {name!s:.60}, but this role needs {original}",
            f'restore "{released}" in pipeline.json, or delete {description.name} and {look.fetch}',
        )
    generation = generation_of(model) or look.family.generation
    if generation != look.family.generation:
        return problem(
            role,
            f"{description.name} belongs to the {_ORDINALS[generation]} generation of the model, "
            f"this checkpoint to the {_ORDINALS[look.family.generation]}",
            f'take all models from one checkpoint: restore "{released}" in pipeline.json, or '
            f"{look.fetch}",
        )
    return _check_weights(look, role, weights)


def _located(look: Look, place: Place, stem: str) -> Path | str:
    """Where a model's files would lie, or else the repository that is not on this machine.

    One model of TRELLIS.2 lies in the repository of the first generation.
    """
    parts = stem.split("/")
    if len(parts) < 3 or parts[0] == "ckpts":
        return place.folder / stem
    repository = "/".join(parts[:2])
    named = look.around.variables.get(config.FIRST_GENERATION_VARIABLE)
    source = named if named and repository == FIRST.official else repository
    elsewhere = find(look.around, source)
    return source if elsewhere is None else elsewhere.folder / "/".join(parts[2:])


def _check_weights(look: Look, name: str, path: Path) -> Check:
    fault = safetensors_fault(path)
    if fault is not None:
        return problem(name, f"{path.name} is {fault}", f"{look.again} ({path})")
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    if not look.checksums:
        return ok(name, f"whole, {size}")
    checksum = checksum_in_name(path, length=64)
    if checksum is None:
        return ok(name, f"whole, {size}; no checksum is known outside of a hub cache")
    if sha256(path) != checksum:
        found = f"{path.name} is damaged: its checksum differs"
        return problem(name, found, f"{look.again} ({path})")
    return ok(name, f"whole, {size}, checksum right")


def _check_encoder(look: Look, place: Place | None) -> Iterator[Check]:
    source = look.around.variables.get(config.IMAGE_ENCODER_VARIABLE)
    if not source and place is not None and place.hub is None:
        own = place.folder / "image_cond"
        source = str(own) if own.is_dir() else None
    source = source or _published_encoder(look)
    found = find(look.around, source)
    if found is None:
        yield _absent_encoder(look, source)
        return
    yield from _unfinished(look, found)
    names = ("model.safetensors", "hub_state.safetensors")
    weights = [path for one in names if (path := found.folder / one).is_file()]
    if not (found.folder / "config.json").is_file() or not weights:
        told = f"config.json or {names[0]} is missing in {found.folder}"
        if found.hub:
            yield note("image encoder", told, look.fetch)
        else:
            remedy = f"copy it again, or unset {config.IMAGE_ENCODER_VARIABLE}"
            yield problem("image encoder", told, remedy)
        return
    kind = (read_object(found.folder / "config.json") or {}).get("model_type")
    # Not every encoder of the first generation says what it is.
    is_other = kind == SECOND.encoder_kind
    if is_other if look.family.generation == 1 else not is_other:
        yield problem(
            "image encoder",
            f"{look.family.name} needs a {look.family.encoder_kind}, but this is {kind!r:.60}",
            f"unset {config.IMAGE_ENCODER_VARIABLE}, or name a folder with {look.family.encoder} "
            f"in it ({found.folder})",
        )
        return
    yield _check_weights(look, "image encoder", weights[0])


def _published_encoder(look: Look) -> str:
    """The repository of the encoder, as `pipeline.json` of TRELLIS.2 may name it."""
    if look.family.generation == 1:
        return look.family.encoder
    try:
        return str(look.arguments["image_cond_model"]["args"]["model_name"])
    except (KeyError, TypeError):
        return look.family.encoder


def _absent_encoder(look: Look, source: str) -> Check:
    if not is_repository(source):
        remedy = (
            "name a folder with config.json and model.safetensors in "
            f"{config.IMAGE_ENCODER_VARIABLE}, or unset it"
        )
        return _nowhere("image encoder", source, remedy)
    if not look.family.gated:
        return _absent(look, "image encoder", source)
    who = "" if _is_logged_in(look.around) else ", and nobody is logged in at the hub here"
    return note(
        "image encoder",
        f"{source} was not downloaded yet; its weights are gated{who}",
        f"accept Meta's terms at https://huggingface.co/{source}, log in with 'hf auth login' and "
        f"{look.fetch}; or name a folder that holds config.json and model.safetensors in "
        f"{config.IMAGE_ENCODER_VARIABLE}",
    )


def _is_logged_in(around: Surroundings) -> bool:
    """Whether the hub's client would find a token."""
    variables = around.variables
    if variables.get("HF_TOKEN") or variables.get("HUGGING_FACE_HUB_TOKEN"):
        return True
    caches = variables.get("XDG_CACHE_HOME") or str(around.home / ".cache")
    home = variables.get("HF_HOME") or f"{caches}/huggingface"
    return Path(variables.get("HF_TOKEN_PATH") or f"{home}/token").expanduser().is_file()
