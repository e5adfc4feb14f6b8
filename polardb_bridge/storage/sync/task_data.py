"""What the tasks of rows hold, read from the rows in batches that fit into memory."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery
from polardb_bridge.errors import RowError
from polardb_bridge.storage.images.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.existing_results import ExistingResult, read_existing
from polardb_bridge.storage.sync.read_ahead import read_ahead
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.table.images.decode import data_uri
from polardb_bridge.table.rows import RowKey, SourceRow, read_rows

MAX_BATCH_ROWS = 1000
MAX_BATCH_BYTES = 8 * 1024 * 1024
COLUMNS = ("image", "original_name", "id")


@dataclass(frozen=True)
class TaskData:
    """The data of a row's task. existing: the result that the row holds already. size: about the bytes of the data."""

    row_id: int
    version: int
    image: str
    original_name: str
    existing: ExistingResult | None = None

    @property
    def values(self) -> dict[str, object]:
        return dict(zip(COLUMNS, (self.image, self.original_name, self.row_id), strict=True))

    @property
    def size(self) -> int:
        return len(self.image) + len(self.original_name)


def read_task_data(
    storage: PolarDBImportStorage,
    connection: sa.Connection,
    table: sa.Table,
    keys: Sequence[RowKey],
    report: SyncReport,
) -> Generator[list[TaskData], None, None]:
    """Batches for the rows of these keys; bad rows go to the report. Close it: `connection` is in use until then.

    Raises:
        BridgeError: the table cannot be read.
    """
    if storage.delivery_in_use == ImageDelivery.LINK:
        report.rows += len(keys)
        return _batches(_linked(storage.pk, key) for key in keys)
    # Rows are read and checked while the batch before is written.
    return read_ahead(_batches(_decoded(connection, table, keys, report)))


def _linked(storage_id: int, key: RowKey) -> TaskData:
    return TaskData(key.id, key.version, ImageLink(storage_id, key.id, key.version).url, key.original_name)


def _decoded(
    connection: sa.Connection, table: sa.Table, keys: Sequence[RowKey], report: SyncReport
) -> Iterator[TaskData]:
    versions = {key.id: key.version for key in keys}

    def decoded(row: SourceRow) -> TaskData | None:
        report.rows += 1
        try:
            if "\x00" in row.original_name:
                raise RowError("original_name has a NUL character")
            return TaskData(row.id, versions[row.id], data_uri(row.base64_data), row.original_name)
        except RowError as error:
            report.add_error(row.id, row.original_name, error)
            return None

    # `map` and `filter` hold no row while the next one is read: one of them can be large.
    yield from filter(None, map(decoded, read_rows(connection, table, list(versions))))


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
    return [replace(data, existing=good[data.row_id]) if data.row_id in good else data for data in batch]
