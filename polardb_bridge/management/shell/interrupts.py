"""Ctrl-C while a statement runs."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from polardb_bridge.table.time_limit import end_all_work


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end what runs within, also while it waits for a database of tables that does not answer.

    Such waiting is in the client library, which goes on after a signal; Python raises KeyboardInterrupt when that
    returns. So another thread hears of the signal, and ends the connections.
    """
    heard, told = socket.socketpair()
    told.setblocking(False)
    listener = threading.Thread(target=_listen, args=(heard,), name="polardb-interrupts", daemon=True)
    listener.start()
    before = signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        told.close()
        listener.join()
        heard.close()


def _listen(heard: socket.socket) -> None:
    while number := heard.recv(1):
        if number[0] == signal.SIGINT:
            end_all_work()
