"""What inspect_table finds in tables that nobody made for labeling; what it proposes is run as it stands."""

from __future__ import annotations

import base64
import json
import shlex
import zlib
from typing import Any

import pytest
import sqlalchemy as sa
from django.core.management import CommandError, call_command
from tasks.models import Task

from polardb_bridge.statements.parser import parse
from polardb_bridge.statements.syntax import DeployModel
from polardb_bridge.table.connection import begin
from polardb_bridge.table.mapping import TableMapping
from support.source_data import Source, image_bytes

pytestmark = pytest.mark.usefixtures("commands_database")

PNG, JPEG = image_bytes(color="red"), image_bytes("JPEG", (8, 8))
PRODUCTS = (
    "CREATE TABLE products (sku BIGINT UNSIGNED PRIMARY KEY, title VARCHAR(80), photo LONGBLOB, thumb TEXT,"
    " doc JSON, page VARCHAR(200), price DECIMAL(9,2), place POINT NULL,"
    " changed_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, answer LONGTEXT)"
)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    call_command("inspect_table", *arguments)
    return capsys.readouterr().out


def seen(capsys: pytest.CaptureFixture[str], table: str) -> tuple[dict[str, str], dict[str, Any]]:
    """What each column is said to hold, and all that is said."""
    answer = json.loads(run(capsys, table, "--json"))
    return {column["name"]: column["holds"] for column in answer["columns"]}, answer


def add(source: Source, table: str, **values: object) -> None:
    names = ", ".join(f"`{name}`" for name in values)
    marks = ", ".join(f":{name}" for name in values)
    with begin(source.parameters) as connection:
        connection.execute(sa.text(f"INSERT INTO {table} ({names}) VALUES ({marks})"), values)


def proposed(output: str) -> tuple[list[str], str]:
    """The command's arguments after its name, and the statement."""
    command, _, rest = output.partition("provision_project")[2].partition("\n\n")
    return shlex.split(command.replace("\\\n", "")), rest[rest.index("DEPLOY") :].strip()


def deployed(statement: str) -> DeployModel:
    [deploy] = parse(statement)
    assert isinstance(deploy, DeployModel)
    return deploy


def test_what_it_proposes_labels_the_table(source: Source, user: Any, capsys: pytest.CaptureFixture[str]) -> None:
    source.execute(PRODUCTS)
    for sku, photo in ((7, PNG), (8, JPEG), (2**60, PNG)):
        add(source, "products", sku=sku, title=f"no. {sku}", photo=photo, doc='{"a": [1]}', page="https://a.example/1")
    output = run(capsys, "products")
    assert "photo" in output
    assert "pictures (JPEG, PNG): 3" in output
    assert "has no column for results" in output
    source.execute("ALTER TABLE products CHANGE answer annotation_data LONGTEXT")
    arguments, statement = proposed(run(capsys, "products"))
    assert "--map" in arguments
    assert "--key" not in arguments, "the table tells it"
    call_command("provision_project", *arguments)
    tasks = {task.data["id"]: task.data["original_name"] for task in Task.objects.all()}
    assert tasks == {7: "no. 7", 8: "no. 8", 2**60: f"no. {2**60}"}
    deploy = deployed(statement)
    assert deploy.mapping.version == "changed_at"
    assert (deploy.mapping.to_texts()["image"]) == "photo:bytes"


def test_columns_are_told_by_their_rows(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    source.execute(PRODUCTS)
    large = json.dumps({"a": list(range(1000))})
    for sku in (1, 2):
        thumb = "data:image/png;base64," + base64.b64encode(PNG).decode()
        add(source, "products", sku=sku, photo=b"OLE" + bytes(75) + PNG, thumb=thumb, doc=large, page="//a.example/b")
    holds, answer = seen(capsys, "products")
    assert holds == {
        "sku": "numbers",
        "title": "nothing",
        "photo": "pictures (PNG) behind 78 other bytes",
        "thumb": "pictures (PNG)",
        "doc": "JSON",
        "page": "addresses",
        "price": "nothing",
        "place": "nothing",
        "changed_at": "times",
        "answer": "nothing",
    }
    assert answer["mapping"] is None, "no column takes results"


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        (b"%PDF-1.7 ...", "a PDF document"),
        (zlib.compress(PNG)[2:20], "bytes"),
        (b"", "bytes"),
        (bytes(300) + PNG, "bytes"),
        (b"\xff\xfe\x00\x80", "bytes"),
        (b"  ", "empty text"),
    ],
)
def test_bytes_that_are_no_picture(
    source: Source, capsys: pytest.CaptureFixture[str], value: bytes, holds: str
) -> None:
    source.execute("CREATE TABLE files (id INT PRIMARY KEY, content LONGBLOB)")
    add(source, "files", id=1, content=value)
    found, answer = seen(capsys, "files")
    assert found["content"] == holds
    assert "does not tell its data" in answer["problem"]


@pytest.mark.parametrize(
    ("value", "holds"),
    [
        ("[not json", "text"),
        ("{}", "JSON"),
        ("see https://a.example", "text"),
        ("https://a.example/b c", "text"),
        ("  ", "empty text"),
        ("🐈" * 600, "text"),
        ('{"a": "' + "猫" * 600 + '"}', "JSON"),
        ('{"a": 1,,' + "x" * 600, "text"),
    ],
    ids=range(8),
)
def test_kinds_of_text(source: Source, capsys: pytest.CaptureFixture[str], value: str, holds: str) -> None:
    source.execute("CREATE TABLE notes (id INT PRIMARY KEY, body LONGTEXT) DEFAULT CHARSET utf8mb4")
    add(source, "notes", id=1, body=value)
    assert seen(capsys, "notes")[0]["body"] == holds


def test_the_documented_layout_needs_no_options(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    source.add_images(2)
    arguments, statement = proposed(run(capsys, source.table))
    assert arguments == ["--template", "1", "--source", source.table, "--name", source.table]
    deploy = deployed(statement)
    assert deploy.mapping.is_nothing
    assert TableMapping.from_json(seen(capsys, source.table)[1]["mapping"]).is_documented


def test_odd_tables(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    with begin(source.parameters) as connection:
        connection.execute(sa.text("CREATE TABLE `nothing-in-it` (`a b` INT, `c%``d` LONGBLOB)"))
    holds, answer = seen(capsys, "nothing-in-it")
    assert holds == {"a b": "nothing", "c%`d": "nothing"}
    assert answer["looked_at"] == 0
    assert "does not tell its key" in answer["problem"]
    with begin(source.parameters) as connection:
        connection.execute(
            sa.text("CREATE TABLE `größe-1` (`the key` INT PRIMARY KEY, `c%``d` LONGBLOB, annotation_data LONGTEXT)")
        )
        connection.execute(sa.text("INSERT INTO `größe-1` (`the key`, `c%``d`) VALUES (5, :png)"), {"png": PNG})
    arguments, statement = proposed(run(capsys, "größe-1"))
    assert "image=`c%``d`:bytes" in arguments
    deploy = deployed(statement)
    assert (deploy.name, deploy.source) == ("gr__e-1", "größe-1")
    with pytest.raises(CommandError, match="There is no table 'not_there'"):
        call_command("inspect_table", "not_there")


def test_each_column_has_its_reading(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    source.execute(
        "CREATE TABLE pages (id INT PRIMARY KEY, photo LONGBLOB, packed LONGBLOB, notes BLOB, scans LONGTEXT,"
        " urls TEXT, list JSON, doc JSON, price DECIMAL(9,2), made DATETIME, annotation_data LONGTEXT)"
    )
    with begin(source.parameters) as connection:
        connection.execute(
            sa.text(
                "INSERT INTO pages VALUES (1, :ole, COMPRESS(:png), COMPRESS(REPEAT('some words ', 9)), :scans,"
                " 'https://a.example/1.jpg, https://a.example/2.jpg', :list, '{}', 1.5, '2024-05-01', NULL)"
            ),
            {"ole": b"OLE" + bytes(75) + PNG, "png": PNG, "scans": json.dumps([base64.b64encode(PNG).decode()] * 2),
             "list": json.dumps(["https://a.example/1.jpg"])},
        )  # fmt: skip
    _, answer = seen(capsys, "pages")
    assert {column["name"]: column["read"] for column in answer["columns"]} == {
        "id": "id:number",
        "photo": "photo:bytes@78",
        "packed": "packed:bytes|mysql",
        "notes": "notes:text|mysql",
        "scans": "scans:base64s",
        "urls": "urls:urls",
        "list": "list:urls",
        "doc": "doc:json",
        "price": "price:number",
        "made": "made:datetime",
        "annotation_data": "",
    }
    for drop, proposal in (
        ("title", "image=photo:bytes@78"),
        ("photo", "'image=packed:bytes|mysql'"),
        ("packed", "pages=scans:base64s"),
        ("scans", "pages=urls:urls"),
        ("urls", "pages=list:urls"),
        ("list", "'text=notes:text|mysql'"),
    ):
        if drop != "title":
            source.execute(f"ALTER TABLE pages DROP COLUMN {drop}")
        output = run(capsys, "pages")
        assert f"--map {proposal}" in output
        arguments, statement = proposed(output)
        assert deployed(statement).mapping.data, arguments


def test_a_table_without_pictures(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    source.execute(
        "CREATE TABLE reviews (id INT PRIMARY KEY, title VARCHAR(90), body TEXT, shop VARCHAR(20),"
        " annotation_data LONGTEXT)"
    )
    for number in (1, 2):
        add(source, "reviews", id=number, title="So so", body="It arrived late, and works.", shop="Basel")
    arguments, statement = proposed(run(capsys, "reviews"))
    assert arguments[-4:] == ["--name-column", "title", "--map", "text=body:text"]
    assert deployed(statement).mapping.to_texts()["fields"] == "text=body:text"


def test_addresses_are_pictures_where_there_are_no_others(source: Source, capsys: pytest.CaptureFixture[str]) -> None:
    source.execute("CREATE TABLE shop (id INT PRIMARY KEY, about TEXT, img VARCHAR(90), annotation_data LONGTEXT)")
    add(source, "shop", id=1, about="A long text about a cat.", img="https://a.example/cat.jpg")
    arguments, _ = proposed(run(capsys, "shop"))
    assert "image=img:url" in arguments
