"""Sources that are no tables: views, and queries that somebody has written. No constraint guards their keys."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from polardb_bridge.errors import BridgeError, InvalidInputError, ReconfigureError
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.plan import plan_sync
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table import session
from polardb_bridge.table.connection import connect, dispose
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.schema import source_table
from polardb_bridge.table.size import estimate_table_size
from support.own_sources import IMAGE, OwnSource
from support.source_data import Source, image_bytes

pytestmark = pytest.mark.usefixtures("commands_database")

RED, BLUE = image_bytes(color="red"), image_bytes(color="blue")
JOIN = "SELECT r.id AS id, CONCAT(p.name, ': ', r.body) AS body, p.photo AS photo FROM r JOIN p ON p.id = r.product"
TABLES = (
    "CREATE TABLE p (id INT PRIMARY KEY, name VARCHAR(20), photo LONGBLOB)",
    f"INSERT INTO p VALUES (1, 'pen', x'{RED.hex()}'), (2, 'pot', x'{BLUE.hex()}')",
    "CREATE TABLE r (id INT, product INT, body VARCHAR(200))",
    "INSERT INTO r VALUES (7, 1, 'writes'), (8, 1, 'leaks'), (9, 2, 'boils 100%')",
    f"CREATE VIEW seen AS {JOIN}",
)
WAYS = {"view": {"table": "seen"}, "query": {"table": "reviews", "query": JOIN}}


@pytest.fixture(params=WAYS)
def things(request: pytest.FixtureRequest, source: Source, user: Any, api: Any) -> OwnSource:
    """Three rows of a join, once behind a view and once by a query."""
    way = WAYS[request.param]
    mapping = {"key": "id", "data": {"text": "body:text"}} | {k: v for k, v in way.items() if k == "query"}
    things = OwnSource(api, source, user, mapping, table=way["table"])
    things.execute(*TABLES)
    return things


def test_rows_become_tasks_and_are_followed(things: OwnSource) -> None:
    things.begin()
    assert things.texts() == {7: "pen: writes", 8: "pen: leaks", 9: "pot: boils 100%"}
    assert things.counts() == (0, 0, 0, 0, 0)
    things.execute(
        "UPDATE r SET body = 'draws' WHERE id = 7", "DELETE FROM r WHERE id = 8", "INSERT INTO r VALUES (10, 2, 'new')"
    )
    assert things.counts() == (1, 1, 1, 0, 0)
    assert things.texts() == {7: "pen: draws", 9: "pot: boils 100%", 10: "pot: new"}


def test_a_key_that_repeats_is_counted_before_anything_is_made(things: OwnSource) -> None:
    things.execute("INSERT INTO r VALUES (7, 2, 'again'), (NULL, 1, 'none'), (NULL, 2, 'none')")
    refusal = things.refusal()
    assert f"id does not tell the rows of '{things.table}' apart: 6 rows have 3 keys, and 2 have NULL." in refusal
    assert not PolarDBImportStorage.objects.exists()


def test_a_key_must_be_named(things: OwnSource) -> None:
    del things.mapping["key"]
    refusal = things.refusal()
    assert "does not tell its key" in refusal
    assert "body VARCHAR" in refusal, "the columns are listed"


def test_rows_that_repeat_a_key_later_are_listed_and_their_task_stays(things: OwnSource) -> None:
    things.begin()
    things.execute("INSERT INTO r VALUES (7, 2, 'another'), (11, 1, 'a'), (11, 1, 'b'), (NULL, 1, 'none')")
    planned = plan_sync(things.storage)
    assert (planned.created, planned.updated, planned.failed) == (0, 0, 3)
    for _ in range(2):
        report = things.sync()
        assert (report.created, report.updated, report.removed, report.failed) == (0, 0, 0, 3)
        assert any("1 rows have NULL for their key" in line for line in report.errors)
        assert sum("2 rows have this key" in line for line in report.errors) == 2
        assert things.texts() == {7: "pen: writes", 8: "pen: leaks", 9: "pot: boils 100%"}
    things.execute("DELETE FROM r WHERE id IS NULL OR body IN ('another', 'b')")
    assert things.counts() == (1, 0, 0, 0, 0)


def test_keys_that_only_the_server_takes_for_the_same_repeat(source: Source, user: Any, api: Any) -> None:
    mapping = {"key": "k", "data": {"text": "body:text"}, "query": "SELECT k, body FROM r"}
    things = OwnSource(api, source, user, mapping)
    things.execute(
        "CREATE TABLE r (k VARCHAR(20) COLLATE utf8mb4_general_ci, body TEXT)",
        "INSERT INTO r VALUES ('abc', 'one'), ('x', 'two')",
    )
    things.begin()
    things.execute("INSERT INTO r VALUES ('ABC', 'other')")
    for _ in range(2):
        assert things.counts() == (0, 0, 0, 0, 1)
        assert things.texts() == {"abc": "one", "x": "two"}
    things.execute("DELETE FROM r WHERE body = 'one'")
    assert things.counts() == (0, 1, 0, 0, 0)
    assert things.texts() == {"ABC": "other", "x": "two"}


def test_pictures_by_link(things: OwnSource, api: Any) -> None:
    things.mapping["data"] = {"image": "photo:bytes"}
    things.project.label_config = IMAGE
    things.project.save()
    things.begin()
    assert things.storage.delivery_in_use == "link", "nobody knows how large it is"
    image = things.tasks()[9].data["image"]
    assert api.get(image).content == BLUE
    things.execute("INSERT INTO r VALUES (9, 1, 'which one?')")
    answer = api.get(image)
    assert answer.status_code == 404
    assert b"several rows have this key" in answer.content


def test_pictures_inside_the_tasks_if_asked_for(things: OwnSource) -> None:
    things.mapping["data"] = {"image": "photo:bytes"}
    things.project.label_config = IMAGE
    things.project.save()
    things.begin(image_delivery="data_uri")
    assert things.tasks()[7].data["image"] == f"data:image/png;base64,{base64.b64encode(RED).decode()}"


def test_results_are_not_written_into_its_rows(things: OwnSource) -> None:
    things.begin()
    what = "query" if "query" in things.mapping else "view"
    assert f"is a {what}, and results are not written into its rows" in things.refusal("export/")
    options = ["--key=id", "--map=image=photo:bytes", f"--source={things.table}"]
    options += ["--query", JOIN] if what == "query" else []
    with pytest.raises(CommandError, match="--result-table"):
        call_command("provision_project", "--template=animals", "--name=other", *options)


def test_a_view_that_is_invalidated_says_so_and_loses_nothing(source: Source, user: Any, api: Any) -> None:
    things = OwnSource(api, source, user, {"key": "id", "data": {"text": "body:text"}}, table="seen")
    things.execute(*TABLES)
    things.begin()
    things.execute("ALTER TABLE p DROP COLUMN name")
    with pytest.raises(ReconfigureError, match=r"name|is missing|cannot be read"):
        things.sync()
    assert len(things.tasks()) == 3
    things.execute("DROP VIEW seen")
    with pytest.raises(ReconfigureError, match="There is no table 'seen'"):
        things.sync()
    assert len(things.tasks()) == 3


def test_a_table_that_becomes_a_view_is_no_longer_guarded(source: Source, user: Any, api: Any) -> None:
    things = OwnSource(api, source, user, {"data": {"text": "body:text"}})
    things.execute("CREATE TABLE things (id INT PRIMARY KEY, body TEXT)", "INSERT INTO things VALUES (1, 'one')")
    things.begin()
    things.execute("RENAME TABLE things TO others", "CREATE VIEW things AS SELECT * FROM others")
    with pytest.raises(ReconfigureError, match="is a view, and its mapping is that of a table"):
        things.sync()


def test_a_query_has_a_name_that_a_table_may_have_too(source: Source, user: Any, api: Any) -> None:
    """Results of the one must not come into rows of the other."""
    things = OwnSource(api, source, user, {"key": "id", "data": {"text": "body:text"}, "query": JOIN}, table="r2")
    things.execute(*TABLES, "CREATE TABLE r2 (id INT PRIMARY KEY, body TEXT, annotation_data LONGTEXT)")
    things.begin()
    there = {"data": {"text": "body:text"}}
    assert "results would go nowhere" in things.refusal("export/", mapping=there)


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("SELECT 1; SELECT 2", "semicolon"),
        ("DELETE FROM r", "SELECT or WITH"),
        ("SELECT id, id FROM r", "Duplicate column name"),
        ("SELECT id, body FROM nowhere", "nowhere"),
        ("SELECT id, body FROM r WHERE", "error in your SQL syntax"),
        ("SELECT id, body FROM r PROCEDURE ANALYSE()", "MySQL error"),
        ("WITH x AS (SELECT 1 AS id) DELETE FROM x", "MySQL error"),
        ("SELECT id, body INTO OUTFILE '/tmp/x' FROM r", "INTO"),
    ],
)
def test_what_is_no_query_is_refused(source: Source, user: Any, api: Any, query: str, said: str) -> None:
    things = OwnSource(api, source, user, {"key": "id", "data": {"text": "body:text"}, "query": query})
    things.execute(*TABLES)
    assert said in things.refusal()


def test_a_query_that_writes_is_stopped_by_its_session(source: Source, user: Any, api: Any) -> None:
    query = "SELECT id, CONCAT(body, note()) AS body FROM r"
    things = OwnSource(api, source, user, {"key": "id", "data": {"text": "body:text"}, "query": query})
    try:
        things.execute(
            *TABLES,
            "CREATE TABLE notes (n INT)",
            "CREATE FUNCTION note() RETURNS VARCHAR(9) NOT DETERMINISTIC MODIFIES SQL DATA"
            " BEGIN INSERT INTO notes VALUES (1); RETURN ''; END",
        )
    except BridgeError as refused:
        if "1418" not in str(refused):
            raise
        pytest.skip(f"a server with a binary log lets nobody make such a function: {refused}")
    made = things.add()
    if made.status_code == 201:
        with pytest.raises(BridgeError, match="may only read"):
            things.sync()
    assert things.rows("SELECT COUNT(*) FROM notes") == [(0,)]


def test_a_query_that_does_not_end_is_ended_by_the_server(
    source: Source, user: Any, api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "MAX_STATEMENT_S", 1)
    query = "SELECT id, body FROM r WHERE SLEEP(20) = 0"
    things = OwnSource(api, source, user, {"key": "id", "data": {"text": "body:text"}, "query": query})
    things.execute(*TABLES)
    dispose()
    assert "took too long" in things.refusal()


def test_worked_examples(source: Source, user: Any, api: Any) -> None:
    """Those of the documentation: paths of JSON, a join, COMPRESS() and CASE."""
    things = OwnSource(api, source, user, {})
    things.execute(
        "CREATE TABLE events (id INT PRIMARY KEY, payload JSON)",
        """INSERT INTO events VALUES (1, '{"user": {"name": "Ada"}, "text": "Good."}')""",
        "CREATE TABLE pages (id INT PRIMARY KEY, body LONGBLOB, lang CHAR(2))",
        "INSERT INTO pages VALUES (1, COMPRESS('Packed.'), 'en'), (2, COMPRESS('打包'), 'zh')",
    )
    queries = {
        "SELECT id, JSON_UNQUOTE(JSON_EXTRACT(payload, '$.text')) AS body,"
        " JSON_UNQUOTE(JSON_EXTRACT(payload, '$.user.name')) AS name FROM events": {1: "Good."},
        "SELECT id, UNCOMPRESS(body) AS body FROM pages": {1: "Packed.", 2: "打包"},
        "SELECT id, CASE lang WHEN 'zh' THEN '中文' ELSE 'English' END AS body FROM pages": {1: "English", 2: "中文"},
        "SELECT p.id, CONCAT(e.id, p.lang) AS body FROM pages p JOIN events e ON e.id = p.id": {1: "1en"},
        "WITH some AS (SELECT id FROM pages) SELECT id, CONCAT('no. ', id) AS body FROM some": {1: "no. 1", 2: "no. 2"},
        "SELECT CAST(id AS CHAR) AS id, MAX(lang) AS body FROM pages GROUP BY id": {"1": "en", "2": "zh"},
        "SELECT id, lang AS body FROM pages UNION ALL SELECT id + 10, 'event' FROM events": {
            1: "en",
            2: "zh",
            11: "event",
        },
    }
    for number, (query, expected) in enumerate(queries.items()):
        mapping = {"key": "id", "data": {"text": "body:text"}, "query": query}
        made = things.add(mapping=mapping, table=f"q{number}")
        assert made.status_code == 201, (query, made.content)
        report = run_sync(things.storage)
        assert report.errors == []
        assert things.texts() == expected
        things.storage.delete()
        things.project.tasks.all().delete()


def test_inspect_table_proposes_what_a_view_or_a_query_needs(
    source: Source, user: Any, api: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    things = OwnSource(api, source, user, {})
    things.execute(*TABLES)
    for arguments in (["seen"], ["reviews", "--query", JOIN], [f"{source.parameters.database}.seen"]):
        call_command("inspect_table", *arguments, "--json")
        answer = json.loads(capsys.readouterr().out)
        assert {column["name"] for column in answer["columns"]} == {"id", "body", "photo"}
        assert answer["mapping"]["key"] == "id"
        assert answer["mapping"]["data"] == {"image": "photo:bytes"}
        assert [task["id"] for task in answer["tasks"]] == [7, 8, 9]
    call_command("inspect_table", "reviews", "--query", JOIN)
    shown = capsys.readouterr().out
    assert "--query" in shown
    assert "query = 'SELECT" in shown


def test_inspect_table_warns_of_slow_look_ups(
    source: Source, user: Any, api: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    things = OwnSource(api, source, user, {})
    rows = ", ".join(f"({number}, 'text')" for number in range(3000))
    things.execute(
        "CREATE TABLE r (id INT, body TEXT)",
        f"INSERT INTO r VALUES {rows}",
        "CREATE TABLE indexed (id INT PRIMARY KEY, body TEXT)",
        "INSERT INTO indexed SELECT * FROM r",
        "ANALYZE TABLE r, indexed",
        "CREATE VIEW slow AS SELECT * FROM r",
        "CREATE VIEW quick AS SELECT * FROM indexed",
    )
    call_command("inspect_table", "slow", "--json")
    [warning] = [w for w in json.loads(capsys.readouterr().out)["warnings"] if "by its key" in w]
    assert re.search(r"reads about [\d,]{4,} rows", warning)
    call_command("inspect_table", "quick", "--json")
    assert not any("by its key" in w for w in json.loads(capsys.readouterr().out)["warnings"])


def test_a_table_of_another_database(source: Source, user: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Templates stay where POLARDB_URL leads to."""
    name = f"{source.parameters.database}_shop"
    source.add_images(1)
    source.execute(f"CREATE DATABASE {name}")
    try:
        source.execute(f"CREATE TABLE {name}.animals LIKE {source.table}")
        source.execute(f"INSERT INTO {name}.animals SELECT * FROM {source.table}")
        call_command("provision_project", "--template=animals", f"--source={name}.animals", "--name=shop")
        storage = PolarDBImportStorage.objects.get()
        assert (storage.database, storage.table, storage.links.count()) == (name, "animals", 1)
        storage.project.delete()
        deployed = f"deployment_name='d', annotation_template_id=1, annotation_source='{name}.animals'"
        call_command("polar4ai", f"DEPLOY MODEL `Label-Studio` WITH ({deployed})")
        capsys.readouterr()
        call_command("polar4ai", "SHOW DEPLOYMENT d\\G")
        assert f"annotation_source: {name}.animals" in capsys.readouterr().out
    finally:
        dispose()
        source.execute(f"DROP DATABASE {name}")


def test_sql_on_the_shared_account_is_the_administrators(things: OwnSource, user: Any) -> None:
    type(user).objects.filter(pk=user.pk).update(is_superuser=False)
    things.mapping["filter"] = "id > 0"
    assert "Only administrators may run SQL of their own" in things.refusal()
    with pytest.raises(InvalidInputError):
        raise InvalidInputError(things.refusal(mapping={**things.mapping, "version": "CONCAT(id)", "filter": ""}))


def test_the_size_of_a_partitioned_table_is_that_of_all_its_parts(source: Source, user: Any, api: Any) -> None:
    things = OwnSource(api, source, user, {})
    things.execute(
        "CREATE TABLE parts (id INT PRIMARY KEY, body LONGTEXT) PARTITION BY HASH (id) PARTITIONS 4",
        *(f"INSERT INTO parts VALUES ({number}, REPEAT('x', 300000))" for number in range(16)),
        "ANALYZE TABLE parts",
    )
    mapping = TableMapping.from_json({"key": "id", "data": {"text": "body:text"}})
    with connect(source.parameters) as connection:
        size = estimate_table_size(connection, source_table("parts", mapping))
    assert size.bytes > 16 * 300_000
    assert size.rows >= 8
