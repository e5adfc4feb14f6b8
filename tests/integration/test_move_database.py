"""A database that moves to another address, and the storages that follow it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.moving import Account, Place, apply, plan
from polardb_bridge.storage.sync.models import KnownTable
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin
from polardb_bridge.table.parameters import ConnectionParameters
from support.deliveries import labels
from support.labeling import LabelingProject, provision
from support.source_data import TABLE, Source, region


@pytest.fixture
def old(database: ConnectionParameters) -> str:
    return f"{database.host}:{database.port}/{database.database}"


@pytest.fixture
def moved(project: LabelingProject, source: Source, database: ConnectionParameters) -> Iterator[Source]:
    """A copy of the database under another name, on the same server."""
    parameters = replace(database, database=f"{database.database}_new")
    with begin(database) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {parameters.database} CHARACTER SET utf8mb4")
        for table in (TABLE, "annotation_template"):
            connection.exec_driver_sql(f"CREATE TABLE {parameters.database}.{table} LIKE {table}")
            connection.exec_driver_sql(f"INSERT INTO {parameters.database}.{table} SELECT * FROM {table}")
    yield Source(parameters)
    with begin(database) as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {parameters.database}")


@pytest.fixture
def new(moved: Source) -> str:
    return f"{moved.parameters.host}:{moved.parameters.port}/{moved.parameters.database}"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        capsys.readouterr()
        call_command("move_database", *arguments)
        return capsys.readouterr().out

    return run


def addresses() -> list[dict[str, Any]]:
    return [
        model.objects.values("pk", "host", "port", "database", "user", "known_as", "owned_table").get(pk=storage.pk)
        for model in (PolarDBImportStorage, PolarDBExportStorage)
        for storage in model.objects.order_by("pk")
    ]


def test_a_dry_run_says_what_would_be_and_changes_nothing(run: Callable[..., str], old: str, new: str) -> None:
    before = addresses()
    said = run("--from", old, "--to", new, "--dry-run").splitlines()
    assert said[-1] == "2 storages can be moved; nothing was changed."
    assert said[0].startswith(f"source {before[0]['pk']}: {old}.{TABLE} -> {new}.{TABLE}, 3 rows of tasks")
    assert addresses() == before


def test_results_go_to_the_new_place_those_submitted_since_the_copy_too(
    run: Callable[..., str], project: LabelingProject, source: Source, moved: Source, old: str, new: str
) -> None:
    project.submit(1, region("dog"))
    project.deliver()
    assert source.row(1)["annotation_count"] == 1
    found = json.loads(run("--from", old, "--to", new, "--json"))
    assert found["moved"] is True
    assert [(each["direction"], each.get("rows"), each.get("written")) for each in found["storages"]] == [
        ("source", 3, None),
        ("target", None, 1),
    ]
    project.submit(2, region("cat"))
    project.deliver()
    assert labels(project, moved) == ["dog", "cat", None]
    assert source.row(2)["annotation_count"] in (0, None)
    storage = PolarDBImportStorage.objects.get()
    run_sync(storage)
    assert set(storage.links.values_list("task_id", flat=True)) == {task.pk for task in project.tasks.values()}
    assert storage.owned_table
    assert PolarDBExportStorage.objects.get().owned_table
    assert KnownTable.objects.get(storage_id=storage.pk).database == moved.parameters.database


def test_one_that_cannot_follow_keeps_all_where_they_are(
    run: Callable[..., str], moved: Source, old: str, new: str
) -> None:
    """The reason once, and all that it keeps; a source and a target may be of the same number."""
    moved.execute(f"DROP TABLE {TABLE}")
    before = addresses()
    with pytest.raises(CommandError) as error:
        run("--from", old, "--to", new)
    source, target = before
    assert str(error.value).splitlines() == [
        "Nothing was moved. 2 of 2 cannot:",
        f"  There is no table '{TABLE}' in the database, or its user may not see it.",
        f"    source {source['pk']} ({old}.{TABLE})",
        f"    target {target['pk']} ({old}.{TABLE})",
    ]
    assert addresses() == before


def add_sources(count: int) -> None:
    """More sources of the same place, each of a table that is not there."""
    storage = PolarDBImportStorage.objects.get()
    PolarDBImportStorage.objects.bulk_create(
        PolarDBImportStorage(project=storage.project, table=f"table_{number}", user=storage.user, **where)
        for where in [{name: value for name, value in storage.address.items() if name != "table"}]
        for number in range(count)
    )


@pytest.mark.usefixtures("project")
def test_of_many_that_cannot_follow_the_first_are_named(run: Callable[..., str], old: str) -> None:
    add_sources(198)
    with pytest.raises(CommandError) as error:
        run("--from", old, "--to", "nowhere.invalid:3306")
    first, *rest = str(error.value).splitlines()
    assert first == "Nothing was moved. 200 of 200 cannot:"
    assert rest[0] == "  The host name 'nowhere.invalid' is not known."
    assert all(line.startswith("    source ") for line in rest[1:11])
    assert rest[11:] == ["    … and 190 more"]


def test_of_many_reasons_the_first_are_named(run: Callable[..., str], old: str, new: str, moved: Source) -> None:
    moved.execute(f"DROP TABLE {TABLE}")
    add_sources(18)
    with pytest.raises(CommandError) as error:
        run("--from", old, "--to", new)
    said = str(error.value)
    assert said.startswith("Nothing was moved. 20 of 20 cannot:")
    assert said.endswith("\n    … and 10 more")
    assert said.count("There is no table") == 9, "that of the first table keeps a source and a target"


def test_localhost_is_this_machine_under_both_names(
    run: Callable[..., str], database: ConnectionParameters, old: str, new: str
) -> None:
    port = f"{database.port}/{database.database}"
    assert database.host == "127.0.0.1"
    assert "2 storages can be moved" in run("--from", f"LocalHost:{port}", "--to", new, "--dry-run")
    for model in (PolarDBImportStorage, PolarDBExportStorage):
        model.objects.update(host="localhost")
    assert "2 storages can be moved" in run("--from", old, "--to", new, "--dry-run")


def test_rows_that_were_not_copied(run: Callable[..., str], moved: Source, old: str, new: str) -> None:
    moved.execute(f"DELETE FROM {TABLE} WHERE id = 2")
    with pytest.raises(CommandError, match=r"1 of the 3 rows of its tasks are not in .* \(id 2\)"):
        run("--from", old, "--to", new)
    assert "2 storages moved." in run("--from", old, "--to", new, "--allow-missing")


def test_only_the_account(
    run: Callable[..., str], project: LabelingProject, database: ConnectionParameters, old: str, monkeypatch: Any
) -> None:
    name = f"second_{database.database[-8:]}"
    with begin(database) as connection:
        connection.exec_driver_sql(f"CREATE USER {name}@'%%' IDENTIFIED BY 'se cret#1'")
        connection.exec_driver_sql(f"GRANT SELECT, UPDATE ON {database.database}.* TO {name}@'%%'")
    arguments = ("--from", old, "--to", old, "--user", name)
    with pytest.raises(CommandError, match="password"):
        run(*arguments)
    monkeypatch.setattr("sys.stdin", StringIO("se cret#1\n"))
    said = run(*arguments, "--ask-password")
    assert "se cret#1" not in said
    assert {each["user"] for each in addresses()} == {name}
    assert all(each["owned_table"] for each in addresses())
    project.submit(1, region("dog"))
    project.deliver()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("db.example.com", Place("db.example.com", 3306)),
        ("db.example.com:3307/animals", Place("db.example.com", 3307, "animals")),
        ("[::1]:3307/猫", Place("::1", 3307, "猫")),
        ("[::1]", Place("::1", 3306)),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert Place.parse(text) == place


@pytest.mark.parametrize(
    "text", ["", "/animals", "db:port", "db:0", "db:70000", "mysql://u:secret@db/x", "u@db", "a b"]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(InvalidInputError, match="host:port/database"):
        Place.parse(text)


def test_a_place_that_nothing_leads_to_names_those_that_are(run: Callable[..., str], old: str, new: str) -> None:
    with pytest.raises(CommandError, match=f"No storage leads to nowhere:3306. There are storages of: {old}"):
        run("--from", "nowhere", "--to", new)


def test_a_table_that_somebody_else_has_there(
    run: Callable[..., str], moved: Source, old: str, new: str, user: Any
) -> None:
    other = provision(moved.parameters, name="others")
    with pytest.raises(CommandError, match=f"belongs to the target {other.export_storage.pk} already"):
        run("--from", old, "--to", new)


def test_a_storage_that_somebody_changes_meanwhile(moved: Source, old: str, new: str) -> None:
    moves = plan(Place.parse(old), Place.parse(new), Account())
    PolarDBExportStorage.objects.update(user="somebody")
    before = addresses()
    with pytest.raises(InvalidInputError, match="was changed meanwhile"):
        apply(moves)
    assert addresses() == before


def test_a_sync_that_runs(run: Callable[..., str], old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = PolarDBImportStorage.objects.get()
    assert storage.info_set_queued()
    with pytest.raises(CommandError, match=f"A sync of the source {storage.pk} runs"):
        run("--from", old, "--to", new)


def test_killed_in_the_middle(moved: Source, old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    moves = plan(Place.parse(old), Place.parse(new), Account())
    before = addresses()
    monkeypatch.setattr(PolarDBExportStorage, "take_table", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        apply(moves)
    monkeypatch.undo()
    assert addresses() == before
