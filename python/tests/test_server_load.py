"""Many clients at once against a real server process: the small form of `server_load`."""

import os

from server_load import server

FULL = os.environ.get("TRELLIS_LOAD_TEST") == "full"
"""A thousand requests of 50 clients, which takes some minutes, in place of a few."""


def test_of_many_requests_none_is_lost_none_is_answered_twice_and_the_full_queue_says_so() -> None:
    requests, clients, waiting = (1000, 50, 32) if FULL else (48, 12, 6)
    with server(f"--waiting={waiting}") as load:
        account = load.run(requests, clients)
    account.check()
    # There are more clients than places.
    assert account.refused > 0
    assert 1.5 < account.batch_size <= 4, account.describe()
    if FULL:
        growth = account.growth()
        assert growth is None or growth <= 1.1, account.describe()
