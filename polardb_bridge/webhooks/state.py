"""What a task's row has to hold, computed from Label Studio's database as it is now."""

from __future__ import annotations

from collections.abc import Sequence

from tasks.models import Annotation

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.table.results import RowResult


def current_results(storage: PolarDBExportStorage, task_ids: Sequence[int]) -> dict[int, RowResult]:
    """By task id, what the rows of these tasks have to hold.

    Left out are tasks that did not come from the storage's table, and tasks whose annotations were all deleted
    where the storage may not clear results (`can_delete_objects`).
    """
    rows = _row_ids(storage, task_ids)
    submitted: dict[int, list[Annotation]] = {task_id: [] for task_id in rows}
    has_skipped: set[int] = set()
    annotations = Annotation.objects.filter(task_id__in=list(rows)).order_by("updated_at", "pk")
    for annotation in annotations.only("pk", "task_id", "was_cancelled"):
        if annotation.was_cancelled:
            has_skipped.add(annotation.task_id)
        else:
            submitted[annotation.task_id].append(annotation)
    # Only the newest of each task is read as a whole: results can be large.
    newest = Annotation.objects.in_bulk([found[-1].pk for found in submitted.values() if found])
    results = {}
    for task_id, row_id in rows.items():
        found = submitted[task_id]
        annotation = newest.get(found[-1].pk) if found else None
        if annotation is not None:
            results[task_id] = _result(row_id, annotation, len(found))
        elif not found and (storage.can_delete_objects or task_id in has_skipped):
            results[task_id] = RowResult(row_id, data=None, count=0, uid=None, created_at=None, updated_at=None)
    return results


def _result(row_id: int, annotation: Annotation, count: int) -> RowResult:
    return RowResult(
        row_id,
        data=annotation.result or [],
        count=count,
        uid=str(annotation.unique_id) if annotation.unique_id else None,
        created_at=annotation.created_at,
        updated_at=annotation.updated_at,
    )


def _row_ids(storage: PolarDBExportStorage, task_ids: Sequence[int]) -> dict[int, int]:
    links = PolarDBImportStorageLink.objects.filter(task_id__in=task_ids, storage__project=storage.project_id)
    targets: dict[int, bool] = {}
    row_ids = {}
    for link in links.select_related("storage"):
        if link.storage_id not in targets:
            targets[link.storage_id] = is_target(storage, link.storage)
        if targets[link.storage_id] and link.row_id is not None:
            row_ids[link.task_id] = link.row_id
    return row_ids


def is_target(storage: PolarDBExportStorage, source: PolarDBImportStorage) -> bool:
    """Whether rows that came through `source` get their results through `storage`.

    Database and table decide: people read through one endpoint (a read-only node) and write through another. Only
    where the project has a target on the very host and port of the source do the others not count.
    """
    if not _same_table(storage, source):
        return False
    if _same_server(storage, source):
        return True
    rivals = PolarDBExportStorage.objects.filter(project=source.project_id).exclude(pk=storage.pk)
    return not any(_same_table(rival, source) and _same_server(rival, source) for rival in rivals)


def _same_table(storage: PolarDBExportStorage, source: PolarDBImportStorage) -> bool:
    return (storage.database, storage.table) == (source.database, source.table)


def _same_server(storage: PolarDBExportStorage, source: PolarDBImportStorage) -> bool:
    return (storage.host.lower(), storage.port) == (source.host.lower(), source.port)
