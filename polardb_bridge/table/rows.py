"""The rows of a source table by their keys, each with its image and what else its task holds."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table import stored_pictures
from polardb_bridge.table.budget import DISCARD
from polardb_bridge.table.digests import digest_of_newer
from polardb_bridge.table.field_values import MAX_FIELDS_BYTES, sources_of, stored_size, stored_texts
from polardb_bridge.table.fields import Field
from polardb_bridge.table.key_columns import key_of
from polardb_bridge.table.keys import Key
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.row_keys import RowKey, if_alone, key_columns, row_key

# Images are streamed, so that a statement's rows are never in memory as a whole.
IMAGES_BATCH_SIZE = 200
MAX_STREAMED_BYTES = 4 * 1024 * 1024


class StaleRowError(RowError):
    """A replica that lags has answered, or somebody has put an older row back."""


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
                for row in rows if mapping_of(table).is_guarded else _with_repeated(rows):
                    done.add(row.key.id)
                    yield row
                    del row
        except UnicodeDecodeError:
            # The driver refuses what is not in the column's character set. The bytes can still be read, and refused.
            rest = [row_id for row_id in batch if row_id not in done]
            yield from replace(reading, image=stored_pictures.picture_bytes(table)).stream(connection, rest)


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
        digest = digest_of_newer(self.table, self.digests_after)
        return sa.select(size, number, texts_size, digest, *contents, *key_columns(self.table))

    def _row(self, found: Sequence[Any]) -> SourceRow:
        size, number, texts_size, digest, image, *rest = found
        count = len(sources_of(mapping_of(self.table))) if self.with_texts else 0
        key = row_key(self.table, rest[count:])
        source = None if self.image is None else stored_pictures.picture_source(self.table, number)
        return SourceRow(key, image, size or 0, source, digest or "", tuple(rest[:count]), texts_size)
