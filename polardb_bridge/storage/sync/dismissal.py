"""Rows whose tasks a person has deleted: syncs leave them alone, until somebody brings them back."""

from __future__ import annotations

from collections import defaultdict

from django.db.models import Count, QuerySet
from tasks.models import Task

from polardb_bridge.storage.keyed import KeyFields
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.models import DismissedRow

_BATCH_SIZE = 2000


def dismiss(tasks: QuerySet[Task]) -> None:
    """Remember the rows of tasks that a person is about to delete.

    Who deletes all tasks of a storage at once begins anew, and dismisses none. The last one of several that were
    deleted one by one is dismissed as the others were.
    """
    rows: dict[int, list[KeyFields]] = defaultdict(list)
    links = PolarDBImportStorageLink.objects.filter(task__in=tasks)
    for storage_id, row_id, key in links.values_list("storage", "row_id", "key"):
        rows[storage_id].append({"row_id": row_id, "key": key})
    storages = PolarDBImportStorage.objects.filter(pk__in=rows).annotate(count=Count("links"))
    before = set(DismissedRow.objects.filter(storage__in=rows).values_list("storage", flat=True).distinct())
    for storage_id, count in storages.values_list("pk", "count"):
        is_last_one = len(rows[storage_id]) == 1 and storage_id in before
        if count > len(rows[storage_id]) or is_last_one:
            DismissedRow.objects.bulk_create(
                (DismissedRow(storage_id=storage_id, **fields) for fields in rows[storage_id]),
                batch_size=_BATCH_SIZE,
                ignore_conflicts=True,
            )


def bring_back(storage: PolarDBImportStorage) -> int:
    """Have the next sync make tasks of all dismissed rows again; how many there were."""
    count: int = storage.dismissed_rows.all().delete()[0]
    return count
