"""Answers of ours as a MySQL server writes them: rows under columns, as text or as values, or a message."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from polardb_bridge.endpoint.capabilities import Dialect
from polardb_bridge.endpoint.character_sets import CharacterSet
from polardb_bridge.endpoint.packets import EOF, ERROR, OK
from polardb_bridge.endpoint.values import packed_number, packed_text

_LONGLONG, _DATETIME, _VAR_STRING = 0x08, 0x0C, 0xFD
_BINARY_COLLATION = 63
_NUMBER_FLAGS = 0x8000 | 0x80  # a number, binary
_NULL = b"\xfb"


class Writer:
    """Writes for one client. status: what its session's last answer said of it."""

    def __init__(self, dialect: Dialect, characters: CharacterSet, status: int) -> None:
        self._dialect = dialect
        self._characters = characters
        self._status = status

    def message(self, text: str = "") -> list[bytes]:
        """An OK that says `text`, which clients show beside it."""
        said = self._characters.encode(text)
        if said and self._dialect.has_session_track:
            said = packed_text(said)
        return [bytes([OK]) + b"\0\0" + struct.pack("<HH", self._status, 0) + said]

    def error(self, code: int, sqlstate: str, text: str) -> bytes:
        return struct.pack("<BH", ERROR, code) + b"#" + sqlstate.encode() + self._characters.encode(text)

    def prepared(self, number: int) -> list[bytes]:
        """A statement whose columns are told when it runs, as those of a procedure are."""
        return [bytes([OK]) + struct.pack("<IHHBH", number, 0, 0, 0, 0)]

    def rows(self, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, as_values: bool) -> list[bytes]:
        kinds = [_kind([row[at] for row in rows]) for at in range(len(columns))]
        widths = [max((len(self._text(row[at]) or b"") for row in rows), default=0) for at in range(len(columns))]
        payloads = [packed_number(len(columns))]
        payloads += [self._column(*column) for column in zip(columns, kinds, widths, strict=True)]
        if not self._dialect.has_deprecated_eof:
            payloads.append(self._eof())
        for row in rows:
            payloads.append(self._as_values(row, kinds) if as_values else b"".join(map(self._as_text, row)))
        payloads.append(self._end() if self._dialect.has_deprecated_eof else self._eof())
        return payloads

    def _eof(self) -> bytes:
        return bytes([EOF]) + struct.pack("<HH", 0, self._status)

    def _end(self) -> bytes:
        return bytes([EOF]) + b"\0\0" + struct.pack("<HH", self._status, 0)

    def _column(self, name: str, kind: int, width: int) -> bytes:
        named = packed_text(self._characters.encode(name))
        collation = self._characters.collation if kind == _VAR_STRING else _BINARY_COLLATION
        flags = 0 if kind == _VAR_STRING else _NUMBER_FLAGS if kind == _LONGLONG else 0x80
        more = b"\0" if self._dialect.has_extended_metadata else b""
        described = struct.pack("<HIBHBH", collation, max(width, 1), kind, flags, 0, 0)
        return packed_text(b"def") + b"\0\0\0" + named + named + more + b"\x0c" + described

    def _as_text(self, value: Any) -> bytes:
        text = self._text(value)
        return _NULL if text is None else packed_text(text)

    def _text(self, value: Any) -> bytes | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            value = value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
        return self._characters.encode(str(value))

    def _as_values(self, row: Sequence[Any], kinds: Sequence[int]) -> bytes:
        nulls = bytearray((len(row) + 9) // 8)
        values = []
        for number, (value, kind) in enumerate(zip(row, kinds, strict=True), start=2):
            if value is None:
                nulls[number // 8] |= 1 << number % 8
            elif kind == _LONGLONG:
                values.append(struct.pack("<q", value))
            elif kind == _DATETIME:
                at = value.astimezone(timezone.utc)
                values.append(struct.pack("<BHBBBBB", 7, at.year, at.month, at.day, at.hour, at.minute, at.second))
            else:
                values.append(packed_text(self._text(value) or b""))
        return b"\0" + bytes(nulls) + b"".join(values)


def _kind(values: Sequence[Any]) -> int:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, int) and not isinstance(value, bool) for value in known):
        return _LONGLONG
    if known and all(isinstance(value, datetime) for value in known):
        return _DATETIME
    return _VAR_STRING
