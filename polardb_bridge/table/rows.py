"""The rows of a source table by their keys, each with its images and what else its task holds."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table.budget import DISCARD
from polardb_bridge.table.digests import digest_of_newer
from polardb_bridge.table.field_values import MAX_FIELDS_BYTES, sources_of, stored_size, stored_texts
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.row_keys import RowKey, if_alone, key_columns, row_key
from polardb_bridge.table.stored_pictures import PictureColumns, StoredPicture, columns_of_pictures

# Images are streamed, so that a statement's rows are never in memory as a whole.
IMAGES_BATCH_SIZE = 200
MAX_STREAMED_BYTES = 4 * 1024 * 1024


class StaleRowError(RowError):
    """A replica that lags has answered, or somebody has put an older row back."""


@dataclass(frozen=True)
class SourceRow:
    """One row with its images, and what else its task holds, as stored.

    pictures: by field, all of the mapping's if any was asked for; their data if they were. size: of those that were,
    in bytes; what is larger than asked for is not read. digest: of all that a task holds of the row, if asked for.
    texts: as `field_values.stored_texts`, if asked for, and if `texts_size` is not too much.
    """

    key: RowKey
    pictures: Mapping[str, StoredPicture] = field(default_factory=dict)
    size: int = 0
    digest: str = ""
    texts: tuple[bytes | None, ...] = ()
    texts_size: int = 0

    @property
    def base64_data(self) -> str | bytes | None:
        """The first image; None if there is none, or it was not read."""
        return next((stored.data for stored in self.pictures.values()), None)


def read_rows(
    connection: sa.Connection,
    table: sa.Table,
    ids: Sequence[Key],
    *,
    max_bytes: int | None = None,
    digests_after: int | None = None,
    with_images: Collection[str] | None = None,
    with_texts: bool = False,
) -> Generator[SourceRow, None, None]:
    """The rows of these ids with their images; memory holds one at a time. Missing ones are left out.

    In the order of their keys, in parts of IMAGES_BATCH_SIZE; large ones come at the end of their part, and so do those
    whose key is spelled otherwise than here.

    The rows are streamed: use `connection` for nothing else before the last one, and close what is not read to its
    end (`contextlib.closing`) before the connection.

    max_bytes: larger images are not read. digests_after: rows newer than this, in seconds since 1970, and those of an
    unknown time come with a digest. with_images: the fields whose images are read; None: all. with_texts: whether
    texts are.
    """
    pictures = columns_of_pictures(table)
    images = {each.field: each.content for each in pictures if with_images is None or each.field in with_images}
    reading = _Reading(table, pictures if images else (), images, max_bytes, digests_after, with_texts)
    for start in range(0, len(ids), IMAGES_BATCH_SIZE):
        batch = ids[start : start + IMAGES_BATCH_SIZE]
        done: set[Key] = set()
        try:
            with closing(reading.stream(connection, batch)) as rows:
                for row in rows if mapping_of(table).is_guarded else _with_repeated(rows):
                    done.add(row.key.id)
                    yield row
                    del row
        except UnicodeDecodeError:
            # The driver refuses what is not in the column's character set. The bytes can still be read, and refused.
            rest = [row_id for row_id in batch if row_id not in done]
            as_bytes = {each.field: each.as_bytes for each in pictures if each.field in images}
            yield from replace(reading, images=as_bytes).stream(connection, rest)


def _with_repeated(rows: Iterable[SourceRow]) -> Iterator[SourceRow]:
    """One row for all that have the same key, which come one behind the other; it says so."""
    waiting, count = None, 0
    for row in rows:
        if waiting and waiting.key.id != row.key.id:
            yield replace(waiting, key=if_alone(waiting.key, count))
            count = 0
        waiting, count = row, count + 1
        del row
    if waiting:
        yield replace(waiting, key=if_alone(waiting.key, count))


@dataclass(frozen=True)
class _Reading:
    """What `read_rows` reads of each row. pictures: of which it tells where they are; images: these, by field."""

    table: sa.Table
    pictures: Sequence[PictureColumns]
    images: Mapping[str, sa.ColumnElement[Any]]
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
        texts_size = stored_size(self.table) if self.with_texts else sa.literal_column("0")
        contents = [*self.images.values(), *(stored_texts(self.table) if self.with_texts else [])]
        if max_bytes is not None:
            size = texts_size
            for each in self.pictures:
                size = size + sa.func.coalesce(each.size, 0) if each.field in self.images else size
            contents = [sa.case((size <= max_bytes, content)) for content in contents]
        where = [part for each in self.pictures for part in (each.size, each.number)]
        digest = digest_of_newer(self.table, self.digests_after)
        return sa.select(texts_size, digest, *where, *contents, *key_columns(self.table))

    def _row(self, found: Sequence[Any]) -> SourceRow:
        values = iter(found)
        texts_size, digest = next(values), next(values)
        where = [(next(values) or 0, next(values)) for _ in self.pictures]
        images = {name: next(values) for name in self.images}
        texts = tuple(next(values) for _ in (sources_of(mapping_of(self.table)) if self.with_texts else ()))
        pictures = {
            each.field: StoredPicture(each.source(number), images.get(each.field), size)
            for each, (size, number) in zip(self.pictures, where, strict=True)
        }
        size = sum(pictures[name].size for name in images)
        return SourceRow(row_key(self.table, list(values)), pictures, size, digest or "", texts, texts_size)
