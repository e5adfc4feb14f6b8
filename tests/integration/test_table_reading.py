"""Rows and templates are read by key, in pages."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
import sqlalchemy as sa

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table import row_keys, rows
from polardb_bridge.table.connection import connect
from polardb_bridge.table.schema import source_table
from polardb_bridge.table.size import count_rows
from polardb_bridge.table.templates import find_template
from support.source_data import TABLE, Source, base64_text


def pages_of(connection: sa.Connection, within: row_keys.KeyRange) -> Iterator[list[int]]:
    while page := [key.id for key in row_keys.read_key_page(connection, source_table(TABLE), within)]:
        yield page
        within = row_keys.KeyRange(page[-1], within.until)


def test_keys_come_in_pages_by_id(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_keys, "KEYS_BATCH_SIZE", 4)
    ids = source.add_images(9)
    source.execute(f"DELETE FROM {TABLE} WHERE id = {ids[5]}")
    with connect(source.parameters) as connection:
        pages = list(pages_of(connection, row_keys.ALL_KEYS))
    assert pages == [ids[:4], [ids[4], *ids[6:9]]]


def test_a_table_is_cut_into_ranges_that_have_every_row_once(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_keys, "KEYS_BATCH_SIZE", 2)
    with connect(source.parameters) as connection:
        assert row_keys.cut_into_ranges(connection, source_table(TABLE), 3) == [row_keys.ALL_KEYS]
        ids = source.add_images(8)
        ranges = row_keys.cut_into_ranges(connection, source_table(TABLE), 3)
        assert ranges == [
            row_keys.KeyRange(None, ids[2]),
            row_keys.KeyRange(ids[2], ids[5]),
            row_keys.KeyRange(ids[5], None),
        ]
        found = [[row_id for page in pages_of(connection, within) for row_id in page] for within in ranges]
    assert found == [ids[:3], ids[3:6], ids[6:]]


def test_rows_are_read_by_id_and_missing_ones_left_out(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "IMAGES_BATCH_SIZE", 2)
    ids = source.add(("a", "eA=="), ("b", None), ("c", "eg=="))
    with connect(source.parameters) as connection:
        found = list(rows.read_rows(connection, source_table(TABLE), [*ids, 999]))
        assert connection.scalar(sa.text("SELECT 1")) == 1
    assert [(row.key.id, row.key.original_name, row.base64_data) for row in found] == [
        (ids[0], "a", "eA=="), (ids[1], "b", None), (ids[2], "c", "eg==")
    ]  # fmt: skip


def test_a_large_row_is_read_whole(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_STREAMED_BYTES", 1000)
    text = base64_text(b"x" * 3000)
    ids = source.add(("small", "eA=="), ("large", text), ("after", "eg=="))
    with connect(source.parameters) as connection:
        assert [row.base64_data for row in rows.read_rows(connection, source_table(TABLE), ids)] == [
            "eA==",
            "eg==",
            text,
        ]


def test_stopping_halfway_leaves_no_broken_connection(source: Source) -> None:
    ids = source.add_images(5)
    with connect(source.parameters) as connection:
        reading = rows.read_rows(connection, source_table(TABLE), ids)
        next(reading)
        assert isinstance(reading, Generator)
        reading.close()
    with connect(source.parameters) as connection:
        assert count_rows(connection, source_table(TABLE)) == 5


def test_a_template_is_found_by_id_or_name(source: Source) -> None:
    source.execute("INSERT INTO annotation_template (tp_name, tp_schema, tp_is_active) VALUES ('7', '[1]', 1)")
    source.execute("INSERT INTO annotation_template (tp_name, tp_schema, tp_is_active) VALUES ('off', '{}', 0)")
    with connect(source.parameters) as connection:
        assert find_template(connection, "1").name == "animals"
        assert find_template(connection, "animals").schema == {
            "type": "ObjectDetection", "labels": ["cat", "dog"]
        }  # fmt: skip
        assert find_template(connection, "7").schema == [1]
        with pytest.raises(InvalidInputError, match=r"no template 'x' .* Active templates: 1 \(animals\), 2 \(7\)"):
            find_template(connection, "x")
        with pytest.raises(InvalidInputError, match="'off' is inactive"):
            find_template(connection, "off")
