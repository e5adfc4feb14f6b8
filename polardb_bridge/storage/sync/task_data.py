"""What the tasks of rows hold, read from the rows in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery
from polardb_bridge.errors import RowError
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.compared import LinkedRow
from polardb_bridge.storage.sync.existing_results import ExistingResult, read_existing
from polardb_bridge.storage.sync.read_ahead import read_ahead
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.table.connection import connect
from polardb_bridge.table.field_values import check_size, empty_values, nothing_to_label, values_of
from polardb_bridge.table.fields import ROW_FIELDS
from polardb_bridge.table.horizon import Horizon
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import TableMapping, mapping_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.pictures import data_uri, rows_with_image
from polardb_bridge.table.rows import IMAGES_BATCH_SIZE, RowKey, SourceRow, read_digests, read_rows

MAX_BATCH_ROWS = 1000
MAX_BATCH_BYTES = 8 * 1024 * 1024
# Of the base64 text of an image inside a task. A task takes some fifteen times as much memory while it is made and
# shown; PostgreSQL holds no text of more than 256 MB in a JSON value.
MAX_DATA_URI_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class TaskData:
    """The data of a row's task.

    image: None if rows hold none. fields: what else tasks show, by name; fields_size: the bytes of these in the row.
    digest: of the row, if it can change and keep its version. existing: the result that the row holds already;
    is_refused: it holds one that cannot be used.
    revision: how often the task was refreshed, with this time. size: about the bytes of the data.
    """

    row_id: Key
    version: int
    image: str | None
    original_name: str
    digest: str = ""
    revision: int = 0
    existing: ExistingResult | None = None
    is_refused: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)
    fields_size: int = 0

    def values(self, image_field: str) -> dict[str, object]:
        image = {} if self.image is None else {image_field: self.image}
        return {**image, **self.fields, "original_name": self.original_name, "id": self.row_id}

    @property
    def size(self) -> int:
        return len(self.image or "") + self.fields_size + len(self.original_name)


def task_fields(storage: PolarDBImportStorage) -> tuple[str, ...]:
    """What `TaskData.values` has."""
    image = (storage.image_field,) if storage.has_picture else ()
    return (*image, *storage.table_mapping.fields, *ROW_FIELDS)


def read_task_data(
    storage: PolarDBImportStorage,
    source: ConnectionParameters,
    table: sa.Table,
    keys: Sequence[RowKey],
    linked: Mapping[Key, LinkedRow],
    horizon: Horizon,
    report: SyncReport,
) -> Generator[list[TaskData], None, None]:
    """Batches for the rows of these keys; bad rows go to the report. Close it: a connection is in use until then.

    linked: those that have a task already, by row id.

    Raises:
        BridgeError: the table cannot be read.
    """
    reader = _Reader(storage, source, table, linked, horizon, report)
    if storage.delivery_in_use == ImageDelivery.LINK and not reader.mapping.fields:
        return _batches(reader.linked_images(keys))
    # Rows are read and checked while the batch before is written.
    return read_ahead(_batches(reader.contents(keys)))


# A row's result if it can be used, and whether it cannot.
_Existing = tuple[ExistingResult | None, bool]
_NOTHING: _Existing = (None, False)


@dataclass
class _Reader:
    """Reads rows part by part, each with a connection of its own, and never with two at once.

    A connection that nobody uses while tasks are written may be closed by the server (`wait_timeout`), and an account
    may have one only (`max_user_connections`).
    """

    storage: PolarDBImportStorage
    source: ConnectionParameters
    table: sa.Table
    linked: Mapping[Key, LinkedRow]
    horizon: Horizon
    report: SyncReport

    @property
    def mapping(self) -> TableMapping:
        return mapping_of(self.table)

    def linked_images(self, keys: Sequence[RowKey]) -> Iterator[TaskData]:
        for start in range(0, len(keys), MAX_BATCH_ROWS):
            part = keys[start : start + MAX_BATCH_ROWS]
            self.report.rows += len(part)
            existing = self._existing(part)
            digests = self._digests([key.id for key in part if self.horizon.is_in_doubt(key.version)])
            for old in part:
                key, digest = digests.get(old.id, (old, ""))
                if key.problem:
                    self.report.add_error(key.id, key.original_name, RowError(key.problem))
                    continue
                known = existing.get(key.id, _NOTHING)
                revision = self._revision(key.id)
                yield TaskData(key.id, key.version, self._link(key), key.original_name, digest, revision, *known)

    def _digests(self, ids: Sequence[Key]) -> dict[Key, tuple[RowKey, str]]:
        """Rows as they are with their digests: they may have changed since their keys were read."""
        if not ids:
            return {}
        with connect(self.source) as connection:
            return {key.id: (key, digest) for key, digest in read_digests(connection, self.table, ids)}

    def contents(self, keys: Sequence[RowKey]) -> Iterator[TaskData]:
        is_inside = self.mapping.picture is not None and self.storage.delivery_in_use != ImageDelivery.LINK
        for start in range(0, len(keys), IMAGES_BATCH_SIZE):
            part = keys[start : start + IMAGES_BATCH_SIZE]
            existing = self._existing(part)
            bare: list[SourceRow] = []
            with connect(self.source) as connection:
                with closing(
                    read_rows(
                        connection,
                        self.table,
                        [key.id for key in part],
                        max_bytes=MAX_DATA_URI_BYTES,
                        digests_after=self.horizon.doubtful_after,
                        with_image=is_inside,
                        with_texts=bool(self.mapping.fields),
                    )
                ) as rows:
                    # `map` and `filter` hold no row while the next one is read: one of them can be large.
                    yield from filter(None, map(partial(self._decoded, existing, is_inside, bare), rows))
                linked = rows_with_image(connection, self.table, [row.key.id for row in bare]) if bare else set()
            for row in bare:
                if row.key.id in linked:
                    yield self._task_data(row, self._link(row.key), {}, existing)
                else:
                    self._refuse(row, nothing_to_label(self.mapping))

    def _decoded(
        self, existing: Mapping[Key, _Existing], is_inside: bool, bare: list[SourceRow], row: SourceRow
    ) -> TaskData | None:
        """bare: for rows that have nothing but perhaps a picture, which is not looked at here."""
        self.report.rows += 1
        key = row.key
        try:
            if key.problem:
                raise RowError(key.problem)
            check_size(self.mapping, row.texts_size)
            values = values_of(self.mapping, row.texts)
            if is_inside:
                image: str | None = self._image(row, values)
            elif values:
                image = self._link(key)
            elif self.mapping.picture:
                bare.append(row)
                return None
            else:
                raise nothing_to_label(self.mapping)
        except RowError as error:
            self._refuse(row, error)
            return None
        return self._task_data(row, image, values, existing)

    def _image(self, row: SourceRow, values: Mapping[str, Any]) -> str | None:
        """The picture, as it is inside a task that shows `values`, too.

        Raises:
            RowError: it cannot be shown, or the row has nothing to show.
        """
        if self.mapping.fields and not row.size:
            if not values:
                raise nothing_to_label(self.mapping)
            return self._link(row.key)  # which says in its place why there is none
        if row.size > MAX_DATA_URI_BYTES:
            raise RowError(
                f"the image takes {row.size:,} bytes as base64, and {MAX_DATA_URI_BYTES:,} fit into a task: "
                "set the storage's image delivery to 'link'"
            )
        return data_uri(self.table, row.base64_data)

    def _task_data(
        self, row: SourceRow, image: str | None, values: Mapping[str, Any], existing: Mapping[Key, _Existing]
    ) -> TaskData:
        key = row.key
        return TaskData(
            key.id,
            key.version,
            image,
            key.original_name,
            row.digest,
            self._revision(key.id),
            *existing.get(key.id, _NOTHING),
            fields={**empty_values(self.mapping), **values},
            fields_size=row.texts_size,
        )

    def _refuse(self, row: SourceRow, error: RowError) -> None:
        self.report.add_error(row.key.id, row.key.original_name, error)

    def _link(self, key: RowKey) -> str | None:
        if not self.mapping.picture:
            return None
        return ImageLink(self.storage.pk, key.id, key.version, self._revision(key.id)).url

    def _revision(self, row_id: Key) -> int:
        link = self.linked.get(row_id)
        return (link.revision or 0) + 1 if link else 0

    def _existing(self, keys: Sequence[RowKey]) -> Mapping[Key, _Existing]:
        """The results that the rows of new tasks hold already; bad ones go to the report."""
        names = {key.id: key.original_name for key in keys if key.is_annotated and key.id not in self.linked}
        if not names or self.storage.existing_annotations == ExistingAnnotations.IGNORE:
            return {}
        good, bad = read_existing(self.storage, self.source, list(names))
        for row_id, error in bad.items():
            self.report.add_error(row_id, names[row_id], error)
        return {row_id: (good.get(row_id), row_id in bad) for row_id in (*good, *bad)}


def _batches(rows: Iterable[TaskData]) -> Generator[list[TaskData], None, None]:
    batch: list[TaskData] = []
    size = 0
    for data in rows:
        if batch and (len(batch) == MAX_BATCH_ROWS or size + data.size > MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(data)
        size += data.size
    if batch:
        yield batch
