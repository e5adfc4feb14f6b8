"""How soon everything is right again, and how a server that is down is tried meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import timezone

from dev.label_studio import LabelStudio, Worker
from dev.servers import MariaDB
from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.webhooks import outbox, servers
from polardb_bridge.webhooks.delivery import deliver, deliver_in_turn, due_storages
from polardb_bridge.webhooks.models import PendingWriteback, ServerState, WritebackState
from support.deliveries import assert_delivered, failed, in_thread, submit_all
from support.labeling import LabelingProject
from support.source_data import Source, region
from support.writeback import dirty_tasks


@pytest.fixture
def other(storage: PolarDBExportStorage, user: Any) -> PolarDBExportStorage:
    """The target of another project, on the same server under a name in capitals, with something to deliver."""
    from projects.models import Project
    from tasks.models import Task

    project = Project.objects.create(title="other", created_by=user, organization=user.active_organization)
    found: PolarDBExportStorage = PolarDBExportStorage.objects.get(pk=storage.pk)
    found.pk, found.project, found.host = None, project, storage.host.upper()
    found.known_as = found.owned_table = None
    found.save()
    outbox.mark([(found.pk, Task.objects.create(project=project, data={}).pk)])
    return found


@pytest.mark.postgresql_too
def test_a_server_that_is_down_is_tried_for_all_its_storages_at_once(
    project: LabelingProject, storage: Any, server: MariaDB, source: Source, other: Any
) -> None:
    submit_all(project)
    server.stop()
    failed(storage, "refuses connections")
    # The other has never failed, and has something to do.
    assert due_storages(workers_too=True) == []
    assert deliver_in_turn(other) is None
    server.start()
    ServerState.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    WritebackState.objects.filter(storage=other).update(retry_at=timezone.now() + timedelta(seconds=20))
    assert servers.take_turn(other), "whoever comes first"
    assert not servers.take_turn(storage), "and nobody else"
    assert deliver(storage).written == 3
    assert not ServerState.objects.exists()
    assert other in due_storages(workers_too=True), "one success wakes all"


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_too
def test_one_of_many_gets_the_turn(project: LabelingProject, storage: Any, server: MariaDB) -> None:
    submit_all(project)
    server.stop()
    failed(storage)
    ServerState.objects.update(retry_at=timezone.now() - timedelta(seconds=1))
    turns: list[bool] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        turns.append(servers.take_turn(storage))

    threads = [threading.Thread(target=in_thread, args=(ask,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.start()
    assert sorted(turns) == [False] * 7 + [True]


def test_a_host_name_that_does_not_resolve_heals_like_a_server(
    project: LabelingProject, storage: Any, source: Source
) -> None:
    host = storage.host
    submit_all(project)
    storage.host = "no-such-host.invalid"
    storage.save()
    state = failed(storage, "is not known")
    assert state.retry_at < timezone.now() + timedelta(seconds=6)
    assert not state.needs_person
    storage.host = host
    storage.save()
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_too
def test_what_a_dead_process_has_leased_is_free_within_seconds(
    project: LabelingProject,
    storage: Any,
    source: Source,
    hold: Callable[..., Any],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    submit_all(project)
    with hold(f"LOCK TABLES {source.table} WRITE") as connection:
        worker = Worker(tmp_path, environment, "deliver_writebacks", "--watch", ready="")
        with patch.object(worker, "is_ready", PendingWriteback.objects.filter(lease__isnull=False).exists):
            worker.start()
        worker.kill()
        killed = time.monotonic()
        connection.exec_driver_sql("UNLOCK TABLES")
    deliver(storage)
    while dirty_tasks():
        assert time.monotonic() - killed < 10, "a lease is 4 s long"
        deliver(storage)
        time.sleep(0.05)
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_too
def test_a_slow_delivery_keeps_what_it_has_leased(
    project: LabelingProject, storage: Any, source: Source, server: MariaDB
) -> None:
    """Its heartbeats do; nobody else takes it, although it takes longer than a lease is long."""
    submit_all(project)
    deliver(storage)
    submit_all(project, "dog")
    server.freeze()
    slow = threading.Thread(target=in_thread, args=(deliver, storage))
    slow.start()
    deadline = time.monotonic() + 6
    while not PendingWriteback.objects.filter(lease__isnull=False).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    while time.monotonic() < deadline and slow.is_alive():
        assert not outbox.lease_due(storage, 10).pending
        time.sleep(0.2)
    server.thaw()
    slow.join(30)
    assert_delivered(project, storage, source, "dog")


@pytest.mark.parametrize("seconds", [7])
@pytest.mark.django_db(transaction=True)
def test_rows_are_right_soon_after_an_outage(
    project: LabelingProject,
    source: Source,
    server: MariaDB,
    start_label_studio: Callable[..., LabelStudio],
    seconds: float,
) -> None:
    label_studio = start_label_studio()
    session = label_studio.session("admin@example.com", "correct-horse-9")
    server.kill()
    for task in project.tasks.values():
        url = f"{label_studio.url}/api/tasks/{task.pk}/annotations/"
        assert session.post(url, json={"result": [region("cat")]}, timeout=60).status_code == 201
    time.sleep(seconds)
    server.start()
    back = time.monotonic()
    while source.row(3)["annotation_data"] is None or dirty_tasks():
        assert time.monotonic() - back < 30
        time.sleep(0.1)
