"""Inner ids: the numbers of tasks within their project."""

from __future__ import annotations

from django.db import transaction
from django.db.models import Max
from projects.models import Project
from tasks.models import Task

from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.models import SyncState


def next_number(project: Project) -> int:
    """The inner id after the last that is used or set aside; nobody else gets one before this transaction ends."""
    Project.objects.select_for_update().only("pk").get(pk=project.pk)
    used = Task.objects.filter(project=project).order_by("-inner_id").values_list("inner_id", flat=True).first()
    reserved = SyncState.objects.filter(storage__project=project).aggregate(last=Max("last_number"))["last"]
    return max(used or 0, reserved or 0) + 1


class Numbers:
    """Inner ids for one of several processes that create tasks of a project at once.

    They are set aside batch by batch: a process that dies takes a batch of them along, one that ends none.
    """

    def __init__(self, storage: PolarDBImportStorage) -> None:
        self._storage = storage
        self._free: list[int] = []

    def take(self, count: int) -> list[int]:
        """As many numbers, for this process alone. Not within a transaction: others wait for their project."""
        missing = count - len(self._free)
        if missing > 0:
            with transaction.atomic():
                first = next_number(self._storage.project)
                SyncState.objects.filter(storage=self._storage).update(last_number=first + missing - 1)
            self._free += range(first, first + missing)
        taken, self._free = self._free[:count], self._free[count:]
        return taken

    def give_back(self, numbers: list[int]) -> None:
        """For the next batch: no task has got them."""
        self._free = numbers + self._free
