"""What the server's catalogue says of a table, and what of it will not do.

Read from `information_schema`, which knows types that no library does, and shows the columns of an account that has no
privilege on the table as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.type_api import TypeEngine

from polardb_bridge.choices import FieldKind
from polardb_bridge.table.key_columns import KeyType
from polardb_bridge.table.keys import KeyKind, typed_columns, types_of
from polardb_bridge.table.mapping import RESULT_ROLES, TableMapping, mapping_of
from polardb_bridge.table.text import quoted

UID_LENGTH = 36

INTEGERS = types_of(KeyKind.INTEGER) - {"year"}
TEXTS = {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"}
BYTES = {"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}
# MariaDB has no type of its own for JSON.
_JSON = {"json", "mediumtext", "longtext"}
TIMES = {"timestamp", "datetime"}
_OTHERS_AS_TEXT = {"decimal", "float", "double", "date", "time", "year", "uuid", "inet4", "inet6"}
_TYPES_OF_KINDS = {
    FieldKind.BASE64: TEXTS | BYTES,
    FieldKind.BYTES: BYTES,
    FieldKind.TEXT: TEXTS | BYTES | _JSON | INTEGERS | TIMES | _OTHERS_AS_TEXT,
    FieldKind.URL: TEXTS | BYTES,
    FieldKind.NUMBER: INTEGERS | {"decimal", "float", "double", "year"},
    FieldKind.JSON: _JSON | TEXTS - {"enum", "set"},
    FieldKind.DATETIME: TIMES | {"date"},
    FieldKind.URLS: TEXTS | BYTES | {"json"},
    FieldKind.BASE64S: TEXTS | BYTES | {"json"},
}


def kinds_for(column_type: str) -> list[FieldKind]:
    """How a column of this type can be read for a field of tasks."""
    return [kind for kind, types in _TYPES_OF_KINDS.items() if column_type in types]


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
# What a MEDIUMTEXT holds: no photo is larger.
_ENOUGH_CHARACTERS = 16_777_215
_ENOUGH_BYTES = _ENOUGH_CHARACTERS * 3 // 4
_MINUTES_FROM_UTC = (
    "SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@global.time_zone))"
)


class TableWarning(str):
    """What works, and will surprise people: a sentence with what to do."""

    __slots__ = ()


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
    """

    name: str
    is_view: bool
    columns: dict[str, Column]
    unique: tuple[tuple[str, ...], ...] = ()

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


def problems_of(found: FoundTable, expected: sa.Table) -> list[str]:
    """Why values of the columns of `expected` cannot be read from the table."""
    problems = []
    mapping = mapping_of(expected)
    for column in expected.columns:
        if column.key == "base64_data" and not mapping.is_documented:
            continue  # one of the sources below
        there = found.column(column.name)
        if there is None:
            problems.append(f"column {column.name!r} is missing, or the account may not see it")
        elif there.type not in (_types_like(column.type) if mapping.is_documented else _types_for(column)):
            problems.append(f"column {column.name!r} is {there.full_type}, expected {column.type}")
    sources = (source for field in mapping.data.values() for source in field.sources)
    for source in () if mapping.is_documented else sources:
        there = found.column(source.column)
        if there is None:
            problems.append(f"column {source.column!r} is missing, or the account may not see it")
        elif there.type not in (BYTES if source.is_bytes else _TYPES_OF_KINDS[source.kind]):
            problems.append(f"column {source.column!r} is {there.full_type}, which is not read as {source.way}")
    key = mapping.key_columns
    if all(map(found.column, key)) and not found.told_apart_by(key):
        what = f"column {key[0]!r} is" if len(key) == 1 else f"columns {typed_columns(key)} are"
        problems.append(f"{what} not the primary key")
    return problems


def _types_for(column: sa.Column[Any]) -> set[str]:
    """The types that can have the use of `column` in a table that nobody made for labeling."""
    if isinstance(column.type, KeyType):
        return types_of(column.type.kind)
    if column.key == "original_name":
        return INTEGERS | TEXTS | TIMES | _OTHERS_AS_TEXT
    if column.key == "annotation_data":
        return _JSON | TEXTS - {"enum", "set"}
    if column.key == "label":
        return TEXTS - {"set"}
    return _types_like(column.type)


def _types_like(expected: TypeEngine[object]) -> set[str]:
    """The types whose values can stand for those of `expected`."""
    if isinstance(expected, sa.JSON):
        return _JSON
    if isinstance(expected, mysql.LONGTEXT):
        return TEXTS | BYTES
    if isinstance(expected, sa.TIMESTAMP):
        return TIMES
    return INTEGERS if isinstance(expected, sa.Integer) else TEXTS


def writing_problems_of(found: FoundTable, mapping: TableMapping) -> list[str]:
    """Why results cannot be written into the table; all columns of the mapping are there."""
    written = [*mapping.results.values(), *mapping.kept]
    problems = [
        f"column {name!r} is generated, and cannot be written"
        for name in written
        if (column := found.column(name)) and column.is_generated
    ]
    uid = mapping.results.get("annotation_uid")
    length = found.columns[uid.lower()].max_length if uid else None
    if length is not None and length < UID_LENGTH:
        problems.append(f"column {uid!r} takes {length} characters, and an id has {UID_LENGTH}")
    if not {"annotation_data", "label"} & mapping.results.keys():
        problems.append("it has no column for results: name one, such as annotation_data=answer")
    return problems


def reading_warnings(found: FoundTable, mapping: TableMapping) -> list[TableWarning]:
    """What surprises people who label the rows, or add some."""
    warnings = []
    picture = mapping.picture
    image = picture and found.columns[picture.column.lower()]
    is_bytes = picture is not None and picture.kind is FieldKind.BYTES
    enough = _ENOUGH_BYTES if is_bytes else _ENOUGH_CHARACTERS
    if picture and image and image.max_length is not None and image.max_length < enough:
        best, unit = ("LONGBLOB", "bytes") if is_bytes else ("LONGTEXT", "characters")
        column = picture.column if picture.column.isidentifier() else quoted(picture.column)
        warnings.append(
            TableWarning(
                f"Column {picture.column!r} is {image.full_type}, which holds at most {image.max_length:,} {unit}: "
                f"a larger image is refused, or cut off if the server is not strict. Use {best}: "
                f"ALTER TABLE {quoted(found.name)} MODIFY COLUMN {column} {best}"
            )
        )
    if mapping.version is None:
        warnings.append(
            TableWarning(
                "No column tells when a row has changed: each sync has the server read all that tasks show to find "
                "what was replaced. Name a column that changes with the row, if there is one."
            )
        )
    elif not found.columns[mapping.version.lower()].changes_with_row:
        warnings.append(
            TableWarning(
                f"Column {mapping.version!r} does not change with its row: what is replaced later is not noticed. "  # noqa: S608
                "Give it ON UPDATE CURRENT_TIMESTAMP, or set it with each change."
            )
        )
    count = mapping.results.get("annotation_count")
    if count == "annotation_count" and not found.columns[count].has_default:
        warnings.append(
            TableWarning(
                "Column 'annotation_count' has no default, as in PolarDB's documentation: INSERTs that leave it out "
                "fail in strict mode (MySQL error 1364). This helps: "
                f"ALTER TABLE {quoted(found.name)} ALTER annotation_count SET DEFAULT 0"
            )
        )
    return warnings


def writing_warnings(connection: sa.Connection, found: FoundTable, mapping: TableMapping) -> list[TableWarning]:
    """What surprises people who look for results in the rows."""
    there = {role: (name, found.columns[name.lower()]) for role, name in mapping.results.items()}
    warnings = [
        TableWarning(
            f"Column {name!r} is NOT NULL and has no default: if the last annotation of a row is deleted, its result "
            "stays there. Let it be NULL, or give it a default."
        )
        for role, (name, column) in there.items()
        if role in ("annotation_data", "annotation_uid", "label") and not column.has_default
    ]
    if "annotation_data" in there:
        name, data = there["annotation_data"]
        if data.character_set not in (None, "utf8mb4"):
            warnings.append(
                TableWarning(
                    f"Column {name!r} is in {data.character_set}: a result with characters that it lacks is not "
                    "written. Convert it to utf8mb4."
                )
            )
    local = [there[role][0] for role in RESULT_ROLES if role in there and there[role][1].type == "datetime"]
    if local and connection.exec_driver_sql(_MINUTES_FROM_UTC).scalar_one():
        warnings.append(
            TableWarning(
                f"Columns {', '.join(local)} are DATETIME, which has no time zone: they are written in UTC, and the "
                "server's own times are in another zone. Make them TIMESTAMP, or read them as UTC."
            )
        )
    return warnings
