"""The two connections of a session: what comes in on one goes out on the other, no faster than that takes it."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import cast

# What waits for a slow reader; then its counterpart is not read any more.
_HIGH_WATER, _LOW_WATER = 512 * 1024, 128 * 1024
# How long a side whose counterpart is gone may take for what it has not read yet.
_LINGER_S = 10.0


class Side(asyncio.Protocol):
    """One of the two connections: a socket, and from `start` on what a transport does with it.

    other: the one that must wait while this one takes no more. Whichever is closed first tells `lost`.
    """

    def __init__(self, received: Callable[[bytes], None], lost: Callable[[], None]) -> None:
        self.other: Side | None = None
        self.socket: socket.socket | None = None
        self._received, self._lost = received, lost
        self._transport: asyncio.Transport | None = None
        self._holders: set[str] = set()
        self._early: list[bytes] | None = []
        self._gone = asyncio.Event()

    def unread_socket(self) -> socket.socket:
        """The socket, before `start`.

        Raises:
            ConnectionAbortedError: it was closed meanwhile.
        """
        if self.socket is None:
            raise ConnectionAbortedError("the session was closed")
        return self.socket

    async def start(self, tls: ssl.SSLContext | None, *, client_of: str | None) -> None:
        """Read and write from now on.

        client_of: the name of the server that this is a connection to; None for a connection of a client.

        Raises:
            OSError: the two do not agree on TLS, or the other side is gone.
        """
        loop = asyncio.get_running_loop()
        # The transport's from here on: a number that is closed twice would be that of a newcomer.
        connection, self.socket = self.unread_socket(), None
        try:
            if client_of is None:
                await loop.connect_accepted_socket(lambda: self, connection, ssl=tls)
            else:
                name = client_of if tls else None
                await loop.create_connection(lambda: self, sock=connection, ssl=tls, server_hostname=name)
        except BaseException:
            connection.close()  # uvloop leaves it open if TLS fails
            raise

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._transport.set_write_buffer_limits(high=_HIGH_WATER, low=_LOW_WATER)
        early, self._early = self._early or [], None
        self._transport.writelines(early)

    def data_received(self, data: bytes) -> None:
        self._received(data)

    def pause_writing(self) -> None:
        if self.other:
            self.other.hold("full")

    def resume_writing(self) -> None:
        if self.other:
            self.other.release("full")

    def connection_lost(self, _: Exception | None) -> None:
        self._transport = None
        self._gone.set()
        self._lost()

    def write(self, data: bytes) -> None:
        """Send it once this side reads and writes; nothing if it is gone."""
        if self._transport:
            self._transport.write(data)
        elif self._early is not None:
            self._early.append(data)

    @property
    def is_written(self) -> bool:
        """Whether all that was written has gone out."""
        return not (self._transport and self._transport.get_write_buffer_size())

    def hold(self, reason: str) -> None:
        """Read no more, until no reason is left."""
        if self._transport and not self._holders and not self._transport.is_closing():
            self._transport.pause_reading()
        self._holders.add(reason)

    def release(self, reason: str) -> None:
        if self._transport and self._holders == {reason} and not self._transport.is_closing():
            self._transport.resume_reading()
        self._holders.discard(reason)

    def close(self) -> None:
        """Send what is written, and close; whoever does not take it is cut off."""
        if self.socket:
            self.socket.close()
            self.socket = None
        if self._transport and not self._transport.is_closing():
            self._transport.close()
            asyncio.get_running_loop().call_later(_LINGER_S, self.abort)

    async def wait_closed(self) -> None:
        """After `close`: until nothing is left of the connection."""
        if self._transport:
            await self._gone.wait()

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()
