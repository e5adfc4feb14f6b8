"""What tells that a row has changed: any column, an expression, a digest, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.models import RowMemory
from polardb_bridge.table.connection import connect
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.rows import read_rows
from polardb_bridge.table.schema import source_table
from polardb_bridge.table.versions import read_versions
from polardb_bridge.webhooks.reconcile import reconcile
from support.own_sources import IMAGE, OwnSource
from support.source_data import Source, image_bytes

pytestmark = pytest.mark.usefixtures("commands_database")

RED, BLUE = image_bytes(color="red"), image_bytes(color="blue")
DDL = (
    "CREATE TABLE things (id INT PRIMARY KEY, body TEXT, rev BIGINT NULL, tag VARCHAR(40) NULL, day DATE NULL,"
    " blobs VARBINARY(40) NULL, answer LONGTEXT NULL, photo LONGBLOB NULL)"
)
MAPPING = {"data": {"text": "body:text"}, "result": {"annotation_data": "answer"}}


@pytest.fixture
def things(source: Source, user: Any, api: Any) -> OwnSource:
    things = OwnSource(api, source, user, dict(MAPPING))
    things.execute(DDL, "INSERT INTO things (id, body, rev, tag) VALUES (1, 'one', 1, 'a'), (2, 'two', 1, 'a')")
    return things


@pytest.mark.parametrize(
    ("version", "changes"),
    [
        ("rev", ("rev = 2", "rev = 1", "rev = -1", "rev = NULL", "rev = 0")),
        ("tag", ("tag = 'A'", "tag = 'a '", "tag = ''", "tag = NULL", "tag = '🐈'")),
        ("day", ("day = '2024-02-29'", "day = '0000-00-00'", "day = NULL")),
        ("blobs", ("blobs = ''", "blobs = x'00'", "blobs = x'ff00'", "blobs = NULL")),
        ("CONCAT_WS('%', tag, rev + 1)", ("rev = 5", "tag = 'b'", "tag = NULL")),
    ],
)
def test_every_other_value_is_a_change_and_nothing_else_is(
    things: OwnSource, version: str, changes: tuple[str, ...]
) -> None:
    things.mapping["version"] = version
    things.begin()
    assert things.counts() == (0, 0, 0, 0, 0)
    for number, change in enumerate(changes):
        things.execute(f"UPDATE things SET body = 'text {number}', {change} WHERE id = 1")
        assert things.counts() == (0, 1, 0, 0, 0), change
        assert things.texts()[1] == f"text {number}"
        assert things.counts() == (0, 0, 0, 0, 0), change
    things.execute("UPDATE things SET body = 'unseen' WHERE id = 2")
    assert things.counts() == (0, 0, 0, 0, 0)
    assert not RowMemory.objects.exclude(digest="").exists(), "nothing is in doubt"


def test_of_none_only_new_and_deleted_rows_are_followed(things: OwnSource, api: Any) -> None:
    things.mapping["version"] = ""
    things.begin()
    things.execute("UPDATE things SET body = 'other' WHERE id = 1", "DELETE FROM things WHERE id = 2")
    things.execute("INSERT INTO things (id, body) VALUES (3, 'three')")
    assert things.counts() == (1, 0, 1, 0, 0)
    assert things.texts() == {1: "one", 3: "three"}
    shown = api.get(f"/api/storages/polardb/{things.storage.pk}").json()
    assert any("No version was named" in note and "'digest'" in note for note in shown["notes"])


@pytest.mark.parametrize("version", ["digest", "DIGEST", None])
def test_a_digest_follows_all_that_tasks_show(things: OwnSource, version: str | None, api: Any) -> None:
    things.mapping["version"] = version
    things.begin()
    assert things.storage.mapping["version"] is None
    things.execute("UPDATE things SET body = 'other' WHERE id = 1", "UPDATE things SET rev = 9 WHERE id = 2")
    assert things.counts() == (0, 1, 0, 0, 0)
    assert things.texts() == {1: "other", 2: "two"}
    assert api.get(f"/api/storages/polardb/{things.storage.pk}").json()["notes"] == []


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("revv", "column 'revv' is missing"),
        ("CONCAT(revv)", "Unknown column 'revv'"),
        ("rev) OR (1", "closes a bracket"),
        ("rev + 1 -- ", "comment"),
    ],
)
def test_what_is_no_version_is_refused(things: OwnSource, version: str, said: str) -> None:
    things.mapping["version"] = version
    assert said in things.refusal()


def test_our_own_writing_is_no_change_whatever_moves_the_version(source: Source, user: Any, api: Any) -> None:
    """A row version, as SQL Server has it: a trigger moves it with each UPDATE."""
    things = OwnSource(api, source, user, {**MAPPING, "version": "rev"})
    rows = ", ".join(f"({number}, 'text', 1)" for number in range(100))
    things.execute(
        DDL,
        f"INSERT INTO things (id, body, rev) VALUES {rows}",
        "CREATE TRIGGER moves BEFORE UPDATE ON things FOR EACH ROW SET NEW.rev = OLD.rev + 1",
    )
    things.begin("", "export/")
    for key in range(100):
        things.submit(key, deliver=False)
    things.deliver()
    assert things.rows("SELECT MIN(rev) > 1, COUNT(answer) FROM things") == [(1, 100)]
    assert things.counts() == (0, 0, 0, 0, 0)
    assert reconcile(things.target).different == 0
    things.execute("UPDATE things SET body = 'other' WHERE id = 7")
    assert things.counts() == (0, 1, 0, 0, 0)


def test_a_change_before_our_own_writing_is_one(things: OwnSource) -> None:
    things.mapping["version"] = "rev"
    things.execute("CREATE TRIGGER moves BEFORE UPDATE ON things FOR EACH ROW SET NEW.rev = OLD.rev + 1")
    things.begin("", "export/")
    things.execute("UPDATE things SET body = 'other' WHERE id = 1")
    things.submit(1)
    assert things.counts() == (0, 1, 0, 0, 0)
    assert things.texts()[1] == "other"


@contextmanager
def lagging(monkeypatch: pytest.MonkeyPatch, things: OwnSource) -> Iterator[None]:
    """What is not confirmed at the primary is read from a table of yesterday."""
    things.execute("CREATE TABLE replica LIKE things", "INSERT INTO replica SELECT * FROM things")
    yield
    storage = things.storage
    replica = source_table("replica", storage.table_mapping)
    monkeypatch.setattr(PolarDBImportStorage, "source_table", replica)


def test_a_replica_that_lags_puts_nothing_back(things: OwnSource, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an order, an older version is another one: the primary tells which is the present one."""
    things.mapping["version"] = "rev"
    things.begin()
    with lagging(monkeypatch, things):
        things.execute("UPDATE things SET body = 'newer', rev = 2 WHERE id = 1")
        assert things.counts() == (0, 1, 0, 0, 0)
    assert things.counts() == (0, 0, 0, 0, 0)
    assert things.texts() == {1: "newer", 2: "two"}


def test_a_replica_that_answers_in_between_puts_nothing_back(
    things: OwnSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys came from the primary, and what the rows hold comes from a replica."""
    things.mapping["version"] = "rev"
    things.begin()
    things.execute("CREATE TABLE replica LIKE things", "INSERT INTO replica SELECT * FROM things")
    things.execute("UPDATE things SET body = 'newer', rev = 2 WHERE id = 1")
    replica = source_table("replica", things.storage.table_mapping)
    with monkeypatch.context() as patch:
        patch.setattr(
            "polardb_bridge.storage.sync.task_data.read_rows",
            lambda connection, _, *ids, **more: read_rows(connection, replica, *ids, **more),
        )
        assert things.counts() == (0, 0, 0, 0, 0)
        assert things.texts()[1] == "one"
    assert things.counts() == (0, 1, 0, 0, 0)


def test_addresses_of_pictures_follow_the_version(things: OwnSource, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    things.execute(f"UPDATE things SET photo = x'{RED.hex()}'")
    things.mapping |= {"data": {"image": "photo:bytes"}, "version": "tag"}
    things.project.label_config = IMAGE
    things.project.save()
    things.begin(image_delivery="link")
    before = things.tasks()[1].data["image"]
    link = ImageLink.of_url(before)
    assert link
    assert 0 < link.version < 10**18
    answer = api.get(before)
    assert answer.content == RED
    assert api.get(before, headers={"If-None-Match": answer["ETag"]}).status_code == 304
    things.execute(f"UPDATE things SET photo = x'{BLUE.hex()}', tag = 'b' WHERE id = 1")
    monkeypatch.setattr("polardb_bridge.storage.images.views._cache", ImageCache())
    assert api.get(before).content == BLUE, "the primary's, although no sync has seen it"
    assert things.counts() == (0, 1, 0, 0, 0)
    after = things.tasks()[1].data["image"]
    assert after != before
    assert api.get(after).content == BLUE


def test_versions_are_the_same_in_every_session(things: OwnSource) -> None:
    mapping = TableMapping.from_json(
        {"key": "id", "data": {"text": "body:text"}, "version": "tag", "version_kind": "value"}
    )
    table = source_table("things", mapping)
    with connect(things.source.parameters) as connection:
        first = read_versions(connection, table, [1, 2])
        connection.execute(sa.text("SET NAMES latin1"))
        assert read_versions(connection, table, [1, 2]) == first
        connection.invalidate()
    assert first[1] == first[2]
