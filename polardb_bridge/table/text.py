"""Text as columns really hold it: not always valid UTF-8, whatever their character set says."""

from __future__ import annotations

import sqlalchemy as sa


def utf8(column: sa.Column[str]) -> sa.ColumnElement[bytes]:
    """The bytes of a text column in UTF-8; the driver would refuse a whole page for one row that it cannot decode.

    Columns can hold what is not valid: halves of surrogate pairs, or what a session without strict mode has stored.
    """
    converted: sa.ColumnElement[bytes] = sa.literal_column(f"CONVERT({column.name} USING utf8mb4)")
    return sa.cast(converted, sa.LargeBinary()).label(column.name)


def shown(text: str) -> str:
    """`text` for a person and for any database: what cannot be printed is written as an escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def quoted(name: str) -> str:
    """A name as an identifier in SQL."""
    doubled = name.replace("`", "``")
    return f"`{doubled}`"
