"""What is wrong with a table is said when it is chosen, by name, with what to do; and not when results get stuck."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from polardb_bridge.errors import BridgeError, ReconfigureError
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.found import find_table
from polardb_bridge.table.mapping import DOCUMENTED
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.privileges import check_select, check_update
from polardb_bridge.table.schema import source_table, table_warnings, validate_table
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.reconcile import reconcile
from support.labeling import LabelingProject, Provisioned, provision
from support.source_data import TABLE, Source, region

COLUMNS = ", ".join(column.name for column in source_table(TABLE).columns)


def alter(source: Source, *changes: str) -> None:
    source.execute(f"ALTER TABLE {TABLE} {', '.join(changes)}")


def refusal(source: Source, name: str = TABLE, *, to_write: bool = True) -> str:
    """Why the table is refused; empty if it is not."""
    found = ""
    with connect(source.parameters) as connection:
        try:
            validate_table(connection, source_table(name), to_write=to_write)
        except ReconfigureError as error:
            found = f"{error.field}: {error}"
    assert not found or found.startswith("table: ")
    return found.removeprefix("table: ")


def warnings(source: Source) -> dict[bool, str]:
    """What is said of reading (False) and of writing (True)."""
    with connect(source.parameters) as connection:
        found = validate_table(connection, source_table(TABLE))
        return {
            to_write: " ".join(table_warnings(connection, found, DOCUMENTED, to_write=to_write))
            for to_write in (False, True)
        }


@pytest.fixture(autouse=True)
def default(source: Source) -> None:
    """What the documented table lacks."""
    alter(source, "ALTER annotation_count SET DEFAULT 0")


def test_the_documented_table_lacks_a_default(source: Source) -> None:
    alter(source, "ALTER annotation_count DROP DEFAULT")
    said = warnings(source)
    assert "1364" in said[False]
    assert said[True] == ""
    source.execute(said[False].partition("This helps: ")[2])
    assert warnings(source) == {False: "", True: ""}


@pytest.mark.parametrize("kind", ["longtext", "mediumtext", "longblob"])
def test_the_documented_table_is_fine(kind: str, source: Source) -> None:
    alter(source, f"MODIFY base64_data {kind}")
    assert refusal(source) == ""
    assert warnings(source) == {False: "", True: ""}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("MODIFY annotation_uid varchar(32)", "'annotation_uid' takes 32 characters, and an id has 36"),
        ("MODIFY annotation_uid char(35)", "'annotation_uid' takes 35 characters"),
        (
            "DROP COLUMN annotation_count, ADD COLUMN annotation_count int GENERATED ALWAYS AS (1) STORED",
            "'annotation_count' is generated",
        ),
        (
            "DROP COLUMN annotation_uid, ADD COLUMN annotation_uid varchar(99) GENERATED ALWAYS AS ('x') VIRTUAL",
            "'annotation_uid' is generated",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_as_target_only(change: str, message: str, source: Source) -> None:
    alter(source, change)
    assert message in refusal(source)
    assert refusal(source, to_write=False) == ""


@pytest.mark.parametrize("uid", ["varchar(36)", "char(36)", "text", "varchar(255) CHARACTER SET ascii"])
def test_an_id_that_fits_is_fine(uid: str, source: Source) -> None:
    alter(source, f"MODIFY annotation_uid {uid}")
    assert refusal(source) == ""


def test_a_view_is_named_as_one(source: Source) -> None:
    source.execute(f"CREATE VIEW todo AS SELECT * FROM {TABLE}")
    assert "'todo' is a view, and its mapping is that of a table" in refusal(source, "todo", to_write=False)
    assert "'todo' is a view, and results are not written into its rows" in refusal(source, "todo")


@pytest.mark.parametrize("kind", ["point", "bit(3)", "inet6", "vector(3)", "geometrycollection", "year"])
def test_columns_of_any_type_may_stand_beside_ours(kind: str, source: Source, user: Any) -> None:
    """Types that the driver's library does not know, too, as far as the server has them."""
    # inet6 is MariaDB's, and vectors are there from MariaDB 11.7 and MySQL 9 on.
    with suppress(BridgeError) if kind in ("inet6", "vector(3)") else nullcontext():
        alter(source, f"ADD COLUMN more {kind} NULL")
    assert refusal(source) == ""
    source.add_images(1)
    assert run_sync(provision(source.parameters).import_storage).created == 1


def test_names_of_columns_may_be_in_any_case(source: Source) -> None:
    alter(source, "CHANGE base64_data Base64_Data longtext", "CHANGE annotation_uid ANNOTATION_UID varchar(255)")
    assert refusal(source) == ""


@pytest.mark.parametrize(
    ("change", "to_write", "words"),
    [
        ("MODIFY updated_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP", False, ["'updated_at'", "ON UPDATE"]),
        ("MODIFY base64_data text", False, ["is TEXT", "at most 65,535 characters", "Use LONGTEXT"]),
        ("MODIFY base64_data blob", False, ["is BLOB", "at most 65,535 characters", "Use LONGTEXT"]),
        ("MODIFY base64_data varchar(9000)", False, ["is VARCHAR(9000)", "at most 9,000 characters"]),
        ("MODIFY updated_at datetime NULL", False, ["'updated_at'", "ON UPDATE"]),
        ("MODIFY annotation_data longtext NOT NULL", True, ["'annotation_data' is NOT NULL", "Let it be NULL"]),
        ("MODIFY annotation_uid varchar(99) NOT NULL", True, ["'annotation_uid' is NOT NULL"]),
        ("MODIFY annotation_data longtext CHARACTER SET latin1", True, ["in latin1", "utf8mb4"]),
        ("MODIFY annotation_data longtext CHARACTER SET gbk", True, ["in gbk", "utf8mb4"]),
    ],
)
def test_what_will_surprise_is_said(change: str, to_write: bool, words: list[str], source: Source) -> None:
    alter(source, change)
    assert refusal(source) == ""
    said = warnings(source)
    assert all(word in said[to_write] for word in words), said
    assert said[not to_write] == ""


class TestLocalTimes:
    @pytest.fixture
    def shanghai(self, source: Source) -> Iterator[None]:
        source.execute("SET GLOBAL time_zone = '+08:00'")
        dispose()
        yield
        source.execute("SET GLOBAL time_zone = 'SYSTEM'")

    def test_times_without_zone_are_named(self, source: Source, shanghai: None) -> None:
        assert warnings(source)[True] == ""
        alter(source, "MODIFY annotation_update_at datetime NULL")
        said = warnings(source)[True]
        assert "annotation_update_at" in said
        assert "annotation_create_at" not in said
        assert "UTC" in said


def test_the_commands_and_the_form_say_it(provisioned: Provisioned, source: Source, api: Any) -> None:
    alter(source, "MODIFY updated_at timestamp NULL", "MODIFY annotation_data longtext NOT NULL")
    for storage, word, options in (
        (provisioned.import_storage, "updated_at", []),
        (provisioned.export_storage, "annotation_data", ["--export"]),
    ):
        out = StringIO()
        call_command("check_storage", "--storage-id", str(storage.pk), *options, stdout=out)
        assert f"Warning: Column '{word}'" in out.getvalue()
        out = StringIO()
        call_command("check_storage", "--storage-id", str(storage.pk), *options, "--json", stdout=out)
        [warning] = json.loads(out.getvalue())["warnings"]
        assert word in warning
    data = {"id": provisioned.import_storage.pk, "project": provisioned.project.pk, "password": ""}
    data |= {name: getattr(provisioned.import_storage, name) for name in ("host", "port", "database", "user", "table")}
    answer = api.post("/api/storages/polardb/validate", data, format="json")
    assert answer.status_code == 200, answer.content
    assert "updated_at" in answer.json()["warnings"][0]


class TestAccounts:
    """An account need have no privilege on the table as a whole."""

    @pytest.fixture
    def limited(self, source: Source) -> Iterator[ConnectionParameters]:
        source.execute("CREATE USER columnwise IDENTIFIED BY 'pw'")
        yield dataclasses.replace(source.parameters, user="columnwise", password="pw")
        dispose()
        source.execute("DROP USER columnwise")

    def grant(self, source: Source, privilege: str) -> None:
        source.execute(f"GRANT {privilege} ON {source.parameters.database}.{TABLE} TO columnwise")

    def test_privileges_on_the_columns_are_enough(
        self, source: Source, limited: ConnectionParameters, user: Any
    ) -> None:
        self.grant(source, f"SELECT ({COLUMNS})")
        self.grant(
            source,
            "UPDATE (annotation_data, annotation_count, annotation_uid, annotation_create_at, annotation_update_at,"
            " updated_at)",
        )
        with begin(limited) as connection:
            table = source_table(TABLE)
            validate_table(connection, table, to_write=True)
            check_select(connection, table)
            check_update(connection, table, limited)

    def test_a_missing_select_is_no_missing_table(self, source: Source, limited: ConnectionParameters) -> None:
        self.grant(source, "UPDATE")
        with pytest.raises(ReconfigureError, match=r"lacks a privilege.*SELECT"), connect(limited) as connection:
            check_select(connection, source_table(TABLE))

    def test_a_column_that_may_not_be_seen_is_named(self, source: Source, limited: ConnectionParameters) -> None:
        self.grant(source, f"SELECT ({COLUMNS.replace('base64_data, ', '')})")
        limited_source = Source(limited)
        assert "'base64_data' is missing, or the account may not see it" in refusal(limited_source, to_write=False)


def test_times_that_are_null_until_somebody_labels(project: LabelingProject, source: Source, user: Any) -> None:
    """The natural layout: comparing, writing and making the project again take them."""
    alter(
        source,
        "MODIFY annotation_create_at timestamp NULL DEFAULT NULL",
        "MODIFY annotation_update_at timestamp NULL DEFAULT NULL",
    )
    source.execute(f"UPDATE {TABLE} SET annotation_create_at = NULL, annotation_update_at = NULL")
    first, second, _ = project.tasks
    project.submit(first, region())
    assert reconcile(project.export_storage).pending == 1
    assert deliver(project.export_storage).written == 1
    assert reconcile(project.export_storage).different == 0
    source.execute(
        f"UPDATE {TABLE} SET annotation_data = '[]', annotation_count = 1, annotation_update_at = NULL"
        f" WHERE id = {second}"
    )
    project.export_storage.delete()  # a table has one target
    again = provision(source.parameters, "again")
    report = run_sync(again.import_storage)
    assert (report.created, report.failed) == (3, 0)
    [annotation] = again.project.tasks.get(data__id=second).annotations.all()
    assert annotation.created_at is not None


def test_a_column_that_becomes_generated_is_named(project: LabelingProject, source: Source) -> None:
    """Servers refuse it for the table as a whole, or for each row."""
    row_id = next(iter(project.tasks))
    project.submit(row_id, region())
    alter(source, "DROP COLUMN annotation_count", "ADD COLUMN annotation_count int GENERATED ALWAYS AS (1) STORED")
    report = deliver(project.export_storage)
    said = [report.error, *project.export_storage.pending_writebacks.values_list("parked_reason", flat=True)]
    assert any("has a generated column that results are written to" in text for text in said), said


def test_what_is_not_there_is_none(source: Source) -> None:
    with connect(source.parameters) as connection:
        assert find_table(connection, "nope") is None
