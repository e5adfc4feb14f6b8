"""Reading a source table: keys in keyset pages, images by primary key."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table.budget import DISCARD
from polardb_bridge.table.field_values import MAX_FIELDS_BYTES, column_names, stored_size, stored_texts
from polardb_bridge.table.mapping import TableMapping, mapping_of
from polardb_bridge.table.stored import holds_result
from polardb_bridge.table.text import utf8
from polardb_bridge.table.versions import as_version, version_column

# Keys are small; images are streamed, so that a statement's rows are never in memory as a whole.
KEYS_BATCH_SIZE = 10_000
IMAGES_BATCH_SIZE = 200
MAX_STREAMED_BYTES = 4 * 1024 * 1024
# Our database holds ids as signed integers of 64 bits, as all of Label Studio's do.
MAX_ROW_ID = 2**63 - 1
DIGEST_LENGTH = 40
# Digests of so many rows in one statement: as many as take about this long, far below the driver's timeout.
_DIGESTS_SECONDS = 2.0
_MIN_DIGESTS, _MAX_DIGESTS = 10, 500


class StaleRowError(RowError):
    """A replica that lags has answered, or somebody has put an older row back."""


class RowKey(NamedTuple):
    """Which row, and its name.

    version: as `versions.as_version`. is_annotated: it holds a result. problem: why it cannot be a task, if so.
    """

    id: int
    original_name: str
    version: int
    is_annotated: bool = False
    problem: str = ""


@dataclass(frozen=True)
class KeyRange:
    """Row ids greater than `after`, up to and including `until`; unbounded if None."""

    after: int | None = None
    until: int | None = None


ALL_KEYS = KeyRange()


@dataclass(frozen=True)
class SourceRow:
    """One row with its image, and what else its task holds, as stored.

    size: of the stored image, in bytes; what is larger than asked for is not read. digest: of all that a task holds of
    the row, if asked for. texts: as `field_values.stored_texts`, if asked for, and if `texts_size` is not too much.
    """

    key: RowKey
    base64_data: str | bytes | None
    size: int
    digest: str = ""
    texts: tuple[bytes | None, ...] = ()
    texts_size: int = 0


def read_key_page(
    connection: sa.Connection, table: sa.Table, within: KeyRange = ALL_KEYS, with_results: bool = False
) -> list[RowKey]:
    """The keys of the first rows of a range by id, a page at most; the heavy column is not touched.

    with_results: find out which rows hold a result, too.
    """
    columns = [*_key_columns(table), *([holds_result(table)] if with_results else [])]
    query = sa.select(*columns).order_by(table.c.id).limit(KEYS_BATCH_SIZE)
    if within.after is not None:
        query = query.where(table.c.id > within.after)
    if within.until is not None:
        query = query.where(table.c.id <= within.until)
    return [_key(mapping_of(table), *row) for row in connection.execute(query)]


def read_keys(connection: sa.Connection, table: sa.Table, ids: Sequence[int]) -> dict[int, RowKey]:
    """The keys of the rows of these ids, by id; missing ones are left out."""
    found: dict[int, RowKey] = {}
    for start in range(0, len(ids), _MAX_DIGESTS):
        query = sa.select(*_key_columns(table)).where(table.c.id.in_(ids[start : start + _MAX_DIGESTS]))
        found |= {row[0]: _key(mapping_of(table), *row) for row in connection.execute(query)}
    return found


def _key_columns(table: sa.Table) -> list[Any]:
    return [table.c.id, name_column(table), version_column(table)]


def name_column(table: sa.Table) -> sa.ColumnElement[Any]:
    """What is shown above a row's picture, in UTF-8: its name; where nobody has promised one, the key in its place."""
    key: sa.ColumnElement[bytes] = sa.cast(table.c.id, sa.LargeBinary())
    if "original_name" not in table.c:
        return key
    name = utf8(table.c.original_name)
    return name if mapping_of(table).is_documented else sa.func.coalesce(name.element, key)


def _key(
    mapping: TableMapping, row_id: int, name: bytes | None, time: int | Decimal | None, is_annotated: int | None = 0
) -> RowKey:
    version = as_version(time)
    try:
        text = name.decode()  # type: ignore[union-attr]
    except (AttributeError, UnicodeDecodeError):
        text = "\x00"
    if "\x00" in text or row_id > MAX_ROW_ID:
        text = (name or b"").decode(errors="backslashreplace")
        return RowKey(row_id, text, version, bool(is_annotated), mapping.named(_problem_of(row_id, name)))
    return RowKey(row_id, text, version, bool(is_annotated))


def _problem_of(row_id: int, name: bytes | None) -> str:
    problem = "original_name has a NUL character"
    if row_id > MAX_ROW_ID:
        problem = f"the id is larger than {MAX_ROW_ID}, which Label Studio's database cannot hold"
    elif name is None:
        problem = "original_name is NULL"
    else:
        try:
            name.decode()
        except UnicodeDecodeError as error:
            problem = f"original_name is not valid text: byte {error.start + 1} is not UTF-8"
    return problem


def cut_into_ranges(connection: sa.Connection, table: sa.Table, rows: int) -> list[KeyRange]:
    """Ranges of keys with `rows` rows each, the last with what is left; together they cover all ids there can be."""
    query = sa.select(table.c.id).order_by(table.c.id).offset(rows - 1).limit(1)
    ranges: list[KeyRange] = []
    after: int | None = None
    while True:
        last = connection.scalar(query if after is None else query.where(table.c.id > after))
        if last is None or last > MAX_ROW_ID:
            return [*ranges, KeyRange(after, None)]
        ranges.append(KeyRange(after, last))
        after = last


def read_rows(
    connection: sa.Connection,
    table: sa.Table,
    ids: Sequence[int],
    *,
    max_bytes: int | None = None,
    digests_after: int | None = None,
    with_image: bool = True,
    with_texts: bool = False,
) -> Generator[SourceRow, None, None]:
    """The rows of these ids with their images; memory holds one at a time. Missing ones are left out.

    By id, in parts of IMAGES_BATCH_SIZE; large ones come at the end of their part.

    The rows are streamed: use `connection` for nothing else before the last one, and close what is not read to its
    end (`contextlib.closing`) before the connection.

    max_bytes: larger images are not read. digests_after: rows newer than this, in seconds since 1970, and those of an
    unknown time come with a digest. with_image, with_texts: what is read.
    """
    image = table.c.base64_data if with_image else None
    reading = _Reading(table, image, max_bytes, digests_after, with_texts)
    for start in range(0, len(ids), IMAGES_BATCH_SIZE):
        batch = ids[start : start + IMAGES_BATCH_SIZE]
        done = 0
        try:
            with closing(reading.stream(connection, batch)) as rows:
                for row in rows:
                    done = row.key.id
                    yield row
                    del row
        except UnicodeDecodeError:
            # The driver refuses what is not in the column's character set. The bytes can still be read, and refused.
            rest = [row_id for row_id in batch if row_id > done]
            yield from replace(reading, image=_bytes(table.c.base64_data)).stream(connection, rest)


@dataclass(frozen=True)
class _Reading:
    """What `read_rows` reads of each row. image: None if it is left out."""

    table: sa.Table
    image: sa.ColumnElement[Any] | None
    max_bytes: int | None
    digests_after: int | None
    with_texts: bool

    def stream(self, connection: sa.Connection, ids: Sequence[int]) -> Generator[SourceRow, None, None]:
        table = self.table
        # One row a fetch: the reader decides how many it holds at once, by their bytes.
        streaming = connection.execution_options(stream_results=True, max_row_buffer=1)
        query = self._query(MAX_STREAMED_BYTES).where(table.c.id.in_(ids)).order_by(table.c.id)
        large = []
        try:
            for found in streaming.execute(query):
                row = self._row(found)
                is_read = row.size <= (self.max_bytes or row.size) and row.texts_size <= MAX_FIELDS_BYTES
                if row.size + row.texts_size > MAX_STREAMED_BYTES and is_read:
                    large.append(row.key.id)
                else:
                    yield row
        except BaseException:
            # Closing a half-read result would first fetch all the rest of it.
            connection.invalidate()
            raise
        finally:
            connection.execution_options(stream_results=False)
        for row_id in large:
            # The client library keeps a buffer as large as the largest row for as long as a connection lives.
            connection.info[DISCARD] = True
            for found in connection.execute(self._query(None).where(table.c.id == row_id)):
                yield self._row(found)

    def _query(self, max_bytes: int | None) -> sa.Select[Any]:
        """max_bytes: of what is larger, only the size is read."""
        size = sa.literal_column("0") if self.image is None else sa.func.octet_length(self.table.c.base64_data)
        texts_size = stored_size(self.table) if self.with_texts else sa.literal_column("0")
        contents = [sa.null() if self.image is None else self.image]
        contents += stored_texts(self.table) if self.with_texts else []
        if max_bytes is not None:
            is_small = sa.func.coalesce(size, 0) + texts_size <= max_bytes
            contents = [sa.case((is_small, content)) for content in contents]
        digest = _digest_of_newer(self.table, self.digests_after)
        return sa.select(size, texts_size, digest, *contents, *_key_columns(self.table))

    def _row(self, found: Sequence[Any]) -> SourceRow:
        size, texts_size, digest, image, *rest = found
        count = len(mapping_of(self.table).fields) if self.with_texts else 0
        key = _key(mapping_of(self.table), *rest[count:])
        return SourceRow(key, image, size or 0, digest or "", tuple(rest[:count]), texts_size)


def _bytes(column: sa.Column[Any]) -> sa.ColumnElement[Any]:
    return sa.cast(column, sa.LargeBinary())


def _digest_of_newer(table: sa.Table, after: int | None) -> sa.ColumnElement[Any]:
    if after is None:
        return sa.null()
    version = version_column(table)
    # Seconds in whole numbers, as `Horizon.is_in_doubt` compares them.
    is_newer = sa.or_(version.is_(None), version <= 0, version >= after + 1)
    return sa.case((is_newer, _digest(table)))


def _digest(table: sa.Table) -> sa.ColumnElement[str]:
    """Of all that a task holds of a row, by the server: the columns' own bytes, whatever their character set.

    By SHA2: newer servers have no SHA1 any more (MySQL 9.7).
    """

    def part(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
        return sa.func.coalesce(sa.func.sha2(column, 256), "NULL")

    columns = [table.c[role] for role in ("base64_data", "original_name") if role in table.c] + column_names(table)
    whole = sa.func.sha2(sa.func.concat(*map(part, columns)), 256)
    return sa.func.left(whole, DIGEST_LENGTH)


def read_digests(connection: sa.Connection, table: sa.Table, ids: Sequence[int]) -> Iterator[tuple[RowKey, str]]:
    """The rows of these ids, each with a digest of what it holds; only the server reads the images."""
    query = sa.select(_digest(table), *_key_columns(table)).order_by(table.c.id)
    count, start = _MIN_DIGESTS, 0
    while start < len(ids):
        begun = time.monotonic()
        found = connection.execute(query.where(table.c.id.in_(ids[start : start + count]))).all()
        yield from ((_key(mapping_of(table), *key), digest) for digest, *key in found)
        start += count
        took = time.monotonic() - begun
        count = min(2 * count, _MAX_DIGESTS) if took < _DIGESTS_SECONDS / 2 else count
        count = max(count // 2, 1) if took > _DIGESTS_SECONDS else count
