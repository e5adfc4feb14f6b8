"""Reading a source table: keys in keyset pages, images by primary key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from polardb_bridge.errors import RowError

# Keys are small; images are streamed, so that a statement's rows are never in memory as a whole.
KEYS_BATCH_SIZE = 10_000
IMAGES_BATCH_SIZE = 200
MAX_STREAMED_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True)
class RowKey:
    """Which row, and its name. version: its `updated_at`, in seconds since 1970. is_annotated: it holds a result."""

    id: int
    original_name: str
    version: int
    is_annotated: bool = False


@dataclass(frozen=True)
class KeyRange:
    """Row ids greater than `after`, up to and including `until`; unbounded if None."""

    after: int | None = None
    until: int | None = None


ALL_KEYS = KeyRange()


@dataclass(frozen=True)
class SourceRow:
    """One row with its image, as stored."""

    id: int
    original_name: str
    base64_data: str | bytes | None


def read_key_pages(
    connection: sa.Connection, table: sa.Table, within: KeyRange = ALL_KEYS, with_results: bool = False
) -> Iterator[list[RowKey]]:
    """The keys of the rows of a range by id, in pages; the heavy column is not touched.

    with_results: find out which rows hold a result, too.
    """
    is_annotated = sa.or_(table.c.annotation_count > 0, table.c.annotation_data.is_not(None))
    columns = [table.c.id, table.c.original_name, sa.func.unix_timestamp(table.c.updated_at)]
    query = sa.select(*columns, *([is_annotated] if with_results else [])).order_by(table.c.id).limit(KEYS_BATCH_SIZE)
    if within.until is not None:
        query = query.where(table.c.id <= within.until)
    after = within.after
    while True:
        page = [RowKey(*row) for row in connection.execute(query if after is None else query.where(table.c.id > after))]
        if not page:
            return
        yield page
        after = page[-1].id


def cut_into_ranges(connection: sa.Connection, table: sa.Table, rows: int) -> list[KeyRange]:
    """Ranges of keys with `rows` rows each, the last with what is left; together they cover all ids there can be."""
    query = sa.select(table.c.id).order_by(table.c.id).offset(rows - 1).limit(1)
    ranges: list[KeyRange] = []
    after: int | None = None
    while True:
        last = connection.scalar(query if after is None else query.where(table.c.id > after))
        ranges.append(KeyRange(after, last))
        if last is None:
            return ranges
        after = last


def read_rows(connection: sa.Connection, table: sa.Table, ids: Sequence[int]) -> Iterator[SourceRow]:
    """The rows of these ids with their images, by id; memory holds one at a time. Missing ones are left out.

    The rows are streamed: use `connection` for nothing else before the last one.
    """
    size = sa.func.octet_length(table.c.base64_data)
    small = sa.case((size <= MAX_STREAMED_BYTES, table.c.base64_data))
    query = sa.select(table.c.id, table.c.original_name, small, size > MAX_STREAMED_BYTES).order_by(table.c.id)
    for start in range(0, len(ids), IMAGES_BATCH_SIZE):
        statement = query.where(table.c.id.in_(ids[start : start + IMAGES_BATCH_SIZE]))
        # One row a fetch: the reader decides how many it holds at once, by their bytes.
        streaming = connection.execution_options(stream_results=True, max_row_buffer=1)
        try:
            for row_id, name, data, is_large in streaming.execute(statement):
                yield (
                    _read_large_row(connection.engine, table, row_id, name)
                    if is_large
                    else SourceRow(row_id, name, data)
                )
        except BaseException:
            # Closing a half-read result would first fetch all the rest of it.
            connection.invalidate()
            raise
        finally:
            connection.execution_options(stream_results=False)


def _read_large_row(engine: sa.Engine, table: sa.Table, row_id: int, name: str) -> SourceRow:
    # The client library keeps a buffer as large as the largest row for as long as a connection lives.
    with engine.connect() as connection:
        data = connection.scalar(sa.select(table.c.base64_data).where(table.c.id == row_id))
        connection.invalidate()
    return SourceRow(row_id, name, data)


def read_image(connection: sa.Connection, table: sa.Table, row_id: int) -> str | bytes | None:
    """The stored text of one row's image.

    Raises:
        RowError: there is no such row.
    """
    row = connection.execute(sa.select(table.c.base64_data).where(table.c.id == row_id)).first()
    if row is None:
        raise RowError("the row is missing")
    data: str | bytes | None = row[0]
    return data
