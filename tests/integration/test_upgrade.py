"""What an older database holds works on after `migrate`; jobs that were queued find their functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from rq.utils import import_attribute

from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync import jobs
from polardb_bridge.storage.sync.models import SyncPart
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.webhooks.models import PendingWriteback
from support.labeling import LabelingProject
from support.source_data import Source, region
from support.writeback import fold

APP = "polardb_io_storages"
OLD = "0006_deployments"
BEFORE_KEYS = "0018_mapping"
REST = "base64_data, mime_type, original_name, created_at, updated_at, NULL, created_at, created_at, 0, NULL"
BEFORE_STATES = "0007_one_word_a_concept"
MARKS = f"SELECT task_id, claim, claimed_until, problem FROM {APP}_pendingwriteback ORDER BY task_id"


def migrate(name: str | None) -> None:
    executor = MigrationExecutor(connection)
    newest = [key for key in executor.loader.graph.leaf_nodes() if key[0] == APP]
    executor.migrate([(APP, name)] if name else newest)


@pytest.fixture
def newest_afterwards(transactional_db: None) -> Iterator[None]:
    yield
    migrate(None)


@pytest.mark.usefixtures("newest_afterwards")
def test_marks_deployments_and_schedules_survive(project: LabelingProject, source: Source, user: Any) -> None:
    storage = project.provisioned.import_storage
    assert storage
    PolarDBImportStorage.objects.filter(pk=storage.pk).update(sync_every=15)
    PolarDBImportStorageLink.objects.filter(row_id=3).update(is_missing=True)
    Deployment.objects.create(
        name="mark_animal", table_address="h:3306/d.t", template_id="1", source="t", allowed_networks=["10.0.0.1/32"]
    )
    StatementRecord.objects.create(user=user, client_ip="10.0.0.1", via="api", statement="SHOW DEPLOYMENTS")
    project.submit(1, region())
    project.submit(2, region("dog"))
    source.execute(f"DELETE FROM {source.table} WHERE id = 2")
    fold(project.export_storage)
    PendingWriteback.objects.filter(task=project.tasks[2]).update(parked_reason="The table has no row 2 any more.")

    migrate(OLD)
    with connection.cursor() as cursor:
        cursor.execute(MARKS)
        found = cursor.fetchall()
        cursor.execute(f"SELECT address FROM {APP}_deployment")
        assert cursor.fetchone() == ("h:3306/d.t",)
    assert [mark[1:] for mark in found] == [(None, None, ""), (None, None, "The table has no row 2 any more.")]

    migrate(None)
    project.deliver()
    assert source.row(1)["annotation_data"] == [region()]
    [parked] = PendingWriteback.objects.all()
    assert (parked.task_id, parked.parked_reason) == (project.tasks[2].pk, "The table has no row 2 any more.")
    storage.refresh_from_db()
    assert (storage.sync_every, storage.is_due) == (15, False)
    assert PolarDBImportStorageLink.objects.get(row_id=3).is_missing
    deployment = Deployment.objects.find("mark_animal")
    assert (deployment.table_address, deployment.allowed_networks) == ("h:3306/d.t", ["10.0.0.1/32"])
    assert StatementRecord.objects.get().client_ip == "10.0.0.1"


@pytest.mark.usefixtures("newest_afterwards")
def test_rows_known_by_numbers_stay_what_they_are(project: LabelingProject, source: Source) -> None:
    """Ten thousand of them, of both signs."""
    storage = project.provisioned.import_storage
    source.add_images(97)
    source.execute(
        f"INSERT INTO {source.table} SELECT NULL, {REST} FROM {source.table},"
        f" (SELECT 1 FROM {source.table} LIMIT 49) AS times"
    )
    source.execute(f"INSERT INTO {source.table} SELECT -id, {REST} FROM {source.table}")
    run_sync(storage)
    project.tasks[2].delete()
    before = list(storage.links.order_by("pk").values_list("pk", "row_id", "key", "version"))
    assert len(before) == 9_999
    fold(project.export_storage)

    migrate(BEFORE_KEYS)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {APP}_knowntable SET key_column = 'id'")
        cursor.execute(f"SELECT row_id FROM {APP}_dismissedrow")
        assert cursor.fetchall() == [(2,)]
    migrate(None)

    assert list(storage.links.order_by("pk").values_list("pk", "row_id", "key", "version")) == before
    [dismissed] = storage.dismissed_rows.all()
    assert (dismissed.row_key, dismissed.key) == (2, "2")
    report = run_sync(storage)
    assert (report.created, report.updated, report.removed, report.failed) == (0, 0, 0, 0)


@pytest.mark.usefixtures("newest_afterwards")
def test_a_sync_that_was_stopped_for_the_upgrade_goes_on(project: LabelingProject, source: Source) -> None:
    storage = project.provisioned.import_storage
    migrate(BEFORE_STATES)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {APP}_polardbimportstorage SET status = 'in_progress', last_sync_job = 'lost'")
        cursor.execute(
            f"INSERT INTO {APP}_syncpart (storage_id, first_number, last_number, report, done)"
            f" VALUES ({storage.pk}, 1, 5, '{{}}', {'false' if connection.vendor == 'postgresql' else 0})"
        )
    migrate(None)
    assert jobs.waiting() == [storage.pk]
    source.add_images(1)
    jobs.run(storage.pk)
    storage.refresh_from_db()
    assert (storage.status, storage.last_sync_count, storage.meta["tasks_existed"]) == ("completed", 1, 3)
    assert not SyncPart.objects.exists()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("storage.jobs.sync_job", "storage.sync.jobs.sync_job"),
        ("storage.jobs.help_job", "storage.sync.jobs.help_job"),
        ("webhooks.queue.deliver_job", "webhooks.jobs.deliver_job"),
        ("webhooks.queue.rewrite_job", "webhooks.jobs.rewrite_job"),
    ],
)
def test_jobs_that_were_queued_before_find_their_functions(old: str, new: str) -> None:
    assert import_attribute(f"polardb_bridge.{old}") is import_attribute(f"polardb_bridge.{new}")
