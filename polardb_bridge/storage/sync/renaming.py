"""Moving the pictures of tasks to the field that the labeling interface shows, which people may change at any time."""

from __future__ import annotations

from django.db import transaction
from projects.models import ProjectSummary
from tasks.models import Task

from polardb_bridge.storage.image_field import image_field
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.lease import SyncLease

# Tasks can hold whole pictures.
_BATCH_SIZE = 20


def follow_interface(storage: PolarDBImportStorage, lease: SyncLease) -> None:
    """Have the storage's tasks hold their pictures under the name that the labeling interface shows now.

    Raises:
        ReconfigureError: it shows a field that the mapping does not give.
        BridgeError: the sync is no longer this process'.
    """
    before, now = storage.image_field, image_field(storage.project.label_config, storage.table_mapping)
    if before == now:
        return
    page = list(storage.links.order_by("pk").values_list("pk", "task_id")[:_BATCH_SIZE])
    while page:
        with transaction.atomic():
            lease.check()
            _rename([task_id for _, task_id in page], storage, before, now)
        page = list(storage.links.filter(pk__gt=page[-1][0]).order_by("pk").values_list("pk", "task_id")[:_BATCH_SIZE])
    storage.image_field = now
    storage.save(update_fields=["image_field"])


def _rename(task_ids: list[int], storage: PolarDBImportStorage, before: str, now: str) -> None:
    tasks = [task for task in Task.objects.select_for_update().filter(pk__in=task_ids) if before in task.data]
    for task in tasks:
        task.data = {now if key == before else key: value for key, value in task.data.items() if key != now}
    Task.objects.bulk_update(tasks, ["data"])
    summary = ProjectSummary.objects.select_for_update().get_or_create(project=storage.project)[0]
    counts = dict(summary.all_data_columns)
    counts[now] = counts.get(now, 0) + len(tasks)
    counts[before] = counts.get(before, 0) - len(tasks)
    if counts[before] <= 0:
        del counts[before]
        summary.common_data_columns = sorted(now if name == before else name for name in summary.common_data_columns)
    summary.all_data_columns = counts
    summary.save(update_fields=["all_data_columns", "common_data_columns"])
