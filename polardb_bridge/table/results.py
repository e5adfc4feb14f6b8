"""Writing annotation results into their rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table import session
from polardb_bridge.table.chosen import only_label
from polardb_bridge.table.cleared import ROLES, defaults_of
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.packets import check_size, in_parts, text_bytes
from polardb_bridge.table.result_columns import RESULT_ROLES
from polardb_bridge.table.text import identifier, unchanged

# At most, of a row without its data.
_ROW_BYTES = 600
# How often a statement has the key of a row, at most: once a column, and to find it.
_KEYS_A_ROW = len(RESULT_ROLES) + 1
# What a row without a result holds; its times stay.
_OF_NO_RESULT = {"annotation_data": "NULL", "annotation_count": "0", "annotation_uid": "NULL", "label": "NULL"}


@dataclass(frozen=True)
class RowResult:
    """What a row holds of its task's annotations.

    data: the region objects of the newest submitted annotation, None if there is none.
    count: how many submitted annotations the task has.
    uid: the `unique_id` of the newest one. created_at, updated_at: its times, aware; None if there is none.
    version: the row's that its task shows (`versions.as_version`); None if that is not known.
    """

    row_id: Key
    data: list[Any] | None
    count: int
    uid: str | None
    created_at: datetime | None
    updated_at: datetime | None
    version: int | None = None


def write_results(connection: sa.Connection, table: sa.Table, results: Sequence[RowResult]) -> set[Key]:
    """Write `results` into their rows; the same call again changes nothing more.

    Returns:
        The keys that the table does not have.

    Raises:
        RowError: one of the results is larger than the server takes in a statement.
    """
    missing: set[Key] = set()
    # By row id, so that two writers lock in one order.
    in_order = sorted((_values(result, table) for result in results), key=attrgetter("row_id"))
    defaults: set[str] = set()
    if any(getattr(each, role) is None for each in in_order for role in ROLES if role in mapping_of(table).results):
        defaults = set(defaults_of(connection, table))
    for part in in_parts(connection, in_order):
        # DEFAULT stands for a whole column, or for its literal alone.
        empty = [values for values in part if defaults and values.annotation_data is None]
        full = [values for values in part if values not in empty] if empty else part
        for values in filter(None, (full, empty)):
            missing |= _update(connection, table, values, defaults)
    return missing


@dataclass(frozen=True)
class _Values:
    """A result as its columns take it (`mapping.RESULT_ROLES`): JSON text; naive times in UTC."""

    row_id: Key
    annotation_data: str | None
    annotation_count: int
    annotation_uid: str | None
    annotation_create_at: datetime | None
    annotation_update_at: datetime
    label: str | None

    @property
    def size(self) -> int:
        """About the bytes of a statement that are this row's, and no fewer."""
        key = 0 if isinstance(self.row_id, int) else _KEYS_A_ROW * text_bytes(self.row_id)
        return _ROW_BYTES + key + text_bytes(f"{self.annotation_data or ''}{self.label or ''}")


def _values(result: RowResult, table: sa.Table) -> _Values:
    return _Values(
        result.row_id,
        annotation_data=None if result.data is None else to_json(result.data),
        annotation_count=result.count,
        annotation_uid=result.uid,
        annotation_create_at=naive_utc(result.created_at) if result.created_at else None,
        # Always a value: the column has ON UPDATE CURRENT_TIMESTAMP.
        annotation_update_at=naive_utc(result.updated_at or datetime.now(timezone.utc)),
        label=only_label(result.data) if "label" in mapping_of(table).results else None,
    )


def check_writable(connection: sa.Connection, table: sa.Table) -> None:
    """Have the server look at an UPDATE like those of `write_results` that touches no row, and runs no trigger.

    It fails as those do if the account or the table as such is the reason, and not a row: a privilege, a column, a
    table that is not there or locked, a server that is read-only.
    """
    names = {role: identifier(connection, column) for role, column in mapping_of(table).results.items()}
    assignments = [f"{name} = {_OF_NO_RESULT.get(role, name)}" for role, name in names.items()]
    assignments += unchanged(connection, mapping_of(table).kept)
    no_row = " AND ".join(f"{identifier(connection, column.name)} IS NULL" for column in key_of(table).columns)
    connection.exec_driver_sql(
        f"UPDATE {identifier(connection, table.name)} SET {', '.join(assignments)} "  # noqa: S608
        f"WHERE {no_row} AND 1 = 0"
    )


def lock_free_rows(connection: sa.Connection, table: sa.Table, row_ids: Sequence[Key]) -> tuple[set[Key], set[Key]]:
    """Lock those of these rows that nobody else has locked, until the transaction ends; and those that others have.

    Rows that the table does not have are in neither.

    Raises:
        RetryableError: the server cannot tell; MySQL can from 8.0.1 on, MariaDB from 10.6 on.
    """
    wanted = sa.select(*key_of(table).columns).where(key_of(table).among(row_ids))
    free = _there(connection, table, wanted.with_for_update(skip_locked=True), row_ids)
    return free, _there(connection, table, wanted, row_ids) - free


def _there(connection: sa.Connection, table: sa.Table, query: sa.Select[Any], row_ids: Sequence[Key]) -> set[Key]:
    """Those of `row_ids` whose rows `query` finds."""
    key = key_of(table)
    found = [key.read(row) for row in connection.execute(query)]
    asked = key.as_asked(connection, row_ids, found)
    return {asked.get(row_id, row_id) for row_id in found}


def _update(
    connection: sa.Connection, table: sa.Table, values: Sequence[_Values], defaults: Collection[str]
) -> set[Key]:
    """One UPDATE for all rows: a round trip a row would make remote servers slow.

    defaults: roles whose columns have their default in place of NULL.

    `CASE id WHEN … THEN …` works on every version; PolarDB (MySQL 8.0.13) has no `VALUES` table to join with.
    """
    key = key_of(table)
    parameters: list[Any] = []

    def case(role: str, name: str) -> str:
        chosen = [(v.row_id, getattr(v, role)) for v in values]
        chosen = [(row_id, value) for row_id, value in chosen if value is not None]
        otherwise = _OF_NO_RESULT.get(role, name)
        if role in defaults:
            otherwise = f"DEFAULT({name})" if chosen else "DEFAULT"
        if not chosen:
            return otherwise
        for row_id, value in chosen:
            parameters.extend((*key.bound([row_id]), value))
        return key.case_sql(connection, len(chosen), "%s", otherwise)

    names = {role: identifier(connection, column) for role, column in mapping_of(table).results.items()}
    assignments = [f"{name} = {case(role, name)}" for role, name in names.items()]
    # The version tells when the image changed, and other columns are none of ours.
    assignments += unchanged(connection, mapping_of(table).kept)
    wanted = list(dict.fromkeys(v.row_id for v in values))  # sorted by the caller
    bound = key.bound(wanted)
    # Names are checked and quoted, values are bound.
    update = (
        f"UPDATE {identifier(connection, table.name)} SET {', '.join(assignments)} "  # noqa: S608
        f"WHERE {key.among_sql(connection, len(wanted))} AND {session.IS_SET_UP}"
    )
    if len(values) == 1:
        check_size(connection, update, [*parameters, *bound], values[0].row_id)
    done = connection.exec_driver_sql(update, (*parameters, *bound))
    if done.rowcount == len(wanted):  # SQLAlchemy asks the server for matched rows (CLIENT_FOUND_ROWS)
        return set()
    there = _there(connection, table, sa.select(*key.columns).where(key.among(wanted)), wanted)
    if there and not done.rowcount:
        session.set_up_again(connection)
        connection.exec_driver_sql(update, (*parameters, *bound))
    return set(wanted) - there


def to_json(value: Any) -> str:
    """JSON that a person can read in a query: characters stay as they are, save what UTF-8 cannot hold."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates
        return json.dumps(value)
    return text


def naive_utc(time: datetime) -> datetime:
    """For a TIMESTAMP column of a session in UTC."""
    return time.astimezone(timezone.utc).replace(tzinfo=None)
