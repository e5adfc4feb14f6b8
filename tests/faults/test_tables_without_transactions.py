"""A table of an engine without transactions (MyISAM, Aria): what is written stays written, whatever fails after it."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import pytest

from polardb_bridge.storage.writeback_status import writeback_status
from polardb_bridge.webhooks import outbox
from polardb_bridge.webhooks.batch import Batch
from polardb_bridge.webhooks.current_results import current_results
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.leases import OvertakenError
from polardb_bridge.webhooks.models import PendingWriteback
from polardb_bridge.webhooks.reconcile import reconcile
from polardb_bridge.webhooks.writers import writer_of
from support.deliveries import assert_delivered, labels, lose, submit_all
from support.labeling import LabelingProject
from support.source_data import Source
from support.writeback import dirty_tasks

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def engine(source: Source) -> None:
    source.execute(f"ALTER TABLE {source.table} ENGINE=MyISAM")


@pytest.mark.postgresql_too
def test_a_delivery_that_was_frozen_before_it_wrote_leaves_no_older_result(
    project: LabelingProject, storage: Any, source: Source
) -> None:
    """It writes late, cannot take it back, and finds out afterwards that another one was faster."""
    submit_all(project, "cat")
    old = outbox.lease_due(storage, 10)
    frozen = list(current_results(storage, old.task_ids))
    submit_all(project, "dog")
    lose(old)
    assert deliver(storage).written == 3
    assert not dirty_tasks()
    with (
        patch("polardb_bridge.webhooks.writers.rows.current_results", lambda *_: frozen),
        pytest.raises(OvertakenError),
    ):
        Batch(writer_of(storage), old, attempt=1).write()
    assert labels(project, source) == ["cat"] * 3, "the engine takes nothing back"
    outbox.release(old)
    assert len(dirty_tasks()) == 3
    assert_delivered(project, storage, source, "dog")


def test_a_refused_row_stands_alone(project: LabelingProject, storage: Any, source: Source) -> None:
    """Those before it in its batch are written although the statement failed, those after it as well."""
    source.execute(
        f"CREATE TRIGGER refuse BEFORE UPDATE ON {source.table} FOR EACH ROW "
        "BEGIN IF NEW.id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF; END"
    )
    submit_all(project)
    report = deliver(storage)
    assert (report.written, report.parked, report.error) == (2, 1, "")
    assert labels(project, source) == ["cat", None, "cat"]
    assert "not this one" in PendingWriteback.objects.get(row_key="2").parked_reason
    source.execute("DROP TRIGGER refuse")
    PendingWriteback.objects.update(retry_at=None)
    assert_delivered(project, storage, source)
    assert writeback_status(storage).parked == 0


def test_a_table_that_somebody_holds_gets_its_results_when_it_is_free(
    project: LabelingProject, storage: Any, source: Source, hold: Any
) -> None:
    """These engines lock whole tables."""
    submit_all(project)
    with hold(f"LOCK TABLES {source.table} WRITE") as somebody:
        report = deliver(storage)
        assert report.written == 0
        assert len(dirty_tasks()) == 3
        somebody.exec_driver_sql("UNLOCK TABLES")
    PendingWriteback.objects.update(retry_at=None)
    assert_delivered(project, storage, source)


def test_a_deleted_annotation_and_a_comparison(project: LabelingProject, storage: Any, source: Source) -> None:
    submit_all(project)
    assert_delivered(project, storage, source)
    source.execute(f"UPDATE {source.table} SET annotation_data = NULL WHERE id = 3")
    assert reconcile(storage).different == 1
    assert_delivered(project, storage, source)
