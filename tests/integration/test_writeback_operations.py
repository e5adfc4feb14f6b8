"""The target's "Sync", health, and the thread of the serving process."""

from __future__ import annotations

import logging
import time
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from polardb_bridge import background
from polardb_bridge.webhooks import health, outbox, rewrite
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.models import WritebackMark, WritebackState
from support.labeling import LabelingProject
from support.source_data import Source, region
from support.writeback import fold


@pytest.fixture
def storage(project: LabelingProject) -> Any:
    return project.export_storage


def run_sync_button(project: LabelingProject, storage: Any) -> None:
    """The request only queues; then what the drain does with it."""
    answer = project.api.post(f"/api/storages/export/polardb/{storage.pk}/sync")
    assert answer.status_code == 200, answer.content
    assert answer.json()["status"] == "queued"
    assert rewrite.waiting() == [storage.pk]
    rewrite.run(storage.pk)
    storage.refresh_from_db()


def test_sync_writes_everything_again(project: LabelingProject, storage: Any, source: Source) -> None:
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat"))
    project.deliver()
    source.execute(f"UPDATE {source.table} SET annotation_data = NULL, annotation_count = 7")
    run_sync_button(project, storage)
    assert (storage.status, storage.last_sync_count, storage.traceback) == ("completed", 3, "")
    assert storage.meta["total_annotations"] == 3
    assert [source.row(row_id)["annotation_data"] for row_id in (1, 2, 3)] == [[region("cat")]] * 3
    assert rewrite.waiting() == []


def test_sync_with_a_row_gone_is_not_completed(project: LabelingProject, storage: Any, source: Source) -> None:
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat"))
    source.execute(f"DELETE FROM {source.table} WHERE id = 2")
    run_sync_button(project, storage)
    assert (storage.status, storage.last_sync_count) == ("completed_with_errors", 2)
    assert storage.meta["tasks_failed_validation"] == 1
    assert "no row 2" in storage.traceback


def test_sync_of_a_table_that_is_away_is_not_completed(project: LabelingProject, storage: Any, source: Source) -> None:
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat"))
    storage.sync()
    source.execute(f"RENAME TABLE {source.table} TO hidden")
    rewrite.run(storage.pk)
    storage.refresh_from_db()
    assert (storage.status, storage.last_sync_count) == ("failed", 0)
    assert storage.traceback.startswith("3 of 3 rows are not written yet")
    assert "The table does not exist" in storage.traceback
    source.execute(f"RENAME TABLE hidden TO {source.table}")
    assert deliver(storage).written == 3


def test_sync_pings_while_it_runs(
    project: LabelingProject, storage: Any, source: Source, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    settings.STORAGE_IN_PROGRESS_TIMER = 0
    monkeypatch.setattr("polardb_bridge.webhooks.delivery.BATCH_SIZE", 1)
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat"))
    seen: list[int] = []
    ping = type(storage).info_update_progress

    def watched_ping(self: Any, last_sync_count: int, **more: Any) -> None:
        seen.append(last_sync_count)
        ping(self, last_sync_count, **more)

    monkeypatch.setattr(type(storage), "info_update_progress", watched_ping)
    run_sync_button(project, storage)
    assert seen == [0, 1, 2, 3]


def test_a_second_sync_does_not_start_while_one_is_queued(project: LabelingProject, storage: Any) -> None:
    storage.sync()
    queued_at = storage.meta["time_queued"]
    storage.sync()
    assert storage.meta["time_queued"] == queued_at


def test_health_says_one_word_to_anybody(project: LabelingProject, client: Client) -> None:
    health.forget()
    answer = client.get("/polardb/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_health_costs_anybody_nothing_however_often_it_is_asked_for(
    project: LabelingProject, client: Client, django_assert_num_queries: Any
) -> None:
    client.get("/polardb/health")
    with django_assert_num_queries(0):
        assert client.get("/polardb/health").json() == {"status": "ok"}


def test_health_shows_administrators_every_storage(project: LabelingProject, storage: Any, source: Source) -> None:
    project.submit(1, region("cat"))
    project.submit(2, region("cat"))
    source.execute(f"DELETE FROM {source.table} WHERE id = 2")
    deliver(storage)
    project.submit(3, region("cat"))
    WritebackMark.objects.update(marked_at=timezone.now() - timedelta(seconds=100))
    answer = project.api.get("/polardb/health").json()
    assert answer["status"] == "degraded"
    [found] = answer["storages"]
    assert (found["storage_id"], found["pending"], found["failed"], found["healthy"]) == (storage.pk, 1, 1, False)
    assert 100 <= found["oldest_age_seconds"] < 160
    assert found["last_success_at"] is not None
    assert storage.password not in (None, *map(str, found.values())) or not storage.password


def test_health_of_a_table_that_cannot_be_written(project: LabelingProject, storage: Any, source: Source) -> None:
    project.submit(1, region("cat"))
    source.execute(f"RENAME TABLE {source.table} TO hidden")
    deliver(storage)
    [found] = project.api.get("/polardb/health").json()["storages"]
    assert (found["attempts"], found["needs_person"], found["pending"]) == (1, True, 1)
    assert "The table does not exist" in found["last_error"]
    assert found["retry_at"] is not None


def test_a_member_who_is_no_administrator_sees_no_storages(project: LabelingProject, client: Client) -> None:
    from users.models import User

    client.force_login(User.objects.create_user(email="annotator@example.com", password="correct-horse-9"))
    assert client.get("/polardb/health").json() == {"status": "ok"}


def test_a_delivery_logs_storage_task_row_and_attempt(
    project: LabelingProject, storage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    project.submit(2, region("cat"))
    with caplog.at_level(logging.INFO, logger="polardb_bridge"):
        deliver(storage)
    task = project.tasks[2].pk
    assert f"Write-back: storage {storage.pk}, task {task}, row 2, attempt 1: written" in caplog.text


def test_large_results_are_read_in_groups(
    project: LabelingProject, storage: Any, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polardb_bridge.webhooks.current_results.GROUP_BYTES", 100)
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat"))
    assert deliver(storage).written == 3
    assert [source.row(row_id)["annotation_data"] for row_id in (1, 2, 3)] == [[region("cat")]] * 3


def test_two_deliveries_never_get_the_same_mark(project: LabelingProject, storage: Any) -> None:
    for row_id in (1, 2, 3):
        project.submit(row_id, region("cat"))
    first, second = outbox.lease_due(storage, 2), outbox.lease_due(storage, 2)
    assert len(first.pending) == 2
    assert len(second.pending) == 1
    assert not set(first.task_ids) & set(second.task_ids)
    outbox.release(first)
    assert len(outbox.lease_due(storage, 5).pending) == 2


def test_marks_are_left_to_a_worker_for_a_moment_where_there_is_a_queue(
    project: LabelingProject, storage: Any, settings: Settings
) -> None:
    settings.REDIS_ENABLED = True
    outbox.mark([(storage.pk, project.tasks[1].pk)])
    for _ in ("as a mark", "folded"):
        assert not outbox.due_storages(workers_too=False).exists()
        assert outbox.due_storages(workers_too=True).exists()
        fold(storage)
    later = timezone.now() + outbox.WORKER_HEAD_START
    assert outbox.due_pending(workers_too=False, now=later).exists()


@pytest.mark.django_db(transaction=True)
def test_the_drain_delivers_what_others_marked(project: LabelingProject, source: Source) -> None:
    """Its own poll finds it: nobody wakes it."""
    project.submit(1, region("cat"))
    running = background.BackgroundThread()
    running.start()
    deadline = time.monotonic() + 10
    while source.row(1)["annotation_data"] is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert source.row(1)["annotation_data"] == [region("cat")]
    running.stop()
    assert WritebackState.objects.get().last_success_at is not None


@pytest.mark.django_db(transaction=True)
def test_a_drain_that_is_woken_all_the_time_still_looks_for_the_rest(project: LabelingProject, storage: Any) -> None:
    storage.sync()
    running = background.BackgroundThread()
    running.start()
    deadline = time.monotonic() + 10
    while storage.status != "completed" and time.monotonic() < deadline:
        running.wake()
        time.sleep(0.02)
        storage.refresh_from_db()
    running.stop()
    assert storage.status == "completed"
