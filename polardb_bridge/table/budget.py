"""One budget of connections for each account of a server in this process, whatever the connections are for.

Servers count the connections of an account (`max_user_connections`), and those of all (`max_connections`). So pictures,
syncs and write-back share a budget: write-back goes first, whoever reads leaves half of it to others, and what nobody
uses is closed soon. A server that takes no more is answered by using fewer.
"""

from __future__ import annotations

import itertools
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import MySQLdb
from sqlalchemy import exc
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from polardb_bridge.table.time_limit import TimeIsUpError, seconds_left, watch

MAX_CONNECTIONS = 32
# Other processes use the same account: to connect again takes some milliseconds, to wait for us seconds.
IDLE_TIMEOUT_S = 5.0
_LOOK_INTERVAL_S = 1.0
# How long a refusal is remembered: by how many we may have, and by leaving none idle.
_REFUSAL_LASTS_S = 60.0
_RESTRAINT_LASTS_S = 5.0
_RETRY_INTERVAL_S = 0.1
# max_connections of the server, max_user_connections of all accounts, max_user_connections of this one.
_TOO_MANY = {1040, 1203, 1226}
# 1226 is also said of what an account may do in an hour.
_PER_HOUR = "per_hour"
# For `connection.info`: close it when it comes back.
DISCARD = "polardb_bridge_discard"


@dataclass
class _Idle:
    record: ConnectionPoolEntry
    pool: BudgetedPool
    since: float = field(default_factory=time.monotonic)


class Budget:
    """The connections of one account that this process has open: in use, or idle for `IDLE_TIMEOUT_S` at most."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets = itertools.count()
        self._waiting: list[tuple[bool, int]] = []
        self._in_use = {True: 0, False: 0}  # by whether they write
        self._idle: list[_Idle] = []
        self._allowed = MAX_CONNECTIONS
        self._refused_at = float("-inf")
        self._limit_after_refusal = MAX_CONNECTIONS
        self._asked_at = float("-inf")
        self._is_watched = False

    def take(self, pool: BudgetedPool) -> ConnectionPoolEntry:
        """A connection of `pool`, idle or new.

        Raises:
            sqlalchemy.exc.TimeoutError: all that we may have were in use for too long.
        """
        give_up = time.monotonic() + seconds_left(pool.patience_s)
        found, evicted = self._wait_for_turn(pool, give_up)
        try:
            if evicted is not None:
                evicted.record.close()
            if found is not None:
                if pool.is_alive(found.record):
                    return found.record
                found.record.close()
            return self._connect(pool, give_up)
        except BaseException:
            self._release(pool)
            raise

    def _wait_for_turn(self, pool: BudgetedPool, give_up: float) -> tuple[_Idle | None, _Idle | None]:
        """One of the pool's idle connections, if there is one; and one of another pool to close in favour of ours."""
        with self._changed:
            ticket = (not pool.is_writer, next(self._tickets))
            self._waiting.append(ticket)
            try:
                while not self._may_go(ticket, pool):
                    if not self._changed.wait(max(0.0, give_up - time.monotonic())):
                        raise exc.TimeoutError
            finally:
                self._waiting.remove(ticket)
                self._changed.notify_all()
            self._in_use[pool.is_writer] += 1
            ours = [idle for idle in self._idle if idle.pool is pool]
            if ours:
                self._idle.remove(ours[-1])
                return ours[-1], None
            is_full = sum(self._in_use.values()) + len(self._idle) > self._limit
            return None, self._idle.pop(0) if is_full and self._idle else None

    def _may_go(self, ticket: tuple[bool, int], pool: BudgetedPool) -> bool:
        if ticket != min(self._waiting) or sum(self._in_use.values()) >= self._limit:
            return False
        return pool.is_writer or self._in_use[False] < max(1, self._limit // 2)

    @property
    def _limit(self) -> int:
        is_remembered = time.monotonic() < self._refused_at + _REFUSAL_LASTS_S
        return min(self._allowed, self._limit_after_refusal) if is_remembered else self._allowed

    def _connect(self, pool: BudgetedPool, give_up: float) -> ConnectionPoolEntry:
        while True:
            try:
                return pool.new_connection()
            except MySQLdb.Error as error:
                if not _is_refusal(error) or time.monotonic() > give_up:
                    raise
            self._use_fewer()
            # Whoever waits to write asks more often than those who read.
            longer = 1 if pool.is_writer else 3
            time.sleep(_RETRY_INTERVAL_S * longer * random.uniform(0.5, 1.0))  # noqa: S311  no secret

    def _use_fewer(self) -> None:
        with self._changed:
            self._refused_at = time.monotonic()
            self._limit_after_refusal = max(1, sum(self._in_use.values()) - 1)
            closed, self._idle = self._idle, []
        _close(closed)

    def learn(self, ask: Callable[[], int]) -> None:
        """Find out by `ask` now and then how many connections the account may have; 0: as many as it wants."""
        if time.monotonic() < self._asked_at + _REFUSAL_LASTS_S:
            return
        self._asked_at = time.monotonic()
        self._allowed = min(ask() or MAX_CONNECTIONS, MAX_CONNECTIONS)

    def give_back(self, pool: BudgetedPool, record: ConnectionPoolEntry) -> None:
        """What nobody uses any more stays open for a while, if there is room."""
        if record.dbapi_connection is not None:
            is_kept = False
            with self._changed:
                is_restrained = time.monotonic() < self._refused_at + _RESTRAINT_LASTS_S
                # Its own place becomes free, so that it may be the last that there is room for.
                has_room = sum(self._in_use.values()) + len(self._idle) <= self._limit
                if has_room and not is_restrained and not record.info.get(DISCARD) and not pool.is_disposed:
                    self._idle.append(_Idle(record, pool))
                    is_kept = True
                    if not self._is_watched:
                        self._is_watched = True
                        threading.Thread(target=self._watch, name="idle-connections", daemon=True).start()
            if not is_kept:
                record.close()
        self._release(pool)

    def _release(self, pool: BudgetedPool) -> None:
        with self._changed:
            self._in_use[pool.is_writer] -= 1
            self._changed.notify_all()

    def close_idle(self, pool: BudgetedPool) -> None:
        with self._changed:
            closed = [idle for idle in self._idle if idle.pool is pool]
            self._idle = [idle for idle in self._idle if idle.pool is not pool]
        _close(closed)

    def _watch(self) -> None:
        """Close what is idle for too long, until there is none."""
        while True:
            time.sleep(_LOOK_INTERVAL_S)
            oldest = time.monotonic() - IDLE_TIMEOUT_S
            with self._changed:
                closed = [idle for idle in self._idle if idle.since < oldest]
                self._idle = [idle for idle in self._idle if idle.since >= oldest]
                self._is_watched = is_needed = bool(self._idle)
            _close(closed)
            if not is_needed:
                return


def _close(closed: list[_Idle]) -> None:
    for idle in closed:
        idle.record.close()


def _is_refusal(error: Exception) -> bool:
    arguments = getattr(error, "args", ())
    return bool(arguments) and arguments[0] in _TOO_MANY and _PER_HOUR not in str(arguments[1:])


class BudgetedPool(Pool):
    """The connections of one engine; how many it may have is up to the budget of its account.

    is_writer: goes first. patience_s: how long somebody waits for a connection.
    """

    def __init__(self, creator: Any, budget: Budget, is_writer: bool, patience_s: float, **others: Any) -> None:
        super().__init__(creator, **others)
        self.budget = budget
        self.is_writer = is_writer
        self.patience_s = patience_s
        self.is_disposed = False

    def new_connection(self) -> ConnectionPoolEntry:
        return self._create_connection()

    def is_alive(self, record: ConnectionPoolEntry) -> bool:
        try:
            watch(record.dbapi_connection)
            record.dbapi_connection.ping()  # type: ignore[union-attr]
        except (MySQLdb.Error, TimeIsUpError):
            return False
        return True

    def _do_get(self) -> ConnectionPoolEntry:
        return self.budget.take(self)

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        self.budget.give_back(self, record)

    def status(self) -> str:
        return type(self).__name__

    def dispose(self) -> None:
        """Close what is idle; what is in use closes when it comes back."""
        self.is_disposed = True
        self.budget.close_idle(self)

    def recreate(self) -> BudgetedPool:
        return BudgetedPool(
            self._creator,
            self.budget,
            self.is_writer,
            self.patience_s,
            recycle=self._recycle,
            reset_on_return=self._reset_on_return,
            dialect=self._dialect,
            _dispatch=self.dispatch,
        )
