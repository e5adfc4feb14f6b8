"""What the tasks of rows hold, read from the rows in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import ExistingAnnotations
from polardb_bridge.errors import RowError
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.compared import LinkedRow
from polardb_bridge.storage.sync.existing_results import ExistingResult, read_existing
from polardb_bridge.storage.sync.read_ahead import read_ahead
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.storage.sync.task_pictures import MAX_DATA_URI_BYTES, Shown, TaskPictures
from polardb_bridge.table.connection import connect
from polardb_bridge.table.digests import read_digests
from polardb_bridge.table.field_values import empty_values
from polardb_bridge.table.fields import ROW_FIELDS
from polardb_bridge.table.horizon import Horizon
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import TableMapping, mapping_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.reading_pictures import find_pictures
from polardb_bridge.table.row_contents import RowContents
from polardb_bridge.table.row_keys import RowKey
from polardb_bridge.table.rows import IMAGES_BATCH_SIZE, SourceRow, read_rows

MAX_BATCH_ROWS = 1000
MAX_BATCH_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class TaskData:
    """The data of a row's task.

    image: the first that rows hold, or a list; None if they hold none. more: the others, by field. fields: what else
    tasks show, by name; fields_size: the bytes of these.
    digest: of the row, if it can change and keep its version. existing: the result that the row holds already;
    is_refused: it holds one that cannot be used.
    revision: how often the task was refreshed, with this time. size: about the bytes of the data.
    """

    row_id: Key
    version: int
    image: Shown | None
    original_name: str
    digest: str = ""
    revision: int = 0
    existing: ExistingResult | None = None
    is_refused: bool = False
    more: Mapping[str, Shown] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    fields_size: int = 0

    def values(self, image_field: str) -> dict[str, object]:
        image = {} if self.image is None else {image_field: self.image}
        return {**self.fields, **image, **self.more, "original_name": self.original_name, "id": self.row_id}

    @property
    def size(self) -> int:
        shown = (self.image or "", *self.more.values())
        size = sum(sum(map(len, each)) if isinstance(each, list) else len(each) for each in shown)
        return size + self.fields_size + len(self.original_name)


def task_fields(storage: PolarDBImportStorage) -> tuple[str, ...]:
    """What `TaskData.values` has."""
    mapping = storage.table_mapping
    pictures = [storage.image_field if name == mapping.picture_field else name for name in mapping.pictures]
    return (*pictures, *(name for name in mapping.fields if name not in mapping.pictures), *ROW_FIELDS)


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
    if not reader.pictures.read and not reader.mapping.fields:
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

    @cached_property
    def pictures(self) -> TaskPictures:
        return TaskPictures(self.storage)

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
                image, more = self.pictures.split(self.pictures.links(key, revision))
                yield TaskData(key.id, key.version, image, key.original_name, digest, revision, *known, more=more)

    def _digests(self, ids: Sequence[Key]) -> dict[Key, tuple[RowKey, str]]:
        """Rows as they are with their digests: they may have changed since their keys were read."""
        if not ids:
            return {}
        with connect(self.source) as connection:
            return {key.id: (key, digest) for key, digest in read_digests(connection, self.table, ids)}

    def contents(self, keys: Sequence[RowKey]) -> Iterator[TaskData]:
        for start in range(0, len(keys), IMAGES_BATCH_SIZE):
            part = keys[start : start + IMAGES_BATCH_SIZE]
            existing = self._existing(part)
            undecided: list[RowContents] = []
            with connect(self.source) as connection:
                with closing(
                    read_rows(
                        connection,
                        self.table,
                        [key.id for key in part],
                        max_bytes=MAX_DATA_URI_BYTES,
                        digests_after=self.horizon.doubtful_after,
                        with_images=self.pictures.read,
                        with_texts=bool(self.mapping.fields),
                    )
                ) as rows:
                    # `map` and `filter` hold no row while the next one is read: one of them can be large.
                    yield from filter(None, map(partial(self._decoded, existing, undecided), rows))
                ids = [contents.row.key.id for contents in undecided]
                found = find_pictures(connection, self.table, ids) if ids else {}
            for contents in undecided:
                key = contents.row.key
                try:
                    pictures = self.pictures.of_found(contents, self._revision(key.id), found.get(key.id, {}))
                except RowError as error:
                    self._refuse(contents.row, error)
                else:
                    yield self._task_data(contents, pictures, existing)

    def _decoded(
        self, existing: Mapping[Key, _Existing], undecided: list[RowContents], row: SourceRow
    ) -> TaskData | None:
        """undecided: for rows of which one has to know whether they have a picture, which is not looked at here."""
        self.report.rows += 1
        try:
            contents = RowContents.of(self.mapping, row)
            read = self.pictures.of_row if self.pictures.read else self.pictures.of_unread
            pictures = read(contents, self._revision(row.key.id))
        except RowError as error:
            self._refuse(row, error)
            return None
        if pictures is None:
            undecided.append(contents)
            return None
        return self._task_data(contents, pictures, existing)

    def _task_data(
        self, contents: RowContents, pictures: Mapping[str, Shown], existing: Mapping[Key, _Existing]
    ) -> TaskData:
        key = contents.row.key
        image, more = self.pictures.split(pictures)
        return TaskData(
            key.id,
            key.version,
            image,
            key.original_name,
            contents.row.digest,
            self._revision(key.id),
            *existing.get(key.id, _NOTHING),
            more=more,
            fields={**empty_values(self.mapping), **contents.values},
            fields_size=contents.size,
        )

    def _refuse(self, row: SourceRow, error: RowError) -> None:
        self.report.add_error(row.key.id, row.key.original_name, error)

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
