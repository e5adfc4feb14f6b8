"""Looking once at rows that were just written.

Triggers change what is written: the row would be written again at each comparison, for ever. And they move
`updated_at`: each labeled row would look as if its image had changed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from polardb_bridge.storage.models import PolarDBImportStorageLink
from polardb_bridge.storage.sync.models import RowMemory
from polardb_bridge.table.digests import read_digests
from polardb_bridge.table.keys import Key
from polardb_bridge.table.results import RowResult
from polardb_bridge.table.stored import KeptResult, read_kept


class VersionsUnknownError(Exception):
    """Rows have other versions than their tasks show, and nobody has looked whether they had them before the write."""


@dataclass(frozen=True)
class Moved:
    """A row whose version the write itself has changed. digest: of the row's image and name."""

    before: int
    after: int
    digest: str


@dataclass(frozen=True)
class Readback:
    """By row id: the column that holds something else than was written; and rows whose version was moved."""

    columns: dict[Key, str] = field(default_factory=dict)
    moved: dict[Key, Moved] = field(default_factory=dict)


def read_back(
    connection: sa.Connection, table: sa.Table, results: Collection[RowResult], before: Mapping[Key, int] | None
) -> Readback:
    """Look at the rows of `results`, in the transaction that has written them.

    before: the versions of the rows before that, by row id, in the same transaction.

    Raises:
        VersionsUnknownError: they are needed, and None was given.
        sqlalchemy.exc.DBAPIError: the server does not answer.
    """
    kept = read_kept(connection, table, results)
    return Readback(
        columns={row_id: found.column for row_id, found in kept.items() if found.column},
        moved=_moved(connection, table, {r.row_id: r.version for r in results}, kept, before),
    )


def _moved(
    connection: sa.Connection,
    table: sa.Table,
    shown: Mapping[Key, int | None],
    kept: Mapping[Key, KeptResult],
    before: Mapping[Key, int] | None,
) -> dict[Key, Moved]:
    """Rows that were of the version that their tasks show until this transaction wrote them."""
    newer = [row_id for row_id, found in kept.items() if shown[row_id] not in (None, found.version)]
    if not newer:
        return {}
    if before is None:
        raise VersionsUnknownError
    ours = [row_id for row_id in newer if before.get(row_id) == shown[row_id]]
    digests = {key.id: digest for key, digest in read_digests(connection, table, ours)}
    return {row_id: Moved(before[row_id], kept[row_id].version, digests[row_id]) for row_id in ours}


def take_versions(moved: Mapping[int, Moved]) -> None:
    """By task id: the versions that our own write has made are what the tasks show."""
    for task_id, row in moved.items():
        links = PolarDBImportStorageLink.objects.filter(task_id=task_id, version=row.before)
        for link_id in links.values_list("pk", flat=True):
            # The image may be replaced within the same second: the digest tells.
            memory, _ = RowMemory.objects.get_or_create(link_id=link_id)
            RowMemory.objects.filter(pk=memory.pk, digest="").update(digest=row.digest)
            PolarDBImportStorageLink.objects.filter(pk=link_id, version=row.before).update(version=row.after)
