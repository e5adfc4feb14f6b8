"""Whether the column of a row's label takes every label that people can choose."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.text import shown

_QUERY = sa.text(
    "SELECT LOWER(DATA_TYPE), COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH, CHARACTER_OCTET_LENGTH, CHARACTER_SET_NAME"
    " FROM information_schema.COLUMNS"
    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :table AND LOWER(COLUMN_NAME) = :column"
)
_VALUE = re.compile(r"'((?:[^']|'')*)'")
_CHARACTER_SET = re.compile(r"[a-z0-9_]+")
_ALL_CHARACTERS = "utf8mb4"


def check_labels(connection: sa.Connection, table: sa.Table, labels: Sequence[str]) -> None:
    """See that the column that the mapping names for labels takes all of these.

    Raises:
        ReconfigureError: one does not fit; names it and the column.
    """
    column = mapping_of(table).results["label"]
    found = connection.execute(_QUERY, {"table": table.name, "column": column.lower()}).first()
    if found is None:
        return  # `validate_table` says so
    kind, full_type, characters, octets, character_set = found
    for label, problem in _problems(connection, labels, kind, full_type, (characters, octets), character_set):
        raise ReconfigureError(
            f"The label '{shown(label)}' does not fit into the column {column!r} ({full_type}): {problem}.",
            field="mapping",
        )


def _problems(
    connection: sa.Connection,
    labels: Sequence[str],
    kind: str,
    full_type: str,
    lengths: tuple[int | None, int | None],
    character_set: str | None,
) -> Iterator[tuple[str, str]]:
    values = {value.replace("''", "'").replace("\\\\", "\\") for value in _VALUE.findall(full_type)}
    characters, octets = lengths
    as_stored = _as_stored(connection, labels, character_set)
    for label in labels:
        if kind == "enum":
            if label not in values:
                yield label, "it is none of the values of that type"
        elif as_stored.get(label, b"") is None:
            yield label, f"the character set {character_set} lacks one of its characters"
        elif kind in ("char", "varchar") and characters is not None and len(label) > characters:
            yield label, f"it has {len(label)} characters"
        elif octets is not None and len(as_stored.get(label) or label.encode()) > octets:
            yield label, f"it takes {len(as_stored.get(label) or label.encode())} bytes"


def _as_stored(connection: sa.Connection, labels: Sequence[str], character_set: str | None) -> dict[str, bytes | None]:
    """The bytes of labels in a character set; None for one that it cannot hold. Empty where it holds everything."""
    if not labels or not character_set or character_set == _ALL_CHARACTERS:
        return {}
    if not _CHARACTER_SET.fullmatch(character_set):
        return {}
    stored = ", ".join([f"CAST(CONVERT(%s USING {character_set}) AS BINARY)"] * len(labels))
    back = ", ".join([f"CAST(CONVERT(CONVERT(%s USING {character_set}) USING utf8mb4) AS BINARY)"] * len(labels))
    values = connection.exec_driver_sql(f"SELECT {stored}, {back}", (*labels, *labels)).one()
    count = len(labels)
    return {
        label: values[number] if values[count + number] == label.encode() else None
        for number, label in enumerate(labels)
    }
