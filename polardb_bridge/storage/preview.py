"""The first rows of a storage's table, as the form's preview shows them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.owners import Elsewhere, elsewhere
from polardb_bridge.storage.shown_media import shown_pictures
from polardb_bridge.storage.sync.plan import QuickPlan, plan_quickly
from polardb_bridge.table.connection import connect
from polardb_bridge.table.excerpts import Excerpt, read_excerpts
from polardb_bridge.table.media.kinds import ANY, Medium
from polardb_bridge.table.preview import PreviewRow, read_preview_rows
from polardb_bridge.table.size import TableSize, read_table_size

# Each row brings a picture.
MAX_ROWS = 20


def preview(storage: PolarDBImportStorage, limit: int, user: Any) -> list[dict[str, Any]]:
    """The first rows with what Label Studio shows of a file, and more.

    A last entry without a key, as Label Studio's storages have it if there are more files, holds the table's size and
    what a sync would do, and which other projects have rows of it.

    limit: how many rows; never more than MAX_ROWS. user: who looks.

    Raises:
        BridgeError: the table cannot be read.
    """
    source = storage.connection_parameters()
    with connect(source) as connection:
        storage.complete_mapping(connection)
        table = storage.source_table
        size = read_table_size(connection, table)
        files = first_tasks(connection, table, min(limit, MAX_ROWS), shown_pictures(storage).accepted)
    plan = plan_quickly(storage, source, table, size)
    return [*files, _rest(size, [file["size"] for file in files], plan, elsewhere(storage, user))]


def first_tasks(
    connection: sa.Connection, table: sa.Table, limit: int, accepted: frozenset[Medium] = ANY
) -> list[dict[str, Any]]:
    """The first rows as the tasks that they would be: pictures small, all else by its start.

    accepted: what rows may hold in the place of an image.
    """
    rows = read_preview_rows(connection, table, limit, accepted)
    excerpts = read_excerpts(connection, table, [row.id for row in rows])
    return [_file(row, excerpts.get(row.id, {})) for row in rows]


def _rest(size: TableSize, shown: list[int], plan: QuickPlan, others: list[Elsewhere]) -> dict[str, Any]:
    """shown: the bytes of each row that is shown."""
    shown_bytes = sum(shown)
    # The server's statistics lag behind after a large load.
    table_bytes = size.bytes if size.bytes >= shown_bytes else shown_bytes * size.rows // len(shown)
    return {
        "key": None,
        "name": None,
        "size": None,
        "last_modified": None,
        "table_rows": size.rows,
        "table_rows_are_estimated": size.rows_are_estimated,
        "table_bytes": table_bytes,
        "sync": asdict(plan),
        "elsewhere": [asdict(other) for other in others],
    }


def _file(row: PreviewRow, excerpts: dict[str, Excerpt]) -> dict[str, Any]:
    return {
        "key": str(row.id),
        "name": row.original_name,
        "size": row.size,
        "last_modified": row.updated_at.isoformat() + "Z" if row.updated_at else None,
        "media_type": row.thumbnail.media_type if row.thumbnail else row.media_type,
        "annotated": row.is_annotated,
        "thumbnail": row.thumbnail.data_uri if row.thumbnail else None,
        "problem": row.problem,
        "fields": {name: asdict(excerpt) for name, excerpt in excerpts.items()},
    }
