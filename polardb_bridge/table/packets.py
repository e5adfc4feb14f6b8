"""How large a statement is, and how large the server lets it be (`max_allowed_packet`)."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table.keys import Key, shown_key

# Of rows that are written by one statement.
_MAX_STATEMENT_ROWS = 100
_MAX_STATEMENT_BYTES = 1024 * 1024
# At most, of a statement without its rows.
_FRAME_BYTES = 4000

# Servers that take no statement of this size, nobody has. Nothing is asked for smaller ones.
_SMALL_BYTES = 64 * 1024
_INFO_KEY = "polardb_bridge_max_allowed_packet"
_DATETIME_BYTES = len("'2026-01-31 23:59:59.999999'")
# Before the statement, a packet has a byte that says that it is one.
_COMMAND_BYTES = 1


def text_bytes(text: str) -> int:
    """Bytes of a text in a statement, where quotes and backslashes are escaped, without the quotes around it."""
    encoded = text.encode()
    return len(encoded) + encoded.count(b'"') + encoded.count(b"\\") + encoded.count(b"'")


def statement_bytes(statement: str, parameters: Sequence[Any]) -> int:
    """Bytes of a statement with its parameters in place of each `%s`, as the driver sends it."""
    places = len(parameters) * len("%s")
    return _COMMAND_BYTES + len(statement.encode()) - places + sum(map(_literal_bytes, parameters))


def _literal_bytes(value: Any) -> int:
    if isinstance(value, str):
        return text_bytes(value) + len("''")
    if isinstance(value, bytes):
        return 2 * len(value) + len("_binary''")
    return _DATETIME_BYTES if isinstance(value, datetime) else len(str(value))


def max_statement_bytes(connection: sa.Connection, size: int) -> int:
    """How large a statement of this connection may be; asked for only if one of about `size` bytes could be too large.

    A larger one would have the server close the connection (MySQL error 2006), as if it were down.
    """
    if size < _SMALL_BYTES:
        return sys.maxsize
    # A session keeps the limit that it began with.
    if _INFO_KEY not in connection.info:
        found = connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one()
        connection.info[_INFO_KEY] = int(found) - 1  # a packet of just this size is refused, too
    return int(connection.info[_INFO_KEY])


class Sized(Protocol):
    """What one row adds to a statement. size: about its bytes, and no fewer."""

    @property
    def size(self) -> int: ...


_Row = TypeVar("_Row", bound=Sized)


def in_parts(connection: sa.Connection, rows: Sequence[_Row]) -> Iterator[list[_Row]]:
    """Parts of the rows, in their order, that fit into a statement each, by number and bytes."""
    most = _MAX_STATEMENT_BYTES
    if len(rows) > 1:
        whole = _FRAME_BYTES + sum(row.size for row in rows)
        most = min(most, max_statement_bytes(connection, whole) - _FRAME_BYTES)
    part: list[_Row] = []
    total = 0
    for row in rows:
        size = row.size
        if part and (len(part) == _MAX_STATEMENT_ROWS or total + size > most):
            yield part
            part, total = [], 0
        part.append(row)
        total += size
    if part:
        yield part


def check_size(connection: sa.Connection, statement: str, parameters: Sequence[Any], row_id: Key) -> None:
    """See that the statement that writes the result of this row alone is not too large; `in_parts` has seen to others.

    Raises:
        RowError: it is.
    """
    size = statement_bytes(statement, parameters)
    limit = max_statement_bytes(connection, size)
    if size > limit:
        raise RowError(
            f"The result of row {shown_key(row_id)} takes {size:,} bytes in a statement, and the server accepts "
            f"{limit:,}: raise max_allowed_packet there."
        )
