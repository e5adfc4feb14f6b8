"""Pictures and tasks that outlive their storage, and the place where Label Studio is served."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pytest_django import Settings

from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import LabelingProject
from support.source_data import TABLE, Source, base64_text, image_bytes, region

DELIVERIES = ["link", "data_uri"]


def tasks_of(project_id: int) -> list[Any]:
    from tasks.models import Task

    return list(Task.objects.filter(project=project_id).order_by("pk"))


def again(storage: PolarDBImportStorage, **changed: Any) -> PolarDBImportStorage:
    """A storage for the same table, typed anew."""
    fields = ("project", "title", "host", "port", "database", "user", "password", "table", "tls", "image_delivery")
    made: PolarDBImportStorage = PolarDBImportStorage.objects.create(
        **{**{name: getattr(storage, name) for name in fields}, **changed}
    )
    return made


@pytest.fixture(params=DELIVERIES)
def synced(request: pytest.FixtureRequest, project: LabelingProject) -> LabelingProject:
    storage = project.provisioned.import_storage
    if request.param == "link":
        for task in project.tasks.values():
            task.delete()
        storage.image_delivery, storage.delivery_in_use = "link", "link"
        storage.save()
        storage.dismissed_rows.all().delete()
        run_sync(storage)
        project.tasks = {task.data["id"]: task for task in tasks_of(storage.project_id)}
    return project


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_a_storage_that_is_added_again_takes_the_tasks_of_its_rows(
    synced: LabelingProject, source: Source, delivery: str
) -> None:
    storage = synced.provisioned.import_storage
    synced.submit(1, region("cat"))
    synced.deliver()
    assert synced.api.delete(f"/api/storages/polardb/{storage.pk}").status_code == 204
    synced.submit(2, region("dog"))  # nobody has its row now
    before = [task.pk for task in tasks_of(storage.project_id)]
    source.add_images(1)

    anew = again(storage, image_delivery=delivery)
    report = run_sync(anew)
    assert (report.created, report.existed) == (1, 3)
    tasks = tasks_of(storage.project_id)
    assert [task.pk for task in tasks][:3] == before
    assert [task.annotations.count() for task in tasks] == [1, 1, 0, 0]
    assert run_sync(anew).existed == 4
    synced.deliver()
    assert source.row(2)["annotation_data"] == [region("dog")]
    synced.submit(1, region("dog"))
    synced.deliver()
    assert source.row(1)["annotation_data"] == [region("dog")]
    for task in tasks:
        shown = synced.api.get(f"/api/tasks/{task.pk}/").json()["data"]["image"]
        assert shown.startswith("data:image/png") or synced.api.get(shown).status_code == 200


def test_a_copy_of_a_project_is_whole_without_the_first(synced: LabelingProject, source: Source, user: Any) -> None:
    from projects.models import Project

    storage = synced.provisioned.import_storage
    synced.submit(1, region("cat"))
    synced.deliver()
    first = storage.project
    export = synced.api.get(f"/api/projects/{first.pk}/export?exportType=JSON&download_all_tasks=true")
    exported = b"".join(export.streaming_content)
    copy = Project.objects.create(
        title="copy", label_config=first.label_config, organization=first.organization, created_by=user
    )
    answer = synced.api.post(f"/api/projects/{copy.pk}/import", json.loads(exported), format="json")
    assert answer.status_code == 201, answer.content
    pictures = [task.data["image"] for task in tasks_of(copy.pk)]
    assert synced.api.delete(f"/api/projects/{first.pk}/").status_code == 204

    anew = again(storage, project=copy)
    report = run_sync(anew)
    assert (report.created, report.existed) == (0, 3)
    assert len(tasks_of(copy.pk)) == 3
    assert [task.annotations.count() for task in sorted(tasks_of(copy.pk), key=lambda t: t.data["id"])] == [1, 0, 0]
    for old in pictures:  # also by the address that others have kept
        assert old.startswith("data:") or synced.api.get(old).status_code == 200


def test_tasks_of_other_pictures_are_left_alone(synced: LabelingProject, source: Source) -> None:
    from tasks.models import Task

    storage = synced.provisioned.import_storage
    kept = {"image": "https://example.com/a.png", "id": 2, "original_name": "photo-1.png"}
    other = {"image": "data:image/png;base64,AAAA", "id": 3, "original_name": "photo-2.png"}
    storage.delete()
    Task.objects.filter(project=storage.project_id).delete()
    for data in (kept, other):
        Task.objects.create(project=storage.project, data=data)
    assert run_sync(again(storage)).created == 3
    assert [task.data for task in tasks_of(storage.project_id)][:2] == [kept, other]


def test_a_table_of_the_same_name_on_another_server_takes_no_tasks(synced: LabelingProject, source: Source) -> None:
    """Its rows have the same ids, and are others; a table that has moved has rows of the same names."""
    from polardb_bridge.storage.sync.models import KnownTable

    storage = synced.provisioned.import_storage
    synced.submit(1, region("cat"))
    synced.submit(2, region("dog"))
    synced.deliver()
    before = {row_id: source.row(row_id)["annotation_data"] for row_id in (1, 2, 3)}
    synced.api.delete(f"/api/storages/polardb/{storage.pk}")
    KnownTable.objects.update(host="old.example.com")
    for row_id in (1, 3):
        source.execute(
            f"UPDATE {TABLE} SET base64_data = REVERSE(base64_data), original_name = 'other-{row_id}.png',"
            f" annotation_data = NULL, annotation_count = 0, annotation_uid = NULL WHERE id = {row_id}"
        )
    if synced.tasks[1].data["image"].startswith("data:"):
        source.execute(f"UPDATE {TABLE} SET base64_data = '{base64_text(image_bytes('GIF'))}' WHERE id IN (1, 3)")
    report = run_sync(again(storage))
    assert (report.created, report.existed) == (2, 1)
    synced.deliver()
    assert source.row(1)["annotation_data"] is None
    assert source.row(2)["annotation_data"] == before[2]


def test_a_row_with_a_result_gives_it_to_a_task_without(synced: LabelingProject, source: Source) -> None:
    storage = synced.provisioned.import_storage
    synced.api.delete(f"/api/storages/polardb/{storage.pk}")
    source.execute(
        f"UPDATE {TABLE} SET annotation_data = '{json.dumps([region('dog')])}', annotation_count = 1,"
        " updated_at = updated_at WHERE id = 3"
    )
    run_sync(again(storage))
    tasks = tasks_of(storage.project_id)
    assert len(tasks) == 3
    assert tasks[2].annotations.get().result == [region("dog")]
    assert tasks[2].is_labeled


@pytest.mark.parametrize("served_at", [None, "/labels", "/a/b/"])
@pytest.mark.parametrize("made_at", ["", "/labels", "/old"])
def test_pictures_are_shown_wherever_label_studio_has_moved_to(
    synced: LabelingProject, settings: Settings, served_at: str | None, made_at: str
) -> None:
    task = synced.tasks[1]
    if task.data["image"].startswith("data:"):
        return
    task.data["image"] = made_at + task.data["image"]
    task.save()
    assert synced.api.get(task.data["image"]).status_code == 200, "also as it was stored"
    settings.FORCE_SCRIPT_NAME = served_at
    prefix = (served_at or "").rstrip("/")
    for url in (f"/api/tasks/{task.pk}/", f"/api/tasks/?project={task.project_id}&fields=all"):
        answer = synced.api.get(url).json()
        [shown] = [found["data"]["image"] for found in answer.get("tasks", [answer]) if found["id"] == task.pk]
        assert shown.startswith(f"{prefix}/data/polardb/?d="), shown


def test_others_see_no_picture_by_the_address_of_a_storage_that_is_gone(
    synced: LabelingProject, source: Source
) -> None:
    from organizations.models import Organization
    from users.models import User

    from support.sessions import signed_in

    storage = synced.provisioned.import_storage
    url = f"/data/polardb/?d={storage.pk}/1/1.jpg"
    synced.api.delete(f"/api/storages/polardb/{storage.pk}")
    run_sync(again(storage))
    assert synced.api.get(url).status_code == 200
    stranger = User.objects.create_user(email="stranger@example.com", password="correct-horse-9")
    stranger.active_organization = Organization.create_organization(created_by=stranger, title="Others")
    stranger.save()
    assert signed_in(stranger.email, "correct-horse-9").get(url).status_code == 404
