"""The full-size networks have exactly the tensors of the released checkpoint; nothing is allocated.

The table in `released_tensors` and the networks are two independent readings of the specification.
"""

import math

import pytest
import released_tensors as released
import torch

from crossworld_trellis.checkpoint.description import ModelDescription
from crossworld_trellis.checkpoint.roles import ROLES, TRELLIS, check_agreement


def config(role: str) -> object:
    model = ModelDescription(name=ROLES[role].original, arguments=released.ARGUMENTS[role])
    return TRELLIS.model_config(role, model, path="ckpts/x", where="x.json")


@pytest.mark.parametrize("role", ROLES)
def test_the_table_adds_up_to_the_totals_of_the_specification(role: str) -> None:
    table = released.tensors(role)
    elements = sum(math.prod(shape) for shape, _ in table.values())
    assert (len(table), elements) == released.TOTALS[role]


@pytest.mark.parametrize("role", ROLES)
def test_a_released_model_has_exactly_the_tensors_of_the_table(role: str) -> None:
    state = TRELLIS.build(role, config(role), dtype=torch.float16).state_dict()
    types = {torch.float16: "h", torch.float32: "f"}
    assert {name: (tuple(t.shape), types[t.dtype]) for name, t in state.items()} == (
        released.tensors(role)
    )
    assert all(t.is_meta for t in state.values())


@pytest.mark.parametrize("role", ROLES)
def test_in_float32_no_tensor_is_half(role: str) -> None:
    state = TRELLIS.build(role, config(role), dtype=torch.float32).state_dict()
    assert {t.dtype for t in state.values()} == {torch.float32}


def test_the_released_models_fit_each_other() -> None:
    check_agreement({role: config(role) for role in ROLES}, latent_channels=8)
