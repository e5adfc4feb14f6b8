"""What of a table will not do for labeling, by its columns, and what will surprise people."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.sql.type_api import TypeEngine

from polardb_bridge.choices import FieldKind, VersionKind
from polardb_bridge.table.found import FoundTable
from polardb_bridge.table.key_columns import KeyType
from polardb_bridge.table.keys import KeyKind, typed_columns, types_of
from polardb_bridge.table.mapping import VERSION_ROLE, TableMapping, mapping_of
from polardb_bridge.table.result_columns import RESULT_ROLES
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


# What a MEDIUMTEXT holds: no photo is larger.
_ENOUGH_CHARACTERS = 16_777_215
_ENOUGH_BYTES = _ENOUGH_CHARACTERS * 3 // 4
_MINUTES_FROM_UTC = (
    "SELECT TIMESTAMPDIFF(MINUTE, UTC_TIMESTAMP(), CONVERT_TZ(UTC_TIMESTAMP(), '+00:00', @@global.time_zone))"
)


NOT_FOLLOWED = (
    "No version was named: new and deleted rows are followed, and what changes in a row is not. The version 'digest' "
    "follows that, too: the server compares all that tasks show."
)


class TableWarning(str):
    """What works, and will surprise people: a sentence with what to do."""

    __slots__ = ()


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
        elif column.key != VERSION_ROLE and there.type not in (
            _types_like(column.type) if mapping.is_documented else _types_for(column, is_guarded=mapping.is_guarded)
        ):
            problems.append(f"column {column.name!r} is {there.full_type}, expected {column.type}")
    sources = (source for field in mapping.data.values() for source in field.sources)
    for source in () if mapping.is_documented else sources:
        there = found.column(source.column)
        if there is None:
            problems.append(f"column {source.column!r} is missing, or the account may not see it")
        elif there.type not in (BYTES if source.is_bytes else _TYPES_OF_KINDS[source.kind]):
            problems.append(f"column {source.column!r} is {there.full_type}, which is not read as {source.way}")
    key = mapping.key_columns
    if mapping.is_guarded and all(map(found.column, key)) and not found.told_apart_by(key):
        what = f"column {key[0]!r} is" if len(key) == 1 else f"columns {typed_columns(key)} are"
        problems.append(f"{what} not the primary key")
    return problems


def _types_for(column: sa.Column[Any], *, is_guarded: bool) -> set[str]:
    """The types that can have the use of `column` in a table that nobody made for labeling."""
    if isinstance(column.type, KeyType):
        return types_of(column.type.kind, is_guarded=is_guarded)
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
    for picture in mapping.picture_columns:
        image = found.columns[picture.column.lower()]
        is_bytes = picture.is_bytes
        enough = _ENOUGH_BYTES if is_bytes else _ENOUGH_CHARACTERS
        if image.max_length is None or image.max_length >= enough:
            continue
        best, unit = ("LONGBLOB", "bytes") if is_bytes else ("LONGTEXT", "characters")
        column = picture.column if picture.column.isidentifier() else quoted(picture.column)
        warnings.append(
            TableWarning(
                f"Column {picture.column!r} is {image.full_type}, which holds at most {image.max_length:,} {unit}: "
                f"a larger image is refused, or cut off if the server is not strict. Use {best}: "
                f"ALTER TABLE {quoted(found.name)} MODIFY COLUMN {column} {best}"
            )
        )
    if mapping.version_kind is VersionKind.NONE:
        warnings.append(TableWarning(NOT_FOLLOWED))
    elif mapping.version_kind is VersionKind.DIGEST:
        warnings.append(
            TableWarning(
                "No column tells when a row has changed: each sync has the server read all that tasks show to find "
                "what was replaced. Name a column that changes with the row, if there is one."
            )
        )
    elif (
        mapping.version_kind is VersionKind.TIME
        and mapping.is_guarded
        and not found.columns[(mapping.version or "").lower()].changes_with_row
    ):
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
