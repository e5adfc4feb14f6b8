"""What the tasks of rows hold, read from the rows in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

import sqlalchemy as sa

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery
from polardb_bridge.errors import RowError
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.changes import LinkedRow
from polardb_bridge.storage.sync.existing_results import ExistingResult, read_existing
from polardb_bridge.storage.sync.read_ahead import read_ahead
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.table.connection import connect
from polardb_bridge.table.horizon import Horizon
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.pictures import data_uri
from polardb_bridge.table.rows import IMAGES_BATCH_SIZE, RowKey, SourceRow, read_digests, read_rows

MAX_BATCH_ROWS = 1000
MAX_BATCH_BYTES = 8 * 1024 * 1024
# Of the base64 text of an image inside a task. A task takes some fifteen times as much memory while it is made and
# shown; PostgreSQL holds no text of more than 256 MB in a JSON value.
MAX_DATA_URI_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class TaskData:
    """The data of a row's task.

    digest: of the row, if it can change and keep its version. existing: the result that the row holds already;
    is_refused: it holds one that cannot be used.
    revision: how often the task was refreshed, with this time. size: about the bytes of the data.
    """

    row_id: int
    version: int
    image: str
    original_name: str
    digest: str = ""
    revision: int = 0
    existing: ExistingResult | None = None
    is_refused: bool = False

    def values(self, image_field: str) -> dict[str, object]:
        return {image_field: self.image, "original_name": self.original_name, "id": self.row_id}

    @property
    def size(self) -> int:
        return len(self.image) + len(self.original_name)


def read_task_data(
    storage: PolarDBImportStorage,
    source: ConnectionParameters,
    table: sa.Table,
    keys: Sequence[RowKey],
    linked: Mapping[int, LinkedRow],
    horizon: Horizon,
    report: SyncReport,
) -> Generator[list[TaskData], None, None]:
    """Batches for the rows of these keys; bad rows go to the report. Close it: a connection is in use until then.

    linked: those that have a task already, by row id.

    Raises:
        BridgeError: the table cannot be read.
    """
    reader = _Reader(storage, source, table, linked, horizon, report)
    if storage.delivery_in_use == ImageDelivery.LINK:
        return _batches(reader.linked_images(keys))
    # Rows are read and checked while the batch before is written.
    return read_ahead(_batches(reader.images_inside(keys)))


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
    linked: Mapping[int, LinkedRow]
    horizon: Horizon
    report: SyncReport

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
                revision = self._revision(key.id)
                image = ImageLink(self.storage.pk, key.id, key.version, revision).url
                known = existing.get(key.id, _NOTHING)
                yield TaskData(key.id, key.version, image, key.original_name, digest, revision, *known)

    def _digests(self, ids: Sequence[int]) -> dict[int, tuple[RowKey, str]]:
        """Rows as they are with their digests: they may have changed since their keys were read."""
        if not ids:
            return {}
        with connect(self.source) as connection:
            return {key.id: (key, digest) for key, digest in read_digests(connection, self.table, ids)}

    def images_inside(self, keys: Sequence[RowKey]) -> Iterator[TaskData]:
        for start in range(0, len(keys), IMAGES_BATCH_SIZE):
            part = keys[start : start + IMAGES_BATCH_SIZE]
            existing = self._existing(part)
            with (
                connect(self.source) as connection,
                closing(
                    read_rows(
                        connection,
                        self.table,
                        [key.id for key in part],
                        max_bytes=MAX_DATA_URI_BYTES,
                        digests_after=self.horizon.doubtful_after,
                    )
                ) as rows,
            ):
                # `map` and `filter` hold no row while the next one is read: one of them can be large.
                yield from filter(None, map(partial(self._decoded, existing), rows))

    def _decoded(self, existing: Mapping[int, _Existing], row: SourceRow) -> TaskData | None:
        self.report.rows += 1
        key = row.key
        try:
            if key.problem:
                raise RowError(key.problem)
            if row.size > MAX_DATA_URI_BYTES:
                raise RowError(
                    f"the image takes {row.size:,} bytes as base64, and {MAX_DATA_URI_BYTES:,} fit into a task: "
                    "set the storage's image delivery to 'link'"
                )
            image = data_uri(self.table, row.base64_data)
        except RowError as error:
            self.report.add_error(key.id, key.original_name, error)
            return None
        revision = self._revision(key.id)
        known = existing.get(key.id, _NOTHING)
        return TaskData(key.id, key.version, image, key.original_name, row.digest, revision, *known)

    def _revision(self, row_id: int) -> int:
        link = self.linked.get(row_id)
        return (link.revision or 0) + 1 if link else 0

    def _existing(self, keys: Sequence[RowKey]) -> Mapping[int, _Existing]:
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
