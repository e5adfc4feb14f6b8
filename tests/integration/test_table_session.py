"""Sessions are strict, unpadded and in UTC, whatever the server's defaults are and whoever stands in between."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from typing import Any

import pytest
from sqlalchemy import event

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.connection import begin, connect, dispose, engine_for
from polardb_bridge.table.loading import load_images
from polardb_bridge.table.results import RowResult, write_results
from polardb_bridge.table.schema import source_table
from polardb_bridge.table.stored import read_results
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.reconcile import reconcile
from support.cluster import ClusterAddress
from support.labeling import LabelingProject
from support.source_data import TABLE, Source, image_bytes, region

AT = datetime(2026, 3, 29, 1, 30, tzinfo=timezone.utc)
LOOSE = "SET time_zone = '+08:00', sql_mode = 'PAD_CHAR_TO_FULL_LENGTH'"


@pytest.fixture
def server_default(source: Source) -> Iterator[Callable[..., None]]:
    """Sets variables of the server for all sessions that begin during the test."""
    with ExitStack() as stack:

        def set_to(**values: str) -> None:
            for name, value in values.items():
                with connect(source.parameters) as connection:
                    before = connection.exec_driver_sql(f"SELECT @@GLOBAL.{name}").scalar_one()
                source.execute(f"SET GLOBAL {name} = '{value}'")
                stack.callback(source.execute, f"SET GLOBAL {name} = '{before}'")
            dispose()

        yield set_to


@contextmanager
def lent_sessions(source: Source) -> Iterator[None]:
    """What a proxy that shares sessions does: each transaction gets one that was never told anything."""
    engine = engine_for(source.parameters)

    def forget(connection: Any, *_: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(LOOSE)
        cursor.close()

    event.listen(engine, "checkout", forget)
    try:
        yield
    finally:
        event.remove(engine, "checkout", forget)
        dispose(source.parameters)


def write(source: Source, row_id: int, text: str = "猫", uid: str = "u") -> None:
    result = RowResult(row_id, [{"label": text}], 1, uid, AT, AT)
    with begin(source.parameters) as connection:
        assert write_results(connection, source_table(TABLE), [result]) == set()


def test_a_label_that_the_column_cannot_hold_is_no_question_mark(
    project: LabelingProject, source: Source, server_default: Callable[..., None]
) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY annotation_data longtext CHARACTER SET latin1")
    server_default(sql_mode="")
    first, second, _ = project.tasks
    project.submit(first, region("猫"))
    project.submit(second, region("cat"))
    assert deliver(project.export_storage).parked == 1
    assert source.row(first)["annotation_data"] is None
    assert source.row(second)["annotation_data"] == [region("cat")]
    [parked] = project.export_storage.pending_writebacks.all()
    assert "character set" in parked.parked_reason


def test_an_id_is_not_cut(project: LabelingProject, source: Source, server_default: Callable[..., None]) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY annotation_uid varchar(32)")
    server_default(sql_mode="")
    row_id = next(iter(project.tasks))
    project.submit(row_id, region())
    assert deliver(project.export_storage).parked == 1
    assert source.row(row_id)["annotation_uid"] is None


def test_padding_makes_no_difference(
    project: LabelingProject, source: Source, server_default: Callable[..., None]
) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY annotation_uid char(64)")
    server_default(sql_mode="PAD_CHAR_TO_FULL_LENGTH")
    for row_id in project.tasks:
        project.submit(row_id, region())
    assert deliver(project.export_storage).written == 3
    assert reconcile(project.export_storage).different == 0
    with lent_sessions(source):
        assert reconcile(project.export_storage).different == 0


@pytest.mark.parametrize("mode", ["ANSI", "NO_BACKSLASH_ESCAPES", "TRADITIONAL,ANSI_QUOTES"])
def test_names_and_texts_pass_whatever_the_mode(mode: str, source: Source, server_default: Callable[..., None]) -> None:
    source.execute(f"CREATE TABLE `order` LIKE {TABLE}")
    server_default(sql_mode=mode)
    ordered = Source(source.parameters, "`order`")
    [row_id] = ordered.add(("a", "eA=="))
    text = """ "double" 'single' \\ back"""
    with begin(source.parameters) as connection:
        write_results(connection, source_table("order"), [RowResult(row_id, [text], 1, "u", AT, AT)])
    assert ordered.row(row_id)["annotation_data"] == [text]


class TestLentSessions:
    """A proxy gives each transaction a session of somebody else."""

    def test_times_are_right(self, source: Source) -> None:
        [row_id] = source.add(("a", "eA=="))
        with lent_sessions(source):
            write(source, row_id)
        row = source.row(row_id)
        assert row["annotation_create_at"] == row["annotation_update_at"] == AT.replace(tzinfo=None)
        assert row["annotation_data"] == [{"label": "猫"}]

    def test_nothing_is_cut(self, source: Source) -> None:
        source.execute(f"ALTER TABLE {TABLE} MODIFY annotation_uid varchar(4)")
        [row_id] = source.add(("a", "eA=="))
        with lent_sessions(source), pytest.raises(Exception, match="longer than its column"):
            write(source, row_id, uid="too long")
        assert source.row(row_id)["annotation_uid"] is None

    def test_missing_rows_are_told_from_sessions_that_are_not_ours(self, source: Source) -> None:
        [row_id] = source.add(("a", "eA=="))
        results = [RowResult(number, [], 1, "u", AT, AT) for number in (row_id, row_id + 1)]
        with lent_sessions(source), begin(source.parameters) as connection:
            assert write_results(connection, source_table(TABLE), results) == {row_id + 1}
        assert source.row(row_id)["annotation_uid"] == "u"

    def test_images_are_loaded(self, source: Source, tmp_path: Any) -> None:
        (tmp_path / "a.png").write_bytes(image_bytes())
        with lent_sessions(source):
            report = load_images(source.parameters, TABLE, tmp_path, [tmp_path / "a.png"], lambda path: None)
        assert report.loaded == ["a.png"]

    def test_a_proxy_that_passes_nothing_on_is_named(self, source: Source) -> None:
        [row_id] = source.add(("a", "eA=="))
        port = source.parameters.port
        with ClusterAddress(port, port, swallowed="SET time_zone") as address:
            between = Source(dataclasses.replace(source.parameters, port=address.port))
            source.execute("SET GLOBAL time_zone = '+08:00'")
            try:
                with pytest.raises(ReconfigureError, match=r"time_zone is '\+08:00'"):
                    write(between, row_id)
            finally:
                source.execute("SET GLOBAL time_zone = 'SYSTEM'")
            dispose()
        assert source.row(row_id)["annotation_uid"] is None


def test_a_write_takes_one_statement(source: Source) -> None:
    """The check costs no round trip of its own."""
    [row_id] = source.add(("a", "eA=="))
    statements = []
    with begin(source.parameters) as connection:
        event.listen(connection, "before_cursor_execute", lambda *arguments: statements.append(arguments[2]))
        write_results(connection, source_table(TABLE), [RowResult(row_id, [], 1, "u", AT, AT)])
        assert read_results(connection, source_table(TABLE), [row_id])[row_id].uid == "u"
    assert len(statements) == 2
