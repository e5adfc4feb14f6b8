from __future__ import annotations

from datetime import timedelta

import pytest

from polardb_bridge.errors import (
    BridgeError,
    InvalidInputError,
    LoginRefusedError,
    ReconfigureError,
    RetryableError,
    ServerDownError,
)
from polardb_bridge.webhooks.retry import MAX_DELAY, MAX_ROW_DELAY, Retry, next_try, row_delay

DOWN = RetryableError("down")


def seconds(attempts: int, jitter: float = 1.0, error: BridgeError = DOWN) -> float:
    return next_try(error, attempts, jitter).delay.total_seconds()


def test_attempts_come_every_few_seconds_and_slower_only_after_many() -> None:
    assert [seconds(attempts) for attempts in (1, 2, 3, 4, 150, 300, 900, 10**9)] == [1, 2, 5, 5, 5, 10, 30, 30]


def test_it_never_gives_up() -> None:
    assert next_try(DOWN, 10**9, 1.0) == Retry(MAX_DELAY, needs_person=False)


def test_part_of_it_is_random() -> None:
    assert (seconds(1, jitter=0.0), seconds(3, jitter=0.0), seconds(3, jitter=0.5)) == (0.75, 3, 4)
    delays = {next_try(DOWN, 3).delay for _ in range(50)}
    assert len(delays) > 10
    assert all(timedelta(seconds=3) <= delay <= timedelta(seconds=5) for delay in delays)


@pytest.mark.parametrize("error", [ReconfigureError("no table"), InvalidInputError("no host")])
def test_what_a_person_must_mend_is_tried_as_often(error: BridgeError) -> None:
    assert next_try(error, 1, 1.0) == Retry(timedelta(seconds=1), needs_person=True)
    assert seconds(5, error=error) == 5


def test_a_server_that_is_down_needs_no_person() -> None:
    assert not next_try(ServerDownError("down"), 1).needs_person


def test_a_wrong_password_does_not_lock_the_account() -> None:
    refused = LoginRefusedError("wrong")
    assert [seconds(1, jitter, refused) for jitter in (0.0, 1.0)] == [20, 30]
    assert next_try(refused, 1).needs_person


def test_rows_wait_by_what_is_wrong_with_them() -> None:
    attempts = (1, 2, 3, 4, 5, 9, 10**9)
    assert [row_delay(n, is_locked=False).total_seconds() for n in attempts] == [5, 10, 20, 30, 60, 300, 300]
    assert [row_delay(n, is_locked=True).total_seconds() for n in attempts] == [1, 2, 4, 5, 5, 5, 5]
    assert row_delay(10**9, is_locked=False) == MAX_ROW_DELAY
