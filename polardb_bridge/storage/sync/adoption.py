"""Tasks of the project that came from rows of this table, and that no storage has: they become this storage's.

So it is after a storage was removed and added again, and in a copy of a project. Which row a task came from, its
picture tells: an address of ours names storage and row, and a picture inside the task must be the row's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from typing import NamedTuple

import sqlalchemy as sa
from django.db.models import Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Substr
from tasks.models import Task

from polardb_bridge.choices import ImageDelivery
from polardb_bridge.errors import RowError
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.models import KnownTable
from polardb_bridge.storage.sync.task_data import MAX_DATA_URI_BYTES, TaskData
from polardb_bridge.table.connection import connect
from polardb_bridge.table.images.decode import data_uri
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.rows import read_rows

LINKS = "polardb_io_storages_polardbimportstoragelink"
# Of a picture or its address: as much as an address has.
_START = 600


class Orphan(NamedTuple):
    """A task without storage. holds_picture: inside of it, and not by an address."""

    task_id: int
    is_annotated: bool
    holds_picture: bool


class Adoption:
    """What a storage can adopt; looked for when the first new row comes."""

    def __init__(self, storage: PolarDBImportStorage) -> None:
        self._storage = storage
        self._orphans: dict[int, Orphan] | None = None

    def choose(
        self, new: Sequence[TaskData], source: ConnectionParameters, table: sa.Table
    ) -> list[tuple[TaskData, Orphan]]:
        """Those of these new rows that have a task already.

        Raises:
            BridgeError: the table cannot be read.
        """
        if self._orphans is None:
            self._orphans = self._find()
        if not self._orphans:
            return []
        pairs = [(data, self._orphans.pop(data.row_id)) for data in new if data.row_id in self._orphans]
        doubtful = {data.row_id: data for data, orphan in pairs if orphan.holds_picture}
        pictures = self._pictures(doubtful, source, table) if doubtful else {}
        held = Task.objects.annotate(picture=KeyTextTransform(self._storage.image_field, "data"))
        return [
            (data, orphan)
            for data, orphan in pairs
            if not orphan.holds_picture
            or held.filter(pk=orphan.task_id).values_list("picture", flat=True).first() == pictures.get(data.row_id)
        ]

    def _find(self) -> dict[int, Orphan]:
        """By row id; of several tasks of a row, one that is annotated."""
        storage = self._storage
        tasks = Task.objects.filter(project=storage.project_id)
        links = PolarDBImportStorageLink.objects.filter(storage__project=storage.project_id)
        if tasks.count() <= links.count():
            return {}
        known = KnownTable.objects.filter(database=storage.database, table=storage.table)
        former = set(known.values_list("storage_id", flat=True))
        start = Substr(KeyTextTransform(storage.image_field, "data"), Value(1), Value(_START))
        found: dict[int, Orphan] = {}
        orphans = (
            tasks.filter(**{f"{LINKS}__isnull": True}).annotate(picture=start).order_by("-total_annotations", "pk")
        )
        for task_id, count, row_id, picture in orphans.values_list("pk", "total_annotations", "data__id", "picture"):
            link = ImageLink.of_url(picture or "")
            if link and link.storage_id in former:
                found.setdefault(link.row_id, Orphan(task_id, count > 0, holds_picture=False))
            elif isinstance(row_id, int) and (picture or "").startswith("data:image/"):
                found.setdefault(row_id, Orphan(task_id, count > 0, holds_picture=True))
        return found

    def _pictures(self, rows: Mapping[int, TaskData], source: ConnectionParameters, table: sa.Table) -> dict[int, str]:
        """The rows' pictures as tasks hold them."""
        if self._storage.delivery_in_use != ImageDelivery.LINK:
            return {row_id: data.image for row_id, data in rows.items()}
        pictures = {}
        with (
            connect(source) as connection,
            closing(read_rows(connection, table, sorted(rows), max_bytes=MAX_DATA_URI_BYTES)) as stored,
        ):
            for row in stored:
                with suppress(RowError):
                    pictures[row.key.id] = data_uri(row.base64_data)
        return pictures
