"""Tasks of the project that came from rows of this table, and that no storage has: they become this storage's.

So it is after a storage was removed and added again, and in a copy of a project. Which row a task came from, its
picture tells: an address of ours names storage and row, and a picture inside the task must be the row's own. So must
all that a task holds where rows hold no picture. A table may have moved to another server; the rows' names tell it from
another table of that name.
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
from polardb_bridge.errors import BridgeError, RowError
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.shown_media import shown_pictures
from polardb_bridge.storage.sync.models import KnownTable
from polardb_bridge.storage.sync.task_data import TaskData
from polardb_bridge.storage.sync.task_pictures import MAX_DATA_URI_BYTES
from polardb_bridge.table.connection import connect
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key, order_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.row_keys import read_keys
from polardb_bridge.table.rows import read_rows

LINKS = "polardb_io_storages_polardbimportstoragelink"
# Of a picture or its address: as much as an address has, with a key of MAX_KEY_LENGTH.
_START = 4000


class Orphan(NamedTuple):
    """A task without storage. holds_picture: inside of it, and not by an address; or what there is in its place.

    name: that its row must have; None if any will do.
    """

    task_id: int
    is_annotated: bool
    holds_picture: bool
    name: object = None


class Adoption:
    """What a storage can adopt; looked for when the first new row comes."""

    def __init__(self, storage: PolarDBImportStorage) -> None:
        self._storage = storage
        self._orphans: dict[Key, Orphan] | None = None

    def choose(
        self, new: Sequence[TaskData], source: ConnectionParameters, table: sa.Table
    ) -> list[tuple[TaskData, Orphan]]:
        """Those of these new rows that have a task already.

        Raises:
            BridgeError: the table cannot be read.
        """
        if self._orphans is None:
            self._orphans = self._spelled_now(self._find(), source, table)
        if not self._orphans:
            return []
        found = [(data, self._orphans.pop(data.row_id)) for data in new if data.row_id in self._orphans]
        pairs = [(data, orphan) for data, orphan in found if orphan.name in (None, data.original_name)]
        doubtful = {data.row_id: data for data, orphan in pairs if orphan.holds_picture}
        pictures = self._pictures(doubtful, source, table) if doubtful and self._storage.has_picture else {}
        return [
            (data, orphan)
            for data, orphan in pairs
            if not orphan.holds_picture or self._holds(orphan.task_id, data, pictures.get(data.row_id))
        ]

    def _holds(self, task_id: int, data: TaskData, picture: object) -> bool:
        """Whether a task shows this picture, or all that a row without one holds."""
        shown = Task.objects.filter(pk=task_id).values_list("data", flat=True).first() or {}
        if self._storage.has_picture:
            return bool(shown.get(self._storage.image_field) == picture)
        return all(name in shown and shown[name] == value for name, value in data.fields.items())

    def _find(self) -> dict[Key, Orphan]:
        """By row id; of several tasks of a row, one that is annotated."""
        storage = self._storage
        tasks = Task.objects.filter(project=storage.project_id)
        links = PolarDBImportStorageLink.objects.filter(storage__project=storage.project_id)
        if tasks.count() <= links.count():
            return {}
        known = KnownTable.objects.filter(database=storage.database, table=storage.table, key_column=storage.key_column)
        here = (storage.host.lower(), storage.port)
        is_here = {pk: (host.lower(), port) == here for pk, host, port in known.values_list("pk", "host", "port")}
        start = Substr(KeyTextTransform(storage.image_field, "data"), Value(1), Value(_START))
        kind = int if key_of(storage.source_table).is_integer else str
        may_be_addresses = not storage.has_picture or storage.table_mapping.has_addresses
        found: dict[Key, Orphan] = {}
        orphans = (
            tasks.filter(**{f"{LINKS}__isnull": True}).annotate(picture=start).order_by("-total_annotations", "pk")
        )
        # As texts: of a JSON text '7', `data__id` is a number on SQLite.
        orphans = orphans.annotate(key=KeyTextTransform("id", "data"), name=KeyTextTransform("original_name", "data"))
        columns = ("pk", "total_annotations", "data__id" if kind is int else "key", "name", "picture")
        for task_id, count, row_id, name, picture in orphans.values_list(*columns):
            # Of a list, the first.
            picture = (picture or "").removeprefix('["').partition('"')[0]
            link = ImageLink.of_url(picture)
            if link and link.storage_id in is_here and isinstance(link.row_id, kind):
                named = None if is_here[link.storage_id] else name or ""
                found.setdefault(link.row_id, Orphan(task_id, count > 0, holds_picture=False, name=named))
            elif isinstance(row_id, kind) and (may_be_addresses or picture.startswith("data:")):
                found.setdefault(row_id, Orphan(task_id, count > 0, holds_picture=True))
        return found

    def _spelled_now(
        self, orphans: dict[Key, Orphan], source: ConnectionParameters, table: sa.Table
    ) -> dict[Key, Orphan]:
        """The same by the keys as their rows have them now, if all are keys of the table."""
        if not orphans or key_of(table).is_integer:
            return orphans
        try:
            with connect(source) as connection:
                rows = read_keys(connection, table, list(orphans))
        except (BridgeError, sa.exc.StatementError, ValueError, TypeError, ArithmeticError):
            return orphans  # people put into tasks what they like: no key of this table
        return {row.id: orphans[asked] for asked, row in rows.items()}

    def _pictures(
        self, rows: Mapping[Key, TaskData], source: ConnectionParameters, table: sa.Table
    ) -> dict[Key, object]:
        """The rows' pictures as tasks hold them."""
        pictures: dict[Key, object] = {row_id: data.image for row_id, data in rows.items()}
        if self._storage.delivery_in_use != ImageDelivery.LINK:
            return pictures
        shown = shown_pictures(self._storage)
        linked = [row_id for row_id, image in pictures.items() if self._storage.can_resolve_url(image)]
        with (
            connect(source) as connection,
            closing(
                read_rows(
                    connection,
                    table,
                    sorted(linked, key=order_of),
                    max_bytes=MAX_DATA_URI_BYTES,
                    with_images=[shown.field],
                )
            ) as stored,
        ):
            for row in stored:
                with suppress(RowError):
                    picture = row.pictures[shown.field]
                    read = shown.data_uris if picture.source.kind.is_list else shown.data_uri
                    pictures[row.key.id] = read(picture)
        return pictures
