"""What the rows have to hold in the end, straight from Label Studio's tables, and what they hold."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.connection import connect
from support.source_data import Source

# annotation_data, annotation_count, annotation_uid
StoredRow = tuple[Any, int, str | None]


def expected_rows() -> dict[int, StoredRow]:
    """By row id."""
    from django.db import connection

    query = """
        SELECT link.key, annotation.id, annotation.result, annotation.was_cancelled, annotation.unique_id
        FROM polardb_io_storages_polardbimportstoragelink link
        LEFT JOIN task_completion annotation ON annotation.task_id = link.task_id
        ORDER BY
            COALESCE((
                SELECT MAX(number.id) FROM polardb_io_storages_annotationsequence number
                WHERE number.annotation_id = annotation.id
            ), 0),
            annotation.updated_at, annotation.id"""
    with connection.cursor() as cursor:
        cursor.execute(query)
        found = cursor.fetchall()
    rows: dict[int, StoredRow] = {int(key): (None, 0, None) for key, *_ in found}
    for key, annotation_id, result, skipped, unique_id in found:
        if annotation_id is not None and not skipped:
            value = json.loads(result) if isinstance(result, str) else result
            uid = str(unique_id).replace("-", "")
            rows[int(key)] = (value, rows[int(key)][1] + 1, uid)
    return rows


def stored_rows(source: Source) -> dict[int, StoredRow]:
    query = f"SELECT id, annotation_data, annotation_count, annotation_uid FROM {source.table}"
    with connect(source.parameters) as connection:
        return {
            row_id: (
                json.loads(data) if isinstance(data, str) else data,
                count,
                uid.replace("-", "") if uid else None,
            )
            for row_id, data, count, uid in connection.execute(sa.text(query))
        }
