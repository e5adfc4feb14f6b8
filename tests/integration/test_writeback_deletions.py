"""Whatever is deleted with its annotations: no row is touched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from polardb_bridge.storage.writeback_status import writeback_statuses
from polardb_bridge.webhooks import outbox
from support.labeling import LabelingProject
from support.source_data import Source, region
from support.writeback import dirty_tasks, fold, run_action


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
    from tasks.models import Task

    annotate_all(project)
    before = [source.row(row_id) for row_id in (1, 2, 3)]
    if pending:
        # On its way when the tasks go, folded and not.
        pairs = [(project.export_storage.pk, task.pk) for task in project.tasks.values()]
        outbox.mark(pairs)
        fold(project.export_storage)
        outbox.mark(pairs[1:])
    delete(project)
    left = Task.objects.filter(pk__in=[task.pk for task in project.tasks.values()]).count()
    waiting = sum(found.pending + found.parked for found in writeback_statuses())
    assert waiting <= (left if pending else 0), "nobody waits for what is gone"
    project.deliver()
    outbox.drop_gone()
    assert [source.row(row_id) for row_id in (1, 2, 3)] == before
    assert not dirty_tasks()
