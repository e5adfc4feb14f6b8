"""Results that rows hold already."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timezone
from typing import Any

import pytest

from polardb_bridge.storage.preview import preview
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.webhooks.reconcile import reconcile
from support.labeling import LabelingProject, Provisioned, provision
from support.source_data import TABLE, Source, base64_text, image_bytes, region
from support.writeback import dirty_tasks

UID = "6f1c2a52-3d0a-4b1e-9d35-1f8a2a6f0c11"


def store(source: Source, row_id: int, data: Any, uid: str = UID) -> None:
    text = data if isinstance(data, str) else json.dumps(data)
    source.execute(
        f"UPDATE {TABLE} SET annotation_data = '{text}', annotation_count = 1, annotation_uid = '{uid}',"
        " annotation_create_at = '2026-01-02 03:04:05', annotation_update_at = '2026-02-03 04:05:06',"
        f" updated_at = updated_at WHERE id = {row_id}"
    )


def tasks_of(storage: Any) -> dict[int, Any]:
    from tasks.models import Task

    return {task.data["id"]: task for task in Task.objects.filter(project=storage.project_id)}


def test_a_result_becomes_an_annotation_with_its_id_and_times(provisioned: Provisioned, source: Source) -> None:
    source.add_images(2)
    store(source, 1, [region("dog")])
    before = source.row(1)
    storage = provisioned.import_storage
    run_sync(storage)
    tasks = tasks_of(storage)
    annotation = tasks[1].annotations.get()
    assert annotation.result == [region("dog")]
    assert annotation.unique_id == uuid.UUID(UID)
    assert annotation.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert annotation.updated_at == datetime(2026, 2, 3, 4, 5, 6, tzinfo=timezone.utc)
    assert annotation.completed_by == storage.project.created_by
    assert (tasks[1].is_labeled, tasks[1].total_annotations) == (True, 1)
    assert (tasks[2].is_labeled, tasks[2].total_annotations, tasks[2].annotations.count()) == (False, 0, 0)
    storage.project.summary.refresh_from_db()
    assert storage.project.summary.created_labels == {"label": {"dog": 1}}
    assert not dirty_tasks(), "nothing is written back needlessly"
    assert source.row(1) == before


def test_a_project_made_again_goes_on_where_it_stopped(project: LabelingProject, source: Source, user: Any) -> None:
    project.submit(1, region("cat"))
    project.submit(2)
    project.deliver()
    before = [source.row(row_id) for row_id in (1, 2, 3)]
    project.provisioned.project.delete()

    again = provision(source.parameters, "again", user)
    report = run_sync(again.import_storage)
    assert (report.created, report.failed) == (3, 0)
    tasks = tasks_of(again.import_storage)
    assert [tasks[row_id].annotations.count() for row_id in (1, 2, 3)] == [1, 1, 0]
    assert str(tasks[1].annotations.get().unique_id) == before[0]["annotation_uid"]
    found = reconcile(again.export_storage)
    assert (found.different, found.foreign) == (0, 0)
    assert not dirty_tasks()
    assert [source.row(row_id) for row_id in (1, 2, 3)] == before


def test_results_can_be_predictions_or_left_out(provisioned: Provisioned, source: Source) -> None:
    source.add_images(1)
    store(source, 1, [region("dog")])
    storage = provisioned.import_storage
    storage.existing_annotations = "predictions"
    storage.save()
    run_sync(storage)
    [task] = tasks_of(storage).values()
    prediction = task.predictions.get()
    assert (prediction.result, prediction.model_version) == ([region("dog")], "table")
    assert (task.total_predictions, task.total_annotations, task.is_labeled) == (1, 0, False)
    assert task.annotations.count() == 0

    task.delete()
    storage.existing_annotations = "ignore"
    storage.save()
    run_sync(storage)
    [task] = tasks_of(storage).values()
    assert (task.predictions.count(), task.annotations.count()) == (0, 0)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('{"a": 1}', "is not a list of regions"),
        ("{}", "is not a list of regions"),
        ("[3]", "region 1 that is not an object"),
        ('[{"type": "rectanglelabels", "value": {}, "to_name": "image"}]', "'from_name' is missing or of"),
        ([{**region(), "value": []}], "'value' is missing or of the wrong type"),
        ([region(), {**region(), "from_name": "brush"}], "region 2 whose control 'brush'"),
    ],
)
def test_a_malformed_result_is_reported_and_left_alone(
    provisioned: Provisioned, source: Source, data: str | list[dict[str, Any]], problem: str
) -> None:
    source.add_images(1)
    store(source, 1, data)
    before = source.row(1)
    storage = provisioned.import_storage
    report = run_sync(storage)
    assert (report.created, report.failed) == (1, 1)
    storage.refresh_from_db()
    assert storage.status == storage.Status.COMPLETED_WITH_ERRORS
    assert storage.traceback.startswith("row 1 (photo-0.png): annotation_data ")
    assert problem in storage.traceback
    assert tasks_of(storage)[1].annotations.count() == 0
    assert reconcile(provisioned.export_storage).different == 0
    assert source.row(1) == before


@pytest.mark.parametrize("way", ["annotations", "predictions"])
@pytest.mark.parametrize("null", ["NULL", "NOT NULL"])
def test_what_stands_for_null_is_no_result(provisioned: Provisioned, source: Source, null: str, way: str) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY annotation_data longtext {null}")
    for text in ("null", "", "[]", "{}", " null", "null"):
        source.execute(
            f"INSERT INTO {TABLE} (base64_data, mime_type, original_name, annotation_data, annotation_count)"
            f" VALUES ('{base64_text(image_bytes())}', 'png', 'a.png', '{text}', 0)"
        )
    source.execute(f"UPDATE {TABLE} SET annotation_count = 1 WHERE id = 6")
    storage = provisioned.import_storage
    storage.existing_annotations = way
    storage.save()
    assert [row["annotated"] for row in preview(storage, 10, None)[:-1]] == [False] * 4 + [True] * 2
    report = run_sync(storage)
    assert (report.created, report.failed, report.errors) == (6, 0, [])
    from tasks.models import Annotation, Prediction

    assert not Annotation.objects.filter(project=storage.project_id).exists()
    assert not Prediction.objects.filter(project=storage.project_id).exists()
    compared = reconcile(provisioned.export_storage)
    assert (compared.different, compared.foreign) == (0, 0)


def test_a_submitted_empty_result_is_one(provisioned: Provisioned, source: Source) -> None:
    source.add_images(1)
    store(source, 1, "[]")
    run_sync(provisioned.import_storage)
    assert tasks_of(provisioned.import_storage)[1].annotations.get().result == []


def test_only_rows_without_a_result_can_be_read(provisioned: Provisioned, source: Source) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY annotation_data longtext")
    source.add_images(4)
    store(source, 1, "null", "")
    store(source, 2, [region()], "")
    store(source, 3, "", "")
    source.execute(f"UPDATE {TABLE} SET annotation_count = 0")
    storage = provisioned.import_storage
    storage.only_unannotated = True
    storage.save()
    run_sync(storage)
    assert set(tasks_of(storage)) == {1, 3, 4}


def test_an_id_that_another_annotation_has_is_not_taken(provisioned: Provisioned, source: Source, user: Any) -> None:
    source.add_images(2)
    store(source, 1, [region()])
    store(source, 2, [region()])
    run_sync(provisioned.import_storage)
    ids = {task.annotations.get().unique_id for task in tasks_of(provisioned.import_storage).values()}
    assert len(ids) == 2
    assert uuid.UUID(UID) in ids
    provisioned.export_storage.delete()  # a table has one target
    again = provision(source.parameters, "again", user)
    assert run_sync(again.import_storage).created == 2


def refused(storage: Any) -> int:
    from polardb_bridge.storage.sync.models import RefusedResult

    return int(RefusedResult.objects.filter(link__storage=storage).count())


@pytest.mark.parametrize("way", ["annotations", "predictions"])
def test_a_refused_result_is_tried_at_every_sync_until_it_is_right(
    provisioned: Provisioned, source: Source, way: str
) -> None:
    source.add_images(3)
    for row_id in (1, 2):
        store(source, row_id, [region("dog")], str(uuid.uuid4()))
    storage, interface = provisioned.import_storage, provisioned.project.label_config
    storage.existing_annotations = way
    storage.save()
    storage.project.label_config = "<View></View>"  # storage first, labeling interface later
    storage.project.save()
    for _ in range(3):  # it stays listed
        report = run_sync(storage)
        assert (report.failed, len(report.errors)) == (2, 2)
        storage.refresh_from_db()
        assert storage.status == storage.Status.COMPLETED_WITH_ERRORS
    source.execute(f"UPDATE {TABLE} SET annotation_data = '[3]' WHERE id = 2")

    storage.project.label_config = interface
    storage.project.save()
    assert run_sync(storage).failed == 1
    tasks = tasks_of(storage)
    assert [result.result for result in getattr(tasks[1], way).all()] == [[region("dog")]]
    counted = (tasks[1].total_annotations, tasks[1].total_predictions, tasks[1].is_labeled)
    assert counted == ((1, 0, True) if way == "annotations" else (0, 1, False))
    assert not getattr(tasks[2], way).exists()

    store(source, 2, [region("cat")], str(uuid.uuid4()))
    assert run_sync(storage).failed == 0
    storage.refresh_from_db()
    assert storage.status == storage.Status.COMPLETED
    assert getattr(tasks[2], way).get().result == [region("cat")]
    assert refused(storage) == 0
    assert reconcile(provisioned.export_storage).different == 0
    assert run_sync(storage).failed == 0
    assert getattr(tasks[2], way).count() == 1


def test_a_refused_result_gives_way_to_what_a_person_submits(project: LabelingProject, source: Source) -> None:
    source.add_images(2)
    store(source, 4, "[3]")
    store(source, 5, "[3]")
    storage = project.provisioned.import_storage
    assert run_sync(storage).failed == 2
    project.tasks = tasks_of(storage)
    project.submit(4, region("cat"))
    project.deliver()
    source.execute(f"UPDATE {TABLE} SET annotation_data = NULL WHERE id = 5")  # taken away by others
    assert run_sync(storage).failed == 0
    assert [project.tasks[row_id].annotations.count() for row_id in (4, 5)] == [1, 0]
    assert refused(storage) == 0


def test_what_is_refused_counts_no_more_if_results_are_left_out(provisioned: Provisioned, source: Source) -> None:
    source.add_images(1)
    store(source, 1, "[3]")
    storage = provisioned.import_storage
    assert run_sync(storage).failed == 1
    storage.existing_annotations = "ignore"
    storage.save()
    assert run_sync(storage).failed == 0
    assert refused(storage) == 0


def test_predictions_are_shown_to_people_who_label(provisioned: Provisioned, source: Source) -> None:
    source.add_images(1)
    store(source, 1, [region("dog")])
    storage = provisioned.import_storage
    storage.existing_annotations = "predictions"
    storage.save()
    run_sync(storage)
    storage.project.refresh_from_db()
    assert storage.project.model_version == "table"


def test_the_model_version_that_people_chose_stays(provisioned: Provisioned, source: Source) -> None:
    source.add_images(1)
    store(source, 1, [region("dog")])
    storage = provisioned.import_storage
    storage.project.model_version = "mine"
    storage.project.save()
    storage.existing_annotations = "predictions"
    storage.save()
    run_sync(storage)
    storage.project.refresh_from_db()
    assert storage.project.model_version == "mine"


@pytest.mark.parametrize(
    ("uid", "count"), [("NULL", 0), ("NULL", 1), ("''", 3), ("'of-another-tool'", 1), (f"'{UID}'", 1)]
)
def test_results_of_other_tools_are_equal_while_nobody_touches_them(
    project: LabelingProject, source: Source, uid: str, count: int
) -> None:
    source.add_images(2)
    for row_id in (4, 5):  # two rows with one uid, as copied rows have
        store(source, row_id, [region("dog")])
        source.execute(f"UPDATE {TABLE} SET annotation_uid = {uid}, annotation_count = {count} WHERE id = {row_id}")
    before = [source.row(row_id) for row_id in (4, 5)]
    run_sync(project.provisioned.import_storage)
    assert reconcile(project.export_storage).different == 0
    project.deliver()
    assert [source.row(row_id) for row_id in (4, 5)] == before

    # The other tool goes on: what it has labeled since is newer than what was read from its rows.
    source.execute(f"UPDATE {TABLE} SET annotation_data = '{json.dumps([region('cow')])}' WHERE id = 5")
    source.execute(f"UPDATE {TABLE} SET annotation_uid = 'newer' WHERE id = 5")
    report = reconcile(project.export_storage)
    assert (report.different, report.foreign, report.listed) == (0, 1, [(5, "foreign")])
    project.deliver()
    assert source.row(5)["annotation_data"] == [region("cow")]

    project.tasks = tasks_of(project.provisioned.import_storage)
    project.submit(4, region("cat"))
    project.deliver()
    assert source.row(4)["annotation_count"] == 2
    source.execute(f"UPDATE {TABLE} SET annotation_data = '{json.dumps([region('cow')])}' WHERE id = 4")
    assert reconcile(project.export_storage).different == 1
    project.deliver()
    assert source.row(4)["annotation_data"] == [region("cat")]
    source.execute(f"UPDATE {TABLE} SET annotation_data = NULL WHERE id = 5")
    assert reconcile(project.export_storage).different == 1
