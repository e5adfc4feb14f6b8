"""Tasks stay in step with rows that change and vanish."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.storage.models import PolarDBImportStorageLink
from polardb_bridge.storage.sync import run
from polardb_bridge.storage.sync.plan import plan_sync
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import LabelingProject, Provisioned
from support.source_data import TABLE, Source, base64_text, image_bytes, region


@pytest.fixture(params=["data_uri", "link"])
def synced(request: pytest.FixtureRequest, project: LabelingProject) -> LabelingProject:
    """The project's three rows, synced in one of the two ways."""
    storage = project.provisioned.import_storage
    if request.param == "link":
        from tasks.models import Task

        Task.objects.filter(project=storage.project_id).delete()
        storage.image_delivery = "link"
        storage.save()
        run_sync(storage)
        project.tasks = {task.data["id"]: task for task in Task.objects.filter(project=storage.project_id)}
    return project


def change(source: Source, row_id: int, **values: str) -> None:
    """Change a row as its owner does, later than the last change."""
    assignments = ", ".join(f"{name} = '{value}'" for name, value in values.items())
    source.execute(f"UPDATE {TABLE} SET {assignments}, updated_at = updated_at + INTERVAL 1 MINUTE WHERE id = {row_id}")


def counts(report: SyncReport) -> dict[str, int]:
    return {name: value for name, value in vars(report).items() if value and name != "errors"}


def test_nothing_to_do(synced: LabelingProject) -> None:
    storage = synced.provisioned.import_storage
    assert counts(plan_sync(storage)) == {"rows": 3, "existed": 3}
    assert counts(run_sync(storage)) == {"rows": 3, "existed": 3}


def test_a_changed_row_refreshes_its_task_and_keeps_its_annotations(synced: LabelingProject, source: Source) -> None:
    storage = synced.provisioned.import_storage
    synced.submit(2, region("cat"))
    before = synced.tasks[2]
    change(source, 2, base64_data=base64_text(image_bytes("JPEG", color="blue")), original_name="blue.jpg")
    assert counts(plan_sync(storage)) == {"rows": 3, "existed": 2, "updated": 1}
    assert counts(run_sync(storage)) == {"rows": 3, "existed": 2, "updated": 1}
    task = type(before).objects.get(pk=before.pk)
    assert task.data["original_name"] == "blue.jpg"
    assert task.data["image"] != before.data["image"]
    assert task.annotations.count() == 1
    assert counts(run_sync(storage)) == {"rows": 3, "existed": 3}


def test_data_that_people_added_to_a_task_stays(synced: LabelingProject, source: Source) -> None:
    task = synced.tasks[1]
    task.data = {**task.data, "note": "mine"}
    task.save()
    change(source, 1, original_name="renamed.png")
    run_sync(synced.provisioned.import_storage)
    task.refresh_from_db()
    assert (task.data["note"], task.data["original_name"]) == ("mine", "renamed.png")


def test_tasks_of_deleted_rows_go_unless_somebody_worked_on_them(synced: LabelingProject, source: Source) -> None:
    from tasks.models import AnnotationDraft, Task

    storage = synced.provisioned.import_storage
    synced.submit(2, region("cat"))
    AnnotationDraft.objects.create(task=synced.tasks[3], result=[], user=storage.project.created_by)
    source.execute(f"DELETE FROM {TABLE}")
    storage.project.summary.refresh_from_db()
    columns_before = storage.project.summary.all_data_columns
    assert counts(plan_sync(storage)) == {"removed": 1, "kept": 2}
    assert Task.objects.filter(project=storage.project).count() == 3
    assert counts(run_sync(storage)) == {"removed": 1, "kept": 2}
    left = Task.objects.filter(project=storage.project).order_by("pk")
    assert [task.data["id"] for task in left] == [2, 3]
    assert all(task.meta == {"polardb": {"row": "deleted"}} for task in left)
    storage.project.summary.refresh_from_db()
    assert storage.project.summary.all_data_columns == {name: n - 1 for name, n in columns_before.items()}
    storage.refresh_from_db()
    assert (storage.meta["tasks_removed"], storage.meta["tasks_kept"]) == (1, 2)
    assert counts(run_sync(storage)) == {"kept": 2}


def test_a_row_that_comes_back_is_the_same_task_again(synced: LabelingProject, source: Source) -> None:
    storage = synced.provisioned.import_storage
    synced.submit(2, region("cat"))
    source.execute(f"CREATE TABLE saved AS SELECT * FROM {TABLE}")
    source.execute(f"DELETE FROM {TABLE} WHERE id = 2")
    run_sync(storage)
    source.execute(f"INSERT INTO {TABLE} SELECT * FROM saved WHERE id = 2")
    assert counts(run_sync(storage)) == {"rows": 3, "existed": 2, "updated": 1}
    task = synced.tasks[2]
    task.refresh_from_db()
    assert task.meta == {}
    assert not PolarDBImportStorageLink.objects.get(task=task).is_missing
    assert counts(run_sync(storage)) == {"rows": 3, "existed": 3}


def test_our_own_write_back_is_no_changed_row(synced: LabelingProject) -> None:
    synced.submit(1, region("cat"))
    synced.deliver()
    assert counts(run_sync(synced.provisioned.import_storage)) == {"rows": 3, "existed": 3}


def test_a_row_that_became_bad_leaves_its_task_as_it_was(project: LabelingProject, source: Source) -> None:
    storage = project.provisioned.import_storage
    change(source, 1, base64_data="!!!")
    report = run_sync(storage)
    assert (report.updated, report.failed) == (0, 1)
    task = project.tasks[1]
    before = task.data
    task.refresh_from_db()
    assert task.data == before


def test_only_rows_with_matching_names_and_without_result_become_tasks(
    provisioned: Provisioned, source: Source
) -> None:
    from tasks.models import Task

    data = base64_text(image_bytes())
    source.add(("a.png", data), ("b.jpg", data), ("c.png", data))
    source.execute(f"UPDATE {TABLE} SET annotation_data = '[]', annotation_count = 1 WHERE id = 3")
    storage = provisioned.import_storage
    storage.regex_filter = r".*\.png$"
    storage.only_unannotated = True
    storage.save()
    run_sync(storage)
    assert [task.data["id"] for task in Task.objects.filter(project=storage.project)] == [1]
    source.execute(f"UPDATE {TABLE} SET annotation_data = '[]', annotation_count = 1 WHERE id = 1")
    assert run_sync(storage).removed == 0, "a task does not go because its row was labeled"


def test_auto_is_decided_once(provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:

    source.add_images(1)
    storage = provisioned.import_storage
    assert storage.image_delivery == "auto"
    run_sync(storage)
    assert storage.delivery_in_use == "data_uri"
    monkeypatch.setattr(run, "MAX_DATA_URI_TABLE_BYTES", -1)
    source.add_images(1)
    run_sync(storage)
    assert storage.delivery_in_use == "data_uri", "never changed silently"


def test_a_large_table_is_delivered_by_link(
    provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tasks.models import Task

    monkeypatch.setattr(run, "MAX_DATA_URI_TABLE_BYTES", -1)
    source.add_images(1)
    run_sync(provisioned.import_storage)
    [task] = Task.objects.filter(project=provisioned.project)
    assert task.data["image"].startswith(f"/data/polardb/?d={provisioned.import_storage.pk}/1/")
    assert task.data["image"].endswith(".jpg")


def test_a_page_of_the_data_manager_reads_all_links_at_once(provisioned: Provisioned, source: Source, api: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    storage = provisioned.import_storage
    storage.image_delivery = "link"
    storage.save()

    def queries() -> tuple[int, int]:
        with CaptureQueriesContext(connection) as captured:
            page = api.get("/api/tasks", {"project": storage.project_id, "page_size": 100, "fields": "all"})
        assert page.status_code == 200
        ours = [query for query in captured if "polardb" in query["sql"].partition(" WHERE ")[0]]
        return len(page.json()["tasks"]), len(ours)

    source.add_images(2)
    run_sync(storage)
    few, cost_of_few = queries()
    source.add_images(60)
    run_sync(storage)
    many, cost_of_many = queries()
    assert (few, many) == (2, 62)
    assert cost_of_many == cost_of_few <= 3
