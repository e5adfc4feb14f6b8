"""Rows that change and keep their `updated_at`: within one second, by transactions of long ago, without any time."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.models import RowMemory, SyncState
from polardb_bridge.storage.sync.plan import plan_sync
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table import horizon
from polardb_bridge.table.connection import begin, connect, engine_for
from polardb_bridge.table.horizon import read_horizon
from support.labeling import Provisioned
from support.source_data import TABLE, Source, base64_text, image_bytes

RED, BLUE, GREEN = (base64_text(image_bytes(color=color)) for color in ("red", "blue", "green"))
NOW = "updated_at = NOW()"
SAME = "updated_at = updated_at"


@pytest.fixture(params=["data_uri", "link"])
def storage(request: pytest.FixtureRequest, provisioned: Provisioned, source: Source) -> PolarDBImportStorage:
    """Of three red rows, with each way of delivery; not synced yet."""
    provisioned.import_storage.image_delivery = request.param
    provisioned.import_storage.save()
    source.add(*((f"{number}.png", RED) for number in range(3)))
    return provisioned.import_storage


def change(source: Source, row_id: int, time: str, **values: str) -> None:
    assignments = ", ".join([*(f"{name} = '{value}'" for name, value in values.items()), time])
    source.execute(f"UPDATE {TABLE} SET {assignments} WHERE id = {row_id}")


def age(source: Source, interval: str) -> None:
    source.execute(f"UPDATE {TABLE} SET updated_at = updated_at - INTERVAL {interval}")


def data_of(storage: PolarDBImportStorage, row_id: int) -> dict[str, Any]:
    data: dict[str, Any] = storage.links.get(row_id=row_id).task.data
    return data


def in_doubt(storage: PolarDBImportStorage) -> list[int]:
    return list(storage.links.filter(memory__digest__gt="").order_by("row_id").values_list("row_id", flat=True))


def test_a_change_within_the_second_of_the_sync_is_found(storage: PolarDBImportStorage, source: Source) -> None:
    run_sync(storage)
    before = data_of(storage, 2)
    change(source, 2, SAME, base64_data=BLUE)
    assert plan_sync(storage).updated == 1
    report = run_sync(storage)
    assert (report.updated, report.existed) == (1, 2)
    after = data_of(storage, 2)
    assert after["image"] != before["image"], "no cache that goes by the address shows the former one"
    assert storage.delivery_in_use == "link" or after["image"] == f"data:image/png;base64,{BLUE}"
    assert run_sync(storage).updated == 0


def test_a_new_name_within_the_second_of_the_sync_is_found(storage: PolarDBImportStorage, source: Source) -> None:
    run_sync(storage)
    change(source, 2, SAME, original_name="other.png")
    assert run_sync(storage).updated == 1
    assert data_of(storage, 2)["original_name"] == "other.png"


def test_rows_are_forgotten_when_nothing_can_change_them_unseen(storage: PolarDBImportStorage, source: Source) -> None:
    run_sync(storage)
    assert in_doubt(storage) == [1, 2, 3]
    age(source, "1 HOUR")
    assert run_sync(storage).updated == 3
    assert in_doubt(storage) == []


def test_a_row_of_the_last_minutes_is_remembered_until_they_are_over(
    storage: PolarDBImportStorage, source: Source
) -> None:
    age(source, "2 MINUTE")
    run_sync(storage)
    assert in_doubt(storage) == [1, 2, 3]
    assert run_sync(storage).existed == 3
    assert in_doubt(storage) == [1, 2, 3]
    # As when they were synced an hour ago.
    age(source, "1 HOUR")
    for link in storage.links.all():
        PolarDBImportStorageLink.objects.filter(pk=link.pk).update(version=link.version - 3600)
    assert run_sync(storage).existed == 3
    assert in_doubt(storage) == []


def test_of_the_last_minutes_only_the_newest_rows_are_remembered(
    storage: PolarDBImportStorage, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(horizon, "MAX_NEWEST_ROWS", 2)
    monkeypatch.setattr("polardb_bridge.storage.sync.doubt.MAX_NEWEST_ROWS", 2)
    source.add(*((f"{number}.png", RED) for number in range(3, 8)))
    source.execute(f"UPDATE {TABLE} SET updated_at = NOW() - INTERVAL (100 - id) SECOND")
    run_sync(storage)
    assert in_doubt(storage) == [7, 8]
    source.execute(f"UPDATE {TABLE} SET updated_at = NOW() WHERE id < 4")
    run_sync(storage)
    assert in_doubt(storage) == [1, 2, 3, 7, 8], "those of the last seconds all"
    assert run_sync(storage).updated == 0


def test_a_transaction_that_was_open_during_the_sync(storage: PolarDBImportStorage, source: Source) -> None:
    """It began minutes before the others committed, and commits with a time of then."""
    age(source, "20 MINUTE")
    change(source, 2, f"{NOW} - INTERVAL 5 MINUTE", base64_data=BLUE)
    with engine_for(source.parameters).connect() as writer:
        at = writer.exec_driver_sql(f"SELECT updated_at FROM {TABLE} WHERE id = 2").scalar()
        writer.execute(sa.text(f"UPDATE {TABLE} SET base64_data = :d, updated_at = :t WHERE id = 2"),
                       {"d": GREEN, "t": at})  # fmt: skip
        run_sync(storage)
        before = data_of(storage, 2)["image"]
        writer.commit()
    assert run_sync(storage).updated == 1
    assert data_of(storage, 2)["image"] != before


def test_an_open_transaction_is_seen_in_every_time_zone(source: Source) -> None:
    with engine_for(source.parameters).connect() as writer, connect(source.parameters) as connection:
        writer.exec_driver_sql(f"SELECT * FROM {TABLE}")
        assert horizon._oldest_transaction_s(connection) < 60, "one that only reads changes nothing"
        writer.exec_driver_sql(f"UPDATE {TABLE} SET mime_type = 'x'")
        connection.exec_driver_sql("DO SLEEP(2)")
        assert 1 <= horizon._oldest_transaction_s(connection) < 60
        found = read_horizon(connection)
        assert found.settled_before < found.open_since
        writer.rollback()


def test_an_account_that_may_not_see_transactions_can_sync(storage: PolarDBImportStorage, source: Source) -> None:
    with begin(source.parameters) as connection:
        name = f"low_{source.parameters.database[-8:]}"
        connection.exec_driver_sql(f"CREATE USER {name}@'%%' IDENTIFIED BY 'first'")
        connection.exec_driver_sql(f"GRANT SELECT ON {source.parameters.database}.* TO {name}@'%%'")
    storage.user, storage.password = name, "first"
    storage.save()
    assert run_sync(storage).created == 3
    change(source, 1, SAME, base64_data=BLUE)
    assert run_sync(storage).updated == 1


@pytest.mark.parametrize("time", ["NULL", "'1960-01-01'", "'0000-00-00'"])
def test_a_row_of_an_unknown_time_is_a_task_and_is_compared_each_time(
    storage: PolarDBImportStorage, source: Source, time: str
) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY updated_at datetime NULL")
    with begin(source.parameters) as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = ''")
        connection.exec_driver_sql(f"UPDATE {TABLE} SET updated_at = {time} WHERE id = 2")
        connection.exec_driver_sql("SET SESSION sql_mode = DEFAULT")
    assert run_sync(storage).created == 3
    assert storage.links.get(row_id=2).version == 0
    for picture in (BLUE, GREEN):
        change(source, 2, SAME, base64_data=picture)
        assert run_sync(storage).updated == 1
        assert run_sync(storage).existed == 3
    assert in_doubt(storage) == [1, 2, 3]


@pytest.mark.parametrize("kind", ["timestamp(3)", "timestamp(6)", "datetime(6)"])
def test_times_with_fractions(storage: PolarDBImportStorage, source: Source, api: Any, kind: str) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY updated_at {kind} NOT NULL DEFAULT '2026-01-01 00:00:00.5'")
    source.execute(f"UPDATE {TABLE} SET updated_at = '2026-02-03 04:05:06.123456'")
    assert run_sync(storage).created == 3
    assert run_sync(storage).existed == 3
    version = storage.links.get(row_id=1).version
    assert version in (1770091506123456, 1770091506123000)
    if storage.delivery_in_use == "link":
        assert ImageLink.parse(data_of(storage, 1)["image"].partition("?d=")[2]) == ImageLink(storage.pk, 1, version)
        assert api.get(data_of(storage, 1)["image"]).status_code == 200
    source.execute(f"UPDATE {TABLE} SET updated_at = '2026-02-03 04:05:06.124' WHERE id = 1")
    assert run_sync(storage).updated == 1
    assert in_doubt(storage) == []
    change(source, 2, "updated_at = NOW(6)", base64_data=BLUE)
    assert run_sync(storage).updated == 1
    assert in_doubt(storage) == [2]
    change(source, 2, SAME, base64_data=GREEN)
    assert run_sync(storage).updated == 1


def test_a_fresh_row_is_shown_by_link_as_it_is_at_that_moment(
    provisioned: Provisioned, source: Source, api: Any
) -> None:
    storage = provisioned.import_storage
    storage.image_delivery = "link"
    storage.save()
    source.add(("a.png", RED))
    run_sync(storage)
    url = data_of(storage, 1)["image"]
    first = api.get(url)
    assert first["Cache-Control"] == "private, no-cache"
    assert api.get(url, HTTP_IF_NONE_MATCH=first["ETag"]).status_code == 304
    change(source, 1, SAME, base64_data=BLUE)
    second = api.get(url, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (second.status_code, second.content) == (200, image_bytes(color="blue"))
    run_sync(storage)
    assert data_of(storage, 1)["image"] == url.replace(".jpg", "-1.jpg")
    assert api.get(data_of(storage, 1)["image"]).content == image_bytes(color="blue")


def test_old_links_stay_as_they_are_after_an_upgrade(storage: PolarDBImportStorage, source: Source) -> None:
    """Nothing was remembered then, and no time is known; nothing is read again."""
    age(source, "1 MINUTE")
    run_sync(storage)
    RowMemory.objects.all().delete()
    SyncState.objects.all().delete()
    assert run_sync(storage).existed == 3
