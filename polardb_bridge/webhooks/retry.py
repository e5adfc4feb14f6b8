"""When a failed delivery is tried again. A pure decision: no clock, no database."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import timedelta

from polardb_bridge.errors import BridgeError, RetryableError

FIRST_DELAY = timedelta(seconds=1)
MAX_DELAY = timedelta(minutes=5)
_DOUBLINGS = 9  # 1 s · 2⁹ is more than 5 min


@dataclass(frozen=True)
class Retry:
    """Try again after `delay`; `needs_person` if waiting alone will not help."""

    delay: timedelta
    needs_person: bool


def next_try(error: BridgeError, failed_attempts: int, jitter: float | None = None) -> Retry:
    """What to do after `error`, the last of `failed_attempts` (1 or more) failures in a row.

    The delay doubles from 1 s to 5 min; a quarter of it is random, so that many processes do not return at once.
    Errors that a person must mend wait the longest delay from the start. Nothing is ever given up.

    jitter: 0 to 1 in place of the random number.
    """
    jitter = random.random() if jitter is None else jitter  # noqa: S311  no secret
    transient = isinstance(error, RetryableError)
    delay = MAX_DELAY
    if transient:
        delay = min(FIRST_DELAY * 2 ** min(failed_attempts - 1, _DOUBLINGS), MAX_DELAY)
    return Retry(delay * (0.75 + 0.25 * jitter), needs_person=not transient)
