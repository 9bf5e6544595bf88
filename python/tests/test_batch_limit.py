"""How batches become smaller and larger."""

from crossworld_trellis.batch_limit import BatchLimit


def until_larger(limit: BatchLimit) -> int:
    """How many good batches it takes until larger ones are tried."""
    size, count = limit.size, 0
    while limit.size == size:
        limit.went_well(size)
        count += 1
        assert count < 10_000
    return count


def test_memory_that_ran_out_halves_batches_until_one_is_left() -> None:
    limit = BatchLimit(8)
    sizes: list[int] = []
    for _ in range(5):
        limit.ran_out(limit.size)
        sizes.append(limit.size)
    assert sizes == [4, 2, 1, 1, 1]


def test_what_ran_out_is_what_counts_not_what_was_allowed() -> None:
    limit = BatchLimit(64)
    limit.ran_out(3)
    assert limit.size == 1


def test_batches_grow_again_up_to_what_they_were() -> None:
    limit = BatchLimit(6)
    limit.ran_out(6)
    assert limit.size == 3 and until_larger(limit) == 8 and limit.size == 6
    for _ in range(100):
        limit.went_well(6)
    assert limit.size == 6


def test_smaller_batches_than_allowed_tell_nothing_about_larger_ones() -> None:
    limit = BatchLimit(8)
    limit.ran_out(8)
    for _ in range(100):
        limit.went_well(3)
    assert limit.size == 4


def test_growing_too_early_makes_the_next_wait_longer_but_never_endless() -> None:
    limit = BatchLimit(2)
    waits: list[int] = []
    for _ in range(9):
        limit.ran_out(2)
        waits.append(until_larger(limit))
    assert waits == [8, 16, 32, 64, 128, 256, 256, 256, 256]
