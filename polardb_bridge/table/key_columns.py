"""How statements name the rows of a table by their keys, whatever these are made of (table/keys.py)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.keys import BOUND, READ, Key, KeyKind
from polardb_bridge.table.text import identifier, quoted

# What is selected, where it is not the column itself: the driver refuses text that is not valid, and zero dates.
_SELECTED = {
    KeyKind.TEXT: "CAST(CONVERT({} USING utf8mb4) AS BINARY)",
    KeyKind.WRITTEN: "CAST({} AS CHAR)",
}


class KeyType(sa.types.UserDefinedType[Any]):
    """The type of a key's column: its values are parts of keys."""

    cache_ok = True

    def __init__(self, kind: KeyKind) -> None:
        self.kind = kind

    def get_col_spec(self, **_: Any) -> str:
        return f"a column of the kind {self.kind.value}"

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], Any]:
        return BOUND[self.kind]

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], Any]:
        read = READ[self.kind]
        return lambda value: None if value is None else read(value)

    def column_expression(self, column: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        if self.kind not in _SELECTED:
            return column
        name = quoted(str(getattr(column, "name", "")))
        expression: sa.ColumnElement[Any] = sa.literal_column(_SELECTED[self.kind].format(name), self)
        return expression


@dataclass(frozen=True)
class TableKey:
    """How statements name rows of one table. columns: those of its key, to select before all others, and to order by.

    The values that come of `columns` are what `read` takes.
    """

    columns: tuple[sa.Column[Any], ...]
    kinds: tuple[KeyKind, ...]

    @property
    def is_integer(self) -> bool:
        """Whether keys are numbers, which our database orders as the server does."""
        return self.kinds == (KeyKind.INTEGER,)

    @property
    def width(self) -> int:
        return len(self.columns)

    def read(self, values: Sequence[Any]) -> Key:
        """The key of a row, from what was selected by `columns`."""
        if self.width == 1:
            key: Key = values[0]
            return key
        return _list(values)

    def parts(self, key: Key) -> list[Any]:
        """What `columns` hold of it."""
        return [key] if self.width == 1 else list(json.loads(str(key)))

    def among(self, keys: Sequence[Key]) -> sa.ColumnElement[bool]:
        if self.width == 1:
            return self.columns[0].in_(keys)
        # Not as a row: MariaDB makes a join of a long list of rows.
        return sa.or_(sa.false(), *map(self.is_, keys))

    def is_(self, key: Key) -> sa.ColumnElement[bool]:
        return sa.and_(*(column == part for column, part in zip(self.columns, self.parts(key), strict=True)))

    def after(self, key: Key) -> sa.ColumnElement[bool]:
        """What comes later by `order_by(*columns)`; not as a row, of which MariaDB makes no range."""
        *before, last = zip(self.columns, self.parts(key), strict=True)
        condition: sa.ColumnElement[bool] = last[0] > last[1]
        for column, part in reversed(before):
            condition = sa.or_(column > part, sa.and_(column == part, condition))
        return condition

    # The same for statements that are sent as they are (`exec_driver_sql`).

    def selected_sql(self, connection: sa.Connection) -> list[str]:
        pairs = zip(self.columns, self.kinds, strict=True)
        return [_SELECTED.get(kind, "{}").format(identifier(connection, column.name)) for column, kind in pairs]

    def read_sql(self, values: Sequence[Any]) -> Key:
        """As `read`, of what the driver gives for `selected_sql`."""
        return self.read([READ[kind](value) for kind, value in zip(self.kinds, values, strict=True)])

    def bound(self, keys: Iterable[Key]) -> list[Any]:
        """The parameters for these keys, of `among_sql` or `when_sql`."""
        if self.is_integer:
            return list(keys)
        return [BOUND[kind](part) for key in keys for kind, part in zip(self.kinds, self.parts(key), strict=True)]

    def among_sql(self, connection: sa.Connection, count: int) -> str:
        """With places for so many keys."""
        if self.width == 1:
            return f"{identifier(connection, self.columns[0].name)} IN ({', '.join(['%s'] * count)})"
        return f"({' OR '.join([f'({self._is_sql(connection)})'] * count)})"

    def case_sql(self, connection: sa.Connection, count: int, then: str, otherwise: str) -> str:
        """`then` for so many keys, each with its places before that of `then`."""
        one = self.width == 1
        start = identifier(connection, self.columns[0].name) if one else ""
        when = "%s" if one else self._is_sql(connection)
        return f"CASE {start} {f'WHEN {when} THEN {then} ' * count}ELSE {otherwise} END"

    def _is_sql(self, connection: sa.Connection) -> str:
        return " AND ".join(f"{identifier(connection, column.name)} = %s" for column in self.columns)

    def as_asked(self, connection: sa.Connection, asked: Iterable[Key], present: Sequence[Key]) -> dict[Key, Key]:
        """The keys of rows that were found under another spelling than they were asked for, by the spelling they have.

        asked: all that was asked for. present: keys of the rows that were found. Those that are spelled alike are left
        out: nothing is asked if all are.
        """
        there, wanted = set(present), set(asked)
        strange = [key for key in there if key not in wanted]
        if not strange:
            return {}
        lost = [key for key in wanted if key not in there]
        if not lost:
            return {}
        position = sa.case(*((self.is_(key), number) for number, key in enumerate(lost)), else_=None)
        found = connection.execute(sa.select(*self.columns, position).where(self.among(strange))).all()
        return {self.read(row[:-1]): lost[row[-1]] for row in found if row[-1] is not None}


def key_of(table: sa.Table) -> TableKey:
    """The key of a table that `schema.source_table` has made."""
    known: TableKey | None = table.info.get("key")
    if known is None:
        columns = tuple(column for column in table.columns if column.primary_key)
        kinds = (column.type.kind if isinstance(column.type, KeyType) else KeyKind.INTEGER for column in columns)
        known = table.info["key"] = TableKey(columns, tuple(kinds))
    return known


def _list(parts: Sequence[Any]) -> str:
    return json.dumps(list(parts), ensure_ascii=False, separators=(",", ":"))
