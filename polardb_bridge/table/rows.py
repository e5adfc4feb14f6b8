"""Reading a source table: keys in keyset pages, images by primary key."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table import stored_pictures
from polardb_bridge.table.budget import DISCARD
from polardb_bridge.table.field_values import MAX_FIELDS_BYTES, shown_columns, sources_of, stored_size, stored_texts
from polardb_bridge.table.fields import Field
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import MAX_INTEGER_KEY, Key, is_text, problem_of
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.names import name_column, name_or_key, name_problem
from polardb_bridge.table.stored import holds_result
from polardb_bridge.table.versions import as_version, version_column

# Keys are small; images are streamed, so that a statement's rows are never in memory as a whole.
KEYS_BATCH_SIZE = 10_000
IMAGES_BATCH_SIZE = 200
_LOOKUP_BATCH_SIZE = 1000
MAX_STREAMED_BYTES = 4 * 1024 * 1024
DIGEST_LENGTH = 40
# Digests of so many rows in one statement: as many as take about this long, far below the driver's timeout.
_DIGESTS_SECONDS = 2.0
_MIN_DIGESTS, _MAX_DIGESTS = 10, 500


class StaleRowError(RowError):
    """A replica that lags has answered, or somebody has put an older row back."""


class RowKey(NamedTuple):
    """Which row, and its name.

    id: its key (table/keys.py). version: as `versions.as_version`. is_annotated: it holds a result. problem: why it
    cannot be a task, if so.
    """

    id: Key
    original_name: str
    version: int
    is_annotated: bool = False
    problem: str = ""


@dataclass(frozen=True)
class KeyRange:
    """Keys that come after `after`, up to and including `until`, by the order of the table; unbounded if None.

    until: of integers only. skip: leave out so many rows behind `after`, whose keys cannot be asked for.
    """

    after: Key | None = None
    until: int | None = None
    skip: int = 0


ALL_KEYS = KeyRange()


@dataclass(frozen=True)
class SourceRow:
    """One row with its image, and what else its task holds, as stored.

    size: of the stored image, in bytes; what is larger than asked for is not read. source: its column. digest: of all
    that a task holds of the row, if asked for. texts: as `field_values.stored_texts`, if asked for, and if `texts_size`
    is not too much.
    """

    key: RowKey
    base64_data: str | bytes | None
    size: int
    source: Field | None = None
    digest: str = ""
    texts: tuple[bytes | None, ...] = ()
    texts_size: int = 0


def read_key_page(
    connection: sa.Connection, table: sa.Table, within: KeyRange = ALL_KEYS, with_results: bool = False
) -> list[RowKey]:
    """The keys of the first rows of a range in their order, a page at most; the heavy column is not touched.

    with_results: find out which rows hold a result, too.
    """
    key = key_of(table)
    columns = [*_key_columns(table), *([holds_result(table)] if with_results else [])]
    query = sa.select(*columns).order_by(*key.columns).limit(KEYS_BATCH_SIZE)
    if within.skip:
        query = query.offset(within.skip)
    if within.after is not None:
        query = query.where(key.after(within.after))
    if within.until is not None:
        query = query.where(key.columns[0] <= within.until)
    return [_key(table, row) for row in connection.execute(query)]


def behind(within: KeyRange, page: Sequence[RowKey]) -> KeyRange:
    """The range behind a page of `within` that is not empty."""
    for number, row in enumerate(reversed(page)):
        if is_text(row.id):
            return KeyRange(row.id, within.until, skip=number)
    return KeyRange(within.after, within.until, within.skip + len(page))


def read_keys(connection: sa.Connection, table: sa.Table, ids: Sequence[Key]) -> dict[Key, RowKey]:
    """The keys of the rows of these ids, as they are spelled now, by id; missing ones are left out."""
    found: dict[Key, RowKey] = {}
    for start in range(0, len(ids), _LOOKUP_BATCH_SIZE):
        part = ids[start : start + _LOOKUP_BATCH_SIZE]
        query = sa.select(*_key_columns(table)).where(key_of(table).among(part))
        rows = [_key(table, row) for row in connection.execute(query)]
        asked = key_of(table).as_asked(connection, part, [row.id for row in rows])
        found |= {asked.get(row.id, row.id): row for row in rows}
    return found


def _key_columns(table: sa.Table) -> list[Any]:
    return [*key_of(table).columns, name_column(table), version_column(table)]


def _key(table: sa.Table, row: Sequence[Any]) -> RowKey:
    """Of `_key_columns`, and whether the row holds a result."""
    width = key_of(table).width
    row_id, (name, time, *rest) = key_of(table).read(row[:width]), row[width:]
    version, is_annotated = as_version(time), bool(rest and rest[0])
    name = name_or_key(table, name, row_id)
    try:
        text = name.decode()  # type: ignore[union-attr]
    except (AttributeError, UnicodeDecodeError):
        text = "\x00"
    if "\x00" in text or problem_of(row_id):
        text = (name or b"").decode(errors="backslashreplace")
        return RowKey(
            row_id, text, version, is_annotated, mapping_of(table).named(problem_of(row_id) or name_problem(name))
        )
    return RowKey(row_id, text, version, is_annotated)


def cut_into_ranges(connection: sa.Connection, table: sa.Table, rows: int) -> list[KeyRange]:
    """Ranges of integer keys with `rows` rows each, the last with what is left; together they cover all keys."""
    query = sa.select(table.c.id).order_by(table.c.id).offset(rows - 1).limit(1)
    ranges: list[KeyRange] = []
    after: int | None = None
    while True:
        last = connection.scalar(query if after is None else query.where(table.c.id > after))
        if last is None or last > MAX_INTEGER_KEY:
            return [*ranges, KeyRange(after, None)]
        ranges.append(KeyRange(after, last))
        after = last


def read_rows(
    connection: sa.Connection,
    table: sa.Table,
    ids: Sequence[Key],
    *,
    max_bytes: int | None = None,
    digests_after: int | None = None,
    with_image: bool = True,
    with_texts: bool = False,
) -> Generator[SourceRow, None, None]:
    """The rows of these ids with their images; memory holds one at a time. Missing ones are left out.

    In the order of their keys, in parts of IMAGES_BATCH_SIZE; large ones come at the end of their part, and so do those
    whose key is spelled otherwise than here.

    The rows are streamed: use `connection` for nothing else before the last one, and close what is not read to its
    end (`contextlib.closing`) before the connection.

    max_bytes: larger images are not read. digests_after: rows newer than this, in seconds since 1970, and those of an
    unknown time come with a digest. with_image, with_texts: what is read.
    """
    image = stored_pictures.picture_content(table) if with_image else None
    reading = _Reading(table, image, max_bytes, digests_after, with_texts)
    for start in range(0, len(ids), IMAGES_BATCH_SIZE):
        batch = ids[start : start + IMAGES_BATCH_SIZE]
        done: set[Key] = set()
        try:
            with closing(reading.stream(connection, batch)) as rows:
                for row in rows:
                    done.add(row.key.id)
                    yield row
                    del row
        except UnicodeDecodeError:
            # The driver refuses what is not in the column's character set. The bytes can still be read, and refused.
            rest = [row_id for row_id in batch if row_id not in done]
            yield from replace(reading, image=stored_pictures.picture_bytes(table)).stream(connection, rest)


@dataclass(frozen=True)
class _Reading:
    """What `read_rows` reads of each row. image: None if it is left out."""

    table: sa.Table
    image: sa.ColumnElement[Any] | None
    max_bytes: int | None
    digests_after: int | None
    with_texts: bool

    def stream(self, connection: sa.Connection, ids: Sequence[Key]) -> Generator[SourceRow, None, None]:
        key = key_of(self.table)
        # One row a fetch: the reader decides how many it holds at once, by their bytes.
        streaming = connection.execution_options(stream_results=True, max_row_buffer=1)
        query = self._query(MAX_STREAMED_BYTES).where(key.among(ids)).order_by(*key.columns)
        asked = set(ids)
        large: list[Key] = []
        respelled: list[Key] = []
        try:
            for found in streaming.execute(query):
                row = self._row(found)
                is_read = row.size <= (self.max_bytes or row.size) and row.texts_size <= MAX_FIELDS_BYTES
                if row.key.id not in asked:
                    respelled.append(row.key.id)
                elif row.size + row.texts_size > MAX_STREAMED_BYTES and is_read:
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
            for found in connection.execute(self._query(None).where(key.is_(row_id))):
                yield self._row(found)
        by_spelling = key.as_asked(connection, asked, respelled)
        for row in self.stream(connection, list(by_spelling)) if by_spelling else ():
            yield replace(row, key=row.key._replace(id=by_spelling[row.key.id]))

    def _query(self, max_bytes: int | None) -> sa.Select[Any]:
        """max_bytes: of what is larger, only the size is read."""
        size = sa.literal_column("0") if self.image is None else stored_pictures.picture_size(self.table)
        number = sa.null() if self.image is None else stored_pictures.picture_number(self.table)
        texts_size = stored_size(self.table) if self.with_texts else sa.literal_column("0")
        contents = [sa.null() if self.image is None else self.image]
        contents += stored_texts(self.table) if self.with_texts else []
        if max_bytes is not None:
            is_small = sa.func.coalesce(size, 0) + texts_size <= max_bytes
            contents = [sa.case((is_small, content)) for content in contents]
        digest = _digest_of_newer(self.table, self.digests_after)
        return sa.select(size, number, texts_size, digest, *contents, *_key_columns(self.table))

    def _row(self, found: Sequence[Any]) -> SourceRow:
        size, number, texts_size, digest, image, *rest = found
        count = len(sources_of(mapping_of(self.table))) if self.with_texts else 0
        key = _key(self.table, rest[count:])
        source = None if self.image is None else stored_pictures.picture_source(self.table, number)
        return SourceRow(key, image, size or 0, source, digest or "", tuple(rest[:count]), texts_size)


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

    whole = sa.func.sha2(sa.func.concat(*map(part, shown_columns(table))), 256)
    return sa.func.left(whole, DIGEST_LENGTH)


def read_digests(connection: sa.Connection, table: sa.Table, ids: Sequence[Key]) -> Iterator[tuple[RowKey, str]]:
    """The rows of these ids, each with a digest of what it holds; only the server reads the images."""
    key = key_of(table)
    query = sa.select(*_key_columns(table), _digest(table)).order_by(*key.columns)
    count, start = _MIN_DIGESTS, 0
    while start < len(ids):
        begun = time.monotonic()
        part = ids[start : start + count]
        found = [(_key(table, row[:-1]), row[-1]) for row in connection.execute(query.where(key.among(part)))]
        asked = key.as_asked(connection, part, [row.id for row, _ in found])
        yield from ((row._replace(id=asked.get(row.id, row.id)), digest) for row, digest in found)
        start += count
        took = time.monotonic() - begun
        count = min(2 * count, _MAX_DIGESTS) if took < _DIGESTS_SECONDS / 2 else count
        count = max(count // 2, 1) if took > _DIGESTS_SECONDS else count
