"""What rows hold of annotation results, for comparison."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table.chosen import only_label
from polardb_bridge.table.cleared import ROLES, defaults_of, is_cleared
from polardb_bridge.table.json_values import UnusableJsonError, parse_json
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.result_columns import RESULT_ROLES
from polardb_bridge.table.results import RowResult, to_json
from polardb_bridge.table.text import identifier, utf8
from polardb_bridge.table.versions import as_version, version_sql

# What stands for "no result": JSON's own null, and what a column that is NOT NULL holds in place of NULL.
_NEVER_RESULTS = ("", "null")
_EMPTY = ("[]", "{}")  # results only where a count or an id says so: somebody has submitted nothing
# Read as bytes, and compared after a write; its times are not: servers round them.
_TEXTS = ("annotation_data", "annotation_uid", "label")
_COMPARED = ("annotation_data", "annotation_count", "annotation_uid", "label")


@dataclass(frozen=True)
class StoredResult:
    """What a row holds now.

    data: parsed; None if the column is NULL, `Unreadable` if it is not JSON that Label Studio's database can hold.
    count: None if the column is NULL. created_at, updated_at: None if they are no times (`0000-00-00`).
    roles: what the table has columns for; the rest is None. cleared: those that hold what stands for NULL there.
    """

    row_id: Key
    data: Any
    count: int | None
    uid: str | None
    created_at: datetime | None
    updated_at: datetime | None
    roles: frozenset[str] = frozenset(RESULT_ROLES) - {"label"}
    label: str | None = None
    cleared: frozenset[str] = frozenset()

    def matches(self, result: RowResult) -> bool:
        """Whether the row holds `result`. JSON is compared as values: MySQL keeps no order of keys and no spaces."""
        pairs = {
            "annotation_data": (self.data, result.data),
            "annotation_count": (self.count, result.count),
            "annotation_uid": (self.uid, result.uid),
            "label": (self.label, _label_of(result) if "label" in self.roles else None),
        }
        return all(
            held == wanted or (wanted is None and role in self.cleared)
            for role, (held, wanted) in pairs.items()
            if role in self.roles
        )

    @property
    def is_nothing(self) -> bool:
        """Whether this is no result: NULL, or what stands for it."""
        if "annotation_data" in self.cleared and not self.count and (not self.uid or "annotation_uid" in self.cleared):
            return True
        if isinstance(self.data, Unreadable):
            return self.data.is_nothing
        return self.data is None or (self.data in ([], {}) and not self.count and not self.uid)

    @property
    def is_empty(self) -> bool:
        return self.is_nothing and all(
            not held or role in self.cleared for role, held in (("annotation_uid", self.uid), ("label", self.label))
        )


@dataclass(frozen=True, eq=False)
class Unreadable:
    """In place of stored data that cannot be used; equal to nothing.

    problem: why. is_nothing: it stands for NULL, and is not NULL.
    """

    problem: str
    is_nothing: bool = False


def _label_of(result: RowResult) -> str | object | None:
    """What the column of the label has to hold; equal to nothing if it has several."""
    try:
        return only_label(result.data)
    except RowError:
        return object()


def holds_result(table: sa.Table) -> sa.ColumnElement[bool]:
    """Whether a row holds a result, as far as its count and the first characters tell."""
    tells: list[sa.ColumnElement[bool]] = []
    if "annotation_count" in table.c:
        tells.append(table.c.annotation_count > 0)
    if "annotation_data" in table.c:
        start = sa.func.left(sa.cast(table.c.annotation_data, sa.CHAR), max(map(len, _NEVER_RESULTS + _EMPTY)) + 1)
        tells.append(start.not_in(_NEVER_RESULTS + _EMPTY))
    elif "label" in table.c:
        tells.append(sa.func.coalesce(table.c.label, "") != "")
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
    by_asked = {asked.get(row_id, row_id): dict(zip(roles, values, strict=True)) for row_id, values in found.items()}
    defaults = defaults_of(connection, table) if any(map(_may_be_cleared, by_asked.values())) else {}
    return {row_id: _stored(row_id, values, defaults) for row_id, values in by_asked.items()}


def _may_be_cleared(values: Mapping[str, Any]) -> bool:
    """Whether what a row holds may be the defaults of columns, in place of NULL."""
    is_labeled = bool(values.get("annotation_count")) and values.get("label") is None
    return not is_labeled and any(values.get(role) is not None for role in ROLES)


def _stored(row_id: Key, values: Mapping[str, Any], defaults: Mapping[str, str | None]) -> StoredResult:
    texts = {role: values[role] and values[role].decode(errors="replace") for role in _TEXTS if role in values}
    created_at, updated_at = (
        time and time.replace(tzinfo=timezone.utc)
        for time in (values.get("annotation_create_at"), values.get("annotation_update_at"))
    )
    return StoredResult(
        row_id,
        _parsed(values.get("annotation_data")),
        values.get("annotation_count"),
        _without_padding(texts.get("annotation_uid")),
        created_at,
        updated_at,
        roles=frozenset(values),
        label=_without_padding(texts.get("label")),
        cleared=frozenset(role for role, default in defaults.items() if is_cleared(texts[role] or "", default)),
    )


def _without_padding(text: str | None) -> str | None:
    """What a CHAR column was given, whose session pads."""
    return None if text is None else text.rstrip()


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
    version = version_sql(mapping).replace("%", "%%")
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
    # What is cleared is taken for that: only the server knows what its default gives.
    is_cleared_too = any(
        result.data is None or ("label" in compared and not only_label(result.data)) for result in results
    )
    defaults = defaults_of(connection, table) if is_cleared_too else {}
    found = {
        key.read_sql(row[: key.width]): row[key.width :]
        for row in connection.exec_driver_sql(query, tuple(key.bound(by_row)))
    }
    asked = key.as_asked(connection, by_row, list(found))
    kept = {asked.get(row_id, row_id): (as_version(time), held) for row_id, (time, *held) in found.items()}
    return {
        row_id: KeptResult(
            mapping.results.get(_differing_role(by_row[row_id], dict(zip(compared, held, strict=True)), defaults), ""),
            version,
        )
        for row_id, (version, held) in kept.items()
        if row_id in by_row
    }


def _differing_role(result: RowResult, held: Mapping[str, Any], defaults: Collection[str]) -> str:
    """The first of `held`, by role, that is not the result's; empty if there is none."""
    wanted = {"annotation_data": result.data, "annotation_count": result.count, "annotation_uid": result.uid}
    if "label" in held:
        wanted["label"] = only_label(result.data)
    for role, value in held.items():
        if wanted[role] is None and role in defaults:
            continue
        if role == "annotation_data":
            is_same = is_same_data(result.data, value)
        elif role in _TEXTS:
            is_same = _without_padding(None if value is None else value.decode(errors="replace")) == wanted[role]
        else:
            is_same = value == wanted[role]
        if not is_same:
            return role
    return ""


def is_same_data(data: list[Any] | None, text: bytes | None) -> bool:
    """Whether a column holds this value: as it was written, or as the server writes it."""
    if data is None or text is None:
        return data is None and text is None
    if text == to_json(data).encode():
        return True
    try:
        return bool(json.loads(text) == data)
    except (ValueError, RecursionError):
        return False
