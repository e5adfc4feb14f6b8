"""Listening for clients, with a limit on how many, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable

import uvloop

from polardb_bridge.endpoint import sockets
from polardb_bridge.endpoint.packets import error_payload, framed
from polardb_bridge.endpoint.session import TOO_MANY_CONNECTIONS, Session, Upstream
from polardb_bridge.endpoint.statements import Statements
from polardb_bridge.errors import InvalidInputError

logger = logging.getLogger(__name__)

# From the signal to the end; whoever manages services kills what takes longer than 30 s.
FINISH_TIMEOUT_S = 25.0
_BACKLOG = 512
# Two sockets a session, and some files besides.
_FILES_PER_SESSION, _OTHER_FILES = 2, 200
_NO_FILE_LEFT_PAUSE_S = 0.2


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections.

    Raises:
        InvalidInputError: the port is in use or not allowed, or this machine has no such address.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidInputError(
            f"MySQL clients cannot be served on {host}:{port}: {reason}. Choose another --host or --port."
        ) from None
    listener.setblocking(False)
    return listener


def allow_files(sessions: int) -> None:
    """Have the system let this process open as many sockets as so many sessions need, as far as it does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sessions * _FILES_PER_SESSION + _OTHER_FILES
    limit = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < limit:
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


class Endpoint:
    """Serves one upstream on one listening socket, which it closes in the end.

    statements: runs what is ours; None: everything passes through. max_sessions: a client that comes when there are so
    many is told so and sent away.
    """

    def __init__(
        self, listener: socket.socket, upstream: Upstream, statements: Statements | None = None, *, max_sessions: int
    ) -> None:
        self._listener = listener
        self._statements = statements
        self._upstream = upstream
        self._max_sessions = max_sessions
        self._sessions: dict[Session, asyncio.Task[None]] = {}
        self._stopped = asyncio.Event()

    async def serve(self) -> None:
        """Until `stop`, and then until the sessions have finished what they do."""
        accepting = asyncio.ensure_future(self._accept())
        try:
            await self._stopped.wait()
        finally:
            accepting.cancel()
            self._listener.close()
            await asyncio.wait([accepting])
        await self._finish()

    def stop(self) -> None:
        self._stopped.set()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listener)
            except OSError as error:
                logger.warning("A client could not be let in: %s", error.strerror)
                await asyncio.sleep(_NO_FILE_LEFT_PAUSE_S)  # until a session ends
                continue
            sockets.prepare(client)
            if len(self._sessions) < self._max_sessions:
                self._begin(Session(client, self._upstream, self._statements))
            else:
                _send_away(client)

    def _begin(self, session: Session) -> None:
        task = asyncio.ensure_future(session.run())
        self._sessions[session] = task
        task.add_done_callback(self._end_of(session))

    def _end_of(self, session: Session) -> Callable[[asyncio.Task[None]], None]:
        def end(task: asyncio.Task[None]) -> None:
            del self._sessions[session]
            if not task.cancelled() and (error := task.exception()):
                logger.error("A session ended by a mistake of ours", exc_info=error)

        return end

    async def _finish(self) -> None:
        tasks = list(self._sessions.values())
        finishing = [asyncio.ensure_future(session.finish()) for session in self._sessions]
        if not tasks:
            return
        _, unfinished = await asyncio.wait([*tasks, *finishing], timeout=FINISH_TIMEOUT_S)
        if unfinished:
            logger.warning("%s sessions of MySQL clients are cut off in the middle", len(self._sessions))
        for session in list(self._sessions):
            session.abort()
        for task in unfinished:
            task.cancel()
        await asyncio.gather(*tasks, *finishing, return_exceptions=True)


def _send_away(client: socket.socket) -> None:
    with client, contextlib.suppress(OSError):
        client.send(framed([error_payload(TOO_MANY_CONNECTIONS, "08004", "Too many connections")], 0))


def run(
    listener: socket.socket,
    upstream: Upstream,
    statements: Statements,
    *,
    max_sessions: int,
    announce: Callable[[], None],
) -> None:
    """Serve in this process until SIGTERM or SIGINT; `announce` is called once clients are let in."""

    async def serve() -> None:
        endpoint = Endpoint(listener, upstream, statements, max_sessions=max_sessions)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, endpoint.stop)
        announce()
        await endpoint.serve()

    uvloop.run(serve())
    if not statements.close():
        # Each is all or nothing, or goes on when it is repeated; waiting for its thread could take minutes.
        logger.warning("A statement is cut off in the middle: repeat it")
        os._exit(0)
