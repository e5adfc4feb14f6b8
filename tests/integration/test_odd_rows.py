"""Rows that no task can be made of, or whose result cannot be used: each is listed by id, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync import task_pictures
from polardb_bridge.storage.sync.plan import plan_sync
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.storage.sync.task_writer import Writer
from polardb_bridge.table.connection import begin
from polardb_bridge.table.keys import MAX_INTEGER_KEY
from polardb_bridge.webhooks.reconcile import reconcile
from support.labeling import Provisioned
from support.source_data import TABLE, Source, base64_text, image_bytes, region

PNG = base64_text(image_bytes())


@pytest.fixture(params=["data_uri", "link"])
def storage(request: pytest.FixtureRequest, provisioned: Provisioned, source: Source) -> PolarDBImportStorage:
    """Of a table that holds what it is given, with two good rows around those of the test."""
    provisioned.import_storage.image_delivery = request.param
    provisioned.import_storage.save()
    source.execute(
        f"ALTER TABLE {TABLE} MODIFY id bigint unsigned NOT NULL, MODIFY original_name varchar(255) NULL,"
        " MODIFY annotation_data longtext NULL, MODIFY annotation_count int NULL, MODIFY updated_at datetime NULL,"
        " MODIFY annotation_create_at datetime NULL, MODIFY annotation_update_at datetime NULL"
    )
    put(source, 1)
    put(source, 9)
    return provisioned.import_storage


@contextmanager
def anything_goes(source: Source) -> Iterator[sa.Connection]:
    with begin(source.parameters) as connection:
        connection.exec_driver_sql("SET SESSION sql_mode = ''")
        yield connection
        connection.exec_driver_sql("SET SESSION sql_mode = DEFAULT")


def put(source: Source, row_id: int, name: str = "'a.png'", **values: Any) -> None:
    """A good row but for what differs; `name` as SQL."""
    row = {"base64_data": PNG, "annotation_count": 0, "updated_at": "2026-01-01", **values}
    columns = ", ".join(["id", "mime_type", "original_name", *row])
    places = ", ".join(f":{column}" for column in row)
    with anything_goes(source) as connection:
        connection.execute(sa.text(f"REPLACE INTO {TABLE} ({columns}) VALUES ({row_id}, 'png', {name}, {places})"), row)


def assert_listed(storage: PolarDBImportStorage, row_id: int, problem: str, *, tasks: list[int]) -> None:
    """A sync lists this row alone, and has these as tasks; so does the next one."""
    for _ in range(2):
        report = run_sync(storage)
        assert (report.failed, len(report.errors)) == (1, 1), report
        assert report.errors[0].startswith(f"row {row_id} (")
        assert problem in report.errors[0]
        storage.refresh_from_db()
        assert storage.status == storage.Status.COMPLETED_WITH_ERRORS
        assert storage.traceback == report.errors[0]
        assert sorted(storage.links.values_list("row_id", flat=True)) == tasks


def test_an_id_that_no_database_of_label_studio_holds(storage: PolarDBImportStorage, source: Source) -> None:
    put(source, MAX_INTEGER_KEY)
    put(source, MAX_INTEGER_KEY + 1)
    assert_listed(storage, MAX_INTEGER_KEY + 1, "larger than 9223372036854775807", tasks=[1, 9, MAX_INTEGER_KEY])
    planned = plan_sync(storage)
    assert (planned.created, planned.failed) == (0, 1)


def test_many_ids_that_no_database_of_label_studio_holds_in_a_shared_sync(
    storage: PolarDBImportStorage, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    from polardb_bridge.storage.sync import jobs

    monkeypatch.setenv("POLARDB_SHARED_SYNC_ROWS", "4")
    for number in range(5):
        put(source, MAX_INTEGER_KEY + 1 + number)
    storage.info_set_queued()
    jobs.run(storage.pk, ask_helpers=lambda wanted: None)
    storage.refresh_from_db()
    assert storage.meta["tasks_failed_validation"] == 5
    assert storage.last_sync_count == 2


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("NULL", "original_name is NULL"),
        ("CONCAT('a', CHAR(0), 'b')", "original_name has a NUL character"),
        ("x'41FF42'", "original_name is not valid text: byte 2 is not UTF-8"),
        ("x'41EDA08042'", "original_name is not valid text: byte 2 is not UTF-8"),
    ],
)
def test_a_name_that_is_no_text(storage: PolarDBImportStorage, source: Source, name: str, problem: str) -> None:
    # As text of any bytes: MySQL refuses some of them, and older servers have stored them.
    put(source, 5, name)
    with begin(source.parameters) as connection:
        kept = connection.exec_driver_sql(f"SELECT HEX(original_name) FROM {TABLE} WHERE id = 5").scalar()
    if name.startswith("x'") and kept != name[2:-1]:
        problem = ""  # this server has refused it already
    if problem:
        assert_listed(storage, 5, problem, tasks=[1, 9])
    else:
        assert run_sync(storage).failed == 0


def test_a_row_that_gets_a_bad_name_keeps_its_task(storage: PolarDBImportStorage, source: Source) -> None:
    put(source, 5)
    run_sync(storage)
    put(source, 5, "NULL", updated_at="2026-02-02")
    assert_listed(storage, 5, "original_name is NULL", tasks=[1, 5, 9])
    assert storage.links.get(row_id=5).task.data["original_name"] == "a.png"


def test_a_row_that_the_filter_leaves_out_is_not_listed(storage: PolarDBImportStorage, source: Source) -> None:
    storage.regex_filter = "a"
    storage.save()
    put(source, 5, "CONCAT('b', CHAR(0))")
    assert run_sync(storage).failed == 0


def test_text_of_an_image_that_is_not_in_its_character_set(storage: PolarDBImportStorage, source: Source) -> None:
    put(source, 5)
    put(source, 6)
    with anything_goes(source) as connection:
        connection.exec_driver_sql(f"UPDATE {TABLE} SET base64_data = x'FFFE41' WHERE id = 5")
    if storage.image_delivery == "link":
        assert run_sync(storage).created == 4, "images by link are not looked into"
    else:
        assert_listed(storage, 5, "base64_data is not base64: '", tasks=[1, 6, 9])


def test_an_image_that_is_too_large_for_a_task_is_not_read(
    storage: PolarDBImportStorage, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_pictures, "MAX_DATA_URI_BYTES", len(PNG))
    put(source, 5, base64_data=PNG + " ")
    if storage.image_delivery == "link":
        assert run_sync(storage).created == 3
    else:
        assert_listed(storage, 5, f"takes {len(PNG) + 1} bytes as base64", tasks=[1, 9])
        assert "set the storage's image delivery to 'link'" in storage.traceback


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ('[{"a": "\\u0000"}]', "has a NUL character"),
        ('[{"\\u0000": 1}]', "has a NUL character"),
        ('[{"a": "\\ud800"}]', "has half of a surrogate pair"),
        ('[{"a": NaN}]', "has a number that is not finite"),
        ('[{"a": 1e999}]', "has a number that is not finite"),
        ("[" * 1500 + "]" * 1500, "is nested more than 100 levels deep"),
        ("[" * 101 + "]" * 101, "is nested more than 100 levels deep"),
        ("[", "is not JSON"),
        ("3", "is not a list of regions"),
    ],
)
def test_a_result_that_a_database_cannot_hold(
    storage: PolarDBImportStorage, provisioned: Provisioned, source: Source, data: str, problem: str
) -> None:
    put(source, 5, annotation_data=data, annotation_create_at="2026-01-01", annotation_update_at="2026-01-01")
    report = run_sync(storage)
    assert (report.created, report.failed) == (3, 1)
    assert report.errors == [f"row 5 (a.png): annotation_data {problem}; it stays in the row and is not imported"]
    assert storage.links.get(row_id=5).task.annotations.count() == 0
    assert reconcile(provisioned.export_storage).different == 0


def test_a_result_with_a_backslash_before_a_number_is_no_nul(storage: PolarDBImportStorage, source: Source) -> None:
    value = [{**region(), "meta": {"text": ["\\u0000"]}}]
    put(source, 5, annotation_data=json.dumps(value), annotation_create_at="2026-01-01",
        annotation_update_at="2026-01-01")  # fmt: skip
    assert run_sync(storage).failed == 0
    assert storage.links.get(row_id=5).task.annotations.get().result == value


@pytest.mark.parametrize("time", ["0000-00-00", None])
def test_a_result_beside_a_time_that_is_none(storage: PolarDBImportStorage, source: Source, time: str | None) -> None:
    put(source, 5, annotation_data=json.dumps([region()]), annotation_count=None, annotation_create_at=time)
    report = run_sync(storage)
    assert (report.created, report.failed) == (3, 0)
    annotation = storage.links.get(row_id=5).task.annotations.get()
    assert annotation.result == [region()]
    assert annotation.created_at <= annotation.updated_at


def test_what_only_the_database_refuses_is_found_by_halving(
    storage: PolarDBImportStorage, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    for row_id in (3, 4, 5, 6, 7):
        put(source, row_id, f"'{row_id}.png'")
    create = Writer._create

    def refuse(writer: Writer, batch: Any, numbers: Any) -> Any:
        if any(data.row_id in (4, 7) for data in batch):
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return create(writer, batch, numbers)

    monkeypatch.setattr(Writer, "_create", refuse)
    report = run_sync(storage)
    assert (report.created, report.failed) == (5, 2)
    assert report.errors == [
        f"row {row_id} ({row_id}.png): Label Studio's database does not accept the row: Python int too large to "
        "convert to SQLite INTEGER"
        for row_id in (4, 7)
    ]
    numbers = sorted(link.task.inner_id for link in storage.links.select_related("task"))
    assert numbers == [1, 2, 3, 4, 5]


def test_a_refused_result_costs_its_row_the_result_only(
    storage: PolarDBImportStorage, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = Writer._create

    def refuse(writer: Writer, batch: Any, numbers: Any) -> Any:
        if any(data.existing for data in batch):
            raise ValueError("no such label")
        return create(writer, batch, numbers)

    monkeypatch.setattr(Writer, "_create", refuse)
    put(source, 5, annotation_data=json.dumps([region()]), annotation_create_at="2026-01-01",
        annotation_update_at="2026-01-01")  # fmt: skip
    report = run_sync(storage)
    assert (report.created, report.failed) == (3, 1)
    assert report.errors == ["row 5 (a.png): Label Studio's database does not accept the row: no such label"]


def test_what_a_refresh_cannot_write_is_listed(
    storage: PolarDBImportStorage, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_sync(storage)
    refresh = Writer.refresh

    def refuse(writer: Writer, batch: Any) -> int:
        if any(data.row_id == 9 for data, _ in batch):
            raise ValueError("no")
        return refresh(writer, batch)

    monkeypatch.setattr(Writer, "refresh", refuse)
    source.execute(f"UPDATE {TABLE} SET updated_at = '2026-03-03'")
    report = run_sync(storage)
    assert (report.updated, report.failed) == (1, 1)
    assert report.errors == ["row 9 (a.png): Label Studio's database does not accept the row: no"]


def test_ids_can_be_negative(provisioned: Provisioned, source: Source, api: Any) -> None:
    source.execute(f"ALTER TABLE {TABLE} MODIFY id bigint NOT NULL")
    provisioned.import_storage.image_delivery = "link"
    provisioned.import_storage.save()
    for row_id in (-(2**63), -1, 0, 2**63 - 1):
        with begin(source.parameters) as connection:
            connection.exec_driver_sql("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO'")
            connection.exec_driver_sql(
                f"INSERT INTO {TABLE} (id, base64_data, mime_type, original_name, annotation_count)"
                f" VALUES ({row_id}, '{PNG}', 'png', 'a', 0)"
            )
            connection.exec_driver_sql("SET SESSION sql_mode = DEFAULT")
    assert run_sync(provisioned.import_storage).created == 4
    assert run_sync(provisioned.import_storage).existed == 4
    for link in provisioned.import_storage.links.all():
        assert api.get(link.task.data["image"]).status_code == 200


def test_the_preview_shows_odd_rows(storage: PolarDBImportStorage, source: Source, api: Any) -> None:
    put(source, 5, "NULL", updated_at="0000-00-00", annotation_count=None)
    put(source, 6, "x'41FF42'")
    answer = api.post(
        "/api/storages/polardb/files",
        {**api.get(f"/api/storages/polardb/{storage.pk}").json(), "limit": 9},
        format="json",
    )
    assert answer.status_code == 200, answer.content
    [row] = [row for row in answer.json()["files"] if row["key"] == "5"]
    assert (row["name"], row["last_modified"]) == ("", None)
