"""What is asked of the database on a client's own session: who it is, and what it may.

Nothing is left behind: no transaction begins, no lock is kept, and what the client has set stays.
"""

from __future__ import annotations

import asyncio
import secrets
import struct
from collections.abc import Callable
from dataclasses import dataclass

from polardb_bridge.endpoint.capabilities import Dialect
from polardb_bridge.endpoint.character_sets import UTF8, CharacterSet, character_set
from polardb_bridge.endpoint.commands import CLOSE, PREPARE, QUERY
from polardb_bridge.endpoint.packets import EOF, ERROR, OK, PacketReader, framed
from polardb_bridge.endpoint.values import read_number, read_text

_ANSWER_TIMEOUT_S = 30.0
_MAX_ANSWER_LENGTH = 64 * 1024
# Of a session's status, what holds on: a transaction, autocommit, no escapes by backslash, a read-only transaction.
_LASTING = 0x0001 | 0x0002 | 0x0200 | 0x2000
# As bytes in UTF-8, whatever the session's character sets are.
_ASKED = ("'{}'", "CURRENT_USER()", "@@character_set_client", "COALESCE(@@character_set_results, '')")
_IDENTIFY = "SELECT " + ", ".join(f"CAST(CONVERT({each} USING utf8mb4) AS BINARY)" for each in _ASKED)


class OutOfStepError(Exception):
    """The server answers something else: the client has sent ahead, and what answers what cannot be told any more."""


@dataclass(frozen=True)
class RefusedByServerError(Exception):
    """payload: as the server sent it."""

    payload: bytes

    @property
    def code(self) -> int:
        return int(struct.unpack_from("<H", self.payload, 1)[0])

    @property
    def text(self) -> str:
        """What it says, without numbers."""
        return self.payload[9:].decode("utf-8", "replace")


@dataclass(frozen=True)
class Identity:
    """Whose session it is. account: as `user@host`. characters: what it sends. results: what it wants to get.

    status: the flags of its last answer that hold on.
    """

    account: str
    characters: CharacterSet
    results: CharacterSet
    status: int


class Questions:
    """Asked while the client waits for an answer of ours: what the server says meanwhile is for us."""

    def __init__(self, write: Callable[[bytes], None], dialect: Dialect) -> None:
        self._write = write
        self._dialect = dialect
        self._reader = PacketReader(_MAX_ANSWER_LENGTH)
        self._answers: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._characters = UTF8

    def hear(self, data: bytes) -> None:
        """What the server says.

        Raises:
            ValueError: it is no answer to anything that is asked here.
        """
        for payload in self._reader.feed(data):
            self._answers.put_nowait(payload)

    @property
    def has_more(self) -> bool:
        """Whether the server has said more than it was asked."""
        return not self._answers.empty()

    def hang_up(self) -> None:
        """The server will not answer any more."""
        self._answers.put_nowait(None)

    async def identify(self) -> Identity:
        """Whose session it is, now that the server has answered all that was asked before.

        Raises:
            OutOfStepError: it had not; the client has sent ahead.
            RefusedByServerError: it answers nothing now; or it was an error that the client had yet to get.
        """
        nonce = secrets.token_hex(16)
        attributes = b"\0\1" if self._dialect.has_query_attributes else b""
        self._ask(QUERY, attributes + _IDENTIFY.format(nonce).encode())
        first = await self._next()
        if first != bytes([len(_ASKED)]):
            raise OutOfStepError
        await self._skip(len(_ASKED))
        row, end = await self._next(), await self._next()
        values, position = [], 0
        try:
            for _ in _ASKED:
                value, position = read_text(row, position)
                values.append((value or b"").decode())
            status = self._status_of(end)
        except (ValueError, struct.error):
            raise OutOfStepError from None
        if values[0] != nonce or not self._answers.empty():
            raise OutOfStepError
        self._characters = character_set(values[2])
        return Identity(values[1], self._characters, character_set(values[3]), status & _LASTING)

    async def check_prepares(self, statement: str) -> None:
        """See that the server would run the statement for this account; it is not run.

        Raises:
            RefusedByServerError: it would not, and says why.
        """
        self._ask(PREPARE, self._characters.encode(statement))
        answer = await self._next()
        if answer[0] != OK or len(answer) < 9:
            raise OutOfStepError
        number, columns, parameters = struct.unpack_from("<IHH", answer, 1)
        for count in (parameters, columns):
            if count:
                await self._skip(count)
        self._ask(CLOSE, struct.pack("<I", number))

    def _ask(self, kind: int, content: bytes) -> None:
        self._write(framed([bytes([kind]) + content], 0))

    async def _next(self) -> bytes:
        payload = await asyncio.wait_for(self._answers.get(), _ANSWER_TIMEOUT_S)
        if not payload:
            raise ConnectionResetError("the server is gone")
        if payload[0] == ERROR:
            raise RefusedByServerError(payload)
        return payload

    async def _skip(self, columns: int) -> None:
        for _ in range(columns + (not self._dialect.has_deprecated_eof)):
            await self._next()

    def _status_of(self, end: bytes) -> int:
        position = 3
        if end[0] != EOF:
            raise ValueError
        if self._dialect.has_deprecated_eof:
            _, position = read_number(end, 1)
            _, position = read_number(end, position)
        return int(struct.unpack_from("<H", end, position)[0])
