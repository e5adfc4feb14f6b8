"""What a table does with results by itself: triggers that change them, or the time of the row."""

from __future__ import annotations

import time
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from polardb_bridge.storage.models import PolarDBImportStorageLink
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, dispose, engine_for
from polardb_bridge.webhooks.delivery import BATCH_TIME_LIMIT_S, deliver
from polardb_bridge.webhooks.models import PendingWriteback
from polardb_bridge.webhooks.reconcile import reconcile
from polardb_bridge.webhooks.writers.writer import writing_parameters
from support.labeling import LabelingProject
from support.source_data import TABLE, Source, base64_text, image_bytes, region
from support.writeback import dirty_tasks


def trigger(source: Source, does: str) -> None:
    source.execute(f"CREATE TRIGGER changes BEFORE UPDATE ON {TABLE} FOR EACH ROW {does}")


@pytest.fixture
def row_id(project: LabelingProject, source: Source) -> int:
    """A row whose time is long past, as its task knows."""
    source.execute(f"UPDATE {TABLE} SET updated_at = updated_at - INTERVAL 1 DAY")
    run_sync(project.provisioned.import_storage)
    first: int = next(iter(project.tasks))
    return first


@pytest.mark.parametrize(
    ("does", "column"),
    [
        ("SET NEW.annotation_count = NEW.annotation_count + 100", "annotation_count"),
        ("SET NEW.annotation_uid = UPPER(NEW.annotation_uid)", "annotation_uid"),
        ("SET NEW.annotation_data = REPLACE(NEW.annotation_data, 'cat', 'CAT')", "annotation_data"),
        ("SET NEW.annotation_data = NULL", "annotation_data"),
    ],
)
def test_a_result_that_is_changed_on_its_way_is_parked_with_the_reason(
    does: str, column: str, project: LabelingProject, source: Source, row_id: int
) -> None:
    """Before, each comparison wrote it again, and nobody was told."""
    trigger(source, does)
    project.submit(row_id, region("cat"))
    storage = project.export_storage
    report = deliver(storage)
    assert (report.written, report.parked, report.error) == (0, 1, "")
    [parked] = storage.pending_writebacks.all()
    assert f"keeps another {column} than was written" in parked.parked_reason
    assert reconcile(storage).different == 0
    source.execute("DROP TRIGGER changes")
    deliver(storage)
    assert reconcile(storage, dry_run=True).pending == 0
    assert source.row(row_id)["annotation_count"] == 1
    assert not dirty_tasks()


def test_other_rows_are_written(project: LabelingProject, source: Source, row_id: int) -> None:
    trigger(source, f"SET NEW.annotation_count = NEW.annotation_count + (NEW.id = {row_id})")
    for each in project.tasks:
        project.submit(each, region())
    report = deliver(project.export_storage)
    assert (report.written, report.parked) == (2, 1)


@pytest.mark.parametrize("column", ["timestamp", "timestamp(6)", "datetime"])
def test_a_time_that_our_write_moves_is_no_new_image(
    column: str, project: LabelingProject, source: Source, row_id: int
) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY updated_at {column} NOT NULL")
    run_sync(project.provisioned.import_storage)
    trigger(source, "SET NEW.updated_at = NOW()")
    project.submit(row_id, region())
    assert deliver(project.export_storage).written == 1
    report = run_sync(project.provisioned.import_storage)
    assert (report.updated, report.existed) == (0, 3)


def test_an_account_with_one_connection_is_enough(project: LabelingProject, source: Source, row_id: int) -> None:
    """While written rows are looked at, it is in use: a second one was waited for until the batch had no more time."""
    name = f"one_{source.parameters.database[-8:]}"
    source.execute(f"CREATE USER {name}@'%%' IDENTIFIED BY 'first' WITH MAX_USER_CONNECTIONS 1")
    source.execute(f"GRANT SELECT, UPDATE ON {source.parameters.database}.* TO {name}@'%%'")
    for storage in (project.provisioned.import_storage, project.export_storage):
        storage.user, storage.password = name, "first"
        storage.save()
    trigger(source, "SET NEW.updated_at = NOW()")
    for each in project.tasks:
        project.submit(each, region())
    began = time.monotonic()
    with begin(source.parameters) as other:
        other.execute(sa.text(f"SELECT id FROM {TABLE} WHERE id = {max(project.tasks)} FOR UPDATE"))
        report = deliver(project.export_storage)
        assert (report.written, report.error) == (2, "")
    PendingWriteback.objects.update(retry_at=None)
    report = deliver(project.export_storage)
    assert (report.written, report.error) == (1, "")
    assert time.monotonic() - began < BATCH_TIME_LIMIT_S / 2
    synced = run_sync(project.provisioned.import_storage)
    assert (synced.updated, synced.existed) == (0, 3)
    dispose(writing_parameters(project.export_storage))
    source.execute(f"DROP USER {name}@'%%'")


def test_rows_that_cannot_be_written_keep_no_others_from_being_known(
    project: LabelingProject, source: Source, row_id: int
) -> None:
    """Rows are written apart once one of them is refused: what was written before is not written or counted again."""
    trigger(
        source,
        f"BEGIN IF NEW.id = {row_id} THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF; "
        "SET NEW.updated_at = NOW(); END",
    )
    for each in project.tasks:
        project.submit(each, region())
    report = deliver(project.export_storage)
    assert (report.written, report.parked) == (2, 1)
    synced = run_sync(project.provisioned.import_storage)
    assert (synced.updated, synced.existed) == (0, 3)


class TestImagesThatAreReplaced:
    """They are noticed although the table moves the time of each row that is written."""

    def replace(self, source: Source, row_id: int, color: str) -> str:
        data = base64_text(image_bytes(color=color))
        source.execute(f"UPDATE {TABLE} SET base64_data = '{data}' WHERE id = {row_id}")
        return data

    def shown(self, project: LabelingProject, row_id: int) -> str:
        task = project.tasks[row_id]
        task.refresh_from_db()
        shown: str = task.data["image"]
        return shown

    def test_before_a_write(self, project: LabelingProject, source: Source, row_id: int) -> None:
        trigger(source, "SET NEW.updated_at = NOW()")
        data = self.replace(source, row_id, "blue")
        project.submit(row_id, region())
        deliver(project.export_storage)
        assert run_sync(project.provisioned.import_storage).updated == 1
        assert self.shown(project, row_id).endswith(data)

    def test_after_a_write_within_the_same_second(self, project: LabelingProject, source: Source, row_id: int) -> None:
        trigger(source, "SET NEW.updated_at = '2026-01-01 12:00:00'")
        project.submit(row_id, region())
        deliver(project.export_storage)
        version = PolarDBImportStorageLink.objects.get(row_id=row_id).version
        data = self.replace(source, row_id, "blue")
        assert run_sync(project.provisioned.import_storage).updated == 1
        assert self.shown(project, row_id).endswith(data)
        assert PolarDBImportStorageLink.objects.get(row_id=row_id).version == version


def test_looking_costs_one_statement(project: LabelingProject, row_id: int, user: Any) -> None:
    statements: list[str] = []
    engine = engine_for(writing_parameters(project.export_storage))
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2].split()[0]))
    project.submit(row_id, region())
    deliver(project.export_storage)
    assert statements == ["UPDATE", "SELECT"]


def test_looking_costs_more_only_where_versions_differ(project: LabelingProject, source: Source, row_id: int) -> None:
    trigger(source, "SET NEW.updated_at = NOW()")
    statements: list[str] = []
    engine = engine_for(writing_parameters(project.export_storage))
    event.listen(engine, "before_cursor_execute", lambda *arguments: statements.append(arguments[2].split()[0]))
    project.submit(row_id, region("cat"))
    deliver(project.export_storage)
    # The last is of the image's digest.
    assert statements == ["UPDATE", "SELECT", "SELECT", "UPDATE", "SELECT", "SELECT"]
