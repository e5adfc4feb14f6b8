"""The ways in which rows and files become tasks: ours, Label Studio's own, and the bound."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.tables import CHANGED

# Tasks in one request of Label Studio's JSON import: some 30 MB.
TASKS_A_REQUEST = 250


def bound(storage: Any, delivery: str) -> None:
    """Stream rows and create tasks and links in bulk: nothing is decoded, checked, counted or told to anybody."""
    from django.db import transaction
    from tasks.models import Task

    from polardb_bridge.storage.models import PolarDBImportStorageLink
    from polardb_bridge.table.connection import connect
    from polardb_bridge.table.row_keys import KeyRange, read_key_page
    from polardb_bridge.table.rows import read_rows

    size = 1000 if delivery == "link" else 60
    with connect(storage.connection_parameters()) as connection:
        within = KeyRange()
        while keys := read_key_page(connection, storage.source_table, within):
            within = KeyRange(after=keys[-1].id)
            if delivery == "link":
                rows: Iterator[tuple[int, str]] = ((key.id, f"/data/polardb/?d=1/{key.id}/1.jpg") for key in keys)
            else:
                found = read_rows(connection, storage.source_table, [key.id for key in keys])
                rows = ((row.key.id, f"data:image/jpeg;base64,{row.base64_data}") for row in found)  # type: ignore[str-bytes-safe]
            while batch := list(itertools.islice(rows, size)):
                with transaction.atomic():
                    tasks = Task.objects.bulk_create(
                        Task(data={"image": image, "id": row_id}, project=storage.project) for row_id, image in batch
                    )
                    PolarDBImportStorageLink.objects.bulk_create(
                        PolarDBImportStorageLink(storage=storage, task_id=task.pk, key=str(row_id), row_id=row_id)
                        for task, (row_id, _) in zip(tasks, batch, strict=True)
                    )


def our_sync(storage: Any) -> None:
    from polardb_bridge.storage.sync.run import run_sync

    run_sync(storage)


def follow_changes(storage: Any) -> None:
    """Sync after `tables.change_and_delete`, and fail where the sync did not find all that it did."""
    from polardb_bridge.storage.sync.run import run_sync

    report = run_sync(storage)
    if (report.updated, report.removed) != (CHANGED, CHANGED):
        raise RuntimeError(f"the changes were not found: {report}")


def new_project(user: Any, title: str) -> Any:
    from projects.models import Project

    config = '<View><Image name="image" value="$image"/></View>'
    organization = user.active_organization
    return Project.objects.create(title=title, created_by=user, organization=organization, label_config=config)


def write_files(folder: Path, files: int, image: bytes) -> None:
    for number in range(files):
        (folder / f"photo-{number}.jpg").write_bytes(image)


def local_files(project: Any, files: int, folder: Path) -> None:
    """Label Studio's "Local files" storage."""
    from io_storages.localfiles.models import LocalFilesImportStorage

    storage = LocalFilesImportStorage.objects.create(
        project=project, path=str(folder), regex_filter=r".*\.jpg", use_blob_urls=True
    )
    storage.sync()
    storage.refresh_from_db()
    if storage.last_sync_count != files:
        raise RuntimeError(f"Label Studio's storage made {storage.last_sync_count} tasks: {storage.traceback}")


def json_import(project: Any, user: Any, tasks: int, image: bytes) -> None:
    """Label Studio's import of JSON, of tasks that hold their images as data URIs."""
    from rest_framework.test import APIClient

    client = APIClient()
    client.force_authenticate(user)
    uri = f"data:image/jpeg;base64,{base64.b64encode(image).decode()}"
    for start in range(0, tasks, TASKS_A_REQUEST):
        some = [{"data": {"image": uri, "id": number}} for number in range(start, min(start + TASKS_A_REQUEST, tasks))]
        answer = client.post(f"/api/projects/{project.pk}/import", json.dumps(some), content_type="application/json")
        if answer.status_code != 201 or answer.json()["task_count"] != len(some):
            raise RuntimeError(f"Label Studio did not import the tasks: {answer.content[:500]!r}")
