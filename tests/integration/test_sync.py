"""Rows to tasks."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from polardb_bridge.errors import InvalidInputError, ReconfigureError
from polardb_bridge.storage.sync import jobs, lease, task_data
from polardb_bridge.storage.sync.lease import SyncLease
from polardb_bridge.storage.sync.models import SyncState
from polardb_bridge.storage.sync.numbers import Numbers
from polardb_bridge.storage.sync.report import SyncReport
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.storage.sync.task_data import TaskData
from polardb_bridge.storage.sync.task_writer import Writer
from polardb_bridge.table import row_keys
from polardb_bridge.table.connection import connect
from polardb_bridge.table.schema import source_table
from support.labeling import Provisioned
from support.source_data import TABLE, Source, base64_text, image_bytes


def tasks_of(provisioned: Provisioned) -> list[Any]:
    from tasks.models import Task

    return list(Task.objects.filter(project=provisioned.project).order_by("pk"))


def test_each_row_becomes_a_task(provisioned: Provisioned, source: Source) -> None:
    jpeg = image_bytes("JPEG")
    [first, second] = source.add(("cat.jpg", base64_text(jpeg)), ("狗.png", base64_text(image_bytes())))
    report = run_sync(provisioned.import_storage)
    assert (report.rows, report.created, report.failed) == (2, 2, 0)
    one, two = tasks_of(provisioned)
    assert one.data == {
        "image": f"data:image/jpeg;base64,{base64_text(jpeg)}",
        "original_name": "cat.jpg",
        "id": first,
    }
    assert (two.data["id"], two.data["original_name"]) == (second, "狗.png")
    assert [one.inner_id, two.inner_id] == [1, 2]
    assert one.storage == provisioned.import_storage
    assert one.get_storage_filename() == str(first)


def test_what_label_studio_counts_is_as_after_its_own_import(provisioned: Provisioned, source: Source) -> None:
    source.add_images(3)
    run_sync(provisioned.import_storage)
    provisioned.project.refresh_from_db()
    summary = provisioned.project.summary
    summary.refresh_from_db()
    assert summary.all_data_columns == {"image": 3, "original_name": 3, "id": 3}
    assert summary.common_data_columns == ["id", "image", "original_name"]
    assert provisioned.project.tasks.count() == 3


def test_bad_rows_are_listed_and_hold_nothing_up(provisioned: Provisioned, source: Source) -> None:
    png = image_bytes(size=(300, 300))
    ids = source.add(
        ("good-1.png", base64_text(png)),
        ("broken.jpg", "%%% not base64"),
        ("null.jpg", None),
        ("text.jpg", base64_text(b"hello")),
        ("cut.png", base64_text(png[: len(png) // 2])),
        ("good-2.png", base64_text(png)),
    )
    run_sync(provisioned.import_storage)
    storage = provisioned.import_storage
    storage.refresh_from_db()
    assert storage.status == storage.Status.COMPLETED_WITH_ERRORS
    assert storage.last_sync_count == 2
    assert storage.meta["tasks_failed_validation"] == 4
    assert [task.data["original_name"] for task in tasks_of(provisioned)] == ["good-1.png", "good-2.png"]
    reasons = storage.traceback.splitlines()
    expected = ["not base64", "NULL", "not an image", "truncated"]
    names = ["broken.jpg", "null.jpg", "text.jpg", "cut.png"]
    for line, row_id, name, reason in zip(reasons, ids[1:5], names, expected, strict=True):
        assert line.startswith(f"row {row_id} ({name}): ")
        assert reason in line


def test_only_the_first_hundred_bad_rows_are_listed_and_all_are_counted(
    provisioned: Provisioned, source: Source
) -> None:
    source.add(*((f"{n}.jpg", None) for n in range(130)))
    report = run_sync(provisioned.import_storage)
    storage = provisioned.import_storage
    storage.refresh_from_db()
    assert report.failed == storage.meta["tasks_failed_validation"] == 130
    assert len(storage.traceback.splitlines()) == 101
    assert storage.traceback.endswith("… and 30 more rows")


def test_a_second_sync_adds_only_what_is_new(provisioned: Provisioned, source: Source) -> None:
    source.add_images(2)
    run_sync(provisioned.import_storage)
    [new] = source.add(("new.png", base64_text(image_bytes())))
    report = run_sync(provisioned.import_storage)
    assert (report.created, report.existed) == (1, 2)
    assert [task.data["id"] for task in tasks_of(provisioned)] == [1, 2, new]
    assert [task.inner_id for task in tasks_of(provisioned)] == [1, 2, 3]


def test_batches_are_bounded_by_rows_and_bytes(
    provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    create = Writer.create

    def create_and_count(writer: Writer, batch: Any) -> int:
        sizes.append(len(batch))
        return create(writer, batch)

    monkeypatch.setattr(Writer, "create", create_and_count)
    monkeypatch.setattr(task_data, "MAX_BATCH_ROWS", 4)
    source.add_images(9)
    run_sync(provisioned.import_storage)
    monkeypatch.setattr(task_data, "MAX_BATCH_BYTES", 1)
    source.add_images(2)
    run_sync(provisioned.import_storage)
    assert sizes == [4, 4, 1, 1, 1]


def test_an_interrupted_sync_goes_on_where_it_stopped(
    provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.add_images(6)
    monkeypatch.setattr(task_data, "MAX_BATCH_ROWS", 2)
    storage = provisioned.import_storage

    def interrupt(report: SyncReport) -> None:
        if report.created == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_sync(storage, on_progress=interrupt)
    storage.refresh_from_db()
    assert storage.status == storage.Status.FAILED
    assert len(tasks_of(provisioned)) == 4
    report = run_sync(storage)
    assert (report.existed, report.created) == (4, 2)
    assert sorted(task.data["id"] for task in tasks_of(provisioned)) == [1, 2, 3, 4, 5, 6]


def test_a_second_sync_at_the_same_time_does_nothing(provisioned: Provisioned, source: Source) -> None:
    source.add_images(1)
    storage = provisioned.import_storage
    assert storage.info_set_queued()
    assert lease.begin(storage)
    with pytest.raises(InvalidInputError, match="being synced now"):
        run_sync(storage)
    assert run_sync(storage, force=True).created == 1


def test_a_dead_sync_does_not_block_the_next_one(provisioned: Provisioned, source: Source) -> None:
    source.add_images(1)
    storage = provisioned.import_storage
    storage.info_set_queued()
    lease.begin(storage)
    SyncState.objects.update(beat_at="2026-01-01 00:00:00+00:00")
    assert run_sync(storage).created == 1


def test_a_table_that_does_not_fit_fails_with_one_sentence(provisioned: Provisioned, source: Source) -> None:
    source.execute(f"ALTER TABLE {TABLE} DROP COLUMN mime_type")
    storage = provisioned.import_storage
    with pytest.raises(ReconfigureError, match="'mime_type' is missing"):
        run_sync(storage)
    storage.refresh_from_db()
    assert storage.status == storage.Status.FAILED
    missing = "column 'mime_type' is missing, or the account may not see it"
    assert storage.traceback == f"The table '{TABLE}' cannot be used: {missing}."


def test_a_table_that_is_altered_in_mid_sync_can_be_synced_on_later(
    provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sync keeps nobody who alters the table waiting, fails with one sentence, and goes on when it fits again."""
    monkeypatch.setattr(row_keys, "KEYS_BATCH_SIZE", 2)
    monkeypatch.setattr(task_data, "MAX_BATCH_ROWS", 1)
    source.add_images(6)
    storage = provisioned.import_storage

    def alter(report: SyncReport) -> None:
        if report.created == 2:
            source.execute(f"ALTER TABLE {TABLE} RENAME COLUMN base64_data TO data")

    with pytest.raises(ReconfigureError, match="lacks a column"):
        run_sync(storage, on_progress=alter)
    storage.refresh_from_db()
    assert storage.status == storage.Status.FAILED
    assert "lacks a column" in storage.traceback
    assert len(tasks_of(provisioned)) == 2
    source.execute(f"ALTER TABLE {TABLE} RENAME COLUMN data TO base64_data")
    report = run_sync(storage)
    assert (report.existed, report.created) == (2, 4)


def test_label_studios_own_sync_button_works(
    api: Any, provisioned: Provisioned, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("polardb_bridge.storage.api.SYNC_ANSWER_TIMEOUT_S", 0)
    source.add_images(2)
    answer = api.post(f"/api/storages/polardb/{provisioned.import_storage.pk}/sync")
    assert (answer.status_code, answer.json()["status"]) == (200, "queued"), answer.content
    assert jobs.waiting() == [provisioned.import_storage.pk]
    jobs.run(provisioned.import_storage.pk)
    answer = api.get(f"/api/storages/polardb/{provisioned.import_storage.pk}")
    assert (answer.json()["status"], answer.json()["last_sync_count"]) == ("completed", 2)
    assert jobs.waiting() == []
    page = api.get("/api/tasks", {"project": provisioned.project.pk, "fields": "all"}).json()
    assert [task["storage_filename"] for task in page["tasks"]] == ["1", "2"]


def test_an_image_of_20_mb_becomes_a_task(provisioned: Provisioned, source: Source) -> None:
    """Larger than the 16 MiB that MariaDB takes in one statement by default."""
    image = image_bytes("BMP", (2700, 2600))
    assert len(image) > 20 * 1024 * 1024
    text = base64_text(image)
    with connect(source.parameters) as connection:
        limit = connection.exec_driver_sql("SELECT @@GLOBAL.max_allowed_packet").scalar()
        connection.exec_driver_sql("SET GLOBAL max_allowed_packet = 1073741824")
        connection.invalidate()
    try:
        source.add(("big.bmp", text))
    finally:
        with connect(source.parameters) as connection:
            connection.exec_driver_sql(f"SET GLOBAL max_allowed_packet = {limit}")
            connection.invalidate()
    assert run_sync(provisioned.import_storage).created == 1
    [task] = tasks_of(provisioned)
    assert task.data["image"] == f"data:image/bmp;base64,{text}"


def test_rows_that_another_process_has_made_tasks_of_are_left_out(provisioned: Provisioned, source: Source) -> None:
    """As when two workers have the same part for a while."""
    source.add_images(3)
    storage = provisioned.import_storage
    run_sync(storage)
    first, *others = (TaskData(row_id, 1, "/image", "name") for row_id in (2, 4, 5))
    writer = Writer(storage, SyncLease(storage.pk, is_run=False), Numbers(storage))
    assert writer.create([first]) == 0
    assert writer.create([first, *others]) == 2
    assert sorted(storage.links.values_list("row_id", flat=True)) == [1, 2, 3, 4, 5]
    assert sorted(task.inner_id for task in tasks_of(provisioned)) == [1, 2, 3, 4, 5]


def test_numbers_that_are_set_aside_are_given_to_nobody_else(provisioned: Provisioned, source: Source) -> None:
    source.add_images(1)
    storage = provisioned.import_storage
    SyncState.objects.create(storage=storage)
    one, other = Numbers(storage), Numbers(storage)
    assert (one.take(2), other.take(2), one.take(1)) == ([1, 2], [3, 4], [5])
    one.give_back([1, 2])
    assert one.take(3) == [1, 2, 6]


@pytest.mark.django_db(transaction=True)
def test_two_syncs_at_once_make_no_duplicates(provisioned: Provisioned, source: Source) -> None:
    from django.db import connection

    source.add_images(30)
    storage = provisioned.import_storage
    outcomes = []

    def one() -> None:
        try:
            outcomes.append(run_sync(type(storage).objects.get(pk=storage.pk)).created)
        except InvalidInputError:
            outcomes.append(0)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(outcomes) == 30
    assert len(tasks_of(provisioned)) == 30
    assert len({task.inner_id for task in tasks_of(provisioned)}) == 30


def test_the_source_table_is_never_written(provisioned: Provisioned, source: Source) -> None:
    ids = source.add_images(2)
    before = [source.row(row_id) for row_id in ids]
    run_sync(provisioned.import_storage)
    assert [source.row(row_id) for row_id in ids] == before
    with connect(source.parameters) as connection:
        columns = connection.exec_driver_sql(f"SHOW COLUMNS FROM {TABLE}").all()
    assert [column[0] for column in columns] == list(source_table(TABLE).columns.keys())
