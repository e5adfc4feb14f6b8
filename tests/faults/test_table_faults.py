"""The table or the account refuses: afterwards the rows equal Label Studio, or a person is told what to do."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.webhooks import outbox
from polardb_bridge.webhooks.delivery import deliver, due_storages
from polardb_bridge.webhooks.models import PendingWriteback
from support.deliveries import assert_delivered, failed, labels, submit_all
from support.labeling import LabelingProject
from support.source_data import Source, region


def test_read_only_server(project: LabelingProject, storage: Any, source: Source, writer: str) -> None:
    submit_all(project)
    source.execute("SET GLOBAL read_only = 1")
    try:
        assert not failed(storage, "does not accept writes now").needs_person
    finally:
        source.execute("SET GLOBAL read_only = 0")
    assert_delivered(project, storage, source)


def test_changed_password(project: LabelingProject, storage: Any, source: Source, writer: str) -> None:
    project.submit(1, region("cat"))
    assert deliver(storage).written == 1
    source.execute(f"ALTER USER {writer}@'%%' IDENTIFIED BY 'second'")
    source.execute(f"KILL USER {writer}")
    project.submit(2, region("cat"))
    project.submit(3, region("cat"))
    state = failed(storage, "user name or password is wrong")
    assert state.needs_person
    assert "first" not in state.last_error
    answer = project.api.patch(f"/api/storages/export/polardb/{storage.pk}", {"password": "second"}, format="json")
    assert answer.status_code == 200, answer.content
    # Saving the storage ends the wait.
    [due] = due_storages(workers_too=True)
    assert_delivered(project, due, source)


def test_lost_privilege(project: LabelingProject, storage: Any, source: Source, writer: str) -> None:
    submit_all(project)
    source.execute(f"REVOKE UPDATE ON {storage.database}.* FROM {writer}@'%%'")
    assert failed(storage, "lacks a privilege").needs_person
    source.execute(f"GRANT UPDATE ON {storage.database}.* TO {writer}@'%%'")
    assert_delivered(project, storage, source)


@pytest.mark.postgresql_too
def test_deleted_row(project: LabelingProject, storage: Any, source: Source) -> None:
    submit_all(project)
    source.execute(f"CREATE TABLE kept AS SELECT * FROM {source.table} WHERE id = 2")
    source.execute(f"DELETE FROM {source.table} WHERE id = 2")
    report = deliver(storage)
    assert (report.written, report.parked, report.error) == (2, 1, "")
    [parked] = PendingWriteback.objects.all()
    assert (parked.task_id, parked.parked_reason) == (project.tasks[2].pk, "The table has no row 2 any more.")
    assert deliver(storage).parked == 0  # parked: not tried again by itself
    source.execute(f"INSERT INTO {source.table} SELECT * FROM kept")
    assert outbox.retry_parked(storage) == 1
    assert_delivered(project, storage, source)


def test_table_dropped_and_restored(project: LabelingProject, storage: Any, source: Source) -> None:
    project.submit(1, region("dog"))
    assert deliver(storage).written == 1
    source.execute(f"CREATE TABLE copy LIKE {source.table}")
    source.execute(f"INSERT INTO copy SELECT * FROM {source.table}")
    source.execute(f"DROP TABLE {source.table}")
    submit_all(project)
    assert failed(storage, "The table does not exist").needs_person
    source.execute(f"RENAME TABLE copy TO {source.table}")
    assert_delivered(project, storage, source)


def test_a_result_larger_than_the_server_takes_holds_up_no_other(
    project: LabelingProject, storage: Any, source: Source
) -> None:
    project.submit(2, region("x" * 17_000_000))
    project.submit(1, region("cat"))
    project.submit(3, region("cat"))
    report = deliver(storage)
    assert (report.written, report.parked, report.error) == (2, 1, "")
    assert "max_allowed_packet" in PendingWriteback.objects.get().parked_reason
    assert labels(project, source) == ["cat", None, "cat"]
    annotation = project.tasks[2].annotations.get()
    project.api.patch(f"/api/annotations/{annotation.pk}/", {"result": [region("cat")]}, format="json")
    assert_delivered(project, storage, source)


def test_a_value_that_the_table_refuses_holds_up_no_other(
    project: LabelingProject, storage: Any, source: Source
) -> None:
    source.execute(
        f"CREATE TRIGGER refuse BEFORE UPDATE ON {source.table} FOR EACH ROW"
        " IF NEW.id = 2 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'; END IF"
    )
    submit_all(project)
    report = deliver(storage)
    assert (report.written, report.parked) == (2, 1)
    assert "not this one" in PendingWriteback.objects.get().parked_reason
    source.execute("DROP TRIGGER refuse")
    outbox.retry_parked(storage)
    assert_delivered(project, storage, source)
