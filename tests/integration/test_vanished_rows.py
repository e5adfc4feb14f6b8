"""Most rows of a table are missing at once: a sync removes nothing before somebody has said that it is meant."""

from __future__ import annotations

import re

import pytest
from django.core.management import CommandError, call_command
from tasks.models import Annotation, Task

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import Provisioned
from support.source_data import Source, base64_text, image_bytes


@pytest.fixture
def storage(provisioned: Provisioned) -> PolarDBImportStorage:
    return provisioned.import_storage


def add(source: Source, storage: PolarDBImportStorage, count: int) -> None:
    data = base64_text(image_bytes())
    source.add(*((f"photo-{number}.png", data) for number in range(count)))
    run_sync(storage)
    assert Task.objects.count() == count


def test_an_emptied_table_removes_nothing_until_it_is_allowed(source: Source, storage: PolarDBImportStorage) -> None:
    add(source, storage, 120)
    source.execute(f"TRUNCATE {source.table}")
    said = "A sync would remove 120 of 120 tasks, since the table does not show their rows: nothing was changed."
    with pytest.raises(ReconfigureError, match=re.escape(said)):
        run_sync(storage)
    storage.refresh_from_db()
    assert storage.status == storage.Status.FAILED
    assert said in storage.traceback
    assert Task.objects.count() == 120
    with pytest.raises(CommandError, match="--allow-removal"):
        call_command("sync_storage", f"--storage-id={storage.pk}", "--json")
    call_command("sync_storage", f"--storage-id={storage.pk}", "--json", "--allow-removal")
    assert Task.objects.count() == 0


def test_half_of_them_may_go(source: Source, storage: PolarDBImportStorage) -> None:
    add(source, storage, 120)
    source.execute(f"DELETE FROM {source.table} WHERE id <= 60")
    assert run_sync(storage).removed == 60
    source.execute(f"DELETE FROM {source.table}")
    assert run_sync(storage).removed == 60, "of fewer than 100 tasks, all"


def test_rows_of_new_keys_do_not_hide_it(source: Source, storage: PolarDBImportStorage) -> None:
    add(source, storage, 101)
    source.execute(f"UPDATE {source.table} SET id = id + 1000")
    with pytest.raises(ReconfigureError, match="101 of 101 tasks"):
        run_sync(storage)


def test_tasks_that_stay_do_not_count(source: Source, storage: PolarDBImportStorage) -> None:
    add(source, storage, 120)
    tasks = Task.objects.order_by("pk")[:70]
    Annotation.objects.bulk_create(Annotation(task=task, project=storage.project, result=[]) for task in tasks)
    source.execute(f"DELETE FROM {source.table}")
    report = run_sync(storage)
    assert (report.removed, report.kept) == (50, 70)
    assert run_sync(storage).kept == 70


def test_a_part_of_many_tasks_tells(
    source: Source, storage: PolarDBImportStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polardb_bridge.storage.sync.vanished._SAMPLE_SIZE", 20)
    add(source, storage, 150)
    source.execute(f"DELETE FROM {source.table} WHERE id > 30")
    with pytest.raises(ReconfigureError, match=r"about 1[12]\d of 150 tasks"):
        run_sync(storage)
