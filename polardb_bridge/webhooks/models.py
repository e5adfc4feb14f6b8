"""The outbox: what still has to be written into which table, in Label Studio's own database."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils import timezone
from tasks.models import Annotation, Task

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.table.keys import MAX_KEY_LENGTH


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
    lease: the WritebackLease of the delivery that works on it, if that one lives.
    not_before: until then it is left to a worker, if there is a queue; then serving processes take it too.
    parked_reason: why its row alone cannot be written; a person may have to look at it. locked_since: since when others
    hold the row. Of both: row_key, empty if it is not known, and attempts, how often that was found in a row; the next
    one is at retry_at.
    """

    storage = _relation(PolarDBExportStorage, "pending_writebacks")
    task = _relation(Task, "+")
    token = models.UUIDField(default=uuid.uuid4)
    dirty_since = models.DateTimeField(default=timezone.now)
    not_before = models.DateTimeField(default=timezone.now)
    lease = models.UUIDField(null=True)
    parked_reason = models.TextField(blank=True, default="")
    locked_since = models.DateTimeField(null=True)
    row_key = models.CharField(max_length=MAX_KEY_LENGTH, blank=True, default="")
    attempts = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["storage", "task"], name="polardb_one_mark_per_task")]
        indexes = [models.Index(fields=["storage", "not_before"], name="polardb_due_marks")]

    def __str__(self) -> str:
        return f"task {self.task_id} of storage {self.storage_id}"


class WritebackLease(models.Model):
    """One delivery that lives. It says so again and again until it ends; one that no longer does is dead."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"lease {self.id}"


class ServerState(models.Model):
    """A server of tables that lets nobody in now; there is none of a server that does.

    attempts: failed ones since it was last well, of all storages and processes together. retry_at: when the next one
    may be made, by whoever moves this time on first.
    """

    host = models.CharField(max_length=255)
    port = models.PositiveIntegerField()
    attempts = models.PositiveIntegerField(default=0)
    retry_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["host", "port"], name="polardb_one_state_per_server")]

    def __str__(self) -> str:
        return f"server {self.host}:{self.port}"


class AnnotationSequence(models.Model):
    """Label Studio got `annotation`, or a change of its result, as the id-th: what is newest, no clock decides.

    Added in the transaction of the annotation; deliveries remove what a later one replaces.
    """

    id = models.BigAutoField(primary_key=True)
    annotation = models.ForeignKey(Annotation, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")

    def __str__(self) -> str:
        return f"change {self.pk} of annotation {self.annotation_id}"


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


class WritebackDay(models.Model):
    """What was written into one table on one day (UTC): how many rows, and how long after their changes.

    total_s: of all rows together.
    """

    storage = _relation(PolarDBExportStorage, "writeback_days")
    day = models.DateField()
    written = models.PositiveBigIntegerField(default=0)
    total_s = models.FloatField(default=0.0)
    slowest_s = models.FloatField(default=0.0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["storage", "day"], name="polardb_one_count_per_day")]

    def __str__(self) -> str:
        return f"{self.written} rows of storage {self.storage_id} on {self.day}"
