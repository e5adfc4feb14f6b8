"""Every way in which Label Studio changes annotations, and the row it ends in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.webhooks.models import PendingWriteback
from support.labeling import LabelingProject
from support.source_data import Source, region

EMPTY = (None, 0, None)


def state(row: dict[str, Any]) -> tuple[Any, int, str | None]:
    return row["annotation_data"], row["annotation_count"], row["annotation_uid"]


def uid(annotation_id: int) -> str:
    from tasks.models import Annotation

    return str(Annotation.objects.get(pk=annotation_id).unique_id)


def run_action(project: LabelingProject, name: str, *row_ids: int, **data: Any) -> Any:
    """A Data Manager action on the tasks of these rows, as the browser asks for it."""
    selected = {"all": False, "included": [project.tasks[row_id].pk for row_id in row_ids]}
    answer = project.api.post(
        f"/api/dm/actions/?id={name}&project={project.provisioned.project.pk}",
        {"selectedItems": selected, **data},
        format="json",
    )
    assert answer.status_code == 200, answer.content
    return answer.json()


def add_prediction(project: LabelingProject, row_id: int, *regions: dict[str, Any]) -> Any:
    from tasks.models import Prediction

    return Prediction.objects.create(
        task=project.tasks[row_id], project=project.provisioned.project, result=list(regions), model_version="m"
    )


def test_skipping_the_only_annotation_clears_the_row_and_unskipping_brings_it_back(
    project: LabelingProject, source: Source
) -> None:
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    url = f"/api/annotations/{annotation_id}/"
    assert project.api.patch(url, {"was_cancelled": True}, format="json").status_code == 200
    project.deliver()
    assert state(source.row(1)) == EMPTY
    assert project.api.patch(url, {"was_cancelled": False}, format="json").status_code == 200
    project.deliver()
    assert state(source.row(1)) == ([region("cat")], 1, uid(annotation_id))


def test_a_skipped_task_is_cleared_even_where_deleting_is_off(project: LabelingProject, source: Source) -> None:
    PolarDBExportStorage.objects.update(can_delete_objects=False)
    project.submit(1, region("cat"))
    project.deliver()
    annotation = project.tasks[1].annotations.get()
    project.api.patch(f"/api/annotations/{annotation.pk}/", {"was_cancelled": True}, format="json")
    project.deliver()
    assert state(source.row(1)) == EMPTY


def test_a_skip_without_any_annotation_leaves_an_empty_row(project: LabelingProject, source: Source) -> None:
    project.submit(1, was_cancelled=True)
    project.deliver()
    assert state(source.row(1)) == EMPTY


def test_the_newest_of_several_annotators_wins_and_all_are_counted(project: LabelingProject, source: Source) -> None:
    first = project.submit(1, region("cat"))
    second = project.submit(1, region("dog"))
    project.submit(1, region("cat", x=3), was_cancelled=True)
    project.deliver()
    assert state(source.row(1)) == ([region("dog")], 2, uid(second))
    project.api.patch(f"/api/annotations/{first}/", {"result": [region("cat", x=77)]}, format="json")
    project.deliver()
    assert state(source.row(1)) == ([region("cat", x=77)], 2, uid(first))


def test_deleting_the_newest_brings_back_the_one_before(project: LabelingProject, source: Source) -> None:
    first = project.submit(1, region("cat"))
    second = project.submit(1, region("dog"))
    project.deliver()
    assert project.api.delete(f"/api/annotations/{second}/").status_code == 204
    project.deliver()
    assert state(source.row(1)) == ([region("cat")], 1, uid(first))


def test_deleting_by_hand_leaves_the_row_where_deleting_is_off(project: LabelingProject, source: Source) -> None:
    PolarDBExportStorage.objects.update(can_delete_objects=False)
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    before = source.row(1)
    project.api.delete(f"/api/annotations/{annotation_id}/")
    project.deliver()
    assert source.row(1) == before


def test_an_annotation_that_becomes_a_draft_leaves_its_row(project: LabelingProject, source: Source) -> None:
    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    assert project.api.post(f"/api/annotations/{annotation_id}/convert-to-draft", {}, format="json").status_code == 201
    project.deliver()
    assert state(source.row(1)) == EMPTY


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
    assert not PendingWriteback.objects.exists()


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


def test_propagated_annotations_reach_their_rows(project: LabelingProject, source: Source) -> None:
    annotation_id = project.submit(1, region("cat"))
    run_action(project, "propagate_annotations", 2, 3, source_annotation_id=annotation_id)
    project.deliver()
    assert [source.row(row_id)["annotation_data"] for row_id in (1, 2, 3)] == [[region("cat")]] * 3
    assert len({source.row(row_id)["annotation_uid"] for row_id in (1, 2, 3)}) == 3


def test_renamed_labels_reach_their_rows(project: LabelingProject, source: Source) -> None:
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


def annotate_all(project: LabelingProject) -> None:
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat"))
    project.deliver()


def delete_some_tasks(project: LabelingProject) -> None:
    run_action(project, "delete_tasks", 1, 2)


def delete_all_tasks(project: LabelingProject) -> None:
    run_action(project, "delete_tasks", 1, 2, 3)


def delete_one_task(project: LabelingProject) -> None:
    assert project.api.delete(f"/api/tasks/{project.tasks[1].pk}/").status_code == 204


def delete_tasks_of_project(project: LabelingProject) -> None:
    assert project.api.delete(f"/api/projects/{project.provisioned.project.pk}/tasks/").status_code == 204


def delete_project(project: LabelingProject) -> None:
    assert project.api.delete(f"/api/projects/{project.provisioned.project.pk}/").status_code == 204


def delete_import_storage(project: LabelingProject) -> None:
    pk = project.provisioned.import_storage.pk
    assert project.api.delete(f"/api/storages/polardb/{pk}").status_code == 204


def delete_export_storage(project: LabelingProject) -> None:
    pk = project.provisioned.export_storage.pk
    assert project.api.delete(f"/api/storages/export/polardb/{pk}").status_code == 204


def delete_organization(project: LabelingProject) -> None:
    from organizations.functions import destroy_organization

    destroy_organization(project.provisioned.project.organization)
    # Label Studio makes these again while it deletes, and leaves them behind.
    from jwt_auth.models import JWTSettings
    from session_policy.models import SessionTimeoutPolicy

    SessionTimeoutPolicy.objects.all().delete()
    JWTSettings.objects.all().delete()


@pytest.mark.parametrize(
    "delete",
    [
        delete_some_tasks,
        delete_all_tasks,
        delete_one_task,
        delete_tasks_of_project,
        delete_project,
        delete_import_storage,
        delete_export_storage,
        delete_organization,
    ],
    ids=lambda delete: delete.__name__,
)
@pytest.mark.parametrize("pending", [False, True], ids=["delivered", "pending"])
def test_deleting_what_holds_the_annotations_never_touches_a_row(
    project: LabelingProject, source: Source, delete: Callable[..., Any], pending: bool
) -> None:
    annotate_all(project)
    before = [source.row(row_id) for row_id in (1, 2, 3)]
    if pending:
        # Marks that are on their way when the tasks go.
        from polardb_bridge.webhooks import outbox

        outbox.mark((project.export_storage.pk, task.pk) for task in project.tasks.values())
    delete(project)
    project.deliver()
    assert [source.row(row_id) for row_id in (1, 2, 3)] == before
    assert not PendingWriteback.objects.exists()


def test_a_change_counts_while_label_studio_has_all_signals_off(project: LabelingProject, source: Source) -> None:
    """As in another thread while a project is deleted (core/utils/common.py)."""
    from core.utils.common import temporary_disconnect_all_signals
    from tasks.models import Annotation

    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    with temporary_disconnect_all_signals():
        annotation = Annotation.objects.get(pk=annotation_id)
        annotation.result = [region("dog")]
        annotation.save()
        project.submit(2, region("cat"))
    project.deliver()
    assert source.row(1)["annotation_data"] == [region("dog")]
    assert source.row(2)["annotation_data"] == [region("cat")]


def test_a_change_that_is_rolled_back_leaves_no_mark(project: LabelingProject) -> None:
    from django.db import transaction
    from tasks.models import Annotation

    with transaction.atomic():
        Annotation.objects.create(task=project.tasks[1], project=project.provisioned.project, result=[region()])
        assert PendingWriteback.objects.count() == 1
        transaction.set_rollback(True)
    assert not PendingWriteback.objects.exists()


def test_what_rows_do_not_show_leaves_no_mark(project: LabelingProject) -> None:
    from tasks.models import Annotation

    project.submit(1, region("cat"))
    project.deliver()
    Annotation.objects.update(ground_truth=True)
    assert not PendingWriteback.objects.exists()


def test_an_annotation_that_moves_changes_both_rows(project: LabelingProject, source: Source) -> None:
    from tasks.models import Annotation

    annotation_id = project.submit(1, region("cat"))
    project.deliver()
    annotation = Annotation.objects.get(pk=annotation_id)
    annotation.task = project.tasks[2]
    annotation.save()
    project.deliver()
    assert state(source.row(1)) == EMPTY
    assert source.row(2)["annotation_data"] == [region("cat")]
    Annotation.objects.filter(pk=annotation_id).update(task=project.tasks[3])
    project.deliver()
    assert state(source.row(2)) == EMPTY
    assert source.row(3)["annotation_data"] == [region("cat")]
