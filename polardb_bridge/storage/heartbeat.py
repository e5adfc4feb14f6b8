"""Signs of life that a process gives in Label Studio's database, whatever its work waits for meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connection


@contextmanager
def heartbeat(
    beat: Callable[[], object],
    *,
    every_s: float,
    name: str,
    failed: Callable[[DatabaseError], object],
    end_timeout_s: float = 0.0,
) -> Iterator[None]:
    """Call `beat` every so often in a thread of this name, which has a connection of its own.

    failed: called if the database is away or locked; the next beat tries again. end_timeout_s: how long the end waits
    for a beat that is being given.
    """
    done = threading.Event()

    def run() -> None:
        while not done.wait(every_s):
            try:
                beat()
            except DatabaseError as error:
                failed(error)
                connection.close()
        connection.close()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join(end_timeout_s)
