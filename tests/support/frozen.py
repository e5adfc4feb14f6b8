"""Stopping a process where it holds up nobody else."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any


@contextmanager
def frozen_between_transactions(process: subprocess.Popen[Any]) -> Iterator[None]:
    """Have `process` stand still meanwhile, while it does not write Label Studio's database, which is on SQLite.

    One that stood still in the middle of a transaction would keep everybody else from writing.
    """
    for _ in range(500):
        process.send_signal(signal.SIGSTOP)
        if _is_writable():
            break
        process.send_signal(signal.SIGCONT)
        time.sleep(0.01)
    else:
        raise AssertionError("the process was writing whenever it was looked at")
    try:
        yield
    finally:
        process.send_signal(signal.SIGCONT)


def _is_writable() -> bool:
    from django.db import connection

    name = connection.settings_dict["NAME"]
    with closing(sqlite3.connect(name, timeout=0, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        database.execute("ROLLBACK")
    return True
