"""Floor 0 against a real server, with the documented DDL."""

from __future__ import annotations

import dataclasses
import traceback
from collections.abc import Callable, Generator, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.errors import BridgeError, InvalidInputError, ReconfigureError, RetryableError, RowError
from polardb_bridge.table import rows
from polardb_bridge.table.connection import ConnectionParameters, begin, connect, dispose
from polardb_bridge.table.loading import find_files, load_images
from polardb_bridge.table.privileges import check_select, check_update
from polardb_bridge.table.results import RowResult, write_results
from polardb_bridge.table.schema import create_table, source_table, template_table, validate_table
from polardb_bridge.table.size import count_rows
from support.source_data import SOURCE_DDL, TABLE, Source, base64_text, image_bytes


def other(parameters: ConnectionParameters, **changes: Any) -> ConnectionParameters:
    return dataclasses.replace(parameters, **changes)


@pytest.fixture
def limited_user(database: ConnectionParameters) -> Iterator[Callable[..., ConnectionParameters]]:
    """Parameters of a new account with the given privileges on the source table."""
    made = []

    def make(*privileges: str) -> ConnectionParameters:
        with begin(database) as connection:
            connection.exec_driver_sql("CREATE USER limited IDENTIFIED BY 'limited-pw'")
            for privilege in privileges:
                connection.exec_driver_sql(f"GRANT {privilege} TO limited")
        made.append(other(database, user="limited", password="limited-pw"))
        return made[-1]

    yield make
    for parameters in made:
        dispose(parameters)
        with begin(database) as connection:
            connection.exec_driver_sql("DROP USER limited")


class TestSchema:
    def test_documented_tables_are_valid(self, source: Source) -> None:
        with connect(source.parameters) as connection:
            validate_table(connection, source_table(TABLE))
            validate_table(connection, template_table())

    def test_our_tables_are_valid_and_created_once(self, database: ConnectionParameters) -> None:
        with connect(database) as connection:
            for table in (template_table(), source_table("动物-1")):
                assert create_table(connection, table) is True
                assert create_table(connection, table) is False
                validate_table(connection, table)

    def test_the_documented_insert_works_on_our_table(self, database: ConnectionParameters) -> None:
        with begin(database) as connection:
            create_table(connection, source_table("animals"))
            connection.exec_driver_sql(
                "INSERT INTO animals (base64_data, mime_type, original_name) VALUES ('aGk=', 'jpg', 'cat.jpg')"
            )

    def test_a_missing_table_is_named(self, database: ConnectionParameters) -> None:
        with connect(database) as connection, pytest.raises(ReconfigureError, match="no table 'nope'") as caught:
            validate_table(connection, source_table("nope"))
        assert caught.value.field == "table"

    def test_missing_and_mistyped_columns_are_named_together(self, source: Source) -> None:
        source.execute(
            f"ALTER TABLE {TABLE} DROP COLUMN annotation_uid, MODIFY annotation_count varchar(9) NOT NULL,"
            " MODIFY updated_at int NOT NULL"
        )
        with connect(source.parameters) as connection, pytest.raises(ReconfigureError) as caught:
            validate_table(connection, source_table(TABLE))
        message = str(caught.value)
        assert "'annotation_uid' is missing" in message
        assert "'annotation_count' is VARCHAR(9), expected INTEGER" in message
        assert "'updated_at' is INTEGER" in message

    def test_the_id_must_be_the_primary_key(self, source: Source) -> None:
        source.execute(f"ALTER TABLE {TABLE} MODIFY id int NOT NULL, DROP PRIMARY KEY, ADD PRIMARY KEY (original_name)")
        with connect(source.parameters) as connection, pytest.raises(ReconfigureError, match="not the primary key"):
            validate_table(connection, source_table(TABLE))

    def test_extra_columns_are_fine(self, source: Source) -> None:
        source.execute(f"ALTER TABLE {TABLE} ADD COLUMN camera varchar(20)")
        with connect(source.parameters) as connection:
            validate_table(connection, source_table(TABLE))


class TestConnection:
    def test_times_are_utc_and_files_are_safe(self, database: ConnectionParameters) -> None:
        with connect(database) as connection:
            assert connection.scalar(sa.text("SELECT @@session.time_zone")) == "+00:00"
            connection.exec_driver_sql("CREATE TABLE t (line text)")
            with pytest.raises(sa.exc.DBAPIError):
                connection.exec_driver_sql("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t")

    @pytest.mark.parametrize(
        ("changes", "reaction", "field", "message"),
        [
            ({"port": 1}, RetryableError, "port", "127.0.0.1 refuses connections on port 1"),
            ({"user": "nobody-here", "password": "hunter2"}, ReconfigureError, "password", "password is wrong"),
            ({"database": "nope"}, ReconfigureError, "database", "no database 'nope'"),
            ({"host": "no-such-host.invalid"}, (ReconfigureError, RetryableError), "host", "no-such-host"),
            ({"tls": "verify_identity"}, ReconfigureError, "tls", "TLS"),
        ],
    )
    def test_each_mistake_has_its_own_message_and_field(
        self,
        database: ConnectionParameters,
        changes: dict[str, Any],
        reaction: type[BridgeError] | tuple[type[BridgeError], ...],
        field: str,
        message: str,
    ) -> None:
        with pytest.raises(reaction, match=message) as caught, connect(other(database, **changes)):
            pass
        assert isinstance(caught.value, BridgeError)
        assert caught.value.field == field
        assert "hunter2" not in f"{caught.value} {caught.value!r}"

    def test_required_tls_is_never_plain_text(self, database: ConnectionParameters) -> None:
        """A server without TLS is refused; one with TLS is used with TLS."""
        parameters = other(database, tls="required")
        with connect(database) as connection:
            offers_tls = connection.execute(sa.text("SHOW VARIABLES LIKE 'ssl_cert'")).one()[1] != ""
        if offers_tls:
            with connect(parameters) as connection:
                assert connection.execute(sa.text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).one()[1]
        else:
            with pytest.raises(ReconfigureError, match="does not offer TLS") as caught, connect(parameters):
                pass
            assert caught.value.field == "tls"
        dispose(parameters)

    def test_an_error_of_ours_holds_no_statement_and_no_value(self, source: Source) -> None:
        insert = sa.text(f"INSERT INTO {TABLE} (mime_type, original_name, annotation_count) VALUES (:v, 'a', 0)")
        with pytest.raises(RowError, match="longer than its column") as caught, begin(source.parameters) as connection:
            connection.execute(insert, {"v": "hunter2" * 50})
        shown = "".join(traceback.format_exception(caught.value))
        assert "hunter2" not in shown.replace('"hunter2" * 50', "")
        assert "INSERT" not in str(caught.value)


class TestReading:
    def test_keys_come_in_pages_by_id(self, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rows, "KEYS_PER_PAGE", 4)
        ids = source.add_images(9)
        source.execute(f"DELETE FROM {TABLE} WHERE id = {ids[5]}")
        with connect(source.parameters) as connection:
            pages = [[key.id for key in page] for page in rows.read_key_pages(connection, TABLE)]
        assert pages == [ids[:4], [ids[4], *ids[6:9]]]

    def test_a_table_is_cut_into_ranges_that_have_every_row_once(
        self, source: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rows, "KEYS_PER_PAGE", 2)
        with connect(source.parameters) as connection:
            assert rows.cut_into_ranges(connection, TABLE, 3) == [rows.ALL_KEYS]
            ids = source.add_images(8)
            ranges = rows.cut_into_ranges(connection, TABLE, 3)
            assert ranges == [rows.KeyRange(None, ids[2]), rows.KeyRange(ids[2], ids[5]), rows.KeyRange(ids[5], None)]
            found = [[key.id for page in rows.read_key_pages(connection, TABLE, r) for key in page] for r in ranges]
        assert found == [ids[:3], ids[3:6], ids[6:]]

    def test_rows_are_read_by_id_and_vanished_ones_left_out(
        self, source: Source, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rows, "IMAGES_PER_STATEMENT", 2)
        ids = source.add(("a", "eA=="), ("b", None), ("c", "eg=="))
        with connect(source.parameters) as connection:
            found = list(rows.read_rows(connection, TABLE, [*ids, 999]))
            assert connection.scalar(sa.text("SELECT 1")) == 1
        assert [(row.id, row.original_name, row.base64_data) for row in found] == [
            (ids[0], "a", "eA=="), (ids[1], "b", None), (ids[2], "c", "eg==")
        ]  # fmt: skip

    def test_a_large_row_is_read_whole(self, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(rows, "LARGE_BYTES", 1000)
        text = base64_text(b"x" * 3000)
        ids = source.add(("small", "eA=="), ("large", text), ("after", "eg=="))
        with connect(source.parameters) as connection:
            assert [row.base64_data for row in rows.read_rows(connection, TABLE, ids)] == ["eA==", text, "eg=="]

    def test_stopping_halfway_leaves_no_broken_connection(self, source: Source) -> None:
        ids = source.add_images(5)
        with connect(source.parameters) as connection:
            reading = rows.read_rows(connection, TABLE, ids)
            next(reading)
            assert isinstance(reading, Generator)
            reading.close()
        with connect(source.parameters) as connection:
            assert count_rows(connection, TABLE) == 5

    def test_a_template_is_found_by_id_or_name(self, source: Source) -> None:
        source.execute("INSERT INTO annotation_template (tp_name, tp_schema, tp_is_active) VALUES ('7', '[1]', 1)")
        source.execute("INSERT INTO annotation_template (tp_name, tp_schema, tp_is_active) VALUES ('off', '{}', 0)")
        with connect(source.parameters) as connection:
            assert rows.find_template(connection, "1").name == "animals"
            assert rows.find_template(connection, "animals").schema == {
                "type": "ObjectDetection", "labels": ["cat", "dog"]
            }  # fmt: skip
            assert rows.find_template(connection, "7").schema == [1]
            with pytest.raises(InvalidInputError, match=r"no template 'x' .* Active templates: 1 \(animals\), 2 \(7\)"):
                rows.find_template(connection, "x")
            with pytest.raises(InvalidInputError, match="'off' is inactive"):
                rows.find_template(connection, "off")


class TestWriting:
    WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)

    def result(self, row_id: int, data: Any, count: int = 1) -> RowResult:
        return RowResult(row_id, data, count, "uid-1", self.WHEN, self.WHEN)

    def write(self, source: Source, *results: RowResult) -> set[int]:
        with begin(source.parameters) as connection:
            return write_results(connection, TABLE, results)

    def test_a_result_is_written_and_the_images_time_stays(self, source: Source) -> None:
        [row_id] = source.add(("a", "eA=="))
        source.execute(f"UPDATE {TABLE} SET updated_at = '2020-01-01 00:00:00'")
        assert self.write(source, self.result(row_id, [{"a": "猫"}])) == set()
        row = source.row(row_id)
        assert row["annotation_data"] == [{"a": "猫"}]
        assert row["updated_at"] == datetime(2020, 1, 1)
        assert row["annotation_create_at"] == row["annotation_update_at"] == self.WHEN.replace(tzinfo=None)
        assert (row["annotation_count"], row["annotation_uid"]) == (1, "uid-1")

    def test_writing_twice_changes_nothing_and_misses_nothing(self, source: Source) -> None:
        ids = source.add_images(3)
        results = [self.result(row_id, [row_id]) for row_id in ids]
        assert self.write(source, *results) == set()
        before = [source.row(row_id) for row_id in ids]
        assert self.write(source, *results) == set()
        assert [source.row(row_id) for row_id in ids] == before

    def test_rows_that_are_gone_are_reported_and_the_others_written(self, source: Source) -> None:
        ids = source.add_images(2)
        assert self.write(source, self.result(999, []), self.result(ids[1], [2]), self.result(1000, [])) == {999, 1000}
        assert source.row(ids[1])["annotation_data"] == [2]

    def test_no_result_clears_to_sql_null_and_moves_the_update_time(self, source: Source) -> None:
        [row_id] = source.add(("a", "eA=="))
        self.write(source, self.result(row_id, [1]))
        self.write(source, RowResult(row_id, None, 0, None, None, None))
        with connect(source.parameters) as connection:
            is_null = sa.text(f"SELECT annotation_data IS NULL FROM {TABLE} WHERE id = :id")
            assert connection.scalar(is_null, {"id": row_id}) == 1
        row = source.row(row_id)
        assert (row["annotation_count"], row["annotation_uid"]) == (0, None)
        assert row["annotation_create_at"] == self.WHEN.replace(tzinfo=None)
        assert row["annotation_update_at"] > row["annotation_create_at"]


class TestPrivileges:
    def test_reading_needs_select(self, source: Source, limited_user: Callable[..., ConnectionParameters]) -> None:
        account = limited_user(f"INSERT ON {source.parameters.database}.{TABLE}")
        with pytest.raises(ReconfigureError, match="SELECT") as caught, connect(account) as connection:
            check_select(connection, TABLE)
        assert caught.value.field == "user"

    def test_writing_needs_update(self, source: Source, limited_user: Callable[..., ConnectionParameters]) -> None:
        account = limited_user(f"SELECT ON {source.parameters.database}.{TABLE}")
        with connect(account) as connection:
            check_select(connection, TABLE)
        with pytest.raises(ReconfigureError, match="UPDATE") as caught, connect(account) as connection:
            check_update(connection, TABLE)
        assert caught.value.field == "user"

    def test_the_documented_least_privilege_is_enough(
        self, source: Source, limited_user: Callable[..., ConnectionParameters]
    ) -> None:
        columns = (
            "annotation_data, annotation_count, annotation_uid, annotation_create_at, annotation_update_at, updated_at"
        )
        name = f"{source.parameters.database}.{TABLE}"
        account = limited_user(f"SELECT ON {name}", f"UPDATE ({columns}) ON {name}")
        [row_id] = source.add(("a", "eA=="))
        with begin(account) as connection:
            check_update(connection, TABLE)
            assert write_results(connection, TABLE, [RowResult(row_id, [], 1, "u", None, None)]) == set()


class TestLoading:
    def test_a_folder_is_loaded_once_and_what_is_no_image_is_named(
        self, database: ConnectionParameters, tmp_path: Path
    ) -> None:
        with connect(database) as connection:
            create_table(connection, source_table("animals"))
        (tmp_path / "deep").mkdir()
        (tmp_path / "cat.jpg").write_bytes(image_bytes("PNG"))
        (tmp_path / "deep" / "猫.png").write_bytes(image_bytes("PNG"))
        (tmp_path / "notes.txt").write_text("no image")
        (tmp_path / "empty.png").touch()

        def load() -> Any:
            return load_images(database, "animals", tmp_path, find_files(tmp_path))

        first = load()
        assert first.loaded == ["cat.jpg", "deep/猫.png"]
        assert first.skipped == ["empty.png: the file is not an image", "notes.txt: the file is not an image"]
        second = load()
        assert (second.loaded, second.existed) == ([], ["cat.jpg", "deep/猫.png"])
        with connect(database) as connection:
            found = connection.execute(sa.text("SELECT original_name, mime_type FROM animals ORDER BY id")).all()
        assert [tuple(row) for row in found] == [("cat.jpg", "image/png"), ("deep/猫.png", "image/png")]

    def test_a_folder_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(InvalidInputError, match="no folder"):
            find_files(tmp_path / "nope")
        with pytest.raises(InvalidInputError, match="no file"):
            find_files(tmp_path)

    def test_a_missing_table_is_an_error(self, database: ConnectionParameters, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(image_bytes())
        with pytest.raises(ReconfigureError, match="no table"):
            load_images(database, "animals", tmp_path, find_files(tmp_path))


def test_the_documented_ddl_is_what_the_tests_use() -> None:
    assert "`annotation_count` int(11) NOT NULL," in SOURCE_DDL


def test_the_engines_of_former_parameters_are_closed(database: ConnectionParameters) -> None:
    """Storages are changed and deleted: what connected for them must not hold connections for ever."""
    for number in range(40):
        with connect(other(database, timeout_s=100 + number)) as connection:
            connection.exec_driver_sql("SELECT 1")
    with connect(database) as connection:
        mine = "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE()"
        assert connection.exec_driver_sql(mine).scalar_one() <= 33
