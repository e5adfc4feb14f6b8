"""When what failed is tried again. Pure decisions: no clock, no database."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from polardb_bridge.errors import BridgeError, LoginRefusedError, RetryableError

MAX_DELAY = timedelta(seconds=30)
_FIRST_DELAYS_S = (1.0, 2.0)
_USUAL_DELAY_S = 5.0
# Some ten minutes of attempts; from there on the delay grows with them.
_USUAL_ATTEMPTS = 150

# A row that the table refuses, by how often it did; and one that others have locked.
_REFUSED_DELAYS_S = (5, 10, 20, 30, 60, 120, 300)
_LOCKED_DELAYS_S = (1, 2, 4, 5)
MAX_ROW_DELAY = timedelta(seconds=_REFUSED_DELAYS_S[-1])


@dataclass(frozen=True)
class Retry:
    """Try again after `delay`; `needs_person` if waiting alone will not help."""

    delay: timedelta
    needs_person: bool


def next_try(error: BridgeError, failed_attempts: int, jitter: float | None = None) -> Retry:
    """What to do after `error`, the last of `failed_attempts` (1 or more) failures in a row.

    1 s, 2 s, then 3 to 5 s for some ten minutes, then slowly up to 30 s: whatever was wrong may be mended at any
    moment. A refused login waits 20 to 30 s from the start: servers lock accounts after too many. The part that is
    random keeps many processes from returning at once. Nothing is ever given up.

    jitter: 0 to 1 in place of the random number.
    """
    jitter = random.random() if jitter is None else jitter  # noqa: S311  no secret
    longest = MAX_DELAY.total_seconds()
    if isinstance(error, LoginRefusedError):
        seconds = longest * (2 + jitter) / 3
    elif failed_attempts <= len(_FIRST_DELAYS_S):
        seconds = _FIRST_DELAYS_S[failed_attempts - 1] * (0.75 + 0.25 * jitter)
    else:
        seconds = min(longest, _USUAL_DELAY_S * max(1, failed_attempts / _USUAL_ATTEMPTS)) * (0.6 + 0.4 * jitter)
    return Retry(timedelta(seconds=seconds), needs_person=not isinstance(error, RetryableError))


def row_delay(attempts: int, *, is_locked: bool) -> timedelta:
    """How long a row waits that could not be written `attempts` times (1 or more) in a row."""
    delays = _LOCKED_DELAYS_S if is_locked else _REFUSED_DELAYS_S
    return timedelta(seconds=delays[min(attempts, len(delays)) - 1])
