"""Deliveries that are overtaken, take too long or live with a wrong clock; afterwards the rows equal Label Studio."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.utils import timezone

from dev.servers import MariaDB
from polardb_bridge.storage.writeback_status import writeback_status
from polardb_bridge.webhooks import outbox
from polardb_bridge.webhooks.batch import Batch
from polardb_bridge.webhooks.delivery import deliver, due_storages
from polardb_bridge.webhooks.leases import Lease, OvertakenError
from polardb_bridge.webhooks.writers import writer_of
from support.deliveries import assert_delivered, failed, in_thread, labels, lose, submit_all, wait_for_lock
from support.labeling import LabelingProject
from support.source_data import Source
from support.writeback import dirty_tasks


@contextmanager
def clock_moved(by: timedelta) -> Iterator[None]:
    real = timezone.now
    with patch("django.utils.timezone.now", lambda: real() + by):
        yield


DAY = timedelta(days=1)


@pytest.mark.parametrize("wrong", [DAY, -DAY], ids=["ahead", "behind"])
def test_clock_wrong_while_the_server_is_down(
    project: LabelingProject, storage: Any, server: MariaDB, source: Source, wrong: timedelta
) -> None:
    server.stop()
    with clock_moved(wrong):
        submit_all(project)
        failed(storage)
    server.start()
    # The clock is right again: what was to happen "tomorrow" is due.
    assert storage in due_storages(workers_too=True)
    assert_delivered(project, storage, source)


def test_clock_set_back_under_a_lease_of_a_dead_process(project: LabelingProject, storage: Any, source: Source) -> None:
    submit_all(project)
    with clock_moved(DAY):
        assert len(outbox.lease_due(storage, 10).pending) == 3
    assert_delivered(project, storage, source)


@pytest.mark.postgresql_too
@pytest.mark.parametrize("end", [lambda lease: outbox.clear(lease, {}), outbox.release], ids=["written", "failed"])
def test_a_delivery_that_was_overtaken_does_not_leave_its_old_state(
    project: LabelingProject, storage: Any, source: Source, end: Callable[[Lease], object]
) -> None:
    """Frozen between reading and writing until its lease ran out; a newer delivery came first."""
    submit_all(project, "cat")
    old = outbox.lease_due(storage, 10)
    submit_all(project, "dog")
    lose(old)
    assert deliver(storage).written == 3
    assert not dirty_tasks()
    end(old)
    assert len(dirty_tasks()) == 3
    assert_delivered(project, storage, source, "dog")


@pytest.mark.postgresql_too
def test_a_delivery_that_was_overtaken_commits_nothing(project: LabelingProject, storage: Any, source: Source) -> None:
    submit_all(project)
    old = outbox.lease_due(storage, 10)
    lose(old)
    new = outbox.lease_due(storage, 10)
    assert new.task_ids == old.task_ids
    with pytest.raises(OvertakenError, match="another delivery has taken over"):
        Batch(writer_of(storage), old, attempt=1).write()
    assert labels(project, source) == [None, None, None]
    outbox.release(old)
    outbox.release(new)
    assert writeback_status(storage).parked == 0
    assert_delivered(project, storage, source)


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgresql_too
def test_a_change_during_a_delivery_is_delivered_too(
    project: LabelingProject, storage: Any, source: Source, hold: Callable[..., Any]
) -> None:
    submit_all(project, "cat")
    with hold(f"SELECT id FROM {source.table} WHERE id = 2 FOR UPDATE"):
        delivery = threading.Thread(target=in_thread, args=(deliver, storage))
        delivery.start()
        wait_for_lock(source)
        submit_all(project, "dog")
    delivery.join(20)
    assert_delivered(project, storage, source, "dog")
