"""The table's server stops, freezes, cuts connections and holds locks; afterwards the rows equal Label Studio."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from dev.servers import MariaDB
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.models import PendingWriteback, WritebackState
from polardb_bridge.webhooks.writers.writer import TIMEOUT_S
from support.deliveries import assert_delivered, failed, in_thread, labels, submit_all, wait_for_lock
from support.labeling import LabelingProject
from support.proxy import Proxy
from support.source_data import Source, region
from support.writeback import dirty_tasks


@pytest.mark.postgresql_too
def test_server_stopped_during_submits(project: LabelingProject, storage: Any, server: MariaDB, source: Source) -> None:
    project.submit(1, region("cat"))
    server.stop()
    before = time.monotonic()
    project.submit(2, region("cat"))
    failed(storage, "refuses connections")
    project.submit(3, region("cat"))
    assert time.monotonic() - before < 10
    assert failed(storage).attempts == 2
    assert len(dirty_tasks()) == 3
    server.start()
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
def test_server_killed_in_the_middle_of_a_batch(
    project: LabelingProject, storage: Any, server: MariaDB, source: Source, hold: Callable[..., Any]
) -> None:
    submit_all(project)
    with hold(f"SELECT id FROM {source.table} WHERE id = 2 FOR UPDATE"):
        delivery = threading.Thread(target=in_thread, args=(deliver, storage))
        delivery.start()
        wait_for_lock(source)
        server.kill()
        delivery.join(30)
        assert not delivery.is_alive()
    server.start()
    assert labels(project, source) == [None, None, None]
    assert WritebackState.objects.get().attempts == 1
    assert_delivered(project, storage, source)


def test_frozen_server(project: LabelingProject, storage: Any, server: MariaDB, source: Source) -> None:
    project.submit(1, region("cat"))
    assert deliver(storage).written == 1  # there is an open connection
    server.freeze()
    began = time.monotonic()
    project.submit(2, region("cat"))
    assert time.monotonic() - began < 3
    failed(storage)
    took = time.monotonic() - began
    assert took < 3 * TIMEOUT_S
    project.submit(3, region("cat"))
    server.thaw()
    assert_delivered(project, storage, source)


@pytest.mark.parametrize("sent", [3, 90, 400, 900, 1500])
def test_connection_cut_in_the_middle_of_a_packet_to_the_server(
    project: LabelingProject, storage: Any, source: Source, proxy: Proxy, sent: int
) -> None:
    submit_all(project)
    proxy.cut_after_sent = sent
    failed(storage)
    assert proxy.cuts
    assert labels(project, source) == [None, None, None]
    proxy.cut_after_sent = None
    assert_delivered(project, storage, source)


@pytest.mark.parametrize("received", [10, 95, 110, 130, 160])
def test_connection_cut_in_the_middle_of_an_answer(
    project: LabelingProject, storage: Any, source: Source, proxy: Proxy, received: int
) -> None:
    """The last of these answers is to COMMIT: the rows are written, and the delivery cannot know it."""
    submit_all(project)
    proxy.cut_after_received = received
    deliver(storage)
    proxy.cut_after_received = None
    assert_delivered(project, storage, source)


def test_connections_cut_while_idle(project: LabelingProject, storage: Any, source: Source, proxy: Proxy) -> None:
    project.submit(1, region("cat"))
    assert deliver(storage).written == 1
    proxy.cut_all()
    project.submit(2, region("cat"))
    project.submit(3, region("cat"))
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_too
def test_deadlock(project: LabelingProject, storage: Any, source: Source, hold: Callable[..., Any]) -> None:
    submit_all(project)
    # The server ends the transaction that has changed less: the other has changed more.
    source.add_images(50)
    other = (
        f"UPDATE {source.table} SET mime_type = 'x' WHERE id > 3",
        f"UPDATE {source.table} SET mime_type = 'x' WHERE id = 3",
    )
    with hold(*other) as connection:
        delivery = threading.Thread(target=in_thread, args=(deliver, storage))
        delivery.start()
        wait_for_lock(source)
        connection.exec_driver_sql(f"UPDATE {source.table} SET mime_type = 'x' WHERE id = 1")
        delivery.join(20)
        # Ended at the cost of the delivery: it wrote what the other does not hold, and the rest is no failure.
        assert labels(project, source) == [None, "cat", None]
        assert WritebackState.objects.get().attempts == 0
        connection.commit()
    PendingWriteback.objects.update(retry_at=None)
    assert_delivered(project, storage, source)
