"""A client's stream, taken apart into what is the server's and what is ours.

Ours are statements that begin with `/*polar4ai*/`, and what is said of one of them after it was prepared here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from polardb_bridge.endpoint.capabilities import Dialect
from polardb_bridge.endpoint.packets import HEADER_LENGTH, MAX_PAYLOAD_LENGTH, read_header
from polardb_bridge.endpoint.values import query_text
from polardb_bridge.statements.typed import read

QUERY, PREPARE, EXECUTE, SEND_LONG_DATA, CLOSE, RESET, FETCH = 0x03, 0x16, 0x17, 0x18, 0x19, 0x1A, 0x1C
CHANGE_USER, SET_OPTION, RESET_CONNECTION = 0x11, 0x1B, 0x1F
_OF_A_STATEMENT = (EXECUTE, SEND_LONG_DATA, CLOSE, RESET, FETCH)
_MULTI_STATEMENTS_ON = 0

# Longer ones are the server's to refuse.
MAX_STATEMENT_LENGTH = 1024 * 1024
# One that is longer holds up all other sessions for too long while it is taken apart.
_MAX_BATCH_LENGTH = 64 * 1024
# Prepared statements of ours have numbers from here on: servers count from 1.
OURS = 0xF0000000
# How MariaDB's clients call the statement that was prepared last, before they know its number.
_LAST = 0xFFFFFFFF

_HINT = rb"/\*\s*polar4ai\s*\*/"
# What drivers and people put before a statement: blanks and comments, but none that is for certain servers only.
_BEFORE = rb"(?:\s|/\*(?![!])(?!M!)(?!\s*polar4ai\s*\*/)(?:[^*]|\*(?!/))*\*/|(?:--(?=\s)|\#)[^\n]*(?:\n|\Z))*"
_OURS = re.compile(_BEFORE + _HINT, re.IGNORECASE)
_OURS_ANYWHERE = re.compile(_HINT, re.IGNORECASE)
_MAY_BEGIN = frozenset(b"/-# \t\r\n\v\f")


@dataclass(frozen=True)
class Command:
    """One that is answered here. kind: as the protocol counts. text: of a statement. number: of a prepared one.

    is_batch: ours stands behind others' statements.
    """

    kind: int
    text: bytes = b""
    number: int = 0
    is_batch: bool = False


class CommandStream:
    """Gives what came in piece by piece: bytes for the server, as they came, or a command of ours."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._has_batches = dialect.has_multi_statements
        self._buffer = b""
        self._left = 0  # of a packet that passes through
        self._previous = (0, 0)  # length and sequence number
        self._last_prepared_is_ours = False
        self._last_number = 0
        self.has_begun_anew = False  # by a change of user or a reset, which forget what was prepared

    def add(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data

    def remember_prepared(self, number: int) -> None:
        """The number that our answer gives to the statement of ours that was prepared last."""
        self._last_number = number

    def take(self) -> bytes | Command | None:
        """The next piece; None until more has come."""
        buffer, position = self._buffer, 0
        while position < len(buffer):
            if self._left:
                step = min(self._left, len(buffer) - position)
                position, self._left = position + step, self._left - step
                continue
            if len(buffer) - position < HEADER_LENGTH:
                break
            length, sequence = read_header(buffer, position)
            begins = self._begins_command(sequence)
            if begins and 0 < length <= MAX_STATEMENT_LENGTH:
                end = position + HEADER_LENGTH + length
                if end > len(buffer):
                    break
                command = self._read(buffer[position + HEADER_LENGTH : end])
                if command and position:
                    break  # first what came before
                self._previous = (length, sequence)
                if command:
                    self._buffer = buffer[end:]
                    return command
                position = end
                continue
            self._previous = (length, sequence)
            self._left = length
            position += HEADER_LENGTH
        self._buffer = buffer[position:]
        return buffer[:position] or None

    def _begins_command(self, sequence: int) -> bool:
        """Numbers begin at 0 with each command; and again where a long one (`LOAD DATA LOCAL`) has counted to 255."""
        length, previous = self._previous
        return sequence == 0 and length != MAX_PAYLOAD_LENGTH and not (previous == 255 and length)

    def _read(self, payload: bytes) -> Command | None:
        kind = payload[0]
        if kind in (QUERY, PREPARE):
            return self._statement(kind, payload)
        if kind in _OF_A_STATEMENT and len(payload) >= 5:
            number = int.from_bytes(payload[1:5], "little")
            if number == _LAST and self._last_prepared_is_ours:
                return Command(kind, number=self._last_number)
            return Command(kind, number=number) if OURS <= number < _LAST else None
        if kind in (CHANGE_USER, RESET_CONNECTION):
            self.has_begun_anew = True
        if kind == SET_OPTION:
            self._has_batches = int.from_bytes(payload[1:3], "little") == _MULTI_STATEMENTS_ON
        return None

    def _statement(self, kind: int, payload: bytes) -> Command | None:
        text = query_text(payload) if kind == QUERY and self._dialect.has_query_attributes else payload[1:]
        is_ours = text[:1] != b"" and text[0] in _MAY_BEGIN and _OURS.match(text) is not None
        if kind == PREPARE:
            self._last_prepared_is_ours, self._last_number = is_ours, 0
        if is_ours:
            return Command(kind, text=text)
        if self._has_batches and kind == QUERY and b";" in text and _is_behind_others(text):
            return Command(kind, text=text, is_batch=True)
        return None


def _is_behind_others(text: bytes) -> bool:
    """Whether a statement of ours follows others in one text, and not within a string."""
    if len(text) > _MAX_BATCH_LENGTH or not _OURS_ANYWHERE.search(text):
        return False
    typed = read(text.decode("latin-1"))
    return any(_OURS.match(part.encode("latin-1")) for part in (*typed.statements, typed.rest))
