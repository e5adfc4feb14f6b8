"""Syncs that nobody waits for: asked for by a person or by the clock."""

from __future__ import annotations

import time
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from polardb_bridge import background
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync import jobs, lease
from polardb_bridge.storage.sync.models import SyncPart, SyncState
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import Provisioned
from support.source_data import Source


@pytest.fixture
def storage(provisioned: Provisioned, source: Source) -> PolarDBImportStorage:
    source.add_images(2)
    return provisioned.import_storage


def asked_ago(storage: Any, **ago: float) -> None:
    storage.refresh_from_db()
    storage.meta["time_queued"] = str(timezone.now() - timedelta(**ago))
    storage.save()


def test_a_sync_is_due_so_many_minutes_after_the_last_one(storage: PolarDBImportStorage) -> None:
    jobs.request_due()
    assert jobs.waiting() == [], "without a schedule, never"
    storage.sync_every = 5
    storage.save()
    jobs.request_due()
    assert jobs.waiting() == [storage.pk]
    jobs.run(storage.pk)
    storage.refresh_from_db()
    assert (storage.status, storage.last_sync_count) == ("completed", 2)
    asked_ago(storage, minutes=4)
    jobs.request_due()
    assert jobs.waiting() == []
    asked_ago(storage, minutes=6)
    jobs.request_due()
    assert jobs.waiting() == [storage.pk]


def test_a_sync_that_runs_is_not_asked_for_again(storage: PolarDBImportStorage) -> None:
    storage.sync_every = 1
    storage.save()
    storage.info_set_queued()
    assert lease.begin(storage)
    asked_ago(storage, minutes=9)
    assert not storage.is_due
    jobs.request(storage)
    assert jobs.waiting() == []


def test_only_one_process_begins_a_queued_sync(storage: PolarDBImportStorage) -> None:
    jobs.request(storage)
    other = type(storage).objects.get(pk=storage.pk)
    assert lease.begin(storage)
    assert not lease.begin(other)
    with pytest.raises(InvalidInputError, match="being synced now"):
        run_sync(other)


@pytest.fixture
def in_parts(storage: PolarDBImportStorage, source: Source, monkeypatch: pytest.MonkeyPatch) -> PolarDBImportStorage:
    """`storage` with 12 rows, and parts of two rows."""
    monkeypatch.setenv("POLARDB_SHARED_SYNC_ROWS", "8")
    source.add_images(10)
    storage.info_set_queued()
    return storage


def test_one_process_does_all_parts_where_nobody_helps(in_parts: PolarDBImportStorage) -> None:
    asked: list[int] = []
    jobs.run(in_parts.pk, ask_helpers=asked.append)
    in_parts.refresh_from_db()
    assert (in_parts.status, in_parts.last_sync_count) == ("completed", 12)
    assert asked == [6]
    assert not SyncPart.objects.exists()
    numbers = [link.task.inner_id for link in in_parts.links.order_by("row_id").select_related("task")]
    assert numbers == list(range(1, 13))
    in_parts.info_set_queued()
    jobs.run(in_parts.pk, ask_helpers=asked.append)
    assert asked == [6], "nothing is new: one process is enough"


def test_a_sync_that_was_taken_for_dead_leaves_the_other_alone(in_parts: PolarDBImportStorage) -> None:
    """Another has begun, and cut the table anew."""

    def begin_another(wanted: int) -> None:
        SyncPart.objects.all().delete()
        SyncPart.objects.create(storage=in_parts, done=True)
        SyncState.objects.update(lease=uuid.uuid4())

    jobs.run(in_parts.pk, ask_helpers=begin_another)
    in_parts.refresh_from_db()
    assert in_parts.status == in_parts.Status.IN_PROGRESS
    assert SyncPart.objects.count() == 1


def test_a_clock_that_was_set_back_holds_up_no_schedule(storage: PolarDBImportStorage) -> None:
    storage.sync_every = 5
    storage.save()
    run_sync(storage)
    asked_ago(storage, hours=-3)
    assert storage.is_due


def test_a_clock_that_is_set_back_in_mid_sync_stops_no_progress(storage: PolarDBImportStorage) -> None:
    storage.info_set_queued()
    lease.begin(storage)
    storage.meta["time_last_ping"] = str(timezone.now() + timedelta(hours=3))
    storage.info_update_progress(last_sync_count=7)
    storage.refresh_from_db()
    assert storage.last_sync_count == 7


def test_a_rewrite_counts_as_dead_after_its_clock_was_set_back(provisioned: Provisioned) -> None:
    storage = provisioned.export_storage
    storage.status = storage.Status.IN_PROGRESS
    storage.meta["time_last_ping"] = str(timezone.now())
    assert storage.is_syncing
    storage.meta["time_last_ping"] = str(timezone.now() + timedelta(hours=3))
    assert not storage.is_syncing


def test_a_command_does_the_sync_that_was_asked_for(storage: PolarDBImportStorage) -> None:
    jobs.request(storage)
    assert run_sync(storage).created == 2
    assert jobs.waiting() == []


def test_a_failed_sync_says_why_in_its_status(storage: PolarDBImportStorage, source: Source) -> None:
    jobs.request(storage)
    source.execute(f"RENAME TABLE {source.table} TO hidden")
    jobs.run(storage.pk)
    storage.refresh_from_db()
    assert storage.status == storage.Status.FAILED
    assert storage.traceback.startswith(f"There is no table '{source.table}'")


def test_a_page_does_not_take_a_sync_without_a_job_for_lost(
    storage: PolarDBImportStorage, api: Any, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Label Studio looks for its job where there is Redis; a command's sync has none."""
    monkeypatch.setattr("io_storages.base_models.redis_connected", lambda: True)
    storage.info_set_queued()
    lease.begin(storage)
    listed = api.get("/api/storages", {"project": storage.project_id}).json()
    assert [entry["status"] for entry in listed] == ["in_progress"]


@pytest.mark.parametrize(
    ("minutes", "status"), [(0, 200), (44640, 200), ("", 200), (-1, 400), (44641, 400), ("x", 400)]
)
def test_the_schedule_is_checked(api: Any, storage: PolarDBImportStorage, minutes: int | str, status: int) -> None:
    answer = api.patch(f"/api/storages/polardb/{storage.pk}", {"sync_every": minutes}, format="json")
    assert answer.status_code == status, answer.content
    if status == 400:
        assert list(answer.json()["validation_errors"]) == ["sync_every"]
    else:
        assert answer.json()["sync_every"] == (minutes or 0)


@pytest.mark.django_db(transaction=True)
def test_a_serving_process_keeps_the_schedule(storage: PolarDBImportStorage) -> None:
    storage.sync_every = 1
    storage.save()
    running = background.BackgroundThread()
    running.start()
    deadline = time.monotonic() + 20
    while PolarDBImportStorageLink.objects.count() < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    storage.refresh_from_db()
    while storage.is_syncing and time.monotonic() < deadline:
        time.sleep(0.05)
        storage.refresh_from_db()
    running.stop()
    assert (storage.status, storage.last_sync_count) == ("completed", 2)
