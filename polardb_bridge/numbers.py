"""Numbers and flags that people write into variables. Each function raises InvalidInputError for anything else."""

from __future__ import annotations

from datetime import timedelta

from polardb_bridge.errors import InvalidInputError

MAX_RECONCILE_MINUTES = 366 * 24 * 60
MAX_STATEMENT_RECORD_DAYS = 36_500
MAX_HSTS_SECONDS = 10**10 - 1
MAX_COUNT = 10**12
# Python's own is 1000, and what Label Studio does with JSON takes some levels for each of JSON's.
MAX_LEVELS = 300


def flag(text: str) -> bool:
    """`true` or `false`."""
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError:
        raise InvalidInputError(f"{text[:50]!r} is neither true nor false.") from None


def rows(text: str) -> int:
    return _count(text, "rows", MAX_COUNT)


def characters(text: str) -> int:
    return _count(text, "characters", MAX_COUNT)


def columns(text: str) -> int:
    return _count(text, "columns", MAX_COUNT)


def filters(text: str) -> int:
    return _count(text, "filters", MAX_COUNT)


def levels(text: str) -> int:
    return _count(text, "levels", MAX_LEVELS)


def _count(text: str, what: str, most: int) -> int:
    number = _whole_number(text, most)
    if not number:
        raise InvalidInputError(f"{text[:50]!r} is not a number of {what} from 1 to {most}.")
    return number


def seconds(text: str) -> int:
    number = _whole_number(text, MAX_HSTS_SECONDS)
    if number is None:
        raise InvalidInputError(f"{text[:50]!r} is not a number of seconds.")
    return number


def days(text: str) -> timedelta | None:
    """None for 0."""
    number = _whole_number(text, MAX_STATEMENT_RECORD_DAYS)
    if number is None:
        raise InvalidInputError(
            f"{text[:50]!r} is not a number of days from 0 to {MAX_STATEMENT_RECORD_DAYS} (0: for ever)."
        )
    return timedelta(days=number) if number else None


def minutes(text: str) -> timedelta | None:
    """None for 0."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= MAX_RECONCILE_MINUTES:
        raise InvalidInputError(
            f"{text[:50]!r} is not a number of minutes from 0 to {MAX_RECONCILE_MINUTES} (0 turns it off)."
        )
    return timedelta(minutes=number) if number else None


def _whole_number(text: str, most: int) -> int | None:
    """From 0 to `most`; None if it is no such number."""
    is_short = text.isascii() and text.isdigit() and len(text) <= len(str(most))
    return int(text) if is_short and int(text) <= most else None
