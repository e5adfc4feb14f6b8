"""Writing annotation results into their rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.schema import source_table


@dataclass(frozen=True)
class RowResult:
    """What a row holds of its task's annotations.

    data: the region objects of the newest submitted annotation, None where there is none.
    count: how many submitted annotations the task has.
    uid: the `unique_id` of the newest one. created_at, updated_at: its times, aware; None where there is none.
    """

    row_id: int
    data: list[Any] | None
    count: int
    uid: str | None
    created_at: datetime | None
    updated_at: datetime | None


def write_results(connection: sa.Connection, table_name: str, results: Sequence[RowResult]) -> set[int]:
    """Write `results` into their rows; the same call again changes nothing more.

    Returns:
        The row ids that the table does not have.
    """
    if not results:
        return set()
    table = source_table(table_name)
    statement = (
        sa.update(table)
        .where(table.c.id == sa.bindparam("row"))
        .values(
            annotation_data=sa.bindparam("data", type_=sa.Text()),
            annotation_count=sa.bindparam("count"),
            annotation_uid=sa.bindparam("uid"),
            annotation_create_at=sa.func.coalesce(
                sa.bindparam("created", type_=sa.DateTime()), table.c.annotation_create_at
            ),
            # Always set: the column has ON UPDATE CURRENT_TIMESTAMP.
            annotation_update_at=sa.bindparam("updated", type_=sa.DateTime()),
            # Unchanged: it tells when the image changed. It has ON UPDATE CURRENT_TIMESTAMP too.
            updated_at=table.c.updated_at,
        )
    )
    done = connection.execute(statement, [_bound(result) for result in results])
    if done.rowcount == len(results):  # SQLAlchemy asks the server for matched rows (CLIENT_FOUND_ROWS)
        return set()
    wanted = {result.row_id for result in results}
    return wanted - set(connection.scalars(sa.select(table.c.id).where(table.c.id.in_(wanted))))


def _bound(result: RowResult) -> dict[str, Any]:
    return {
        "row": result.row_id,
        "data": None if result.data is None else to_json(result.data),
        "count": result.count,
        "uid": result.uid,
        "created": _naive_utc(result.created_at),
        "updated": _naive_utc(result.updated_at or datetime.now(timezone.utc)),
    }


def to_json(value: Any) -> str:
    """JSON that a person can read in a query: characters stay as they are, save what UTF-8 cannot hold."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # lone surrogates
        return json.dumps(value)
    return text


def _naive_utc(time: datetime | None) -> datetime | None:
    """For a TIMESTAMP column of a session in UTC."""
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time else None
