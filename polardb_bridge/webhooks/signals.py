"""Annotation events to dirty marks.

Why nothing falls between the event and its mark:

- A save outside a transaction (Label Studio's views) is marked twice: before, with a wait, and after. A process
  killed in between leaves the first mark, which is delivered when its wait is over.
- In a transaction, the mark is part of it.
- Deletions run in a transaction always (Django's collector), and are marked before they happen.
- Label Studio's paths that send no signal at all are found by comparing rows and tasks, not here.
"""

from __future__ import annotations

from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.signals import post_save, pre_delete, pre_save
from tasks.models import Annotation, post_bulk_create

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.storage.signals import export_sync_requested
from polardb_bridge.webhooks import drain, outbox


def connect() -> None:
    """Listen; called once when the app is ready."""
    pre_save.connect(before_save, sender=Annotation, dispatch_uid="polardb_before_save")
    post_save.connect(after_save, sender=Annotation, dispatch_uid="polardb_after_save")
    pre_delete.connect(before_delete, sender=Annotation, dispatch_uid="polardb_before_delete")
    post_bulk_create.connect(after_bulk_create, sender=Annotation, dispatch_uid="polardb_after_bulk_create")
    export_sync_requested.connect(rewrite_all, dispatch_uid="polardb_rewrite_all")


def before_save(sender: Any, instance: Annotation, **kwargs: Any) -> None:
    if not connection.in_atomic_block:
        outbox.mark_dirty(instance.task.project_id, [instance.task_id], wait=outbox.SAVE_GRACE)


def after_save(sender: Any, instance: Annotation, **kwargs: Any) -> None:
    _mark_and_deliver(instance.task.project_id, [instance.task_id])


def before_delete(sender: Any, instance: Annotation, origin: Any = None, **kwargs: Any) -> None:
    if _deleted_by_hand(origin):
        _mark_and_deliver(instance.task.project_id, [instance.task_id])


def after_bulk_create(sender: Any, objs: list[Annotation], **kwargs: Any) -> None:
    tasks_of_project: dict[int, list[int]] = {}
    for annotation in objs:
        tasks_of_project.setdefault(annotation.task.project_id, []).append(annotation.task_id)
    for project_id, task_ids in tasks_of_project.items():
        _mark_and_deliver(project_id, sorted(set(task_ids)))


def rewrite_all(sender: Any, storage: PolarDBExportStorage, **kwargs: Any) -> None:
    annotated = Annotation.objects.filter(task__project=storage.project_id).values_list("task_id", flat=True)
    if outbox.mark_storage_dirty(storage, annotated.distinct().order_by("task_id")):
        transaction.on_commit(drain.wake)


def _mark_and_deliver(project_id: int, task_ids: list[int]) -> None:
    if outbox.mark_dirty(project_id, task_ids):
        transaction.on_commit(drain.wake)


def _deleted_by_hand(origin: Any) -> bool:
    """Whether the annotation itself is deleted, not the task, project or organization that it belongs to."""
    return isinstance(origin, Annotation) or (isinstance(origin, QuerySet) and origin.model is Annotation)
