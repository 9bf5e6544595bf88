"""What `bench` says about the work that it times."""

import torch
from torch import Tensor

from crossworld_trellis.commands.bench import _flow_operations as flow_operations  # pyright: ignore
from crossworld_trellis.commands.bench_work import operations
from crossworld_trellis.sampler import SamplerSettings


def test_a_product_counts_two_operations_for_each_pair_of_numbers() -> None:
    left, right = torch.ones(3, 5), torch.ones(5, 7)
    assert operations(lambda: left @ right) == 2 * 3 * 5 * 7


def test_guided_steps_count_as_often_as_they_run() -> None:
    weight = torch.ones(4, 4)

    def field(state: Tensor, step: int, *, pictures: slice, guided: bool) -> Tensor:
        return torch.stack([state @ weight for _ in range(1 + guided)])

    state, each = torch.ones(2, 4), 2 * 2 * 4 * 4
    every = SamplerSettings(steps=10, cfg_strength=2.0, cfg_interval=(0.55, 1.0))
    assert flow_operations(field, state, every) == (5 * 2 + 5) * each
    some = every.override(forecast=3)
    # Steps 0, 1, 2 guided, then the 5th, the 8th and the last one, which are not.
    assert flow_operations(field, state, some) == (3 * 2 + 3) * each
