"""Result tables while others hold their rows, processes die, and several deliveries work at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest

from dev.servers import MariaDB
from polardb_bridge.errors import RetryableError
from polardb_bridge.webhooks import outbox
from polardb_bridge.webhooks.batch import Batch
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.leases import OvertakenError
from polardb_bridge.webhooks.models import PendingWriteback
from polardb_bridge.webhooks.reconcile import reconcile
from polardb_bridge.webhooks.writers import result_tables, writer_of
from support.deliveries import in_thread, lose
from support.labeling import LabelingProject
from support.result_tables import Results, create, labeled
from support.source_data import Source, region, url_of
from support.writeback import dirty_tasks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def results(source: Source, monkeypatch: pytest.MonkeyPatch) -> Results:
    monkeypatch.setenv("POLARDB_URL", url_of(source.parameters))
    source.add_images(3)
    return create(source)


@pytest.fixture
def project(results: Results, user: Any, api: Any) -> LabelingProject:
    project = labeled(api)
    for row_id in project.tasks:
        project.submit(row_id, region("cat"))
    project.deliver()
    for row_id in project.tasks:
        project.submit(row_id, region("dog"))
    return project


def make_due() -> None:
    PendingWriteback.objects.update(retry_at=None)


@pytest.mark.parametrize("can_skip", [True, False])
def test_rows_that_others_hold_are_put_off_alone(
    project: LabelingProject,
    results: Results,
    hold: Callable[..., Any],
    can_skip: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(*arguments: Any) -> Any:
        raise RetryableError("The database answered with error 1064: You have an error in your SQL syntax")

    if not can_skip:
        monkeypatch.setattr(result_tables, "tasks_held", unknown)
    with hold("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", "SELECT * FROM results WHERE row_key = '2' FOR UPDATE"):
        report = deliver(project.export_storage)
        assert (report.written, report.parked, report.error) == (2, 0, "")
        assert PendingWriteback.objects.get().locked_since is not None
        assert len(results.rows()) == 5
    make_due()
    assert deliver(project.export_storage).written == 1
    assert len(results.rows()) == 6


def test_a_locked_table_is_not_the_fault_of_rows(
    project: LabelingProject, results: Results, hold: Callable[..., Any]
) -> None:
    with hold("LOCK TABLES results WRITE") as connection:
        assert "waited too long for a lock" in deliver(project.export_storage).error
        connection.exec_driver_sql("UNLOCK TABLES")
    assert not PendingWriteback.objects.exclude(row_key="").exists()
    assert deliver(project.export_storage).written == 3


def test_a_delivery_that_was_overtaken_commits_nothing(project: LabelingProject, results: Results) -> None:
    before = results.rows()
    old = outbox.lease_due(project.export_storage, 10)
    lose(old)
    new = outbox.lease_due(project.export_storage, 10)
    with pytest.raises(OvertakenError):
        Batch(writer_of(project.export_storage), old, attempt=1).write()
    assert results.rows() == before
    outbox.release(old)
    outbox.release(new)
    assert deliver(project.export_storage).written == 3
    assert len(results.rows()) == 6


def test_a_process_that_dies_before_its_commit_leaves_nothing_half_done(
    project: LabelingProject, results: Results
) -> None:
    """Killed between the rows that it has written and those that it was about to remove."""
    project.api.delete(f"/api/annotations/{project.tasks[1].annotations.first().pk}/")
    before = results.rows()
    with (
        patch("polardb_bridge.table.annotations._remove", side_effect=SystemExit),
        pytest.raises(SystemExit),
    ):
        deliver(project.export_storage)
    assert results.rows() == before
    assert len(dirty_tasks()) == 3
    assert deliver(project.export_storage).written == 3
    assert len(results.rows()) == 5
    assert reconcile(project.export_storage).different == 0


def test_deliveries_of_two_projects_at_once(project: LabelingProject, results: Results, api: Any) -> None:
    other = labeled(api, name="second")
    for _ in range(5):
        for row_id in other.tasks:
            other.submit(row_id, region("cat"))
    storages = [project.export_storage, other.export_storage]

    def work(storage: Any) -> None:
        for _ in range(10):
            deliver(storage)
            make_due()

    threads = [threading.Thread(target=in_thread, args=(work, storage)) for storage in storages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not dirty_tasks()
    assert len(results.rows()) == 6 + 15
    assert [reconcile(storage).different for storage in storages] == [0, 0]


def test_a_server_that_is_down_gets_everything_later(
    project: LabelingProject, results: Results, server: MariaDB
) -> None:
    server.stop()
    assert deliver(project.export_storage).error
    server.start()
    assert deliver(project.export_storage).written == 3
    assert len(results.rows()) == 6


def test_a_table_without_transactions_ends_up_right(project: LabelingProject, results: Results) -> None:
    results.execute("ALTER TABLE results MODIFY row_key VARCHAR(99), ENGINE = Aria")
    assert deliver(project.export_storage).written == 3
    assert len(results.rows()) == 6
    assert reconcile(project.export_storage).different == 0
