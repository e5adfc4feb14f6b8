"""What the server's catalogue says of a table or view, and the server itself of a query.

Read from `information_schema`, which knows types that no library does, and shows the columns of an account that has no
privilege on the table as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.table.derived import columns_of_query

_QUERY = sa.text(
    "SELECT t.TABLE_NAME, t.TABLE_TYPE, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.IS_NULLABLE,"
    " c.CHARACTER_MAXIMUM_LENGTH, c.CHARACTER_SET_NAME, c.EXTRA, c.GENERATION_EXPRESSION, c.COLUMN_KEY,"
    " c.COLUMN_DEFAULT"
    " FROM information_schema.TABLES t LEFT JOIN information_schema.COLUMNS c"
    " ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME"
    " WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = :name ORDER BY c.ORDINAL_POSITION"
)
# The columns of unique indexes, in their order; NULL for an expression. The primary key first.
_UNIQUE_QUERY = sa.text(
    "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS"
    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :name AND NON_UNIQUE = 0"
    " ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"
)


@dataclass(frozen=True)
class Column:
    """type: its name alone, in lower case; full_type: with lengths. max_length: of text, in characters.

    is_key: of the primary key.
    """

    type: str
    full_type: str
    is_nullable: bool
    is_generated: bool
    changes_with_row: bool
    is_key: bool
    max_length: int | None
    character_set: str | None
    has_default: bool


@dataclass(frozen=True)
class FoundTable:
    """A table or view, with the columns that the account may see, by name in lower case.

    unique: the columns of which the server lets no two rows have the same, and none NULL; the primary key first.
    query: what is read by that name, if there is neither; as a view, it has no keys.
    """

    name: str
    is_view: bool
    columns: dict[str, Column]
    unique: tuple[tuple[str, ...], ...] = ()
    query: str = ""

    def column(self, name: str) -> Column | None:
        """The column of that name, in whatever case it is written."""
        return self.columns.get(name.lower())

    @property
    def key(self) -> tuple[str, ...]:
        """The primary key; empty if there is none."""
        names = tuple(name for name, column in self.columns.items() if column.is_key)
        return next((each for each in self.unique if set(each) == set(names)), names)

    def told_apart_by(self, names: Iterable[str]) -> tuple[str, ...] | None:
        """These columns, if they alone tell the rows apart and the server sees to it, in the order of its index."""
        wanted = {name.lower() for name in names}
        return next((each for each in (self.key, *self.unique) if each and set(each) == wanted), None)


def find_table(connection: sa.Connection, name: str) -> FoundTable | None:
    """What the catalogue has of that name in the connection's database; None if nothing, or nothing to be seen."""
    rows = connection.execute(_QUERY, {"name": name}).all()
    # The catalogue may compare without case where the server tells names of different case apart.
    rows = [row for row in rows if row[0] == name] or rows
    if not rows:
        return None
    columns = {str(row[2]).lower(): _column(row[3:]) for row in rows if row[2] is not None}
    unique = _unique(connection, str(rows[0][0]), columns)
    return FoundTable(name=str(rows[0][0]), is_view="VIEW" in rows[0][1], columns=columns, unique=unique)


def find_query(connection: sa.Connection, name: str, query: str) -> FoundTable:
    """The same of a query (`sql.check_query`), which people call `name`.

    Raises:
        InvalidInputError: the server does not take it.
    """
    found = columns_of_query(connection, name, query)
    columns = {column.lower(): _column_of_query(kind, charset) for column, (kind, charset) in found.items()}
    return FoundTable(name, is_view=True, columns=columns, query=query)


def _column_of_query(kind: str, character_set: str | None) -> Column:
    return Column(
        type=kind,
        full_type=kind.upper(),
        is_nullable=True,
        is_generated=True,
        changes_with_row=False,
        is_key=False,
        max_length=None,
        character_set=character_set,
        has_default=True,
    )


def _unique(connection: sa.Connection, name: str, columns: Mapping[str, Column]) -> tuple[tuple[str, ...], ...]:
    indexes: dict[str, list[str]] = {}
    for index, column, part in connection.execute(_UNIQUE_QUERY, {"name": name}):
        # A part of a column, or an expression: nothing that a column alone is compared by.
        indexes.setdefault(index, []).append("" if part or column is None else str(column).lower())
    return tuple(
        tuple(names)
        for names in indexes.values()
        if all(each in columns and not columns[each].is_nullable for each in names)
    )


def _column(values: Sequence[object]) -> Column:
    kind, full_type, nullable, max_length, character_set, extra, expression, key, default = values
    return Column(
        type=str(kind).lower(),
        full_type=str(full_type).upper(),
        is_nullable=nullable == "YES",
        is_generated=bool(expression),
        changes_with_row="on update" in str(extra).lower(),
        is_key=key == "PRI",
        max_length=None if max_length is None else int(str(max_length)),
        character_set=None if character_set is None else str(character_set),
        # A column that can be NULL has NULL for its default; some catalogues do not tell that from none.
        has_default=nullable == "YES" or default is not None,
    )
