"""JSON files of a checkpoint as typed, frozen values.

A config dataclass is filled by its fields: their names are the JSON's keys (or the entry `json` of
a field's metadata, where a key is no name in Python), their types are checked (whole numbers are at
least 1, or what the entry `least` says), and a key that no field has is an error, because ignoring
an argument would run another network. Nothing is evaluated: numbers, texts, lists and objects are
all there can be.
"""

import dataclasses
import json
import math
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from ..content import explain_content
from .error import CheckpointError

Config = TypeVar("Config")

Object = dict[str, Any]
"""A JSON object."""

MAX_JSON_BYTES = 1 << 20
"""Most bytes of a JSON file; those of released models have a few hundred."""

# No network has larger sizes or more layers; a file that asks for them would only hang the program.
_MAX_SIZE = 1 << 20
_MAX_COUNT = 1024

# Arguments that matter in training only.
_IGNORED = frozenset({"use_checkpoint"})


def read_object(path: Path) -> Object:
    """The object in a JSON file.

    Raises `CheckpointError` when the file cannot be read, is no JSON, holds NaN or infinite
    numbers, or anything but an object.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_JSON_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"cannot read the file: {error.strerror} ({path})") from error
    if len(data) > MAX_JSON_BYTES:
        raise CheckpointError(f"this is too large for a model's description ({path})")
    try:
        value: object = json.loads(data, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        cause = f"is {what}" if (what := explain_content(path)) else f"is no valid JSON: {error}"
        raise CheckpointError(f"the file {cause} ({path})") from error
    if not isinstance(value, dict):
        raise CheckpointError(f"the file holds {_shown(value)} where an object should be ({path})")
    return cast(Object, value)


def to_config(kind: type[Config], arguments: Object, *, where: str) -> Config:
    """A config dataclass from its JSON arguments; `where` names them in messages.

    Raises `CheckpointError` for arguments that are unknown, missing, of another type or, as the
    dataclass itself says, not possible.
    """
    hints = get_type_hints(kind)
    fields = {_key(field): field for field in dataclasses.fields(cast(Any, kind))}
    unknown = sorted(arguments.keys() - fields.keys() - _IGNORED)
    if unknown:
        raise CheckpointError(f"unknown arguments {_names(unknown)} in {where}")
    values: dict[str, object] = {}
    for key, field in fields.items():
        if key in arguments:
            least: int = field.metadata.get("least", 1)
            values[field.name] = _value(
                hints[field.name], arguments[key], key=key, where=where, least=least
            )
        elif not _has_default(field):
            raise CheckpointError(f"the argument '{key}' is missing in {where}")
    try:
        return kind(**values)
    except ValueError as error:
        raise CheckpointError(f"{error} in {where}") from error


def text(parent: Object, key: str, *, where: str) -> str:
    """A text that an object must have."""
    return _value(str, _entry(parent, key, where), key=key, where=where)


def numbers(parent: Object, key: str, *, where: str) -> tuple[float, ...]:
    """A list of numbers that an object must have."""
    return _value(tuple[float, ...], _entry(parent, key, where), key=key, where=where)


def member(parent: Object, key: str, *, where: str) -> Object:
    """An object that an object must have."""
    return _value(dict[str, Any], _entry(parent, key, where), key=key, where=where)


def _entry(parent: Object, key: str, where: str) -> object:
    if key not in parent:
        raise CheckpointError(f"'{key}' is missing in {where}")
    return parent[key]


def _key(field: "dataclasses.Field[Any]") -> str:
    return field.metadata.get("json", field.name)


def _has_default(field: "dataclasses.Field[Any]") -> bool:
    missing = dataclasses.MISSING
    return field.default is not missing or field.default_factory is not missing


def _value(kind: Any, value: Any, *, key: str, where: str, least: int = 1) -> Any:
    """The value in the type of its field, or `CheckpointError`."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in {Union, types.UnionType}:  # only `X | None` occurs
        other = next(part for part in inner if part is not type(None))
        return None if value is None else _value(other, value, key=key, where=where, least=least)
    if origin is tuple and isinstance(value, list):
        entries = cast(list[object], value)
        open_ended = inner[-1] is Ellipsis
        if open_ended or len(entries) == len(inner):
            kinds = [inner[0]] * len(entries) if open_ended else inner
            pairs = zip(kinds, entries, strict=True)
            return tuple(_value(p, entry, key=key, where=where, least=least) for p, entry in pairs)
    if origin in {dict, Mapping} and isinstance(value, dict):
        entries = cast(dict[str, object], value)
        return {name: _value(inner[1], e, key=name, where=where) for name, e in entries.items()}
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return to_config(cast(Any, kind), cast(Object, value), where=f"{key} of {where}")
    if kind is float and _is_plain(kind, value, key, least):
        return float(cast(float, value))
    if kind is Any or (origin is Literal and value in inner) or _is_plain(kind, value, key, least):
        return cast(Any, value)
    shown = _shown(cast(object, value))
    raise CheckpointError(f"'{key}' should be {_wanted(kind, key, least)}, got {shown} in {where}")


def _is_plain(kind: Any, value: Any, key: str, least: int) -> bool:
    """Whether a value is a text, a truth value, or a number within sane bounds."""
    if kind is int:
        return type(value) is int and least <= value <= _most(key)
    if kind is float:
        return type(value) in {int, float} and abs(value) <= 1e9
    if kind is str:
        return isinstance(value, str) and value.isprintable()
    return kind is bool and isinstance(value, bool)


def _most(key: str) -> int:
    return _MAX_COUNT if key.startswith("num_") else _MAX_SIZE


def _wanted(kind: Any, key: str, least: int) -> str:
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        count = "" if inner[-1] is Ellipsis else f"{len(inner)} "
        return f"a list of {count}entries"
    if get_origin(kind) is Literal:
        return f"one of {_names(map(str, get_args(kind)))}"
    plain = {
        int: f"a whole number from {least} to {_most(key)}",
        float: "a number",
        bool: "true or false",
    }
    return {**plain, str: "a text on one line"}.get(kind, "an object")


def _shown(value: object) -> str:
    """A value as JSON on one line, cut to a readable length."""
    shown = json.dumps(value)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"


def _names(names: Iterable[str]) -> str:
    return ", ".join(repr(name[:60]) for name in names)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no number")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"{number:.20} is too large a number")
    return value
