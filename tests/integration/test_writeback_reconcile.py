"""Finding and mending rows that differ from Label Studio."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.webhooks import reconcile as module
from polardb_bridge.webhooks.models import PendingWriteback, WritebackState
from polardb_bridge.webhooks.reconcile import reconcile
from support.labeling import LabelingProject
from support.source_data import Source, region
from support.writeback import dirty_tasks


@pytest.fixture
def labeled(project: LabelingProject) -> LabelingProject:
    """All three rows written."""
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat", x=20.50), region("猫"))
    project.deliver()
    return project


def numbers(report: Any) -> tuple[int, ...]:
    return report.checked, report.different, report.pending, report.missing, report.foreign


def test_equal_rows_are_equal(labeled: LabelingProject) -> None:
    assert numbers(reconcile(labeled.export_storage)) == (3, 0, 0, 0, 0)
    assert not dirty_tasks()


@pytest.mark.parametrize(
    "change",
    [
        "annotation_data = '[]'",
        "annotation_data = NULL",
        "annotation_data = 'null'",
        "annotation_data = REPLACE(annotation_data, '20.5', '21.5')",
        "annotation_count = 2",
        "annotation_uid = 'other'",
        "annotation_uid = NULL",
        "annotation_data = NULL, annotation_uid = NULL, annotation_count = 0",
    ],
)
def test_a_row_that_somebody_changed_is_found_and_mended(labeled: LabelingProject, source: Source, change: str) -> None:
    before = source.row(2)
    source.execute(f"UPDATE {source.table} SET {change} WHERE id = 2")
    dry = reconcile(labeled.export_storage, dry_run=True)
    assert (numbers(dry), dry.listed) == ((3, 1, 0, 0, 0), [(2, "different")])
    assert not dirty_tasks()
    assert numbers(reconcile(labeled.export_storage)) == (3, 1, 0, 0, 0)
    labeled.deliver()
    after = source.row(2)
    assert {k: v for k, v in after.items() if k != "updated_at"} == {
        k: v for k, v in before.items() if k != "updated_at"
    }
    assert numbers(reconcile(labeled.export_storage)) == (3, 0, 0, 0, 0)


def test_the_same_json_written_otherwise_is_equal(labeled: LabelingProject, source: Source) -> None:
    row = source.row(1)["annotation_data"]
    reordered = [dict(sorted(item.items(), key=lambda pair: len(pair[0]))) for item in row]
    text = json.dumps(reordered, indent=2).replace("'", "''").replace("%", "%%")
    source.execute(f"UPDATE {source.table} SET annotation_data = '{text.replace(chr(92), chr(92) * 2)}' WHERE id = 1")
    assert numbers(reconcile(labeled.export_storage)) == (3, 0, 0, 0, 0)


def test_a_change_without_any_trace_in_the_outbox_is_found(labeled: LabelingProject, source: Source) -> None:
    """Written past Django, as by a script on Label Studio's database."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM task_completion WHERE task_id = %s", [labeled.tasks[1].pk])
    assert not dirty_tasks()
    report = reconcile(labeled.export_storage)
    assert report.listed == [(1, "different")]
    labeled.deliver()
    assert source.row(1)["annotation_data"] is None


def test_results_of_others_are_left_alone(project: LabelingProject, source: Source) -> None:
    """A table that was labeled before this project: its rows have results, its tasks have no annotations."""
    source.execute(f"UPDATE {source.table} SET annotation_data = '[1]', annotation_uid = 'old', annotation_count = 1")
    before = source.row(1)
    assert numbers(reconcile(project.export_storage)) == (3, 0, 0, 0, 3)
    assert not dirty_tasks()
    project.deliver()
    assert source.row(1) == before
    project.submit(1, region("cat"))
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("cat")]


def test_a_row_that_is_gone_is_reported_and_its_mark_says_so(labeled: LabelingProject, source: Source) -> None:
    source.execute(f"DELETE FROM {source.table} WHERE id = 2")
    assert reconcile(labeled.export_storage).listed == [(2, "missing")]
    labeled.deliver()
    assert PendingWriteback.objects.get().parked_reason == "The table has no row 2 any more."


def test_what_is_on_its_way_counts_as_pending(labeled: LabelingProject) -> None:
    labeled.submit(1, region("dog"))
    assert numbers(reconcile(labeled.export_storage)) == (3, 0, 1, 0, 0)


def test_pages_meet_without_a_gap(labeled: LabelingProject, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", 2)
    source.execute(f"UPDATE {source.table} SET annotation_count = 9")
    assert numbers(reconcile(labeled.export_storage)) == (3, 3, 0, 0, 0)


def reconcile_all_due() -> None:
    for organization_id in module.organizations_due():
        module.reconcile_due(organization_id)


def test_the_periodic_one_runs_once_an_hour(labeled: LabelingProject, source: Source) -> None:
    source.execute(f"UPDATE {source.table} SET annotation_count = 9 WHERE id = 1")
    reconcile_all_due()
    assert len(dirty_tasks()) == 1
    labeled.deliver()
    source.execute(f"UPDATE {source.table} SET annotation_count = 9 WHERE id = 1")
    reconcile_all_due()
    assert not dirty_tasks()
    WritebackState.objects.update(reconciled_at=timezone.now() - timedelta(minutes=61))
    reconcile_all_due()
    assert len(dirty_tasks()) == 1


def test_a_row_with_a_time_that_is_none_is_mended(labeled: LabelingProject, source: Source) -> None:
    zero = "annotation_create_at = '0000-00-00 00:00:00', annotation_count = 9"
    source.execute(f"SET STATEMENT sql_mode = '' FOR UPDATE {source.table} SET {zero} WHERE id = 2")
    assert reconcile(labeled.export_storage).listed == [(2, "different")]
    labeled.deliver()
    assert numbers(reconcile(labeled.export_storage)) == (3, 0, 0, 0, 0)


def test_what_breaks_the_comparison_of_one_storage_stops_no_other(
    labeled: LabelingProject, source: Source, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    second = PolarDBExportStorage.objects.get(pk=labeled.export_storage.pk)
    second.pk, second.port, second.owned_table = None, 1, None
    second.save()
    asked = []

    def compare(storage: PolarDBExportStorage) -> None:
        asked.append(storage.pk)
        raise TypeError("nobody has thought of this")

    monkeypatch.setattr(module, "reconcile", compare)
    reconcile_all_due()
    assert asked == [labeled.export_storage.pk, second.pk]
    assert "nobody has thought of this" in caplog.text


def test_the_periodic_one_can_be_switched_off(
    labeled: LabelingProject, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARDB_RECONCILE_MINUTES", "0")
    source.execute(f"UPDATE {source.table} SET annotation_count = 9 WHERE id = 1")
    reconcile_all_due()
    assert not dirty_tasks()


def run_json(name: str, *arguments: str) -> list[dict[str, Any]]:
    output = io.StringIO()
    call_command(name, *arguments, "--json", stdout=output)
    storages: list[dict[str, Any]] = json.loads(output.getvalue())["storages"]
    return storages


def test_the_command_reports_and_repairs(labeled: LabelingProject, source: Source) -> None:
    source.execute(f"UPDATE {source.table} SET annotation_count = 9 WHERE id = 3")
    [dry] = run_json("reconcile_writebacks", "--dry-run")
    assert (dry["different"], dry["written"], dry["listed"]) == (1, 0, [[3, "different"]])
    [done] = run_json("reconcile_writebacks", "--storage-id", str(labeled.export_storage.pk))
    assert (done["different"], done["written"]) == (1, 1)
    assert source.row(3)["annotation_count"] == 1


def test_delivering_by_command(project: LabelingProject, source: Source) -> None:
    project.submit(1, region("cat"))
    [done] = run_json("deliver_writebacks")
    assert (done["written"], done["pending"], done["failed"]) == (1, 0, 0)
    assert source.row(1)["annotation_data"] == [region("cat")]


def test_delivering_by_command_ends_with_an_error_where_something_is_left(
    project: LabelingProject, source: Source
) -> None:
    project.submit(1, region("cat"))
    source.execute(f"CREATE TABLE kept AS SELECT * FROM {source.table} WHERE id = 1")
    source.execute(f"DELETE FROM {source.table} WHERE id = 1")
    with pytest.raises(CommandError, match="Not everything has been written"):
        call_command("deliver_writebacks", stdout=io.StringIO())
    source.execute(f"INSERT INTO {source.table} SELECT * FROM kept")
    with pytest.raises(CommandError, match="Not everything has been written"):
        call_command("deliver_writebacks", stdout=io.StringIO())
    call_command("deliver_writebacks", "--retry-failed", stdout=io.StringIO())
    assert source.row(1)["annotation_data"] == [region("cat")]


@pytest.mark.parametrize(
    "problem", ["database or disk is full", "attempt to write a readonly database", "database is locked"]
)
def test_an_unusable_database_of_label_studio_is_one_line(
    project: LabelingProject, monkeypatch: pytest.MonkeyPatch, problem: str
) -> None:
    def fail(*arguments: Any, **options: Any) -> None:
        raise OperationalError(problem)

    monkeypatch.setattr("polardb_bridge.management.commands.deliver_writebacks.deliver_everything", fail)
    with pytest.raises(CommandError, match=rf"^Label Studio's own database cannot be used: {problem}$"):
        call_command("deliver_writebacks")


def test_an_unknown_storage_is_named(project: LabelingProject) -> None:
    for command in ("deliver_writebacks", "reconcile_writebacks"):
        with pytest.raises(CommandError, match="no PolarDB export storage 99"):
            call_command(command, "--storage-id", "99")
