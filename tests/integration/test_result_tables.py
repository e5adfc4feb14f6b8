"""Every annotation in a result table, and what happens to it there."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError, call_command
from tasks.models import Annotation, Task

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin
from polardb_bridge.webhooks import rewrite
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.models import PendingWriteback
from polardb_bridge.webhooks.reconcile import reconcile
from polardb_bridge.webhooks.writers.writer import writing_parameters
from support.labeling import LabelingProject
from support.result_tables import Results, create, labeled
from support.source_data import TABLE, Source, region
from support.writeback import EMPTY, dirty_tasks, run_action, state, uid

pytestmark = pytest.mark.usefixtures("commands_database")


@pytest.fixture
def results(source: Source) -> Results:
    source.add_images(3)
    return create(source)


@pytest.fixture
def project(results: Results, user: Any, api: Any) -> LabelingProject:
    return labeled(api)


def numbers(report: Any) -> tuple[int, ...]:
    return report.checked, report.different, report.pending, report.missing, report.foreign


def test_an_annotation_is_a_row(project: LabelingProject, results: Results, source: Source) -> None:
    annotation_id = project.submit(1, region("cat"), region("猫🐈"), lead_time=12.25)
    project.deliver()
    [row] = results.rows()
    annotation = Annotation.objects.get(pk=annotation_id)
    assert row["source"] == f"{source.parameters.database}.{TABLE}"
    assert (row["row_key"], row["annotation_uid"]) == ("1", str(annotation.unique_id))
    assert (row["project"], row["task"]) == (project.provisioned.project.pk, project.tasks[1].pk)
    assert (row["annotator"], row["result"]) == ("admin@example.com", [region("cat"), region("猫🐈")])
    assert (row["was_cancelled"], row["lead_time"], row["ground_truth"]) == (0, 12.25, 0)
    assert row["created_at"] == annotation.created_at.replace(tzinfo=None)
    assert row["updated_at"] == annotation.updated_at.replace(tzinfo=None)
    assert state(source.row(1)) == EMPTY
    assert not dirty_tasks()
    assert numbers(reconcile(project.export_storage)) == (3, 0, 0, 0, 0)


def test_all_annotations_of_a_row_are_there_and_follow(project: LabelingProject, results: Results) -> None:
    first, second = project.submit(1, region("cat")), project.submit(1, region("dog"))
    skipped = project.submit(1, was_cancelled=True)
    project.submit(2, region("dog"))
    project.deliver()
    assert {row["annotation_uid"] for row in results.of("1")} == {uid(pk) for pk in (first, second, skipped)}
    assert [row["was_cancelled"] for row in results.of("1")] == [0, 0, 1]
    project.api.patch(f"/api/annotations/{first}/", {"result": [region("cow")]}, format="json")
    project.api.patch(f"/api/annotations/{second}/", {"ground_truth": True}, format="json")
    gone = uid(skipped)
    assert project.api.delete(f"/api/annotations/{skipped}/").status_code == 204
    project.deliver()
    rows = {row["annotation_uid"]: row for row in results.of("1")}
    assert rows.keys() == {uid(first), uid(second)}
    assert gone not in rows
    assert rows[uid(first)]["result"] == [region("cow")]
    assert rows[uid(second)]["ground_truth"] == 1
    assert len(results.of("2")) == 1
    assert numbers(reconcile(project.export_storage)) == (3, 0, 0, 0, 0)


def test_a_draft_is_no_annotation(project: LabelingProject, results: Results) -> None:
    answer = project.api.post(
        f"/api/tasks/{project.tasks[1].pk}/drafts", {"result": [region("cat")], "lead_time": 1}, format="json"
    )
    assert answer.status_code == 201, answer.content
    annotation_id = project.submit(2, region("cat"))
    project.deliver()
    assert len(results.rows()) == 1
    answer = project.api.post(f"/api/annotations/{annotation_id}/convert-to-draft", {}, format="json")
    assert answer.status_code == 201, answer.content
    project.deliver()
    assert not results.rows()


def test_annotations_changed_in_bulk_follow(project: LabelingProject, results: Results) -> None:
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat"))
    project.deliver()
    Annotation.objects.filter(task=project.tasks[1]).update(ground_truth=True)
    run_action(project, "delete_tasks_annotations", 2)
    project.deliver()
    assert [row["ground_truth"] for row in results.of("1")] == [1]
    assert not results.of("2")
    assert len(results.of("3")) == 1


def test_what_may_not_be_removed_stays(project: LabelingProject, results: Results) -> None:
    PolarDBExportStorage.objects.update(can_delete_objects=False)
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    project.api.delete(f"/api/annotations/{annotation_id}/")
    project.deliver()
    assert len(results.of("1")) == 1
    target = PolarDBExportStorage.objects.get()
    assert numbers(reconcile(target)) == (3, 0, 0, 0, 0)


def test_a_task_that_goes_leaves_its_rows(project: LabelingProject, results: Results, source: Source) -> None:
    """What people labeled is lost by no sync, and by no later task of the row."""
    annotation_id = project.submit(1, region("cat"))
    old = uid(annotation_id)
    project.deliver()
    project.tasks[1].delete()
    project.deliver()
    assert [row["annotation_uid"] for row in results.of("1")] == [old]
    storage = project.provisioned.import_storage
    storage.dismissed_rows.all().delete()
    run_sync(storage, force=True)
    project.tasks[1] = PolarDBImportStorageLink.objects.get(key="1").task
    project.submit(1, region("dog"))
    project.deliver()
    assert [row["result"][0]["value"]["rectanglelabels"] for row in results.of("1")] == [["cat"], ["dog"]]
    assert numbers(reconcile(project.export_storage)) == (3, 0, 0, 0, 0)
    project.provisioned.project.delete()
    assert len(results.rows()) == 2


def test_an_annotation_that_moves_takes_its_row_along(project: LabelingProject, results: Results) -> None:
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    Annotation.objects.filter(pk=annotation_id).update(task=project.tasks[2])
    project.deliver()
    assert [(row["row_key"], row["task"]) for row in results.rows()] == [("2", project.tasks[2].pk)]


def test_an_annotator_who_has_left_is_still_named(project: LabelingProject, results: Results) -> None:
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    Annotation.objects.filter(pk=annotation_id).update(completed_by=None, result=[region("dog")])
    project.deliver()
    [row] = results.rows()
    assert (row["annotator"], row["result"]) == ("admin@example.com", [region("dog")])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE results SET result = '[]' WHERE row_key = '2'",
        "UPDATE results SET was_cancelled = 1 WHERE row_key = '2'",
        "UPDATE results SET ground_truth = 1 WHERE row_key = '2'",
        "UPDATE results SET lead_time = 7 WHERE row_key = '2'",
        "DELETE FROM results WHERE row_key = '2'",
        "UPDATE results SET row_key = '02' WHERE row_key = '2'",
        "UPDATE results SET source = 'other.table' WHERE row_key = '2'",
        "UPDATE results SET annotation_uid = 'stale' WHERE row_key = '2'",
        "INSERT INTO results SELECT source, row_key, 'stale', project, project_uid, task, annotator, result, 0, 1, 0,"
        " created_at, updated_at FROM results WHERE row_key = '2'",
    ],
)
def test_what_somebody_changed_is_found_and_mended(project: LabelingProject, results: Results, change: str) -> None:
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat", x=20.50), lead_time=3)
    project.deliver()
    before = results.rows()
    results.execute(change)
    dry = reconcile(project.export_storage, dry_run=True)
    assert (numbers(dry), dry.listed) == ((3, 1, 0, 0, 0), [(2, "different")])
    assert not dirty_tasks()
    call_command("reconcile_writebacks")
    assert results.rows() == before
    assert numbers(reconcile(project.export_storage)) == (3, 0, 0, 0, 0)


def test_annotations_gone_without_a_trace_are_found(project: LabelingProject, results: Results) -> None:
    """Written past Django, as by a script on Label Studio's database."""
    from django.db import connection

    project.submit(1, region("cat"))
    project.deliver()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM task_completion WHERE task_id = %s", [project.tasks[1].pk])
    assert reconcile(project.export_storage).listed == [(1, "different")]
    project.deliver()
    assert not results.rows()


def test_two_projects_share_a_table(project: LabelingProject, results: Results, api: Any) -> None:
    other = labeled(api, name="second")
    project.submit(1, region("cat"))
    annotation_id = other.submit(1, region("dog"))
    project.deliver()
    other.deliver()
    assert {(row["project"], row["task"]) for row in results.of("1")} == {
        (each.provisioned.project.pk, each.tasks[1].pk) for each in (project, other)
    }
    for each in (project, other):
        assert numbers(reconcile(each.export_storage)) == (3, 0, 0, 0, 0)
    other.api.delete(f"/api/annotations/{annotation_id}/")
    other.deliver()
    [row] = results.of("1")
    assert row["result"] == [region("cat")]


def test_what_another_label_studio_wrote_is_left_alone(project: LabelingProject, results: Results) -> None:
    """Its projects and tasks may have the numbers of ours."""
    project.submit(1, region("cat"))
    project.deliver()
    results.execute("UPDATE results SET project_uid = 'another', annotation_uid = 'theirs'")
    annotation_id = project.submit(1, region("dog"))
    project.deliver()
    assert len(results.of("1")) == 3
    project.api.delete(f"/api/annotations/{annotation_id}/")
    project.deliver()
    assert sorted(row["project_uid"] == "another" for row in results.of("1")) == [False, True]


def test_results_go_into_rows_and_into_a_table(results: Results, source: Source, user: Any, api: Any) -> None:
    columns = ("annotation_data", "annotation_count", "annotation_uid")
    project = labeled(api, *(f"--result-column={name}={name}" for name in columns))
    assert PolarDBExportStorage.objects.count() == 2
    project.submit(1, region("cat"))
    newest = project.submit(1, region("dog"))
    project.deliver()
    assert state(source.row(1)) == ([region("dog")], 2, uid(newest))
    assert len(results.of("1")) == 2
    for target in PolarDBExportStorage.objects.all():
        assert numbers(reconcile(target)) == (3, 0, 0, 0, 0)


def test_one_annotation_that_cannot_be_written_holds_up_no_other(project: LabelingProject, results: Results) -> None:
    results.execute("ALTER TABLE results ADD CONSTRAINT no_dogs CHECK (result NOT LIKE '%dog%')")
    project.submit(1, region("cat"))
    project.submit(2, region("dog"))
    project.submit(3, region("cat"))
    report = deliver(project.export_storage)
    assert (report.written, report.parked, report.error) == (2, 1, "")
    assert "The result breaks a constraint" in PendingWriteback.objects.get().parked_reason
    results.execute("ALTER TABLE results DROP CONSTRAINT no_dogs")
    call_command("deliver_writebacks", "--retry-failed")
    assert len(results.rows()) == 3


def test_a_table_that_changes_what_is_written_is_noticed(project: LabelingProject, results: Results) -> None:
    results.execute("CREATE TRIGGER changes BEFORE INSERT ON results FOR EACH ROW SET NEW.was_cancelled = 1")
    project.submit(1, region("cat"))
    assert deliver(project.export_storage).parked == 1
    assert "keeps another was_cancelled" in PendingWriteback.objects.get().parked_reason


def test_a_table_that_is_away_gets_everything_when_it_is_back(project: LabelingProject, results: Results) -> None:
    project.submit(1, region("cat"))
    project.deliver()
    results.execute("RENAME TABLE results TO away")
    project.submit(2, region("dog"))
    assert "There is no result table 'results'" in deliver(project.export_storage).error
    with pytest.raises(CommandError, match="There is no result table 'results'"):
        call_command("reconcile_writebacks")
    create(results.source)
    report = reconcile(project.export_storage)
    assert (report.different, report.pending) == (1, 1)
    assert deliver(project.export_storage).written == 2
    assert [row["row_key"] for row in results.rows()] == ["1", "2"]


def test_large_annotations_are_told_by_their_row(
    project: LabelingProject, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polardb_bridge.table.packets.max_statement_bytes", lambda *_: 5000)
    project.submit(1, region("cat"))
    project.submit(2, region("x" * 5000))
    assert deliver(project.export_storage).parked == 1
    reason = PendingWriteback.objects.get().parked_reason
    assert reason.startswith("The result of row 2 takes ")
    assert len(results.rows()) == 1


def test_many_annotations_of_a_task_come_in_groups(
    project: LabelingProject, results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polardb_bridge.webhooks.current_results.GROUP_BYTES", 100)
    monkeypatch.setattr("polardb_bridge.table.packets._MAX_STATEMENT_ROWS", 2)
    for row_id in (1, 2, 3, 1, 2, 1):
        project.submit(row_id, region("cat"))
    project.deliver()
    assert [len(results.of(key)) for key in "123"] == [3, 2, 1]


def test_times_are_in_utc_whatever_a_proxy_lends(project: LabelingProject, results: Results) -> None:
    with begin(writing_parameters(project.export_storage)) as connection:
        connection.exec_driver_sql("SET time_zone = '+08:00', sql_mode = ''")
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    [row] = results.rows()
    assert row["created_at"] == Annotation.objects.get(pk=annotation_id).created_at.replace(tzinfo=None)


def test_a_source_of_another_kind_of_key_is_parked(project: LabelingProject, results: Results) -> None:
    """The table was made anew for a source whose key is something else."""
    results.execute("DROP TABLE results")
    results.execute("CREATE TABLE other (id BINARY(16) PRIMARY KEY)")
    create(results.source, "--for", "other")
    project.submit(1, region("cat"))
    assert deliver(project.export_storage).parked == 1
    assert "was made for keys of another kind" in PendingWriteback.objects.get().parked_reason


def test_a_sync_of_the_target_writes_all_again(project: LabelingProject, results: Results, api: Any) -> None:
    for row_id in (1, 2):
        project.submit(row_id, region("cat"))
    project.deliver()
    results.execute("DELETE FROM results")
    rewrite.request(project.export_storage)
    rewrite.run(project.export_storage.pk)
    assert len(results.rows()) == 2
    shown = api.get(f"/api/storages/export/polardb/{project.export_storage.pk}").json()
    assert (shown["writes_to"], shown["status"]) == ("result_table", "completed")
    assert (shown["writeback"]["pending"], shown["writeback"]["error"]) == (0, "")


def test_tasks_without_a_row_are_no_rows(project: LabelingProject, results: Results) -> None:
    task = Task.objects.create(project=project.provisioned.project, data={"image": "/x.png"})
    Annotation.objects.create(task=task, project=task.project, result=[region("cat")])
    project.deliver()
    assert not results.rows()


def test_what_rows_hold_already_is_there_too(results: Results, source: Source, user: Any, api: Any) -> None:
    known = "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
    source.execute(
        f"UPDATE {TABLE} SET annotation_data = '[]', annotation_count = 1, annotation_uid = '{known}' WHERE id = 2"
    )
    before = source.row(2)
    project = labeled(api)
    project.deliver()
    assert [(row["row_key"], row["annotation_uid"]) for row in results.rows()] == [("2", known)]
    assert source.row(2) == before
