"""Results are written into rows, and no more is touched."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.errors import RowError
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.keys import Key
from polardb_bridge.table.packets import text_bytes
from polardb_bridge.table.results import RowResult, to_json, write_results
from polardb_bridge.table.schema import source_table
from support.source_data import TABLE, Source

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def result(row_id: int, data: Any, count: int = 1) -> RowResult:
    return RowResult(row_id, data, count, "uid-1", WHEN, WHEN)


def write(source: Source, *results: RowResult) -> set[Key]:
    with begin(source.parameters) as connection:
        return write_results(connection, source_table(TABLE), results)


def test_a_result_is_written_and_the_images_time_stays(source: Source) -> None:
    [row_id] = source.add(("a", "eA=="))
    source.execute(f"UPDATE {TABLE} SET updated_at = '2020-01-01 00:00:00'")
    assert write(source, result(row_id, [{"a": "猫"}])) == set()
    row = source.row(row_id)
    assert row["annotation_data"] == [{"a": "猫"}]
    assert row["updated_at"] == datetime(2020, 1, 1)
    assert row["annotation_create_at"] == row["annotation_update_at"] == WHEN.replace(tzinfo=None)
    assert (row["annotation_count"], row["annotation_uid"]) == (1, "uid-1")


def test_writing_twice_changes_nothing_and_misses_nothing(source: Source) -> None:
    ids = source.add_images(3)
    results = [result(row_id, [row_id]) for row_id in ids]
    assert write(source, *results) == set()
    before = [source.row(row_id) for row_id in ids]
    assert write(source, *results) == set()
    assert [source.row(row_id) for row_id in ids] == before


def test_rows_that_are_gone_are_reported_and_the_others_written(source: Source) -> None:
    ids = source.add_images(2)
    assert write(source, result(999, []), result(ids[1], [2]), result(1000, [])) == {999, 1000}
    assert source.row(ids[1])["annotation_data"] == [2]


def test_no_result_clears_to_sql_null_and_moves_the_update_time(source: Source) -> None:
    [row_id] = source.add(("a", "eA=="))
    write(source, result(row_id, [1]))
    write(source, RowResult(row_id, None, 0, None, None, None))
    with connect(source.parameters) as connection:
        is_null = sa.text(f"SELECT annotation_data IS NULL FROM {TABLE} WHERE id = :id")
        assert connection.scalar(is_null, {"id": row_id}) == 1
    row = source.row(row_id)
    assert (row["annotation_count"], row["annotation_uid"]) == (0, None)
    assert row["annotation_create_at"] == WHEN.replace(tzinfo=None)
    assert row["annotation_update_at"] > row["annotation_create_at"]


@pytest.fixture
def tight(source: Source) -> Iterator[Source]:
    """`source` on a server that takes statements of a mebibyte."""
    source.execute("SET GLOBAL max_allowed_packet = 1048576")
    dispose()  # sessions keep the limit that they began with
    yield source
    source.execute("SET GLOBAL max_allowed_packet = DEFAULT")
    dispose()


@pytest.mark.parametrize("filler", ["x", '"', "猫"])
def test_a_result_is_judged_by_its_whole_statement(tight: Source, filler: str) -> None:
    """Each size around the limit is written, or refused with the row's id; the server never closes the connection."""
    [row_id] = tight.add_images(1)
    outcomes = []
    step = text_bytes(to_json(filler)[1:-1])
    longest = (1_048_576 - 800) // step
    for length in range(longest, longest + 500 // step, max(1, 25 // step)):
        said = ""
        try:
            write(tight, result(row_id, [filler * length]))
        except RowError as error:
            said = str(error)
        assert not said or f"row {row_id} takes" in said
        outcomes.append(not said)
    assert outcomes == sorted(outcomes, reverse=True)
    assert set(outcomes) == {True, False}


def test_many_results_are_cut_into_statements_that_the_server_takes(tight: Source) -> None:
    ids = tight.add_images(9)
    with begin(tight.parameters) as connection:
        assert not write_results(connection, source_table(TABLE), [result(row_id, ["x" * 300_000]) for row_id in ids])
    assert all(tight.row(row_id)["annotation_count"] == 1 for row_id in ids)
