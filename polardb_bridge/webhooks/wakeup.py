"""Telling this process's background thread that there is something to deliver, without knowing that thread."""

from __future__ import annotations

from collections.abc import Callable

_wake: Callable[[], None] | None = None


def call_on_wakeup(wake: Callable[[], None]) -> None:
    """Have `wake` called whenever something is to be delivered; it must return at once."""
    global _wake
    _wake = wake


def wake() -> None:
    """Deliver at once; in a process without a background thread, the next poll of a serving process does it."""
    if _wake is not None:
        _wake()
