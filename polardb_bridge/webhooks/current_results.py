"""What a task's row has to hold, computed from Label Studio's database as it is now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Length
from tasks.models import Annotation

from polardb_bridge.storage.keyed import key_from
from polardb_bridge.storage.matching import sources_of
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.table.keys import Key
from polardb_bridge.table.results import RowResult
from polardb_bridge.webhooks import sequence

# Results are read in groups of about this size as JSON; parsed, they take about ten times as much.
GROUP_BYTES = 8 * 1024 * 1024


def current_results(storage: PolarDBExportStorage, task_ids: Sequence[int]) -> Iterator[dict[int, RowResult]]:
    """By task id, what the rows of these tasks have to hold, in groups that fit into memory.

    Left out are tasks that did not come from the storage's table, and tasks whose annotations were all deleted
    if the storage may not clear results (`can_delete_objects`).
    """
    submitted: dict[int, list[int]] = {}
    has_skipped: set[int] = set()
    annotations = Annotation.objects.filter(task_id__in=task_ids).order_by("updated_at", "pk")
    found = list(annotations.values_list("pk", "task_id", "was_cancelled"))
    numbers = sequence.numbers_of(task_ids)
    # The newest last: those without a number are older than all others, and among themselves their times decide.
    for annotation_id, task_id, skipped in sorted(found, key=lambda annotation: numbers.get(annotation[0], 0)):
        if skipped:
            has_skipped.add(task_id)
        else:
            submitted.setdefault(task_id, []).append(annotation_id)
    # Read after the annotations: they go together with their task's link, in one transaction. A task that still has
    # its link, but had no annotation, lost them by hand; a task that is deleted meanwhile does not clear its row.
    rows = _rows(storage, task_ids)
    cleared = {
        task_id: RowResult(rows[task_id].row_id, None, 0, None, None, None, rows[task_id].version)
        for task_id in rows
        if task_id not in submitted and (storage.can_delete_objects or task_id in has_skipped)
    }
    if cleared:
        yield cleared
    newest = {ids[-1]: task_id for task_id, ids in submitted.items() if task_id in rows}
    for group in in_groups(sizes(pk__in=list(newest)).values_list("pk", "size")):
        contents = Annotation.objects.filter(pk__in=group).values_list(
            "pk", "task_id", "result", "unique_id", "created_at", "updated_at"
        )
        # One that has been deleted or moved by now has left a new mark.
        yield {
            task_id: RowResult(
                rows[task_id].row_id,
                data=result or [],
                count=len(submitted[task_id]),
                uid=str(unique_id) if unique_id else None,
                created_at=created_at,
                updated_at=updated_at,
                version=rows[task_id].version,
            )
            for annotation_id, task_id, result, unique_id, created_at, updated_at in contents
            if task_id == newest[annotation_id]
        }


def sizes(**chosen: Any) -> QuerySet[Annotation]:
    """Annotations with the `size` of their result, as JSON."""
    found: QuerySet[Annotation] = Annotation.objects.filter(**chosen).annotate(size=Length(Cast("result", TextField())))
    return found.order_by("pk")


def in_groups(found: Iterable[tuple[int, int | None]]) -> Iterator[list[int]]:
    """Ids, of pairs with their sizes, in groups of GROUP_BYTES."""
    group: list[int] = []
    total = 0
    for each, size in found:
        if group and total + (size or 0) > GROUP_BYTES:
            yield group
            group, total = [], 0
        group.append(each)
        total += size or 0
    if group:
        yield group


class _Row(NamedTuple):
    """Which row a task came from, and the version of it that the task shows."""

    row_id: Key
    version: int


def _rows(storage: PolarDBExportStorage, task_ids: Sequence[int]) -> dict[int, _Row]:
    sources = [source.pk for source in sources_of(storage)]
    links = PolarDBImportStorageLink.objects.filter(task_id__in=task_ids, storage__in=sources)
    found = links.values_list("task_id", "version", "row_id", "key")
    return {task_id: _Row(key_from(row_id, key), version) for task_id, version, row_id, key in found}
