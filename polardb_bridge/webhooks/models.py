"""The outbox: what still has to be written into which table, in Label Studio's own database."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils import timezone
from tasks.models import Task

from polardb_bridge.storage.models import PolarDBExportStorage


def _relation(to: type[models.Model], related_name: str) -> Any:
    """A foreign key that locks nothing: neither does a new record lock what it is about, nor a deletion the record.

    Records of what is gone are no error, and go by themselves (outbox.py, drop_gone).
    """
    return models.ForeignKey(
        to, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name=related_name
    )


class WritebackMark(models.Model):
    """A dirty mark: the row of `task` may differ from Label Studio.

    Whoever changes annotations only adds one, so that no transaction of a person can wait here, or be waited for. The
    next delivery folds all marks of a task into its PendingWriteback.
    """

    id = models.BigAutoField(primary_key=True)
    storage = _relation(PolarDBExportStorage, "writeback_marks")
    task = _relation(Task, "+")
    marked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["storage", "task"], name="polardb_marks")]

    def __str__(self) -> str:
        return f"change of task {self.task_id} for storage {self.storage_id}"


class PendingWriteback(models.Model):
    """What a delivery has to do: the row of `task` may differ from Label Studio. Only deliveries write it, and people.

    token changes whenever the task becomes dirty again, so that a delivery clears only the state it has written.
    lease and leased_until say which delivery works on it; a dead one's lease runs out.
    not_before: until then it is left to a worker, if there is a queue; then serving processes take it too.
    parked_reason says why a person must look at it; delivery leaves it alone until somebody asks for it again.
    """

    storage = _relation(PolarDBExportStorage, "pending_writebacks")
    task = _relation(Task, "+")
    token = models.UUIDField(default=uuid.uuid4)
    dirty_since = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    parked_reason = models.TextField(blank=True, default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["storage", "task"], name="polardb_one_mark_per_task")]
        indexes = [models.Index(fields=["storage", "not_before"], name="polardb_due_marks")]

    def __str__(self) -> str:
        return f"task {self.task_id} of storage {self.storage_id}"


class WritebackState(models.Model):
    """How delivery into one table goes.

    attempts: failed ones since the last success. retry_at: when to try again, None if nothing is wrong.
    needs_person: the error does not go away by itself; it is still tried again, seldom.
    reconciled_at: when rows and Label Studio were last compared, or a comparison began.
    """

    storage = models.OneToOneField(PolarDBExportStorage, on_delete=models.CASCADE, related_name="writeback_state")
    attempts = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)
    needs_person = models.BooleanField(default=False)
    last_error = models.TextField(blank=True, default="")
    last_success_at = models.DateTimeField(null=True)
    reconciled_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"write-back of storage {self.storage_id}"
