"""What rows hold of annotation results, for comparison."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.json_values import UnusableJsonError, parse_json
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import RESULT_ROLES, mapping_of
from polardb_bridge.table.results import RowResult, to_json
from polardb_bridge.table.text import identifier, utf8
from polardb_bridge.table.versions import as_version

# What stands for "no result": JSON's own null, and what a column that is NOT NULL holds in place of NULL.
_NEVER_RESULTS = ("", "null")
_EMPTY = ("[]", "{}")  # results only where a count or an id says so: somebody has submitted nothing
# Read as bytes, and compared after a write; its times are not: servers round them.
_TEXTS = ("annotation_data", "annotation_uid")
_COMPARED = ("annotation_data", "annotation_count", "annotation_uid")


@dataclass(frozen=True)
class StoredResult:
    """What a row holds now.

    data: parsed; None if the column is NULL, `Unreadable` if it is not JSON that Label Studio's database can hold.
    count: None if the column is NULL. created_at, updated_at: None if they are no times (`0000-00-00`).
    roles: what the table has columns for; the rest is None.
    """

    row_id: Key
    data: Any
    count: int | None
    uid: str | None
    created_at: datetime | None
    updated_at: datetime | None
    roles: frozenset[str] = frozenset(RESULT_ROLES)

    def matches(self, result: RowResult) -> bool:
        """Whether the row holds `result`. JSON is compared as values: MySQL keeps no order of keys and no spaces."""
        pairs = {
            "annotation_data": (self.data, result.data),
            "annotation_count": (self.count, result.count),
            "annotation_uid": (self.uid, result.uid),
        }
        return all(held == wanted for role, (held, wanted) in pairs.items() if role in self.roles)

    @property
    def is_nothing(self) -> bool:
        """Whether this is no result: NULL, or what stands for it."""
        if isinstance(self.data, Unreadable):
            return self.data.is_nothing
        return self.data is None or (self.data in ([], {}) and not self.count and not self.uid)

    @property
    def is_empty(self) -> bool:
        return self.is_nothing and not self.uid


@dataclass(frozen=True, eq=False)
class Unreadable:
    """In place of stored data that cannot be used; equal to nothing.

    problem: why. is_nothing: it stands for NULL, and is not NULL.
    """

    problem: str
    is_nothing: bool = False


def holds_result(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether a row holds a result, as far as its count and the first characters tell."""
    tells: list[sa.ColumnElement[bool]] = []
    if "annotation_count" in table.c:
        tells.append(table.c.annotation_count > 0)
    if "annotation_data" in table.c:
        start = sa.func.left(sa.cast(table.c.annotation_data, sa.CHAR), max(map(len, _NEVER_RESULTS + _EMPTY)) + 1)
        tells.append(start.not_in(_NEVER_RESULTS + _EMPTY))
    return sa.or_(sa.false(), *tells)


def read_results(connection: sa.Connection, table: sa.Table, row_ids: Sequence[Key]) -> dict[Key, StoredResult]:
    """What the rows of these ids hold, by row id; rows that are not there are left out."""
    # As bytes: the type would parse it, and could not tell JSON's null from NULL; not all of it is valid text.
    roles = list(mapping_of(table).results)
    columns = [utf8(table.c[role]) if role in _TEXTS else table.c[role] for role in roles]
    key = key_of(table)
    query = sa.select(*key.columns, *columns).where(key.among(row_ids))
    found = {key.read(row[: key.width]): row[key.width :] for row in connection.execute(query)}
    asked = key.as_asked(connection, row_ids, list(found))
    by_asked = ((asked.get(row_id, row_id), values) for row_id, values in found.items())
    return {row_id: _stored(row_id, dict(zip(roles, values, strict=True))) for row_id, values in by_asked}


def _stored(row_id: Key, values: Mapping[str, Any]) -> StoredResult:
    uid = values.get("annotation_uid")
    created_at, updated_at = (
        time and time.replace(tzinfo=timezone.utc)
        for time in (values.get("annotation_create_at"), values.get("annotation_update_at"))
    )
    return StoredResult(
        row_id,
        _parsed(values.get("annotation_data")),
        values.get("annotation_count"),
        None if uid is None else uid.decode(errors="replace").rstrip(),
        created_at,
        updated_at,
        roles=frozenset(values),
    )


def _parsed(text: bytes | None) -> Any:
    if text is None:
        return None
    if text.strip().decode("ascii", "replace") in _NEVER_RESULTS:
        return Unreadable("is not a list of regions", is_nothing=True)
    try:
        return parse_json(text)
    except UnusableJsonError as error:
        return Unreadable(str(error))


@dataclass(frozen=True)
class KeptResult:
    """What a row has made of a result. column: the first that holds another; empty if none does. version: the row's."""

    column: str
    version: int


def read_kept(connection: sa.Connection, table: sa.Table, results: Collection[RowResult]) -> dict[Key, KeptResult]:
    """What the rows of `results`, just written, hold, by row id; rows that are not there are left out.

    Every write waits for this: one statement as it is, and no JSON is parsed that comes back as it was written.
    """
    if not results:
        return {}
    mapping = mapping_of(table)
    columns = {role: identifier(connection, column) for role, column in mapping.by_role.items()}
    version = f"UNIX_TIMESTAMP({columns['updated_at']})" if mapping.version else "NULL"
    compared = [role for role in _COMPARED if role in mapping.results]
    values = [
        f"CAST(CONVERT({columns[role]} USING utf8mb4) AS BINARY)" if role in _TEXTS else columns[role]
        for role in compared
    ]
    key = key_of(table)
    query = (
        f"SELECT {', '.join([*key.selected_sql(connection), version, *values])} "  # noqa: S608  # checked and quoted
        f"FROM {identifier(connection, table.name)} WHERE {key.among_sql(connection, len(results))}"
    )
    by_row = {result.row_id: result for result in results}
    found = {
        key.read_sql(row[: key.width]): row[key.width :]
        for row in connection.exec_driver_sql(query, tuple(key.bound(by_row)))
    }
    asked = key.as_asked(connection, by_row, list(found))
    kept = {asked.get(row_id, row_id): (as_version(time), held) for row_id, (time, *held) in found.items()}
    return {
        row_id: KeptResult(
            mapping.results.get(_differing_role(by_row[row_id], dict(zip(compared, held, strict=True))), ""), version
        )
        for row_id, (version, held) in kept.items()
        if row_id in by_row
    }


def _differing_role(result: RowResult, held: Mapping[str, Any]) -> str:
    """The first of `held`, by role, that is not the result's; empty if there is none."""
    if "annotation_data" in held and not _is_same_data(result.data, held["annotation_data"]):
        return "annotation_data"
    if "annotation_count" in held and held["annotation_count"] != result.count:
        return "annotation_count"
    uid = held.get("annotation_uid")
    is_same_uid = (None if uid is None else uid.decode(errors="replace").rstrip()) == result.uid
    return "" if is_same_uid or "annotation_uid" not in held else "annotation_uid"


def _is_same_data(data: list[Any] | None, text: bytes | None) -> bool:
    if data is None or text is None:
        return data is None and text is None
    if text == to_json(data).encode():
        return True
    try:
        return bool(json.loads(text) == data)
    except (ValueError, RecursionError):
        return False
