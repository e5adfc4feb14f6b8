"""What rows hold of annotation results, for comparison."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.results import RowResult, to_json
from polardb_bridge.table.text import utf8
from polardb_bridge.table.versions import as_version

# What MySQL takes, too.
MAX_JSON_DEPTH = 100
# What stands for "no result": JSON's own null, and what a column that is NOT NULL holds in place of NULL.
_NEVER_RESULTS = ("", "null")
_EMPTY = ("[]", "{}")  # results only where a count or an id says so: somebody has submitted nothing
_TOO_DEEP = f"is nested more than {MAX_JSON_DEPTH} levels deep"


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
    start = sa.func.left(sa.cast(table.c.annotation_data, sa.CHAR), max(map(len, _NEVER_RESULTS + _EMPTY)) + 1)
    return sa.or_(table.c.annotation_count > 0, start.not_in(_NEVER_RESULTS + _EMPTY))


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
    if text.strip().decode("ascii", "replace") in _NEVER_RESULTS:
        return Unreadable("is not a list of regions", is_nothing=True)
    try:
        value = json.loads(text.decode())
    except UnicodeDecodeError as error:
        return Unreadable(f"is not valid text: byte {error.start + 1} is not UTF-8")
    except RecursionError:
        return Unreadable(_TOO_DEEP)
    except ValueError:
        return Unreadable("is not JSON")
    reason = _problem_of(value)
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


@dataclass(frozen=True)
class KeptResult:
    """What a row has made of a result. column: the first that holds another; empty if none does. version: the row's."""

    column: str
    version: int


def read_kept(connection: sa.Connection, table: sa.Table, results: Collection[RowResult]) -> dict[int, KeptResult]:
    """What the rows of `results`, just written, hold, by row id; rows that are not there are left out.

    Every write waits for this: one statement as it is, and no JSON is parsed that comes back as it was written.
    """
    if not results:
        return {}
    name = connection.dialect.identifier_preparer.quote_identifier(table.name)
    query = (
        "SELECT id, UNIX_TIMESTAMP(updated_at), annotation_count,"  # noqa: S608  # names are checked and quoted
        " CAST(CONVERT(annotation_uid USING utf8mb4) AS BINARY),"
        " CAST(CONVERT(annotation_data USING utf8mb4) AS BINARY)"
        f" FROM {name} WHERE id IN ({', '.join(['%s'] * len(results))})"
    )
    by_row = {result.row_id: result for result in results}
    return {
        row_id: KeptResult(_differing_column(by_row[row_id], count, uid, text), as_version(time))
        for row_id, time, count, uid, text in connection.exec_driver_sql(query, tuple(by_row))
    }


def _differing_column(result: RowResult, count: int | None, uid: bytes | None, text: bytes | None) -> str:
    if not _is_same_data(result.data, text):
        return "annotation_data"
    if count != result.count:
        return "annotation_count"
    is_same_uid = (None if uid is None else uid.decode(errors="replace").rstrip()) == result.uid
    return "" if is_same_uid else "annotation_uid"


def _is_same_data(data: list[Any] | None, text: bytes | None) -> bool:
    if data is None or text is None:
        return data is None and text is None
    if text == to_json(data).encode():
        return True
    try:
        return bool(json.loads(text) == data)
    except (ValueError, RecursionError):
        return False
