"""The way in for MySQL clients, served by a thread of the test's own process."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

import uvloop

from polardb_bridge.endpoint.server import Endpoint, listen
from polardb_bridge.endpoint.session import Upstream
from polardb_bridge.endpoint.statements import Statements


@contextlib.contextmanager
def served(upstream: Upstream, statements: Statements | None = None, *, max_sessions: int = 100) -> Iterator[int]:
    """The port, while it is served; at the end, nothing that it began is left."""
    listener = listen("127.0.0.1", 0)
    port: int = listener.getsockname()[1]
    started: list[tuple[asyncio.AbstractEventLoop, Endpoint]] = []
    is_ready = threading.Event()
    left: list[str] = []

    async def serve() -> None:
        endpoint = Endpoint(listener, upstream, statements, max_sessions=max_sessions)
        started.append((asyncio.get_running_loop(), endpoint))
        is_ready.set()
        await endpoint.serve()
        left.extend(repr(task) for task in asyncio.all_tasks() if task is not asyncio.current_task())

    thread = threading.Thread(target=uvloop.run, args=(serve(),), daemon=True)
    thread.start()
    assert is_ready.wait(10)
    try:
        yield port
    finally:
        loop, endpoint = started[0]
        loop.call_soon_threadsafe(endpoint.stop)
        thread.join(40)
    assert not thread.is_alive()
    assert statements is None or statements.close()
    assert left == []
