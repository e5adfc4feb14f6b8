"""The target's "Sync": every result is written again, with progress and an end that tells the truth.

The request only sets the storage's status to queued; a worker or the background thread of a serving process does the
rest, from that status on. A process that dies in between leaves marks, which are delivered, and a status that Label
Studio turns into "failed" when no more progress comes (io_storages/base_models.py, health_check).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import models, transaction
from django.utils import timezone
from tasks.models import Annotation

from polardb_bridge.databases.interrupts import begin_afresh_after
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.writeback_status import Unwritten, problems, unwritten_of
from polardb_bridge.webhooks import outbox, queue
from polardb_bridge.webhooks.current_results import sources_of
from polardb_bridge.webhooks.delivery import deliver, retry_now

logger = logging.getLogger(__name__)

_MARKS_BATCH_SIZE = 2000
# A queued rewrite that a worker has not begun by then is begun by a serving process.
_WORKER_HEAD_START = timedelta(seconds=10)
# What others have leased or locked: how long to wait for the next row to be written before giving up on the rest.
_PATIENCE_TIMEOUT_S = 20.0
MAX_LISTED = 100


def request(storage: PolarDBExportStorage) -> None:
    """Queue a rewrite, unless one is under way."""
    with transaction.atomic():
        current = PolarDBExportStorage.objects.select_for_update().get(pk=storage.pk)
        if current.is_syncing:
            return
        current._update_queued_status()
        transaction.on_commit(lambda: _ask(current))
    storage.refresh_from_db()


def _ask(storage: PolarDBExportStorage) -> None:
    job_id = queue.ask_for_rewrite(storage.pk)
    if job_id:
        # Without its job's id, Label Studio takes a queued sync for a lost one (job_health_check).
        PolarDBExportStorage.objects.filter(pk=storage.pk).update(last_sync_job=job_id)


def waiting() -> list[int]:
    """Ids of the storages whose rewrite nobody has begun and no worker is about to."""
    queued = PolarDBExportStorage.objects.filter(status=PolarDBExportStorage.Status.QUEUED)
    latest = timezone.now() - _WORKER_HEAD_START
    return [
        storage_id
        for storage_id, job_id, meta in queued.values_list("pk", "last_sync_job", "meta")
        if not job_id or datetime.fromisoformat(meta["time_queued"]) <= latest
    ]


def run(storage_id: int) -> None:
    """Do the queued rewrite of this storage; nothing if another process has begun it."""
    storage = PolarDBExportStorage.objects.filter(pk=storage_id).first()
    if storage is None or not storage.begin_sync():
        return
    try:
        _Rewrite(storage).run()
    except BaseException as error:
        begin_afresh_after(error)
        storage.info_set_failed()
        raise


class _Rewrite:
    def __init__(self, storage: PolarDBExportStorage) -> None:
        self.storage = storage
        self.total = 0
        self.begun_at = timezone.now()

    def run(self) -> None:
        retry_now(self.storage)
        for task_ids in self._task_ids():
            self.total += outbox.mark((self.storage.pk, task_id) for task_id in task_ids)
            self._ping(0)
        logger.info("Sync of export storage %s: %s rows to write", self.storage.pk, self.total)
        marked_at = timezone.now()
        report = deliver(self.storage, on_batch=lambda report: self._ping(report.written))
        if not report.error:
            self._wait_for_others(marked_at)
        self._finish(self._left(marked_at), report.error)

    def _left(self, marked_at: datetime) -> Unwritten:
        """What of the storage is not written, but for changes that came after the rewrite began."""
        return unwritten_of(self.storage, changed_until=marked_at)

    def _task_ids(self) -> Iterator[list[int]]:
        """All tasks that have annotations, or whose rows hold a result of ours, in keyset pages."""
        links = PolarDBImportStorageLink.objects.filter(storage__in=sources_of(self.storage))
        annotated = models.Exists(Annotation.objects.filter(task=models.OuterRef("task")))
        tasks = links.filter(models.Q(annotated) | models.Q(has_result=True)).order_by("task_id")
        page = list(tasks.values_list("task_id", flat=True)[:_MARKS_BATCH_SIZE])
        while page:
            yield page
            page = list(tasks.filter(task_id__gt=page[-1]).values_list("task_id", flat=True)[:_MARKS_BATCH_SIZE])

    def _wait_for_others(self, marked_at: datetime) -> None:
        count = self._left(marked_at).pending
        patient_until = time.monotonic() + _PATIENCE_TIMEOUT_S
        while count and time.monotonic() < patient_until:
            self._ping(self.total - count)
            time.sleep(0.2)
            if deliver(self.storage).error:
                return
            now = self._left(marked_at).pending
            if now < count:
                patient_until = time.monotonic() + _PATIENCE_TIMEOUT_S
            count = now

    def _ping(self, written: int) -> None:
        self.storage.info_update_progress(last_sync_count=min(written, self.total), total_annotations=self.total)

    def _finish(self, left: Unwritten, error: str) -> None:
        reasons = problems(self.storage, MAX_LISTED)
        unsent = left.pending
        not_written = unsent + left.parked
        written = max(0, self.total - not_written)
        logger.info("Sync of export storage %s ended: %s written, %s not", self.storage.pk, written, not_written)
        if unsent:
            self.storage.status = self.storage.Status.FAILED
            self.storage.last_sync_count = written
            self.storage.meta |= {"time_failure": str(timezone.now()), "total_annotations": self.total}
            self.storage.traceback = (
                f"{unsent} of {self.total} rows are not written yet; they will follow by themselves. "
                f"{error or 'Another process is working on them.'}"
            )
            self.storage.save(update_fields=["status", "last_sync_count", "meta", "traceback"])
        elif not_written:
            hidden = not_written - len(reasons)
            self.storage.info_set_completed_with_errors(
                last_sync_count=written,
                validation_errors=[*reasons, *([f"… and {hidden} more rows"] if hidden else [])],
                total_annotations=self.total,
                tasks_failed_validation=not_written,
            )
        else:
            self.storage.traceback = ""
            self.storage.save(update_fields=["traceback"])
            self.storage.info_set_completed(last_sync_count=written, total_annotations=self.total)
