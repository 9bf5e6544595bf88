"""What is kept of the times of a run."""

import torch
from torch import Tensor

from crossworld_trellis.models.schedules import Schedules


def counted(schedules: Schedules[int], times: Tensor, made: list[int]) -> int:
    def make() -> int:
        made.append(len(made))
        return made[-1]

    return schedules.of(times, make)


def test_nothing_is_kept_until_weights_stay() -> None:
    schedules, made = Schedules[int](), list[int]()
    for _ in range(2):
        counted(schedules, torch.tensor([1.0, 0.5]), made)
    assert made == [0, 1]


def test_equal_times_are_made_once_and_the_oldest_go() -> None:
    schedules, made = Schedules[int](), list[int]()
    schedules.keep()
    one = torch.tensor([1.0, 0.5])
    assert counted(schedules, one, made) == counted(schedules, one.clone(), made) == 0
    for count in range(2, 9):
        counted(schedules, torch.linspace(1, 0, count + 1), made)
    assert counted(schedules, one, made) == 0
    counted(schedules, torch.ones(20), made)
    assert counted(schedules, one, made) == 0
    # The least lately used has gone.
    assert counted(schedules, torch.linspace(1, 0, 3), made) == 9
