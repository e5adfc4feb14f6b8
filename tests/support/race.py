"""Several calls at the same moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections

from polardb_bridge.errors import (
    BridgeError,
)


def race(*calls: Callable[[], Any]) -> list[Any]:
    """Run the calls at once; what each returned or raised."""
    barrier = threading.Barrier(len(calls))
    outcomes: dict[int, Any] = {}

    def run(number: int, call: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            outcomes[number] = call()
        except BridgeError as error:
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(outcomes.values())
