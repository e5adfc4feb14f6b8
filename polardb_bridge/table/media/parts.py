"""Where the bytes of a large file are in what a column holds: in the file itself, or in its base64.

Parts of a base64 text are found by counting, if its lines are all as long as the first, as programs write them. Of any
other text, the server decodes the whole for each part.
"""

from __future__ import annotations

import binascii
from dataclasses import dataclass
from typing import Any, Protocol

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table.images import base64_text

_GAPS = (b"\r\n", b"\n", b"\r")


class Parts(Protocol):
    """How parts of a file are read.

    head: bytes of the column before it. size: of the file, in bytes; None if only the server can tell.
    """

    @property
    def head(self) -> int: ...

    @property
    def size(self) -> int | None: ...

    def select(self, raw: sa.ColumnElement[Any], start: int, stop: int) -> sa.ColumnElement[Any]:
        """What to ask of the column's own bytes for those of the file from `start` to before `stop`."""

    def decode(self, data: bytes, start: int, stop: int) -> bytes:
        """These bytes of the file, out of what was asked for.

        Raises:
            IrregularError: they are not where they were expected.
        """


class IrregularError(Exception):
    """Lines of a base64 text are not as long as the first ones."""


@dataclass(frozen=True)
class FileParts:
    """The column holds the file, behind the first `head` bytes."""

    size: int
    head: int = 0

    def select(self, raw: sa.ColumnElement[Any], start: int, stop: int) -> sa.ColumnElement[Any]:
        return sa.func.substr(raw, self.head + start + 1, stop - start)

    def decode(self, data: bytes, start: int, stop: int) -> bytes:
        if len(data) != stop - start:
            raise IrregularError
        return data


@dataclass(frozen=True)
class Base64Parts:
    """The column holds base64: `characters` behind the first `head` bytes, padding left out.

    line: characters of each line, which is a multiple of 4; gap: bytes between two lines. 0: there is one line only.
    """

    head: int
    characters: int
    line: int = 0
    gap: int = 0

    @property
    def size(self) -> int:
        return self.characters * 3 // 4

    def select(self, raw: sa.ColumnElement[Any], start: int, stop: int) -> sa.ColumnElement[Any]:
        first, last = self._characters(start, stop)
        position = self._place(first)
        return sa.func.substr(raw, position + 1, self._place(last - 1) + 1 - position)

    def decode(self, data: bytes, start: int, stop: int) -> bytes:
        first, last = self._characters(start, stop)
        try:
            plain = base64_text.standard(data)
        except RowError:
            raise IrregularError from None
        if len(plain) != last - first:
            raise IrregularError
        offset = start - first // 4 * 3
        return binascii.a2b_base64(base64_text.padded(plain))[offset : offset + stop - start]

    def _characters(self, start: int, stop: int) -> tuple[int, int]:
        """From which character to before which one these bytes are; whole groups of four but for the last."""
        return start // 3 * 4, min(-(-stop // 3) * 4, self.characters)

    def _place(self, character: int) -> int:
        """Where it is in the column."""
        return self.head + character + (character // self.line * self.gap if self.line else 0)


@dataclass(frozen=True)
class ServerParts:
    """The column holds base64 that the server decodes: of any form, but behind the first `head` bytes."""

    head: int
    size: int | None = None

    def whole(self, raw: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """The file; NULL if the text is not base64, or larger than the server may make one."""
        return sa.func.from_base64(sa.func.substr(raw, self.head + 1))

    def select(self, raw: sa.ColumnElement[Any], start: int, stop: int) -> sa.ColumnElement[Any]:
        return sa.func.substr(self.whole(raw), start + 1, stop - start)

    def decode(self, data: bytes, start: int, stop: int) -> bytes:
        if len(data) != stop - start:
            raise IrregularError
        return data


def parts_of_base64(start: bytes, end: bytes, size: int, skipped: int = 0) -> tuple[Parts, bytes]:
    """Where the parts of a file in base64 are, and how the file begins.

    start, end: of the text, each some lines long. size: of the text, in bytes. skipped: bytes of the column before it.

    Raises:
        RowError: it is no base64.
    """
    body = base64_text.without_head(start)
    behind = len(start) - len(body)
    head = skipped + behind
    first = _first_bytes(body)
    length = size - behind - (len(end) - len(end.rstrip(base64_text.ENDS)))
    return _regular(head, body, end.rstrip(base64_text.ENDS), length) or ServerParts(head), first


def _first_bytes(body: bytes) -> bytes:
    plain = base64_text.standard(body)
    return binascii.a2b_base64(plain[: len(plain) // 4 * 4])


def _regular(head: int, body: bytes, end: bytes, length: int) -> Base64Parts | None:
    """The parts of a text of `length` bytes that begins with `body` and ends in `end`; None if its lines differ."""
    gap = next((gap for gap in _GAPS if gap in body), b"")
    *lines, last = body.split(gap) if gap else [body]
    line = len(lines[0]) if lines else 0
    if line % 4 or any(len(each) != line for each in lines) or len(last.rstrip(b"\r\n")) > (line or len(last)):
        return None
    rows, rest = divmod(length, line + len(gap)) if line else (0, length)
    tail = end.split(gap)[-1] if gap else end
    # The last line ends where counting says.
    if rest > (line or rest) or not rest or (len(tail) < len(end) and len(tail) != rest) or tail.split() != [tail]:
        return None
    padding = len(tail) - len(tail.rstrip(b"="))
    characters = rows * line + rest - padding
    if characters % 4 == 1 or (padding and (characters + padding) % 4):
        return None
    return Base64Parts(head, characters, line, len(gap))
