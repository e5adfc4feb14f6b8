"""Text as columns really hold it: not always valid UTF-8, whatever their character set says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import sqlalchemy as sa

from polardb_bridge.characters import escaped


def utf8(column: sa.Column[Any]) -> sa.ColumnElement[bytes]:
    """The bytes of a column in UTF-8, of any type that has a text.

    The driver would refuse a whole page for one row that it cannot decode. Columns can hold what is not valid: halves
    of surrogate pairs, or what a session without strict mode has stored.
    """
    converted: sa.ColumnElement[bytes] = sa.literal_column(f"CONVERT({quoted(column.name)} USING utf8mb4)")
    return sa.cast(converted, sa.LargeBinary()).label(str(column.key))


def literal(name: str) -> sa.ColumnElement[Any]:
    """A column by its name alone, such as one that another part of the mapping has, too."""
    return sa.literal_column(quoted(name))


def as_bytes(name: str, length: int | None = None) -> sa.ColumnElement[bytes]:
    """The text of a column of any type in UTF-8, as bytes: the driver would refuse a whole page for one bad row.

    Bytes that hold a text stay as they are: converting would put something else, or NULL, for what is not valid.

    length: of its start, in characters, or in bytes of what is bytes; None: all of it.
    """
    text = quoted(name) if length is None else f"LEFT({quoted(name)}, {length})"
    value: sa.ColumnElement[str] = sa.literal_column(text)
    converted: sa.ColumnElement[str] = sa.literal_column(f"CONVERT({text} USING utf8mb4)")
    return sa.case(
        (sa.func.charset(literal(name)) == "binary", sa.cast(value, sa.LargeBinary())),
        else_=sa.cast(converted, sa.LargeBinary()),
    )


def shown(text: str) -> str:
    """`text` for a person and for any database: what cannot be printed is written as an escape."""
    return text if text.isprintable() else escaped(text, str.isprintable)


def identifier(connection: sa.Connection, name: str) -> str:
    """A name as an identifier in a statement for `exec_driver_sql`, which takes % for the start of a parameter."""
    return connection.dialect.identifier_preparer.quote_identifier(name)


def unchanged(connection: sa.Connection, names: Iterable[str]) -> list[str]:
    """Assignments for an UPDATE that leave these columns as they are, whatever ON UPDATE would do with them."""
    return [f"{name} = {name}" for name in (identifier(connection, each) for each in names)]


def quoted(name: str) -> str:
    """A name as an identifier in SQL."""
    doubled = name.replace("`", "``")
    return f"`{doubled}`"


def unquoted(in_backticks: str | None, plain: str | None) -> str:
    """A name as people typed it: what stood in backticks, or else without them."""
    return (in_backticks or "").replace("``", "`") or (plain or "").strip()


def one_by_one(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str] | None]:
    """What `pattern` matches, one behind the other to the end of the text; None, and no more, where it does not."""
    rest = text.strip()
    while rest:
        found = pattern.match(rest)
        yield found
        if not found:
            return
        rest = rest[found.end() :]
