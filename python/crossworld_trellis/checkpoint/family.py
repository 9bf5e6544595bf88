"""Families of checkpoints: which roles each has, which class of the original may fill a role, and
which of ours runs it. The tables themselves are in `roles` and `trellis2_roles`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from .arguments import Object, to_config
from .description import ModelDescription
from .error import CheckpointError

# Arguments that flows of only one generation have; their classes have the same names in both.
_TELLING = {
    1: {"patch_size", "io_block_channels", "num_io_res_blocks", "use_skip_connection"},
    2: {"rope_freq", "initialization", "dtype"},
}
_POSITIONS = {"ape": 1, "rope": 2}

_ORDINALS = {1: "first", 2: "second"}


@dataclass(frozen=True)
class Role:
    """One line of a family's table."""

    original: str
    """Class of the original; where `elastic`, its Elastic variant runs just the same."""
    config: type[Any]
    module: Callable[..., nn.Module]
    released: str
    """Where the released checkpoint keeps this model."""
    elastic: bool = True
    dense: bool = False
    ignored: frozenset[str] = frozenset()
    """Tensors that files may have and nothing needs."""

    def classes(self) -> tuple[str, ...]:
        """The names that a model's json may have in this role."""
        return (self.original, f"Elastic{self.original}") if self.elastic else (self.original,)


@dataclass(frozen=True, kw_only=True)
class Family:
    """A generation of the model."""

    pipeline: str
    """The name in `pipeline.json`."""
    generation: int
    official: str
    """Repository of the released checkpoint."""
    roles: Mapping[str, Role]
    """Every role that this package runs, by its name in `pipeline.json`."""

    def model_config(self, role: str, model: ModelDescription, *, path: str, where: str) -> Any:
        """The config of the model in a role.

        `path` is how `pipeline.json` names the model, `where` the file of its json. Raises
        `CheckpointError` when the model is of a class or generation that cannot fill the role, or
        its arguments are not ones that we run.
        """
        expected = self.roles[role]
        if model.name not in expected.classes():
            raise CheckpointError(self._wrong_class(role, model, path))
        found = _generation(model) or self.generation
        if found != self.generation:
            raise CheckpointError(
                f"{role} is set to {path:.120}, which belongs to the {_ORDINALS[found]} generation "
                f"of the model; this checkpoint is of the {_ORDINALS[self.generation]}: "
                f"{self._remedy(role)} ({where})"
            )
        return to_config(expected.config, model.arguments, where=f"{role} ({where})")

    def build(self, role: str, config: Any, *, dtype: torch.dtype) -> nn.Module:
        """The module of a role without weights, on the meta device.

        Raises `CheckpointError` when no such network can be.
        """
        try:
            with torch.device("meta"):
                return self.roles[role].module(config, dtype=dtype)
        except (ValueError, ArithmeticError, RuntimeError) as error:
            raise CheckpointError(f"the arguments of {role} make no network: {error}") from error

    def _wrong_class(self, role: str, model: ModelDescription, path: str) -> str:
        message = (
            f"{role} is set to {path:.120}, which holds a {model.name:.60}{self._nature(model)}; "
            f"this role needs {' or '.join(self.roles[role].classes())}: {self._remedy(role)}"
        )
        if any(model.name in other.classes() for other in self.roles.values()):
            message += (
                '; the "Repository Not Found" message that this edit works around hides a '
                "different error"
            )
        return message

    def _remedy(self, role: str) -> str:
        released = self.roles[role].released
        # One model of the second generation lies in the repository of the first.
        full = released if released.count("/") > 1 else f"{self.official}/{released}"
        beside = f' ("{full}" where that file is not beside it)' if full != released else ""
        return f'restore "{released}" in pipeline.json{beside}'

    def _nature(self, model: ModelDescription) -> str:
        """What the class is like, where it is one we know: ` (dense, 16^3)`."""
        for role in self.roles.values():
            if model.name in role.classes():
                size = model.arguments.get("resolution")
                grid = f", {size}^3" if isinstance(size, int) else ""
                return f" ({'dense' if role.dense else 'sparse'}{grid})"
        return ""


def _generation(model: ModelDescription) -> int | None:
    """The generation that a flow's arguments tell of, if they do."""
    if not model.name.endswith("FlowModel"):
        return None
    return _POSITIONS.get(_position_mode(model.arguments)) or next(
        (number for number, names in _TELLING.items() if names & model.arguments.keys()), None
    )


def _position_mode(arguments: Object) -> str:
    mode: object = arguments.get("pe_mode")
    return mode if isinstance(mode, str) else ""
