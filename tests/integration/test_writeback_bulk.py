"""Imports and actions on many tasks, and the rows that their annotations end in."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.storage.models import PolarDBImportStorageLink
from support.labeling import LabelingProject
from support.source_data import Source, region
from support.writeback import EMPTY, dirty_tasks, run_action, state, uid


def add_prediction(project: LabelingProject, row_id: int, *regions: dict[str, Any]) -> Any:
    from tasks.models import Prediction

    return Prediction.objects.create(
        task=project.tasks[row_id], project=project.provisioned.project, result=list(regions), model_version="m"
    )


def test_annotations_deleted_in_the_data_manager_leave_their_rows(project: LabelingProject, source: Source) -> None:
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat"))
    project.deliver()
    run_action(project, "delete_tasks_annotations", 1, 2)
    project.deliver()
    assert state(source.row(1)) == state(source.row(2)) == EMPTY
    assert source.row(3)["annotation_data"] == [region("cat")]


def test_annotations_of_imported_tasks_change_no_row(project: LabelingProject, source: Source) -> None:
    before = [source.row(row_id) for row_id in (1, 2, 3)]
    task = {"data": {"image": "/x.png", "id": 1}, "annotations": [{"result": [region("dog")]}]}
    answer = project.api.post(f"/api/projects/{project.provisioned.project.pk}/import", [task], format="json")
    assert answer.status_code == 201, answer.content
    assert answer.json()["annotation_count"] == 1
    project.deliver()
    assert [source.row(row_id) for row_id in (1, 2, 3)] == before
    assert not dirty_tasks()


def test_annotations_imported_into_a_synced_task_reach_its_row(project: LabelingProject, source: Source) -> None:
    """What Label Studio's importers do at last (tasks/serializers.py, add_annotations)."""
    from tasks.models import Annotation

    task = project.tasks[1]
    [annotation] = Annotation.objects.bulk_create(
        [Annotation(task=task, project=task.project, result=[region("dog")], completed_by=task.project.created_by)]
    )
    project.deliver()
    assert state(source.row(1)) == ([region("dog")], 1, uid(annotation.pk))


def test_predictions_that_become_annotations_reach_their_rows(project: LabelingProject, source: Source) -> None:
    add_prediction(project, 1, region("cat"))
    add_prediction(project, 2, region("dog"))
    run_action(project, "predictions_to_annotations", 1, 2)
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("cat")]
    assert source.row(2)["annotation_data"] == [region("dog")]
    assert state(source.row(3)) == EMPTY


def test_propagated_annotations_reach_their_rows(project: LabelingProject, source: Source, settings: Any) -> None:
    settings.EXPERIMENTAL_FEATURES = True
    annotation_id = project.submit(1, region("cat"))
    run_action(project, "propagate_annotations", 2, 3, source_annotation_id=annotation_id)
    project.deliver()
    assert [source.row(row_id)["annotation_data"] for row_id in (1, 2, 3)] == [[region("cat")]] * 3
    assert len({source.row(row_id)["annotation_uid"] for row_id in (1, 2, 3)}) == 3


def test_renamed_labels_reach_their_rows(project: LabelingProject, source: Source, settings: Any) -> None:
    settings.EXPERIMENTAL_FEATURES = True
    project.submit(1, region("cat"))
    project.submit(2, region("dog"))
    project.deliver()
    run_action(project, "rename_labels", 1, 2, 3, old_label_name="cat", new_label_name="tiger", control_tag="label")
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("tiger")]
    assert source.row(2)["annotation_data"] == [region("dog")]


def test_the_label_bulk_update_reaches_its_rows(project: LabelingProject, source: Source) -> None:
    project.submit(1, region("cat"))
    project.submit(2, region("dog"))
    project.deliver()
    answer = project.api.post(
        "/api/labels/bulk",
        {"old_label": ["cat"], "new_label": ["lynx"], "project": project.provisioned.project.pk},
        format="json",
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["annotations_updated"] == 1
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("lynx")]
    assert source.row(2)["annotation_data"] == [region("dog")]


def make_duplicate(project: LabelingProject, row_id: int) -> Any:
    """A second task of the same data, which has no link: what an import storage that was deleted leaves behind."""
    from tasks.models import Task

    task = project.tasks[row_id]
    return Task.objects.create(data=task.data, project=task.project)


@pytest.mark.parametrize("annotated_first", [True, False])
def test_removing_duplicates_keeps_the_row_of_the_task_that_stays(
    project: LabelingProject, source: Source, annotated_first: bool
) -> None:
    duplicate = make_duplicate(project, 1)
    if annotated_first:
        # Label Studio keeps the task that has annotations: the one without the link.
        answer = project.api.post(f"/api/tasks/{duplicate.pk}/annotations/", {"result": [region("dog")]}, format="json")
        assert answer.status_code == 201
    else:
        project.submit(1, region("dog"))
    project.deliver()
    pks = [project.tasks[1].pk, duplicate.pk]
    answer = project.api.post(
        f"/api/dm/actions/?id=remove_duplicates&project={project.provisioned.project.pk}",
        {"selectedItems": {"all": False, "included": pks}},
        format="json",
    )
    assert answer.status_code == 200, answer.content
    kept = duplicate.pk if annotated_first else project.tasks[1].pk
    assert PolarDBImportStorageLink.objects.get(key="1").task_id == kept
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("dog")]
    # And the write-back goes on.
    project.api.post(f"/api/tasks/{kept}/annotations/", {"result": [region("cat")]}, format="json")
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("cat")]
    assert source.row(1)["annotation_count"] == 2


def test_annotations_of_both_duplicates_end_in_one_row(project: LabelingProject, source: Source) -> None:
    project.submit(1, region("cat"))
    duplicate = make_duplicate(project, 1)
    project.api.post(f"/api/tasks/{duplicate.pk}/annotations/", {"result": [region("dog")]}, format="json")
    run_action_on = [project.tasks[1].pk, duplicate.pk]
    project.api.post(
        f"/api/dm/actions/?id=remove_duplicates&project={project.provisioned.project.pk}",
        {"selectedItems": {"all": False, "included": run_action_on}},
        format="json",
    )
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("dog")]
    assert source.row(1)["annotation_count"] == 2
