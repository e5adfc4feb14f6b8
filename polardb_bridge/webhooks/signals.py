"""What write-back does when storages or their links change. Changes of annotations are caught in `capture`."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models.signals import post_save

from polardb_bridge.choices import WritesTo
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.signals import annotations_read, export_sync_requested, tasks_adopted
from polardb_bridge.webhooks import capture, rewrite, wakeup
from polardb_bridge.webhooks.delivery import retry_now


def connect_signals() -> None:
    """Listen; called once when the app is ready."""
    post_save.connect(storage_saved, sender=PolarDBExportStorage, dispatch_uid="polardb_storage_saved")
    tasks_adopted.connect(adopted, dispatch_uid="polardb_tasks_adopted")
    annotations_read.connect(read_from_rows, dispatch_uid="polardb_annotations_read")
    export_sync_requested.connect(sync_requested, dispatch_uid="polardb_sync_requested")


def storage_saved(
    sender: Any, instance: PolarDBExportStorage, created: bool, update_fields: Any = None, **kwargs: Any
) -> None:
    """A person has changed the address or the password: do not wait for the next attempt."""
    if not created and not update_fields:
        retry_now(instance)
        transaction.on_commit(wakeup.wake, robust=True)


def adopted(sender: Any, task_ids: list[int], **kwargs: Any) -> None:
    """What was submitted while no storage had these tasks is to be in their rows."""
    with transaction.atomic():
        capture.tasks_changed(task_ids)


def read_from_rows(sender: Any, storage: PolarDBImportStorage, task_ids: list[int], **kwargs: Any) -> None:
    """What rows hold already, result tables lack."""
    targets = PolarDBExportStorage.objects.filter(project=storage.project_id, writes_to=WritesTo.RESULT_TABLE)
    capture.mark([(target, task) for target in targets.values_list("pk", flat=True) for task in task_ids])


def sync_requested(sender: Any, storage: PolarDBExportStorage, **kwargs: Any) -> None:
    rewrite.request(storage)


def move_links(kept: int, others: list[int]) -> None:
    """Give the task that stays the link to its row, before its duplicates go with theirs."""
    with transaction.atomic():
        if not PolarDBImportStorageLink.objects.filter(task=kept).exists():
            link = PolarDBImportStorageLink.objects.filter(task__in=others).order_by("pk").first()
            if link is not None:
                PolarDBImportStorageLink.objects.filter(pk=link.pk).update(task=kept)
        capture.tasks_changed([kept])
