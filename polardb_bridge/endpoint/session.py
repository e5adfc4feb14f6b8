"""One client's session: from the server's greeting until either of the two goes."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from dataclasses import dataclass

from polardb_bridge.endpoint import sockets
from polardb_bridge.endpoint.capabilities import Dialect, Greeting, ProtocolError, read_greeting, read_reply
from polardb_bridge.endpoint.commands import PREPARE, Command, CommandStream
from polardb_bridge.endpoint.ours import Ours
from polardb_bridge.endpoint.packets import ERROR, HEADER_LENGTH, OK, PacketReader, error_payload, framed, read_header
from polardb_bridge.endpoint.questions import OutOfStepError, Questions, RefusedByServerError
from polardb_bridge.endpoint.relay import Side
from polardb_bridge.endpoint.statements import Statements
from polardb_bridge.endpoint.tls import Tls

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
# As MySQL's own connect_timeout: from the first byte until the client is in.
LOGIN_TIMEOUT_S = 10.0
# Nothing tells where an answer ends but the answer itself, which is not read here. A server that has said something
# last, and then nothing for so long, is taken to be done.
_QUIET_S = 2.0

# MySQL's error numbers.
TOO_MANY_CONNECTIONS = 1040
_CANNOT_CONNECT = 1429  # "unable to connect to foreign data source"; clients keep 2003 for themselves
_TLS_REQUIRED = 3159

_LOGIN_FAILURES = (OSError, ValueError, ProtocolError, asyncio.TimeoutError)


@dataclass(frozen=True)
class Upstream:
    """Where clients are led. tls: None if neither side has it. needs_tls: clients without it are turned away.

    tells_addresses: the server is told each client's address, by the PROXY protocol.
    """

    host: str
    port: int
    tls: Tls | None = None
    needs_tls: bool = True
    tells_addresses: bool = False

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class Session:
    """Between one client and the server; it closes both connections in the end."""

    def __init__(self, client: socket.socket, upstream: Upstream, statements: Statements | None) -> None:
        self._upstream = upstream
        self._statements = statements
        self._client_ip = host_of(client)
        self._client = Side(self._from_client, self._lost)
        self._server = Side(self._from_server, self._lost)
        self._client.other, self._server.other = self._server, self._client
        self._client.socket = client
        self._greeting: Greeting | None = None  # while a client that has asked for TLS has not answered it yet
        self._begun = b""  # of that answer
        self._login = PacketReader(sockets.MAX_LOGIN_PACKET_LENGTH)
        loop = asyncio.get_running_loop()
        self._is_in: asyncio.Future[None] = loop.create_future()
        self._has_ended: asyncio.Future[None] = loop.create_future()
        self._server_spoke_last = False
        self._spoke_at = 0.0
        self._commands: CommandStream | None = None  # from the client's answer on, if statements of ours are answered
        self._ours: Ours | None = None
        self._questions: Questions | None = None  # while one is
        self._answering: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the session ends."""
        try:
            await asyncio.wait_for(self._log_in(), LOGIN_TIMEOUT_S)
            await self._has_ended
        except _LOGIN_FAILURES as error:
            logger.debug("A login came to nothing: %r", error)
        finally:
            self.close()
            await self._client.wait_closed()
            await self._server.wait_closed()

    async def finish(self) -> None:
        """Wait until what was asked of the server is answered, and close."""
        while self._is_in.done() and not (self._has_ended.done() or self._is_idle):
            await asyncio.sleep(0.1)
        self.close()

    def close(self) -> None:
        if self._questions:
            self._questions.hang_up()
        self._client.close()
        self._server.close()
        if not self._has_ended.done():
            self._has_ended.set_result(None)

    def abort(self) -> None:
        self.close()
        self._client.abort()
        self._server.abort()

    @property
    def _is_idle(self) -> bool:
        is_quiet = self._server_spoke_last and time.monotonic() - self._spoke_at > _QUIET_S
        return is_quiet and self._client.is_written and not self._answering

    async def _log_in(self) -> None:
        try:
            await asyncio.wait_for(self._connect(), CONNECT_TIMEOUT_S)
        except (OSError, asyncio.TimeoutError) as error:
            reason = getattr(error, "strerror", None) or "it does not answer"
            await self._refuse(_CANNOT_CONNECT, f"Can't connect to MySQL server on '{self._upstream}' ({reason})", 0)
            return
        if await self._meet():
            await asyncio.wait([self._is_in, self._has_ended], return_when=asyncio.FIRST_COMPLETED)

    async def _connect(self) -> None:
        self._server.socket = await sockets.connect(self._upstream.host, self._upstream.port)
        if self._upstream.tells_addresses:
            await _send(self._server.socket, sockets.proxy_header(self._client.unread_socket()))

    async def _meet(self) -> bool:
        """Lead the two together, with TLS on both sides or on none. False: the client is turned away."""
        client, server = self._client.unread_socket(), self._server.unread_socket()
        sequence, payload = await sockets.read_packet(server)
        if payload[:1] == bytes([ERROR]):  # too many connections, a machine that may not connect
            await _send(client, framed([payload], sequence))
            return False
        greeting = read_greeting(payload, with_tls=self._upstream.tls is not None)
        await _send(client, framed([greeting.payload], sequence))
        sequence, payload = await sockets.read_packet(client)
        reply = read_reply(payload, greeting)
        if not reply.asks_for_tls:
            if self._upstream.needs_tls:
                message = "Connections using insecure transport are prohibited: connect with TLS"
                await self._refuse(_TLS_REQUIRED, message, sequence + 1)
                return False
            await self._server.start(None, client_of=self._upstream.host)
            self._server.write(framed([reply.payload], sequence))
            self._listen(reply.dialect)
            await self._client.start(None, client_of=None)
            return True
        if self._upstream.tls is None or not greeting.offers_tls:
            raise ProtocolError("the client asks for TLS, which was not offered")
        await _send(server, framed([reply.payload], sequence))
        await self._server.start(self._upstream.tls.towards_server, client_of=self._upstream.host)
        self._greeting = greeting
        await self._client.start(self._upstream.tls.towards_clients, client_of=None)
        return True

    async def _refuse(self, code: int, message: str, sequence: int) -> None:
        logger.info("A client is turned away: %s", message)
        await _send(self._client.unread_socket(), framed([error_payload(code, "HY000", message)], sequence))

    def _listen(self, dialect: Dialect) -> None:
        """Look for statements of ours from now on."""
        if self._statements:
            self._commands = CommandStream(dialect)
            self._ours = Ours(self._statements, dialect, self._client_ip)
            self._dialect = dialect

    def _from_client(self, data: bytes) -> None:
        self._server_spoke_last = False
        if self._greeting:
            data = self._without_what_is_withheld(self._begun + data, self._greeting)
        if self._commands is None:
            self._server.write(data)
            return
        self._commands.add(data)
        self._go_on()

    def _go_on(self) -> None:
        """Pass on what is the server's, up to a command of ours; nothing while one is being answered."""
        while self._commands and self._ours and not self._answering and (piece := self._commands.take()) is not None:
            if isinstance(piece, bytes):
                self._server.write(piece)
                if self._commands.has_begun_anew:
                    self._commands.has_begun_anew = False
                    self._ours.forget()
            elif not self._ours.drop(piece):
                self._client.hold("answering")
                self._questions = Questions(self._server.write, self._dialect)
                self._answering = asyncio.ensure_future(self._answer(piece, self._ours, self._questions))

    async def _answer(self, command: Command, ours: Ours, questions: Questions) -> None:
        try:
            payloads = await ours.answer(command, questions)
            is_in_step = not questions.has_more
        except RefusedByServerError as error:
            payloads, is_in_step = [error.payload], False
        except (OutOfStepError, OSError, asyncio.TimeoutError) as error:
            logger.info("A session ends before a statement is answered: %r", error)
            payloads, is_in_step = [], False
        if payloads:
            self._client.write(framed(payloads))
        self._questions = self._answering = None
        if not is_in_step:
            self.close()
            return
        if command.kind == PREPARE and self._commands:
            self._commands.remember_prepared(ours.last_prepared)
        self._client.release("answering")
        self._go_on()

    def _without_what_is_withheld(self, data: bytes, greeting: Greeting) -> bytes:
        """What the server gets of the client's answer, which TLS has brought; nothing while it is not complete."""
        length, sequence = read_header(data)
        end = HEADER_LENGTH + length
        if length > sockets.MAX_LOGIN_PACKET_LENGTH:
            self.abort()
        elif len(data) >= end > HEADER_LENGTH:
            self._greeting = None
            try:
                reply = read_reply(data[HEADER_LENGTH:end], greeting)
            except ProtocolError:
                self.abort()
                return b""
            self._server.write(framed([reply.payload], sequence))
            self._listen(reply.dialect)
            return data[end:]
        self._begun = data
        return b""

    def _from_server(self, data: bytes) -> None:
        if self._questions:
            try:
                self._questions.hear(data)
            except ValueError:
                self.abort()
            return
        if not self._is_in.done():
            self._watch_login(data)
        self._server_spoke_last, self._spoke_at = True, time.monotonic()
        self._client.write(data)

    def _watch_login(self, data: bytes) -> None:
        try:
            if any(payload[:1] == bytes([OK]) for payload in self._login.feed(data)) and not self._is_in.done():
                self._is_in.set_result(None)
        except ValueError:
            self.abort()

    def _lost(self) -> None:
        """One side is gone: the other gets what was written to it, and goes as well."""
        self.close()


def host_of(client: socket.socket) -> str:
    """The address that a client comes from; empty if it is gone already."""
    try:
        return str(client.getpeername()[0])
    except OSError:
        return ""


async def _send(connection: socket.socket, data: bytes) -> None:
    await asyncio.get_running_loop().sock_sendall(connection, data)
