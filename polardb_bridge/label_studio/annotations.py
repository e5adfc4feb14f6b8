"""Annotations that Label Studio changes or moves without saying so."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

# What of an annotation decides what its row, or its row of a result table, holds.
_WRITTEN_FIELDS = frozenset(
    {
        *("result", "was_cancelled", "task", "task_id", "unique_id", "created_at", "updated_at"),
        *("completed_by", "completed_by_id", "ground_truth", "lead_time"),
    }
)


def capture_bulk_changes(changed: Callable[..., None]) -> None:
    """Call `changed` with task ids, in the same transaction, whenever annotations are changed as a set.

    created: it gets the ids of those that are new, in their order.

    Label Studio changes annotations without a signal: the label bulk update (labels_manager/functions.py), "Remove
    Duplicated Tasks" (data_manager/actions/remove_duplicates.py, move_annotations), and creates them with one of its
    own only. All of them go through the queryset of the annotation manager. Django's collector, which deletes what
    belongs to a deleted task or project, does not.
    """
    from django.db import transaction
    from django.db.models import QuerySet
    from tasks.models import AnnotationQuerySet

    def task_ids(annotations: Any) -> set[int]:
        return set(annotations.order_by().values_list("task_id", flat=True).distinct())

    def update(self: Any, **values: Any) -> Any:
        if not _WRITTEN_FIELDS.intersection(values):
            return QuerySet.update(self, **values)
        with transaction.atomic(savepoint=False):
            tasks = task_ids(self)
            moved = list(self.values_list("pk", flat=True)) if {"task", "task_id"} & values.keys() else []
            updated = QuerySet.update(self, **values)
            changed(tasks | task_ids(self.model.objects.filter(pk__in=moved)))
        return updated

    def bulk_create(self: Any, objs: Iterable[Any], *args: Any, **kwargs: Any) -> list[Any]:
        with transaction.atomic(savepoint=False):
            created: list[Any] = QuerySet.bulk_create(self, objs, *args, **kwargs)
            changed({annotation.task_id for annotation in created}, created=[annotation.pk for annotation in created])
        return created

    def delete(self: Any) -> Any:
        with transaction.atomic(savepoint=False):
            tasks = task_ids(self)
            deleted = QuerySet.delete(self)
            changed(tasks)
        return deleted

    methods: tuple[Any, ...] = (update, bulk_create, delete)
    for method in methods:
        method.alters_data = True  # Django keeps templates from calling such methods
        setattr(AnnotationQuerySet, method.__name__, method)


def capture_removed_duplicates(move_links: Callable[[int, list[int]], None]) -> None:
    """Call `move_links` with the kept task and the others before "Remove Duplicated Tasks" deletes these.

    Label Studio copies the links of its own storage types to the task that it keeps (remove_duplicates.py,
    restore_storage_links_for_duplicated_tasks) and knows no others: the kept task would lose its row.
    """
    from data_manager.actions import remove_duplicates

    restore = remove_duplicates.restore_storage_links_for_duplicated_tasks

    def restore_all(duplicates: dict[str, list[dict[str, Any]]]) -> None:
        restore(duplicates)
        for group in duplicates.values():
            annotated = [task for task in group if task["total_annotations"] + task["cancelled_annotations"] > 0]
            kept = (annotated or group)[0]["id"]
            move_links(kept, [task["id"] for task in group if task["id"] != kept])

    remove_duplicates.restore_storage_links_for_duplicated_tasks = restore_all
