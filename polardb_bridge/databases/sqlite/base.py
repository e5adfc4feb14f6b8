"""Waiting for SQLite's write lock in short steps.

SQLite has no queue of writers: each tries again after pauses of up to 100 ms, and hardly ever meets the few
milliseconds between two transactions of a process that writes all the time. While a sync ran, every request of Label
Studio that saves something, as nearly all do, took seconds.

And filters by regular expressions (Data Manager) that end: those of Python hold the interpreter with all its threads.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.db.backends.sqlite3 import base

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.name_filter import compile_in_linear_time

# Longer than any transaction of ours.
WAIT_TIMEOUT_S = 20.0
STEP_INTERVAL_S = 0.002


class DatabaseWrapper(base.DatabaseWrapper):
    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        connection.execute("PRAGMA busy_timeout = 0")
        connection.create_function("REGEXP", 2, _regexp, deterministic=True)
        return connection

    def create_cursor(self, name: str | None = None) -> _Cursor:
        cursor: _Cursor = self.connection.cursor(factory=_Cursor)
        return cursor


def _regexp(pattern: str | None, value: object) -> bool | None:
    """What SQLite's REGEXP says, as Django has it; a pattern that takes unbounded time matches nothing."""
    if pattern is None or value is None:
        return None
    matcher = _matcher(pattern)
    return matcher is not None and matcher.search(str(value)) is not None


@lru_cache(maxsize=100)
def _matcher(pattern: str) -> Any:
    try:
        return compile_in_linear_time(pattern)
    except InvalidInputError:
        return None


class _Cursor(base.SQLiteCursorWrapper):
    def execute(self, query: str, params: Any = None) -> Any:
        return self._in_turn(lambda: super(_Cursor, self).execute(query, params))

    def executemany(self, query: str, param_list: Any) -> Any:
        parameters = list(param_list)
        return self._in_turn(lambda: super(_Cursor, self).executemany(query, parameters))

    def _in_turn(self, statement: Callable[[], Any]) -> Any:
        give_up = time.monotonic() + WAIT_TIMEOUT_S
        while True:
            try:
                return statement()
            except sqlite3.OperationalError as error:
                # Inside a transaction, the lock is ours already: waiting would not help.
                if "locked" not in str(error) or self.connection.in_transaction or time.monotonic() > give_up:
                    raise
            time.sleep(STEP_INTERVAL_S)
