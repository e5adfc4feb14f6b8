"""Result tables: each annotation of a row by itself, in a table of its own, for sources that are not to be changed.

    source, row_key (or row_key_1, row_key_2, …), annotation_uid      the primary key
    project, project_uid, task                                        who wrote it: Label Studio's numbers
    annotator, result, was_cancelled, lead_time, ground_truth, created_at, updated_at

`row_key` is of the type and collation of a source's key, so that it joins; or it is text, and any source may share the
table: what a key is as one value (`keys`), compared by its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.columns import INTEGERS, TEXTS, TIMES, UID_LENGTH
from polardb_bridge.table.found import Column, FoundTable, find_table
from polardb_bridge.table.key_columns import KeyType, TableKey
from polardb_bridge.table.keys import MAX_KEY_LENGTH, Key, KeyKind, kind_of
from polardb_bridge.table.schema import check_table_name
from polardb_bridge.table.text import identifier, quoted

KEY = "row_key"
_KEY_COLUMN = re.compile(rf"{KEY}(?:_([1-9]\d*))?")
# `database.table`, each of 64 characters. With a key of MAX_KEY_LENGTH and the uid it takes 2,600 of the 3,072 bytes
# that an index may have.
_MAX_SOURCE_LENGTH = 64 + 1 + 64
_MAX_EMAIL_LENGTH = 254
_BY_BYTES = "utf8mb4_bin"
_CHARS = {"char", "varchar"}
_NOW = sa.text("CURRENT_TIMESTAMP(6)")
_TYPES: dict[str, set[str]] = {
    "source": _CHARS,
    "annotation_uid": _CHARS,
    "project": INTEGERS,
    "project_uid": _CHARS,
    "task": INTEGERS,
    "annotator": TEXTS,
    "result": {"json", "text", "mediumtext", "longtext"},
    "was_cancelled": INTEGERS,
    "lead_time": {"double", "float", "decimal"},
    "ground_truth": INTEGERS,
    "created_at": TIMES,
    "updated_at": TIMES,
}
# Beside what tells annotations apart.
WRITTEN = tuple(name for name in _TYPES if name not in ("source", "annotation_uid"))


class _SourceKeyType(KeyType):
    """Of a column that is to hold what the column of a source's key holds. spec: its type, as in CREATE TABLE."""

    cache_ok = True

    def __init__(self, kind: KeyKind, spec: str) -> None:
        super().__init__(kind)
        self.spec = spec

    def get_col_spec(self, **_: Any) -> str:
        return self.spec


TEXT_KEY = (_SourceKeyType(KeyKind.TEXT, f"VARCHAR({MAX_KEY_LENGTH}) CHARACTER SET utf8mb4 COLLATE {_BY_BYTES}"),)


@dataclass(frozen=True)
class ResultTable:
    """A result table as the server has it. key: how statements name rows of sources in it."""

    name: str
    key: TableKey

    @property
    def columns(self) -> list[str]:
        """Those that are written; the first of them are its primary key."""
        return ["source", *(column.name for column in self.key.columns), "annotation_uid", *WRITTEN]

    def takes(self, kinds: Sequence[KeyKind]) -> bool:
        """Whether it can hold keys of these kinds."""
        return self.key.kinds in (tuple(kinds), (KeyKind.TEXT,))

    def value_of(self, key: Key) -> Key:
        """A key as it comes back from here."""
        return str(key) if self.key.kinds == (KeyKind.TEXT,) else key


def result_table(name: str, key: Sequence[KeyType] = TEXT_KEY) -> sa.Table:
    """A result table to create. key: the types of the columns of rows' keys.

    Raises:
        InvalidInputError: `name` cannot be a table's name.
    """
    uid = mysql.CHAR(UID_LENGTH, charset="ascii", collation="ascii_bin")
    flag = mysql.TINYINT(1)
    return sa.Table(
        check_table_name(name),
        sa.MetaData(),
        sa.Column("source", mysql.VARCHAR(_MAX_SOURCE_LENGTH, charset="utf8mb4", collation=_BY_BYTES)),
        *(sa.Column(column, each) for column, each in zip(_key_names(len(key)), key, strict=True)),
        sa.Column("annotation_uid", uid),
        sa.Column("project", mysql.BIGINT(), nullable=False),
        sa.Column("project_uid", uid, nullable=False),
        sa.Column("task", mysql.BIGINT(), nullable=False),
        sa.Column("annotator", mysql.VARCHAR(_MAX_EMAIL_LENGTH)),
        sa.Column("result", mysql.JSON(), nullable=False),
        sa.Column("was_cancelled", flag, nullable=False, server_default="0"),
        sa.Column("lead_time", mysql.DOUBLE()),
        sa.Column("ground_truth", flag, nullable=False, server_default="0"),
        # With a default of their own, so that no server gives them ON UPDATE.
        sa.Column("created_at", mysql.TIMESTAMP(fsp=6), nullable=False, server_default=_NOW),
        sa.Column("updated_at", mysql.TIMESTAMP(fsp=6), nullable=False, server_default=_NOW),
        sa.PrimaryKeyConstraint("source", *_key_names(len(key)), "annotation_uid"),
        sa.Index("written_by", "project_uid", "task"),
        mysql_default_charset="utf8mb4",
        mysql_engine="InnoDB",
        mysql_row_format="DYNAMIC",
    )


def _key_names(count: int) -> list[str]:
    return [KEY] if count == 1 else [f"{KEY}_{number}" for number in range(1, count + 1)]


def key_types(connection: sa.Connection, table: str, names: Sequence[str]) -> list[KeyType]:
    """Types that hold what these columns of the table's key hold, and compare it alike.

    Raises:
        ReconfigureError: one is not there, or no key can be made of it.
    """
    query = sa.text(
        "SELECT LOWER(COLUMN_NAME), LOWER(DATA_TYPE), COLUMN_TYPE, CHARACTER_SET_NAME, COLLATION_NAME"
        " FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :table"
    )
    there = {row[0]: row[1:] for row in connection.execute(query, {"table": table})}
    found: list[KeyType] = []
    for name in names:
        data_type, full_type, character_set, collation = there.get(name.lower(), ("", "", None, None))
        kind = kind_of(data_type)
        if kind is None:
            raise ReconfigureError(
                f"No key can be made of the column {name!r} of the table {table!r}: {full_type or 'it is not there'}.",
                field="mapping",
            )
        collated = f" CHARACTER SET {character_set} COLLATE {collation}" if character_set else ""
        found.append(_SourceKeyType(kind, f"{full_type}{collated}"))
    return found


def open_result_table(connection: sa.Connection, name: str) -> ResultTable:
    """The result table of that name.

    Raises:
        ReconfigureError: it is not there, or columns are missing or unfit; all are named.
    """
    found = find_table(connection, name)
    if found is None:
        raise ReconfigureError(
            f"There is no result table {name!r} in the database, or its user may not see it. Make it: "
            f"create_tables --results {name}.",
            field="table",
        )
    key = _key(found)
    problems = _problems_of(found, key)
    if problems:
        raise ReconfigureError(f"The table {found.name!r} cannot be used: {'; '.join(problems)}.", field="table")
    kinds = [kind for each in key.values() if (kind := kind_of(each.type))]
    columns = (sa.Column(name, KeyType(kind)) for name, kind in zip(key, kinds, strict=True))
    return ResultTable(found.name, TableKey(tuple(columns), tuple(kinds)))


def _key(found: FoundTable) -> dict[str, Column]:
    """The columns of rows' keys, in their order."""
    numbered = {int(match[1] or 1): name for name in found.columns if (match := _KEY_COLUMN.fullmatch(name))}
    return {numbered[number]: found.columns[numbered[number]] for number in sorted(numbered)}


def _problems_of(found: FoundTable, key: dict[str, Column]) -> list[str]:
    if found.is_view:
        return ["it is a view"]
    problems = []
    if list(key) != _key_names(len(key)) or not key:
        problems.append(f"column {KEY!r} is missing, or the account may not see it")
    for name, types in _TYPES.items():
        column = found.column(name)
        if column is None:
            problems.append(f"column {name!r} is missing, or the account may not see it")
        elif column.type not in types or column.is_generated:
            problems.append(f"column {name!r} is {column.full_type}, expected {' or '.join(sorted(types))}")
    problems += [
        f"column {name!r} is {column.full_type}, which does not tell rows apart"
        for name, column in key.items()
        if kind_of(column.type) is None
    ]
    if not problems and not found.told_apart_by(["source", *key, "annotation_uid"]):
        columns = ", ".join(map(quoted, ["source", *key, "annotation_uid"]))
        problems.append(f"two rows may be of one annotation: its primary key has to be ({columns})")
    return problems


def check_writable(connection: sa.Connection, table: ResultTable) -> None:
    """Raise what the server raises if the account may not write there, or the table takes no such statements."""
    name = identifier(connection, table.name)
    columns = ", ".join(identifier(connection, each) for each in table.columns)
    # Names are checked and quoted.
    connection.exec_driver_sql(
        f"INSERT INTO {name} ({columns}) SELECT {columns} FROM {name} WHERE 1 = 0 "  # noqa: S608
        "ON DUPLICATE KEY UPDATE task = VALUES(task)"
    )
    connection.exec_driver_sql(f"DELETE FROM {name} WHERE 1 = 0")  # noqa: S608
