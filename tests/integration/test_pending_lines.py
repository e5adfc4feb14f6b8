"""What commands print of results that are not in their rows: one wording, wherever it is printed."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from polardb_bridge.web import served
from polardb_bridge.webhooks.delivery import deliver_everything
from support.labeling import LabelingProject
from support.source_data import Source, region


def printed(name: str, *arguments: str) -> list[str]:
    output = io.StringIO()
    # Of deliver_writebacks, if it leaves something.
    with contextlib.suppress(CommandError):
        call_command(name, *arguments, stdout=output)
    return output.getvalue().splitlines()


def commands(project: LabelingProject) -> dict[str, list[str]]:
    """What each command prints of the project's target, behind what it did itself."""
    storages = project.provisioned
    said = {
        "sync": printed("sync_storage", "--storage-id", str(storages.import_storage.pk))[1:],
        "reconcile": printed("reconcile_writebacks", "--dry-run"),
        "deliver": printed("deliver_writebacks"),
    }
    said["reconcile"] = [line for line in said["reconcile"] if " rows compared" not in line]
    return said


def test_what_waits_is_said_by_every_command_with_its_reason(project: LabelingProject, source: Source) -> None:
    storage = project.export_storage
    name = f"Storage {storage.pk} ({storage.table_address}): "
    assert commands(project) == {
        "sync": [],
        "reconcile": [],
        "deliver": [f"{name}0 rows written, 0 pending, 0 wait for a person"],
    }
    task = project.tasks[1].pk
    project.submit(1, region("cat"))
    on_its_way = "1 pending, 0 wait for a person. They are on their way: serving processes and deliver_writebacks write"
    [line] = printed("sync_storage", "--storage-id", str(project.provisioned.import_storage.pk))[1:]
    assert line == f"{name}{on_its_way} them."
    # A row that refuses waits for a person.
    source.execute(f"ALTER TABLE {source.table} ADD CHECK (annotation_count < 1)")
    deliver_everything()
    said = commands(project)
    for command, lines in said.items():
        *problems, line = lines
        written = "0 rows written, " if command == "deliver" else ""
        assert line.startswith(f"{name}{written}0 pending, 1 wait for a person"), said
        assert [problem.partition(": ")[0] for problem in problems][-1:] == [f"row 1 (task {task})"], said


def test_what_a_server_that_is_gone_holds_up_has_its_reason(project: LabelingProject, source: Source) -> None:
    project.submit(1, region("cat"))
    storage = project.export_storage
    storage.port = 1
    storage.save()
    [line] = printed("deliver_writebacks")
    assert f"0 rows written, 1 pending, 0 wait for a person. {storage.host} refuses connections on port 1" in line
    [_, line] = printed("sync_storage", "--storage-id", str(project.provisioned.import_storage.pk))
    assert f": 1 pending, 0 wait for a person. {storage.host} refuses connections on port 1" in line


@pytest.mark.usefixtures("commands_database")
def test_addresses_that_commands_print_have_the_port_that_serves(
    source: Source, user: Any, settings: Settings, tmp_path: Path
) -> None:
    settings.BASE_DATA_DIR, settings.HOSTNAME, settings.INTERNAL_PORT = str(tmp_path), "", 8080
    served.remember("9123")
    arguments = ("--template", "1", "--source", source.table, "--name", "animals")
    for _ in range(2):  # it is made, and then there
        assert "http://localhost:9123/projects/" in printed("provision_project", *arguments)[-1]
    served.remember("9124")
    assert "http://localhost:9124/projects/" in printed("provision_project", *arguments)[-1]


@pytest.mark.usefixtures("commands_database", "deployment")
def test_addresses_of_deployments_have_the_port_that_serves(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.BASE_DATA_DIR, settings.HOSTNAME, settings.INTERNAL_PORT = str(tmp_path), "", 8080
    for port in ("9123", "9124"):
        served.remember(port)
        for statement in ("SHOW DEPLOYMENT mark_animal", "SHOW DEPLOYMENTS"):
            call_command("polar4ai", statement)
            assert f"http://localhost:{port}/deployments/mark_animal" in capsys.readouterr().out
