"""Syncs whose process was killed: another goes on with them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync import jobs, lease
from polardb_bridge.storage.sync.doubt import Doubt
from polardb_bridge.storage.sync.follow import Follower
from polardb_bridge.storage.sync.lease import SyncLease
from polardb_bridge.storage.sync.models import SyncPart, SyncState
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.storage.sync.task_writer import Writer
from polardb_bridge.storage.sync.watch import Watch
from support.labeling import Provisioned
from support.source_data import Source


@pytest.fixture
def storage(provisioned: Provisioned, source: Source) -> PolarDBImportStorage:
    source.add_images(2)
    return provisioned.import_storage


def die(storage: PolarDBImportStorage, **state: Any) -> None:
    """As if the process of the storage's sync had been killed a while ago."""
    SyncState.objects.filter(storage=storage).update(beat_at=timezone.now() - timedelta(minutes=1), **state)


@pytest.fixture
def killed(storage: PolarDBImportStorage, source: Source) -> PolarDBImportStorage:
    """`storage`, whose sync was killed when one of its three rows was a task, and one was refreshed."""
    run_sync(storage)
    source.add_images(1)
    source.execute(f"UPDATE {source.table} SET updated_at = updated_at + INTERVAL 1 MINUTE WHERE id = 1")
    storage.info_set_queued()
    mine = lease.begin(storage)
    assert mine
    source_of_rows = storage.connection_parameters()
    doubt = Doubt.begin(storage, source_of_rows)
    writer = Writer(storage, mine)
    Follower(source_of_rows, storage.source_table, writer, doubt, SyncReport(), lambda: None).follow()
    source.add_images(2)
    die(storage)
    return storage


def test_another_process_goes_on_and_the_counts_are_those_of_both(killed: PolarDBImportStorage) -> None:
    assert not killed.is_syncing
    jobs.resume(killed.pk)
    killed.refresh_from_db()
    assert (killed.status, killed.last_sync_count) == ("completed", 3)
    assert (killed.meta["tasks_existed"], killed.meta["tasks_updated"]) == (1, 1)
    assert not lease.dead().exists()
    numbers = killed.links.order_by("row_id").values_list("task__inner_id", flat=True)
    assert list(numbers) == [1, 2, 3, 4, 5]


def test_only_one_process_goes_on(killed: PolarDBImportStorage) -> None:
    assert lease.take_over(killed)
    assert killed.is_syncing
    assert lease.take_over(type(killed).objects.get(pk=killed.pk)) is None


def test_a_process_that_was_taken_for_dead_writes_nothing_more(killed: PolarDBImportStorage) -> None:
    old = SyncLease(killed.pk, token=SyncState.objects.get().lease)
    assert lease.take_over(killed)
    with pytest.raises(lease.TakenOverError):
        old.check()
    lease.fail(killed, old)
    killed.refresh_from_db()
    assert killed.status == killed.Status.IN_PROGRESS


def test_a_sync_that_kills_its_process_each_time_is_given_up(killed: PolarDBImportStorage) -> None:
    for _ in range(lease.MAX_RESUMPTIONS):
        assert lease.take_over(killed)
        die(killed)
    jobs.resume(killed.pk)
    killed.refresh_from_db()
    assert killed.status == killed.Status.FAILED
    assert killed.traceback.startswith("The process of this sync has died 4 times in a row without making a task")
    assert not lease.dead().exists()
    assert run_sync(killed).created == 2


@pytest.mark.parametrize("why", ["dropped", "deleted", "failed"])
def test_nobody_goes_on_with_what_is_not_wanted_any_more(killed: PolarDBImportStorage, why: str) -> None:
    others = type(killed).objects.filter(pk=killed.pk)
    if why == "dropped":
        others.update(synchronizable=False)
    elif why == "failed":
        others.update(status=killed.Status.FAILED)
    else:
        others.delete()
    assert not lease.dead().exists()
    jobs.resume(killed.pk)
    jobs.resume_job(killed.pk)
    jobs.help_job(killed.pk)


def test_a_storage_that_is_deleted_in_mid_sync(storage: PolarDBImportStorage) -> None:
    jobs.request(storage)

    def delete(wanted: int) -> None:
        type(storage).objects.get(pk=storage.pk).delete()

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POLARDB_SHARED_SYNC_ROWS", "1")
        jobs.run(storage.pk, ask_helpers=delete)
    assert not type(storage).objects.exists()
    assert not SyncPart.objects.exists()


def test_a_sign_of_life_that_lies_ahead_is_none(killed: PolarDBImportStorage) -> None:
    """The clock of Label Studio's database was set back."""
    SyncState.objects.update(beat_at=timezone.now() + timedelta(hours=2))
    assert not killed.is_syncing
    assert lease.dead().exists()


def test_a_sync_is_watched_for_a_while_before_it_counts_as_dead(
    killed: PolarDBImportStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of the database may have jumped ahead."""
    now = 100.0
    monkeypatch.setattr("polardb_bridge.storage.sync.watch.time.monotonic", lambda: now)
    watch = Watch()
    assert watch.abandoned() == []
    now += 6
    assert watch.abandoned() == [killed.pk]
    die(killed)  # another sign of life
    now += 6
    assert watch.abandoned() == []
    now += 1
    assert watch.abandoned() == [], "it is not looked each time"
    now += 5
    assert watch.abandoned() == [killed.pk]


def test_a_page_of_storages_does_not_set_it_to_failed(killed: PolarDBImportStorage, api: Any) -> None:
    killed.meta["time_last_ping"] = "2026-01-01 00:00:00+00:00"
    killed.save()
    listed = api.get("/api/storages", {"project": killed.project_id}).json()
    assert [entry["status"] for entry in listed] == ["in_progress"]
