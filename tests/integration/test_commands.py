"""The management commands, as a shell runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from polardb_bridge.deployments.projects import provision_project
from polardb_bridge.errors import DisconnectedError, InvalidInputError
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.storage.sync import lease
from polardb_bridge.table.parameters import ConnectionParameters
from support.labeling import Provisioned
from support.source_data import TABLE, Source, base64_text, image_bytes, url_of

NOTES = "notes.txt: the file is not an image, but a text; store one of AVIF, BMP, GIF, HEIC, ICO, JPEG, PNG, TIFF, WEBP"


@pytest.fixture
def run(
    database: ConnectionParameters, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """Run a command on `database`; what it printed."""
    monkeypatch.setenv("POLARDB_URL", url_of(database))

    def run(*arguments: str) -> str:
        capsys.readouterr()
        call_command(*arguments)
        return capsys.readouterr().out

    return run


def test_create_tables(run: Callable[..., str], database: ConnectionParameters) -> None:
    assert json.loads(run("create_tables", "--source", "animals", "--source", "cars", "--json")) == {
        "created": ["annotation_template", "animals", "cars"],
        "existed": [],
        "notes": [],
    }
    assert run("create_tables", "--source", "animals").splitlines()[-1] == "animals: exists already, and fits"


def test_the_documented_count_without_default_is_named_with_what_helps(
    run: Callable[..., str], provisioned: Provisioned, source: Source
) -> None:
    insert = f"INSERT INTO {TABLE} (base64_data, mime_type, original_name) VALUES ('', 'jpg', 'a')"
    with pytest.raises(Exception, match="1364"):
        source.execute(f"SET STATEMENT sql_mode = 'STRICT_ALL_TABLES' FOR {insert}")
    said = run("create_tables", "--source", TABLE)
    assert "'annotation_count' has no default" in said
    assert "error 1364" in said
    checked = json.loads(run("check_storage", "--storage-id", str(provisioned.import_storage.pk), "--json"))
    assert checked["ok"]
    [note] = checked["warnings"]
    assert note in said
    source.execute(note.partition("This helps: ")[2])
    source.execute(f"SET STATEMENT sql_mode = 'STRICT_ALL_TABLES' FOR {insert}")
    assert "annotation_count" not in run("create_tables", "--source", TABLE)
    assert run("check_storage", "--storage-id", str(provisioned.import_storage.pk)).endswith(" is fine.\n")


@pytest.mark.parametrize("variables", [{"LC_ALL": "C"}, {"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "POSIX"}])
def test_arguments_are_utf_8_in_every_locale(variables: dict[str, str], tmp_path: Path) -> None:
    folder = {"LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "polardb_bridge", "manage", "create_tables", "--source", "标 注"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings", **folder, **variables},
        capture_output=True,
        check=False,
        timeout=120,
    )
    said = done.stderr.decode()
    assert done.returncode == 1
    assert "'标 注' cannot be a table's name" in said, said


def test_create_tables_refuses_a_table_that_does_not_fit(
    run: Callable[..., str], database: ConnectionParameters, source: Source
) -> None:
    source.execute("CREATE TABLE odd (id int PRIMARY KEY)")
    with pytest.raises(CommandError, match="'base64_data' is missing"):
        run("create_tables", "--source", "odd")


def test_load_images(
    run: Callable[..., str], source: Source, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cat.png").write_bytes(image_bytes())
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.png").touch()
    arguments = ("load_images", str(tmp_path), "--table", TABLE)
    empty = "empty.png: the file is empty"
    with pytest.raises(CommandError) as stopped:
        run(*arguments, "--json")
    assert (str(stopped.value), stopped.value.returncode) == ("Skipped files: 2 of 3.", 3)
    assert json.loads(capsys.readouterr().out) == {
        "loaded": ["cat.png"],
        "existed": [],
        "skipped": [empty, NOTES],
    }
    with pytest.raises(CommandError, match=r"Skipped files: 2 of 3\."):
        run(*arguments)
    output = capsys.readouterr().out
    assert f"skipped {empty}\nskipped {NOTES}\n" in output
    assert "0 loaded, 1 existed already, 2 skipped" in output
    (tmp_path / "notes.txt").unlink()
    (tmp_path / "empty.png").unlink()
    assert "0 loaded, 1 existed already, 0 skipped" in run(*arguments)


def test_provision_project_makes_a_project_with_tasks_once(run: Callable[..., str], source: Source, user: Any) -> None:
    from projects.models import Project
    from tasks.models import Task

    source.add_images(2)
    source.add(("bad.png", "!"))
    arguments = ("provision_project", "--template", "1", "--source", TABLE, "--name", "mark_animal", "--json")
    first = json.loads(run(*arguments))
    assert first["created"] is True
    assert first["url"].endswith(f"/projects/{first['project_id']}/data")
    assert (first["sync"]["created"], first["sync"]["failed"]) == (2, 1)
    project = Project.objects.get(pk=first["project_id"])
    assert (project.title, project.created_by) == ("mark_animal", user)
    assert project.get_parsed_config()["label"]["labels"] == ["cat", "dog"]

    second = json.loads(run(*arguments))
    assert second == {**first, "created": False, "sync": None}
    assert "exists already" in run(*arguments[:-1])
    assert (Project.objects.count(), Task.objects.count()) == (1, 2)


def test_provision_project_goes_on_with_a_sync_that_was_broken_off(
    run: Callable[..., str], source: Source, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.models import Task

    source.add_images(3)
    arguments = ("provision_project", "--template", "1", "--source", TABLE, "--name", "mark_animal")
    with monkeypatch.context() as broken:
        broken.setattr("polardb_bridge.storage.sync.follow.find_changes", broken_connection)
        with pytest.raises(CommandError, match="lost"):
            run(*arguments)
    assert Task.objects.count() == 0
    said = run(*arguments)
    assert "was broken off: it goes on" in said
    assert "is ready" in said
    assert Task.objects.count() == 3
    assert "nothing was changed" in run(*arguments)


def broken_connection(*_: Any) -> Any:
    raise DisconnectedError("The connection was lost.")


def test_a_project_is_called_my_project_unless_named(run: Callable[..., str], source: Source, user: Any) -> None:
    from projects.models import Project

    run("provision_project", "--template", "animals", "--source", TABLE)
    assert Project.objects.get().title == "my_project"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--template", "9", "--source", TABLE], "no template '9' in annotation_template. Active templates: 1"),
        (["--template", "off", "--source", TABLE], "'off' is inactive"),
        (["--template", "broken", "--source", TABLE], "labels is empty"),
        (["--template", "1", "--source", "nope"], "no table 'nope'"),
        (["--template", "1", "--source", "a`b"], "cannot be a table's name"),
        (["--template", "1", "--source", TABLE, "--name", "x"], "3 to 50 characters"),
        (["--template", "1", "--source", TABLE, "--user", "who@example.com"], "no user 'who@example.com'"),
    ],
)
def test_provision_project_refuses_what_does_not_fit_and_leaves_nothing(
    run: Callable[..., str], source: Source, user: Any, arguments: list[str], message: str
) -> None:
    from projects.models import Project

    source.execute("INSERT INTO annotation_template (tp_name, tp_schema, tp_is_active) VALUES ('off', '{}', 0)")
    source.execute(
        "INSERT INTO annotation_template (tp_name, tp_schema)"
        """ VALUES ('broken', '{"type": "ObjectDetection", "labels": []}')"""
    )
    with pytest.raises(CommandError, match=message):
        run("provision_project", *arguments)
    assert Project.objects.count() == 0


def test_nothing_is_left_of_a_project_whose_storages_fail(
    source: Source, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from projects.models import Project

    def fail(**fields: Any) -> None:
        raise InvalidInputError("stop here")

    monkeypatch.setattr(PolarDBExportStorage.objects, "create", fail)
    with pytest.raises(InvalidInputError, match="stop here"):
        provision_project(source.parameters, template="1", source=TABLE, name="half-made")
    assert not Project.objects.filter(title="half-made").exists()


def test_without_a_user_it_says_how_to_make_one(run: Callable[..., str], source: Source, db: None) -> None:
    with pytest.raises(CommandError, match="createsuperuser"):
        run("provision_project", "--template", "1", "--source", TABLE)


def test_a_user_without_organization_gets_one(source: Source, db: None) -> None:
    from users.models import User

    User.objects.create_superuser(email="first@example.com", password="correct-horse-9")
    provisioned = provision_project(source.parameters, template="1", source=TABLE, name="animals")
    assert provisioned.project.organization.created_by.email == "first@example.com"


def test_sync_storage(run: Callable[..., str], provisioned: Provisioned, source: Source) -> None:
    source.add(("a.png", base64_text(image_bytes())), ("bad.png", None))
    storage_id = str(provisioned.import_storage.pk)
    report = json.loads(run("sync_storage", "--storage-id", storage_id, "--json"))
    assert (report["created"], report["failed"]) == (1, 1)
    assert "0 new tasks, 1 unchanged, 1 rows failed" in run("sync_storage", "--storage-id", storage_id)
    source.add(("b.png", base64_text(image_bytes())))
    assert "would do this: 2 new tasks, 1 unchanged" in run("sync_storage", "--storage-id", storage_id, "--dry-run")
    assert json.loads(run("sync_storage", "--storage-id", storage_id, "--dry-run", "--json"))["created"] == 2
    source.execute(f"DELETE FROM {TABLE} WHERE original_name = 'b.png'")
    provisioned.import_storage.info_set_queued()
    assert lease.begin(provisioned.import_storage)
    with pytest.raises(CommandError, match="--force"):
        run("sync_storage", "--storage-id", storage_id)
    assert "1 unchanged" in run("sync_storage", "--storage-id", storage_id, "--force")


def test_check_storage(run: Callable[..., str], provisioned: Provisioned, source: Source) -> None:
    storage_id = str(provisioned.import_storage.pk)
    assert "is fine" in run("check_storage", "--storage-id", storage_id)
    export_id = str(provisioned.export_storage.pk)
    assert json.loads(run("check_storage", "--storage-id", export_id, "--export", "--json"))["ok"] is True
    source.execute(f"ALTER TABLE {TABLE} DROP COLUMN mime_type")
    with pytest.raises(CommandError, match="'mime_type' is missing"):
        run("check_storage", "--storage-id", storage_id)
    with pytest.raises(CommandError, match="no PolarDB import storage 999"):
        run("check_storage", "--storage-id", "999")


def test_without_polardb_url_it_says_how_to_set_it(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.delenv("POLARDB_URL", raising=False)
    with pytest.raises(CommandError, match="POLARDB_URL is not set"):
        call_command("create_tables")


@pytest.mark.parametrize("name", ["create_tables", "load_images", "provision_project", "sync_storage", "check_storage"])
def test_help_teaches_with_an_example(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        call_command(name, "--help")
    assert stopped.value.code in (0, None)
    assert f"Example: {name}" in " ".join(capsys.readouterr().out.split())
