"""How long work at a database may take by the clock on the wall, and how much may come of it.

The client library's time-outs begin anew with every byte that arrives: a server that drips holds a thread for ever.
And it keeps all that a server sends, however little was asked for. Here one thread per process looks at all
connections that are at work, and shuts down the sockets of those whose time is up, or that bring too much; whoever
waits for one finds it lost.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

_TICK_INTERVAL_S = 0.05
# https://github.com/torvalds/linux/blob/master/include/uapi/linux/tcp.h, struct tcp_info: tcpi_bytes_received.
_BYTES_RECEIVED = struct.Struct("=128xQ")
# What a statement brings at most: a row of a few hundred MB, as the server has it and as text.
MAX_BYTES = 1024 * 1024 * 1024
# Of threads that wait for an answer which nobody waits for any more, about one name.
_MAX_ABANDONED = 4

_Answer = TypeVar("_Answer")


class TimeIsUpError(Exception):
    """Work at a database takes longer than it may."""


class TimeLimit:
    """The work of one thread, and of those that it starts, on one or more connections.

    seconds: from now on. max_bytes: that may arrive within that time; on Linux only.
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self.seconds = seconds
        self.max_bytes = max_bytes
        self._until = time.monotonic() + seconds
        # Of each connection a socket of our own: mysqlclient lets no other thread touch what it waits with.
        self._sockets: dict[Any, socket.socket] = {}
        self._received_before = 0
        self.is_up = False
        self.is_too_much = False

    @property
    def remaining(self) -> float:
        """Seconds."""
        return self._until - time.monotonic()

    def restart(self, seconds: float | None = None) -> None:
        """Count anew, from now on: something has come of the work."""
        self._until = time.monotonic() + (self.seconds if seconds is None else seconds)
        self._received_before = self._received()

    def watch(self, connection: Any) -> None:
        """From now on, `connection` of mysqlclient is lost when the time is up.

        Raises:
            TimeIsUpError: it is up.
        """
        if self.is_up:
            raise TimeIsUpError
        if connection not in self._sockets:
            own = socket.socket(fileno=os.dup(connection.fileno()))
            # What it has received for others does not count.
            self._received_before += _bytes_received(own)
            self._sockets[connection] = own

    def leave(self, connection: Any) -> None:
        """The work with `connection` is done."""
        own = self._sockets.pop(connection, None)
        if own is not None:
            self._received_before -= _bytes_received(own)
            own.close()

    def end(self) -> None:
        """All work is done."""
        for connection in list(self._sockets):
            self.leave(connection)

    def look(self) -> None:
        """End what takes too long, or brings too much."""
        if not self.is_up:
            self.is_too_much = self._received() - self._received_before > self.max_bytes
            self.is_up = self.is_too_much or self.remaining <= 0
        if not self.is_up:
            return
        for own in list(self._sockets.values()):
            with contextlib.suppress(OSError):
                own.shutdown(socket.SHUT_RDWR)  # not `close`, which would free what another thread reads into

    def _received(self) -> int:
        return sum(map(_bytes_received, list(self._sockets.values())))


def _bytes_received(own: socket.socket) -> int:
    try:
        found: int = _BYTES_RECEIVED.unpack_from(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256))[0]
    except (OSError, AttributeError, struct.error):
        return 0  # not Linux, or no TCP
    return found


class _Watchman:
    """The thread that looks; it sleeps while there is nothing to look at."""

    def __init__(self) -> None:
        self.limits: set[TimeLimit] = set()
        self._something = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, limit: TimeLimit) -> None:
        self.limits.add(limit)
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, name="polardb-time-limits", daemon=True)
            self._thread.start()
        if not self._something.is_set():
            self._something.set()

    def _look(self) -> None:
        while True:
            self._something.wait()
            time.sleep(_TICK_INTERVAL_S)
            limits = list(self.limits)
            if not limits:
                self._something.clear()
                if self.limits:  # one came in between
                    self._something.set()
            for limit in limits:
                limit.look()


_watchman = _Watchman()


def end_all_work() -> None:
    """Let the time of all work in this process be up: somebody has interrupted it."""
    for limit in list(_watchman.limits):
        limit.restart(0)


_current: ContextVar[TimeLimit | None] = ContextVar("time_limit", default=None)


def _begin_anew() -> None:
    global _watchman, _abandoned_lock
    _watchman, _abandoned_lock = _Watchman(), threading.Lock()
    _abandoned.clear()


os.register_at_fork(after_in_child=_begin_anew)


def current() -> TimeLimit | None:
    """That of the work of this thread, if it has one."""
    return _current.get()


def watch(connection: Any) -> None:
    """From now on, `connection` counts as at work for this thread's limit, if it has one.

    Raises:
        TimeIsUpError: the time is up.
    """
    limit = current()
    if limit is not None:
        limit.watch(connection)


def leave(connection: Any) -> None:
    """This thread's work with `connection` is done."""
    limit = current()
    if limit is not None:
        limit.leave(connection)


def seconds_left(otherwise: float) -> float:
    """What is left of this thread's limit, but no more than `otherwise`."""
    limit = current()
    return otherwise if limit is None else max(0.0, min(otherwise, limit.remaining))


def count_anew() -> None:
    """Something has come of this thread's work: its limit counts from now on."""
    limit = current()
    if limit is not None:
        limit.restart()


@contextlib.contextmanager
def time_limit(seconds: float, max_bytes: int = MAX_BYTES) -> Iterator[TimeLimit]:
    """Let the work within take so long and no longer; within another limit, that one stays the limit.

    max_bytes: as much as may arrive meanwhile.
    """
    outer = _current.get()
    if outer is not None:
        yield outer
        return
    limit = TimeLimit(seconds, max_bytes)
    _current.set(limit)
    _watchman.add(limit)
    try:
        yield limit
    finally:
        _watchman.limits.discard(limit)
        limit.end()
        _current.set(None)  # no `reset`: a generator may be closed by another thread than it ran in


def adopt(limit: TimeLimit | None) -> None:
    """Let what this thread does from now on count as the work of another one."""
    _current.set(limit)


_abandoned: Counter[str] = Counter()
_abandoned_lock = threading.Lock()


def call_in_time(
    name: str, call: Callable[[], _Answer], seconds: float, *, too_late: Callable[[_Answer], object] = lambda _: None
) -> _Answer:
    """What `call` returns, within so many seconds and the limit of this thread's work.

    For what has no socket yet that could be shut down, as connecting and looking up a name: whoever waits turns away,
    and the thread that does it is left to end by itself.

    name: of what is asked, such as `host:port`; few such threads may be left for it. too_late: what to do with an
    answer that nobody waits for any more.

    Raises:
        TimeIsUpError: there was no answer within that time, or too many wait for one already.
    """
    seconds = seconds_left(seconds)
    if _abandoned[name] >= _MAX_ABANDONED or seconds <= 0:
        raise TimeIsUpError
    attempt = _Attempt(name, call, too_late)
    threading.Thread(target=attempt.run, name=f"polardb-attempt-{name}", daemon=True).start()
    return attempt.answer(seconds)


class _Attempt(Generic[_Answer]):
    def __init__(self, name: str, call: Callable[[], _Answer], too_late: Callable[[_Answer], object]) -> None:
        self._name, self._call, self._too_late = name, call, too_late
        self._ended = threading.Event()
        self._is_abandoned = False
        self._answers: list[_Answer] = []
        self._error: BaseException | None = None

    def run(self) -> None:
        try:
            self._answers.append(self._call())
        except BaseException as error:  # noqa: BLE001  raised again where it is waited for
            self._error = error
        with _abandoned_lock:
            self._ended.set()
            if self._is_abandoned:
                _abandoned[self._name] -= 1
        if self._is_abandoned:
            for answer in self._answers:
                self._too_late(answer)

    def answer(self, seconds: float) -> _Answer:
        if not self._ended.wait(seconds):
            with _abandoned_lock:
                if not self._ended.is_set():
                    self._is_abandoned = True
                    _abandoned[self._name] += 1
                    raise TimeIsUpError
        if self._error is not None:
            raise self._error
        return self._answers[0]
