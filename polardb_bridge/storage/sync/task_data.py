"""What the tasks of rows hold, read from the rows in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery
from polardb_bridge.errors import RowError
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.changes import LinkedRow
from polardb_bridge.storage.sync.existing_results import ExistingResult, read_existing
from polardb_bridge.storage.sync.read_ahead import read_ahead
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.table.horizon import Horizon
from polardb_bridge.table.images.decode import data_uri
from polardb_bridge.table.rows import RowKey, SourceRow, read_digests, read_rows

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
    connection: sa.Connection,
    table: sa.Table,
    keys: Sequence[RowKey],
    linked: Mapping[int, LinkedRow],
    horizon: Horizon,
    report: SyncReport,
) -> Generator[list[TaskData], None, None]:
    """Batches for the rows of these keys; bad rows go to the report. Close it: `connection` is in use until then.

    linked: those that have a task already, by row id.

    Raises:
        BridgeError: the table cannot be read.
    """
    revisions = {row_id: (link.revision or 0) + 1 for row_id, link in linked.items()}
    if storage.delivery_in_use == ImageDelivery.LINK:
        return _batches(_linked(storage.pk, connection, table, keys, revisions, horizon, report))
    # Rows are read and checked while the batch before is written.
    return read_ahead(_batches(_decoded(connection, table, keys, revisions, horizon, report)))


def _linked(
    storage_id: int,
    connection: sa.Connection,
    table: sa.Table,
    keys: Sequence[RowKey],
    revisions: Mapping[int, int],
    horizon: Horizon,
    report: SyncReport,
) -> Iterator[TaskData]:
    for start in range(0, len(keys), MAX_BATCH_ROWS):
        part = keys[start : start + MAX_BATCH_ROWS]
        report.rows += len(part)
        doubtful = [key.id for key in part if horizon.is_in_doubt(key.version)]
        # A row as it is with this digest: it may have changed since its key was read.
        digests = {key.id: (key, digest) for key, digest in read_digests(connection, table, doubtful)}
        for old in part:
            key, digest = digests.get(old.id, (old, ""))
            if key.problem:
                report.add_error(key.id, key.original_name, RowError(key.problem))
                continue
            revision = revisions.get(key.id, 0)
            image = ImageLink(storage_id, key.id, key.version, revision).url
            yield TaskData(key.id, key.version, image, key.original_name, digest, revision)


def _decoded(
    connection: sa.Connection,
    table: sa.Table,
    keys: Sequence[RowKey],
    revisions: Mapping[int, int],
    horizon: Horizon,
    report: SyncReport,
) -> Iterator[TaskData]:
    def decoded(row: SourceRow) -> TaskData | None:
        report.rows += 1
        key = row.key
        try:
            if key.problem:
                raise RowError(key.problem)
            if row.size > MAX_DATA_URI_BYTES:
                raise RowError(
                    f"the image takes {row.size:,} bytes as base64, and {MAX_DATA_URI_BYTES:,} fit into a task: "
                    "set the storage's image delivery to 'link'"
                )
            image = data_uri(row.base64_data)
        except RowError as error:
            report.add_error(key.id, key.original_name, error)
            return None
        return TaskData(key.id, key.version, image, key.original_name, row.digest, revisions.get(key.id, 0))

    ids = [key.id for key in keys]
    rows = read_rows(connection, table, ids, max_bytes=MAX_DATA_URI_BYTES, digests_after=horizon.doubtful_after)
    # `map` and `filter` hold no row while the next one is read: one of them can be large.
    yield from filter(None, map(decoded, rows))


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


def with_existing_results(
    storage: PolarDBImportStorage, batch: list[TaskData], annotated: set[int], report: SyncReport
) -> list[TaskData]:
    """The same tasks, with the results that their rows hold already; bad ones go to the report.

    annotated: ids of the rows that hold a result.
    """
    names = {data.row_id: data.original_name for data in batch if data.row_id in annotated}
    if not names or storage.existing_annotations == ExistingAnnotations.IGNORE:
        return batch
    good, bad = read_existing(storage, list(names))
    for row_id, error in bad.items():
        report.add_error(row_id, names[row_id], error)
    return [replace(data, existing=good.get(data.row_id), is_refused=data.row_id in bad) for data in batch]
