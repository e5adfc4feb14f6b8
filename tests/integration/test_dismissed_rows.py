"""Tasks that people delete stay deleted."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.storage.sync.plan import plan_sync
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table import row_keys
from support.labeling import LabelingProject
from support.source_data import TABLE, Source
from support.writeback import run_action


def rows_of(project: LabelingProject) -> list[int]:
    from tasks.models import Task

    found = Task.objects.filter(project=project.provisioned.project)
    return sorted(found.values_list("data__id", flat=True))


def delete_in_data_manager(project: LabelingProject) -> None:
    run_action(project, "delete_tasks", 2)


def delete_by_api(project: LabelingProject) -> None:
    assert project.api.delete(f"/api/tasks/{project.tasks[2].pk}/").status_code == 204


@pytest.mark.parametrize("delete", [delete_in_data_manager, delete_by_api])
def test_a_task_deleted_by_hand_comes_back_when_it_is_asked_for(project: LabelingProject, delete: Any) -> None:
    storage = project.provisioned.import_storage
    delete(project)
    assert plan_sync(storage).created == 0
    for _ in range(2):
        assert run_sync(storage).created == 0
    assert rows_of(project) == [1, 3]
    assert project.api.get(f"/api/storages/polardb/{storage.pk}").json()["dismissed"] == 1

    answer = project.api.post(f"/api/storages/polardb/{storage.pk}/bring-back")
    assert answer.status_code == 200, answer.content
    assert answer.json()["dismissed"] == 0
    run_sync(storage, force=True)
    assert rows_of(project) == [1, 2, 3]


def delete_all_in_data_manager(project: LabelingProject) -> None:
    run_action(project, "delete_tasks", 1, 2, 3)


def delete_all_in_danger_zone(project: LabelingProject) -> None:
    assert project.api.delete(f"/api/projects/{project.provisioned.project.pk}/tasks/").status_code == 204


@pytest.mark.parametrize("delete", [delete_all_in_data_manager, delete_all_in_danger_zone])
def test_who_deletes_all_tasks_begins_anew(project: LabelingProject, delete: Any) -> None:
    delete(project)
    assert rows_of(project) == []
    assert run_sync(project.provisioned.import_storage).created == 3


@pytest.mark.parametrize("last", [1, 2, 3])
def test_who_deletes_one_by_one_dismisses_the_last_one_too(project: LabelingProject, last: int) -> None:
    storage = project.provisioned.import_storage
    for row_id in [row_id for row_id in (1, 2, 3) if row_id != last] + [last]:
        assert project.api.delete(f"/api/tasks/{project.tasks[row_id].pk}/").status_code == 204
    assert run_sync(storage).created == 0
    assert storage.dismissed_rows.count() == 3
    project.api.post(f"/api/storages/polardb/{storage.pk}/bring-back")
    run_sync(storage, force=True)
    assert rows_of(project) == [1, 2, 3]


def test_a_task_deleted_while_a_sync_runs_does_not_come_back_with_it(
    project: LabelingProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = project.provisioned.import_storage
    monkeypatch.setattr(row_keys, "KEYS_BATCH_SIZE", 1)
    synced: list[int] = []

    def delete_the_next(*_: Any) -> None:
        if not synced:
            synced.append(project.api.delete(f"/api/tasks/{project.tasks[3].pk}/").status_code)

    run_sync(storage, on_progress=delete_the_next)
    assert synced == [204]
    assert rows_of(project) == [1, 2]
    assert run_sync(storage).created == 0


def test_who_dismissed_some_and_deletes_the_rest_gets_the_rest_back(project: LabelingProject) -> None:
    run_action(project, "delete_tasks", 3)
    run_action(project, "delete_tasks", 1, 2)
    assert run_sync(project.provisioned.import_storage).created == 2
    assert rows_of(project) == [1, 2]


def test_tasks_of_deleted_rows_are_not_dismissed(project: LabelingProject, source: Source) -> None:
    storage = project.provisioned.import_storage
    source.execute(f"DELETE FROM {TABLE} WHERE id = 2")
    assert run_sync(storage).removed == 1
    assert not storage.dismissed_rows.exists()
