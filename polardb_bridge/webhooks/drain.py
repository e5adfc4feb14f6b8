"""A thread of the serving process that delivers what is due.

It starts with the WSGI application. Several processes may run one each: claims keep them apart.
"""

from __future__ import annotations

import logging
import os
import threading

from django.db import close_old_connections

from polardb_bridge.webhooks.delivery import deliver_due

logger = logging.getLogger(__name__)

# How long a mark of another process, or one that waits for a retry, can go unnoticed.
POLL_S = 1.0

_wake = threading.Event()
_thread: threading.Thread | None = None


def start() -> None:
    """Start the thread of this process, if it does not run yet."""
    global _thread
    if _thread is None or not _thread.is_alive():
        _thread = threading.Thread(target=_run, name="polardb-writeback", daemon=True)
        _thread.start()


def wake() -> None:
    """Deliver at once; without a thread in this process, the next poll of a serving process does it."""
    _wake.set()


def _after_fork() -> None:
    # A server that forks after it has loaded the application leaves the thread behind in the parent.
    global _wake, _thread
    _wake = threading.Event()
    if _thread is not None:
        _thread = None
        start()


os.register_at_fork(after_in_child=_after_fork)


def _run() -> None:
    while True:
        _wake.wait(POLL_S)
        _wake.clear()
        close_old_connections()
        try:
            deliver_due()
        except Exception:
            # Label Studio's own database is away, or a bug: marks stay, the next round tries again.
            logger.exception("Write-back round failed")
        finally:
            close_old_connections()
