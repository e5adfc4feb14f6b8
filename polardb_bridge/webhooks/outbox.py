"""Marking tasks as dirty, and claiming and clearing those marks."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from django.db import connection, models, transaction
from django.utils import timezone

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.webhooks.models import PendingWriteback

# Longer than any save takes; a mark made before its save is delivered after this only if the process died.
SAVE_GRACE = timedelta(seconds=30)
# Longer than any batch takes: connect, read and write timeouts of table/connection.py are shorter together.
CLAIM_LENGTH = timedelta(seconds=150)


@dataclass(frozen=True)
class Claim:
    """Marks of one storage that this delivery may work on until the claim runs out."""

    id: uuid.UUID
    marks: list[PendingWriteback]

    @property
    def task_ids(self) -> list[int]:
        return [mark.task_id for mark in self.marks]


def mark_dirty(project_id: int | None, task_ids: Iterable[int], *, wait: timedelta = timedelta()) -> bool:
    """Record that these tasks' rows may differ, for every export storage of the project.

    wait: not to be delivered before that.

    Returns:
        Whether there was anything to mark.
    """
    storage_ids = list(PolarDBExportStorage.objects.filter(project=project_id).values_list("pk", flat=True))
    if not storage_ids:
        return False
    return _mark(((storage_id, task_id) for task_id in task_ids for storage_id in storage_ids), wait)


def mark_storage_dirty(storage: PolarDBExportStorage, task_ids: Iterable[int]) -> bool:
    """Like `mark_dirty`, for one export storage."""
    return _mark(((storage.pk, task_id) for task_id in task_ids), timedelta())


def _mark(pairs: Iterable[tuple[int, int]], wait: timedelta) -> bool:
    due = timezone.now() + wait
    marks = [PendingWriteback(storage_id=storage, task_id=task, not_before=due) for storage, task in pairs]
    PendingWriteback.objects.bulk_create(
        marks,
        update_conflicts=True,
        unique_fields=["storage", "task"],
        # `dirty_since` stays: it tells how old the oldest unwritten change is.
        update_fields=["token", "not_before", "problem"],
        batch_size=500,
    )
    return bool(marks)


def due_marks(storage: PolarDBExportStorage) -> models.QuerySet[PendingWriteback]:
    """Marks that a delivery may take now.

    A time further ahead than any wait or claim lasts was written before the clock was set back: it counts as past.
    """
    now = timezone.now()
    unclaimed = (
        models.Q(claimed_until__isnull=True)
        | models.Q(claimed_until__lte=now)
        | models.Q(claimed_until__gt=now + CLAIM_LENGTH)
    )
    waited = models.Q(not_before__lte=now) | models.Q(not_before__gt=now + SAVE_GRACE)
    return PendingWriteback.objects.filter(unclaimed, waited, storage=storage, problem="")


def claim_due(storage: PolarDBExportStorage, limit: int) -> Claim:
    """Claim up to `limit` due marks, oldest first; no two deliveries get the same one."""
    claim = Claim(uuid.uuid4(), [])
    with transaction.atomic():
        due = due_marks(storage).order_by("dirty_since", "pk")
        if connection.features.has_select_for_update_skip_locked:
            due = due.select_for_update(skip_locked=True)
        # Elsewhere (SQLite) a transaction has the database to itself from its start.
        claim.marks.extend(due[:limit])
        PendingWriteback.objects.filter(pk__in=[mark.pk for mark in claim.marks]).update(
            claim=claim.id, claimed_until=timezone.now() + CLAIM_LENGTH
        )
    return claim


def clear(claim: Claim, problems: dict[int, str]) -> None:
    """Clear the claimed marks whose state has been written, and let go of the others.

    problems: by task id, why a mark stays until a person asks for it again.

    A mark that became dirty again meanwhile stays and is due. Where a claim ran out (this process was frozen), a
    newer delivery may have been overtaken by what this one wrote: the task is dirty again.
    """
    with transaction.atomic():
        ours = {
            mark.task_id: mark
            for mark in PendingWriteback.objects.select_for_update().filter(
                claim=claim.id, pk__in=[mark.pk for mark in claim.marks]
            )
        }
        written = [m for m in claim.marks if m.task_id in ours and ours[m.task_id].token == m.token]
        for mark in written:
            if mark.task_id in problems:
                PendingWriteback.objects.filter(pk=mark.pk).update(problem=problems[mark.task_id])
        PendingWriteback.objects.filter(pk__in=[m.pk for m in written if m.task_id not in problems]).delete()
        _release(claim)
        overtaken = [mark for mark in claim.marks if mark.task_id not in ours]
        if overtaken:
            from tasks.models import Task

            alive = Task.objects.filter(pk__in=[m.task_id for m in overtaken]).values_list("pk", flat=True)
            _mark(((overtaken[0].storage_id, task_id) for task_id in alive), timedelta())


def release(claim: Claim) -> None:
    """Let go of the claimed marks: nothing was written."""
    _release(claim)


def _release(claim: Claim) -> None:
    PendingWriteback.objects.filter(claim=claim.id).update(claim=None, claimed_until=None)


def retry_problems(storage: PolarDBExportStorage) -> int:
    """Make the marks that wait for a person due again; how many there were."""
    count: int = PendingWriteback.objects.filter(storage=storage).exclude(problem="").update(problem="")
    return count
