"""Writing annotation results into their rows, and reading them back for comparison."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table import session
from polardb_bridge.table.text import utf8

_MAX_STATEMENT_ROWS = 100
_MAX_STATEMENT_BYTES = 1024 * 1024
# What MySQL takes, too.
MAX_JSON_DEPTH = 100
_TOO_DEEP = f"is nested more than {MAX_JSON_DEPTH} levels deep"


@dataclass(frozen=True)
class RowResult:
    """What a row holds of its task's annotations.

    data: the region objects of the newest submitted annotation, None if there is none.
    count: how many submitted annotations the task has.
    uid: the `unique_id` of the newest one. created_at, updated_at: its times, aware; None if there is none.
    """

    row_id: int
    data: list[Any] | None
    count: int
    uid: str | None
    created_at: datetime | None
    updated_at: datetime | None


def write_results(connection: sa.Connection, table: sa.Table, results: Sequence[RowResult]) -> set[int]:
    """Write `results` into their rows; the same call again changes nothing more.

    Returns:
        The row ids that the table does not have.

    Raises:
        RowError: one of the results is larger than the server takes in a statement.
    """
    missing: set[int] = set()
    for values in _statements([_values(result) for result in results], _Limit(connection)):
        missing |= _update(connection, table, values)
    return missing


@dataclass(frozen=True)
class _Values:
    """A result as the columns take it: JSON text; naive times in UTC."""

    row_id: int
    data: str | None
    count: int
    uid: str | None
    created: datetime | None
    updated: datetime

    @property
    def size(self) -> int:
        """Bytes of `data` in a statement, where quotes and backslashes are escaped."""
        encoded = (self.data or "").encode()
        return len(encoded) + encoded.count(b'"') + encoded.count(b"\\") + encoded.count(b"'")


def _values(result: RowResult) -> _Values:
    return _Values(
        result.row_id,
        data=None if result.data is None else to_json(result.data),
        count=result.count,
        uid=result.uid,
        created=_naive_utc(result.created_at) if result.created_at else None,
        # Always a value: the column has ON UPDATE CURRENT_TIMESTAMP.
        updated=_naive_utc(result.updated_at or datetime.now(timezone.utc)),
    )


class _Limit:
    """The largest statement that the server takes; asked for only if a value is large."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._bytes: int | None = None

    def check(self, values: _Values, size: int) -> None:
        """The server would close the connection (MySQL error 2006), as if it were down: find out before."""
        if size < _MAX_STATEMENT_BYTES:
            return
        if self._bytes is None:
            self._bytes = int(self._connection.exec_driver_sql("SELECT @@max_allowed_packet").scalar_one())
        if size + _MAX_STATEMENT_BYTES // 16 > self._bytes:
            raise RowError(
                f"The result of row {values.row_id} takes {size:,} bytes in a statement, and the server accepts "
                f"{self._bytes:,}: raise max_allowed_packet there."
            )


def _statements(all_values: Sequence[_Values], limit: _Limit) -> Iterator[list[_Values]]:
    """Parts that fit into a statement each, by rows and bytes. By row id, so that two writers lock in one order."""
    part: list[_Values] = []
    total = 0
    for values in sorted(all_values, key=lambda values: values.row_id):
        size = values.size
        limit.check(values, size)
        if part and (len(part) == _MAX_STATEMENT_ROWS or total + size > _MAX_STATEMENT_BYTES):
            yield part
            part, total = [], 0
        part.append(values)
        total += size
    if part:
        yield part


def check_writable(connection: sa.Connection, table: sa.Table) -> None:
    """Have the server look at an UPDATE like those of `write_results` that touches no row, and runs no trigger.

    It fails as those do if the account or the table as such is the reason, and not a row: a privilege, a column, a
    table that is not there or locked, a server that is read-only.
    """
    name = connection.dialect.identifier_preparer.quote_identifier(table.name)
    connection.exec_driver_sql(
        f"UPDATE {name} SET annotation_data = NULL, annotation_count = 0, annotation_uid = NULL, "  # noqa: S608
        "annotation_create_at = annotation_create_at, annotation_update_at = annotation_update_at, "
        "updated_at = updated_at WHERE id = 0 AND 1 = 0"
    )


def lock_free_rows(connection: sa.Connection, table: sa.Table, row_ids: Sequence[int]) -> tuple[set[int], set[int]]:
    """Lock those of these rows that nobody else has locked, until the transaction ends; and those that others have.

    Rows that the table does not have are in neither.

    Raises:
        RetryableError: the server cannot tell; MySQL can from 8.0.1 on, MariaDB from 10.6 on.
    """
    wanted = sa.select(table.c.id).where(table.c.id.in_(row_ids))
    free = set(connection.scalars(wanted.with_for_update(skip_locked=True)))
    return free, set(connection.scalars(wanted)) - free


def _update(connection: sa.Connection, table: sa.Table, values: Sequence[_Values]) -> set[int]:
    """One UPDATE for all rows: a round trip a row would make remote servers slow.

    `CASE id WHEN … THEN …` works on every version; PolarDB (MySQL 8.0.13) has no `VALUES` table to join with.
    """
    name = connection.dialect.identifier_preparer.quote_identifier(table.name)
    parameters: list[Any] = []

    def case(column: str, otherwise: str) -> str:
        chosen = [(v.row_id, getattr(v, column)) for v in values]
        chosen = [(row_id, value) for row_id, value in chosen if value is not None]
        if not chosen:
            return otherwise
        parameters.extend(part for pair in chosen for part in pair)
        return f"CASE id {'WHEN %s THEN %s ' * len(chosen)}ELSE {otherwise} END"

    assignments = [
        f"annotation_data = {case('data', 'NULL')}",
        f"annotation_count = {case('count', '0')}",
        f"annotation_uid = {case('uid', 'NULL')}",
        f"annotation_create_at = {case('created', 'annotation_create_at')}",
        f"annotation_update_at = {case('updated', 'annotation_update_at')}",
        # Unchanged: it tells when the image changed. It has ON UPDATE CURRENT_TIMESTAMP too.
        "updated_at = updated_at",
    ]
    wanted = sorted({v.row_id for v in values})
    places = ", ".join(["%s"] * len(wanted))
    # Names are checked and quoted, values are bound.
    update = f"UPDATE {name} SET {', '.join(assignments)} WHERE id IN ({places}) AND {session.IS_SET_UP}"  # noqa: S608
    done = connection.exec_driver_sql(update, (*parameters, *wanted))
    if done.rowcount == len(wanted):  # SQLAlchemy asks the server for matched rows (CLIENT_FOUND_ROWS)
        return set()
    there = set(connection.scalars(sa.select(table.c.id).where(table.c.id.in_(wanted))))
    if there and not done.rowcount:
        session.set_up_again(connection)
        connection.exec_driver_sql(update, (*parameters, *wanted))
    return set(wanted) - there


@dataclass(frozen=True)
class StoredResult:
    """What a row holds now.

    data: parsed; None if the column is NULL, `Unreadable` if it is not JSON that Label Studio's database can hold.
    count: None if the column is NULL. created_at, updated_at: None if they are no times (`0000-00-00`).
    """

    row_id: int
    data: Any
    count: int | None
    uid: str | None
    created_at: datetime | None
    updated_at: datetime | None

    def matches(self, result: RowResult) -> bool:
        """Whether the row holds `result`. JSON is compared as values: MySQL keeps no order of keys and no spaces."""
        return (self.data, self.count, self.uid) == (result.data, result.count, result.uid)

    @property
    def is_empty(self) -> bool:
        return self.data is None and self.uid is None


@dataclass(frozen=True, eq=False)
class Unreadable:
    """In place of stored data that cannot be used, or JSON's own null; equal to nothing. problem: why."""

    problem: str


def read_results(connection: sa.Connection, table: sa.Table, row_ids: Sequence[int]) -> dict[int, StoredResult]:
    """What the rows of these ids hold, by row id; rows that are not there are left out."""
    # As bytes: the type would parse it, and could not tell JSON's null from NULL; not all of it is valid text.
    data, uid = utf8(table.c.annotation_data), utf8(table.c.annotation_uid)
    times = (table.c.annotation_create_at, table.c.annotation_update_at)
    query = sa.select(table.c.id, data, table.c.annotation_count, uid, *times).where(table.c.id.in_(row_ids))
    return {
        row_id: StoredResult(
            row_id,
            _parsed(text),
            count,
            None if uid is None else uid.decode(errors="replace").rstrip(),
            *(time and time.replace(tzinfo=timezone.utc) for time in stamps),
        )
        for row_id, text, count, uid, *stamps in connection.execute(query)
    }


def _parsed(text: bytes | None) -> Any:
    if text is None:
        return None
    try:
        value = json.loads(text.decode())
    except UnicodeDecodeError as error:
        return Unreadable(f"is not valid text: byte {error.start + 1} is not UTF-8")
    except RecursionError:
        return Unreadable(_TOO_DEEP)
    except ValueError:
        return Unreadable("is not JSON")
    reason = "is not a list of regions" if value is None else _problem_of(value)
    return Unreadable(reason) if reason else value


def _problem_of(value: Any) -> str:
    """Why one of the databases that Label Studio runs on cannot hold this JSON; empty if all can.

    The same on all of them: a project can be moved from one to another.
    """
    level, depth = [value] if isinstance(value, (dict, list)) else [], 0
    while level:
        if depth == MAX_JSON_DEPTH:
            return _TOO_DEEP
        depth += 1
        items = (item for parent in level for item in (parent.values() if isinstance(parent, dict) else parent))
        level = [item for item in items if isinstance(item, (dict, list))]
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:
        return "has half of a surrogate pair"
    except ValueError:
        return "has a number that is not finite"
    if "\\u0000" in text and "\x00" in "".join(_strings(value)):
        return "has a NUL character"
    return ""


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def to_json(value: Any) -> str:
    """JSON that a person can read in a query: characters stay as they are, save what UTF-8 cannot hold."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates
        return json.dumps(value)
    return text


def _naive_utc(time: datetime) -> datetime:
    """For a TIMESTAMP column of a session in UTC."""
    return time.astimezone(timezone.utc).replace(tzinfo=None)
