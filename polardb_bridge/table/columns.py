"""What the server's catalogue says of a table, and what of it will not do.

Read from `information_schema`, which knows types that no library does, and shows the columns of an account that has no
privilege on the table as a whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.type_api import TypeEngine

from polardb_bridge.table.text import quoted

RESULT_COLUMNS = (
    "annotation_data",
    "annotation_count",
    "annotation_uid",
    "annotation_create_at",
    "annotation_update_at",
)
UID_LENGTH = 36

_INTEGERS = {"tinyint", "smallint", "mediumint", "int", "bigint"}
_TEXTS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
_BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
# MariaDB has no type of its own for JSON.
_JSON = {"json", "mediumtext", "longtext"}
_TIMES = {"timestamp", "datetime"}

_QUERY = sa.text(
    "SELECT t.TABLE_NAME, t.TABLE_TYPE, c.COLUMN_NAME, c.DATA_TYPE, c.COLUMN_TYPE, c.IS_NULLABLE,"
    " c.CHARACTER_MAXIMUM_LENGTH, c.CHARACTER_SET_NAME, c.EXTRA, c.GENERATION_EXPRESSION, c.COLUMN_KEY,"
    " c.COLUMN_DEFAULT"
    " FROM information_schema.TABLES t LEFT JOIN information_schema.COLUMNS c"
    " ON c.TABLE_SCHEMA = t.TABLE_SCHEMA AND c.TABLE_NAME = t.TABLE_NAME"
    " WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = :name ORDER BY c.ORDINAL_POSITION"
)
# What a MEDIUMTEXT holds: no photo is larger.
_ENOUGH_CHARACTERS = 16_777_215
_MINUTES_FROM_UTC = (
    "SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@global.time_zone))"
)


class TableWarning(str):
    """What works, and will surprise people: a sentence with what to do."""

    __slots__ = ()


@dataclass(frozen=True)
class Column:
    """type: its name alone, in lower case; full_type: with lengths. max_length: of text, in characters."""

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
    """A table or view, with the columns that the account may see, by name in lower case."""

    name: str
    is_view: bool
    columns: dict[str, Column]

    @property
    def key(self) -> list[str]:
        return [name for name, column in self.columns.items() if column.is_key]


def find_table(connection: sa.Connection, name: str) -> FoundTable | None:
    """What the catalogue has of that name in the connection's database; None if nothing, or nothing to be seen."""
    rows = connection.execute(_QUERY, {"name": name}).all()
    # The catalogue may compare without case where the server tells names of different case apart.
    rows = [row for row in rows if row[0] == name] or rows
    if not rows:
        return None
    columns = {str(row[2]).lower(): _column(row[3:]) for row in rows if row[2] is not None}
    return FoundTable(name=str(rows[0][0]), is_view="VIEW" in rows[0][1], columns=columns)


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


def problems_of(found: FoundTable, expected: sa.Table) -> list[str]:
    """Why values of the columns of `expected` cannot be read from the table."""
    problems = []
    for column in expected.columns:
        there = found.columns.get(column.name)
        if there is None:
            problems.append(f"column {column.name!r} is missing, or the account may not see it")
        elif there.type not in _types_like(column.type):
            problems.append(f"column {column.name!r} is {there.full_type}, expected {column.type}")
    if expected.columns.keys()[0] == "id" and "id" in found.columns and found.key != ["id"]:
        problems.append("column 'id' is not the primary key")
    return problems


def _types_like(expected: TypeEngine[object]) -> set[str]:
    """The types whose values can stand for those of `expected`."""
    if isinstance(expected, sa.JSON):
        return _JSON
    if isinstance(expected, mysql.LONGTEXT):
        return _TEXTS | _BYTES
    if isinstance(expected, sa.TIMESTAMP):
        return _TIMES
    return _INTEGERS if isinstance(expected, sa.Integer) else _TEXTS


def writing_problems_of(found: FoundTable) -> list[str]:
    """Why results cannot be written into the table; all of its columns are there."""
    columns = {name: found.columns[name] for name in (*RESULT_COLUMNS, "updated_at")}
    problems = [
        f"column {name!r} is generated, and cannot be written" for name, each in columns.items() if each.is_generated
    ]
    length = columns["annotation_uid"].max_length
    if length is not None and length < UID_LENGTH:
        problems.append(f"column 'annotation_uid' takes {length} characters, and an id has {UID_LENGTH}")
    return problems


def reading_warnings(found: FoundTable) -> list[TableWarning]:
    """What surprises people who label the rows, or add some."""
    warnings = []
    image = found.columns["base64_data"]
    if image.max_length is not None and image.max_length < _ENOUGH_CHARACTERS:
        warnings.append(
            TableWarning(
                f"Column 'base64_data' is {image.full_type}, which holds at most {image.max_length:,} characters: "
                "a larger image is refused, or cut off if the server is not strict. Use LONGTEXT: "
                f"ALTER TABLE {quoted(found.name)} MODIFY COLUMN base64_data LONGTEXT"
            )
        )
    if not found.columns["updated_at"].changes_with_row:
        warnings.append(
            TableWarning(
                "Column 'updated_at' does not change with its row: an image that is replaced later is not noticed. "
                "Give it ON UPDATE CURRENT_TIMESTAMP, or set it whenever you replace an image."
            )
        )
    if not found.columns["annotation_count"].has_default:
        warnings.append(
            TableWarning(
                "Column 'annotation_count' has no default, as in PolarDB's documentation: INSERTs that leave it out "
                "fail in strict mode (MySQL error 1364). This helps: "
                f"ALTER TABLE {quoted(found.name)} ALTER annotation_count SET DEFAULT 0"
            )
        )
    return warnings


def writing_warnings(connection: sa.Connection, found: FoundTable) -> list[TableWarning]:
    """What surprises people who look for results in the rows."""
    warnings = [
        TableWarning(
            f"Column {name!r} is NOT NULL: if the last annotation of a row is deleted, its result stays there. "
            "Let it be NULL."
        )
        for name in ("annotation_data", "annotation_uid")
        if not found.columns[name].is_nullable
    ]
    character_set = found.columns["annotation_data"].character_set
    if character_set not in (None, "utf8mb4"):
        warnings.append(
            TableWarning(
                f"Column 'annotation_data' is in {character_set}: a result with characters that it lacks is not "
                "written. Convert it to utf8mb4."
            )
        )
    local = [name for name in RESULT_COLUMNS if found.columns[name].type == "datetime"]
    if local and connection.exec_driver_sql(_MINUTES_FROM_UTC).scalar_one():
        warnings.append(
            TableWarning(
                f"Columns {', '.join(local)} are DATETIME, which has no time zone: they are written in UTC, and the "
                "server's own times are in another zone. Make them TIMESTAMP, or read them as UTC."
            )
        )
    return warnings
