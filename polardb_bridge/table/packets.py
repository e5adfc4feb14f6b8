"""How large a statement is, and how large the server lets it be (`max_allowed_packet`)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

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
