from __future__ import annotations

from datetime import timedelta

import pytest

from polardb_bridge.errors import BridgeError, InvalidInputError, ReconfigureError, RetryableError
from polardb_bridge.webhooks.retry import MAX_DELAY, Retry, next_try

DOWN = RetryableError("down")


def seconds(attempts: int, jitter: float = 1.0) -> float:
    return next_try(DOWN, attempts, jitter).delay.total_seconds()


def test_the_delay_doubles_from_a_second_to_five_minutes() -> None:
    assert [seconds(attempts) for attempts in range(1, 12)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_it_never_gives_up() -> None:
    assert next_try(DOWN, 10**9, 1.0) == Retry(MAX_DELAY, needs_person=False)


def test_up_to_a_quarter_is_random() -> None:
    assert seconds(3, jitter=0.0) == 3
    assert seconds(3, jitter=0.5) == 3.5
    delays = {next_try(DOWN, 3).delay for _ in range(50)}
    assert len(delays) > 10
    assert all(timedelta(seconds=3) <= delay <= timedelta(seconds=4) for delay in delays)


@pytest.mark.parametrize("error", [ReconfigureError("no table"), InvalidInputError("no host")])
def test_what_a_person_must_mend_waits_longest_from_the_start(error: BridgeError) -> None:
    assert next_try(error, 1, 1.0) == Retry(MAX_DELAY, needs_person=True)
