"""Tables of which tasks show more than a picture, or none: texts, addresses, numbers, JSON and times."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from projects.models import Project
from tasks.models import Task

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.storage.images import unreadable
from polardb_bridge.storage.images.verify import verify
from polardb_bridge.webhooks.reconcile import reconcile
from support.source_data import image_bytes, region
from support.things import Labeling

pytestmark = pytest.mark.usefixtures("commands_database")

RED, BLUE = image_bytes(color="red"), image_bytes(color="blue")
RED_URI, BLUE_URI = (f"data:image/png;base64,{base64.b64encode(data).decode()}" for data in (RED, BLUE))
TEXT = (
    '<View><Text name="text" value="$text"/><Choices name="mood" toName="text"><Choice value="good"/>'
    '<Choice value="bad"/></Choices></View>'
)


def mood(choice: str) -> dict[str, Any]:
    """As Label Studio's editor submits it."""
    return {
        "id": "aB3_x",
        "type": "choices",
        "value": {"choices": [choice]},
        "origin": "manual",
        "to_name": "text",
        "from_name": "mood",
    }


@pytest.fixture
def texts(labeling: Labeling) -> Labeling:
    """A table of texts; nothing of it is a picture."""
    labeling.execute(
        "CREATE TABLE things (id INT PRIMARY KEY, body TEXT NULL, answer LONGTEXT NULL,"
        " changed TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP)"
        " CHARACTER SET utf8mb4"
    )
    labeling.execute("INSERT INTO things (id, body) VALUES (1, 'Good 😀 <b>day</b>'), (2, ''), (3, NULL), (4, 'Four')")
    labeling.show(TEXT)
    labeling.mapping = {
        "data": {"text": "body:text"},
        "name": "body",
        "version": "changed",
        "result": {"annotation_data": "answer"},
    }
    labeling.mapping["name"] = None
    return labeling


class TestTexts:
    @pytest.mark.parametrize("delivery", ["link", "data_uri"])
    def test_rows_become_tasks_without_a_picture(self, texts: Labeling, delivery: str) -> None:
        texts.begin(image_delivery=delivery)
        assert texts.data() == {1: {"text": "Good 😀 <b>day</b>"}, 2: {"text": ""}, 4: {"text": "Four"}}
        assert texts.storage.delivery_in_use == ""
        assert texts.storage.status == "completed_with_errors"
        assert "there is nothing to label in body" in texts.storage.traceback
        assert "row 3" in texts.storage.traceback

    def test_results_are_written_changed_cleared_and_reconciled(self, texts: Labeling) -> None:
        texts.begin()
        before = texts.rows()
        annotation = texts.submit(1, mood("good"))
        assert texts.result(1) == [mood("good")]
        texts.api.patch(f"/api/annotations/{annotation}/", {"result": [mood("bad")]}, format="json")
        texts.deliver()
        assert texts.result(1) == [mood("bad")]
        report = texts.sync()
        assert (report.created, report.updated, report.removed) == (0, 0, 0)
        assert reconcile(texts.target).different == 0
        texts.execute("UPDATE things SET answer = NULL, changed = changed")
        assert reconcile(texts.target).different == 1
        texts.deliver()
        assert texts.result(1) == [mood("bad")]
        texts.api.delete(f"/api/annotations/{annotation}/")
        texts.deliver()
        assert texts.rows() == before

    def test_changed_removed_and_emptied_rows_are_followed(self, texts: Labeling) -> None:
        texts.begin()
        texts.execute("UPDATE things SET body = CASE id WHEN 1 THEN 'Other' WHEN 3 THEN 'Three' END WHERE id IN (1, 3)")
        texts.execute("DELETE FROM things WHERE id = 4")
        report = texts.sync()
        assert (report.created, report.updated, report.removed, report.failed) == (1, 1, 1, 0)
        assert texts.data() == {1: {"text": "Other"}, 2: {"text": ""}, 3: {"text": "Three"}}
        summary = texts.storage.project.summary
        assert summary.all_data_columns == {"text": 3, "id": 3, "original_name": 3}
        texts.execute("UPDATE things SET body = NULL, changed = changed + INTERVAL 1 MINUTE WHERE id = 1")
        assert texts.sync().failed == 1
        assert texts.data()[1] == {"text": "Other"}

    def test_results_that_rows_hold_come_with_them(self, texts: Labeling) -> None:
        texts.execute("UPDATE things SET answer = :result WHERE id = 4", result=json.dumps([mood("good")]))
        texts.begin()
        [annotation] = texts.task(4).annotations.all()
        assert annotation.result == [mood("good")]
        assert texts.task(4).is_labeled

    def test_no_image_is_sent_or_verified(self, texts: Labeling) -> None:
        texts.begin(image_delivery="link")
        assert verify(texts.storage).checked == 0
        texts.submit(1, mood("good"))
        address = f"/data/polardb/?d={texts.storage.pk}/1/0.jpg"
        assert texts.api.get(address).status_code == 404
        assert not unreadable.rows(texts.storage)

    def test_a_preview_has_no_pictures(self, texts: Labeling) -> None:
        answer = texts.api.post("/api/storages/polardb/files", {**texts.form, "mapping": texts.mapping}, format="json")
        assert answer.status_code == 200, answer.content
        *rows, whole = answer.json()["files"]
        assert [(row["size"], row["thumbnail"], row["problem"]) for row in rows] == [
            *((size, None, "") for size in (len("Good 😀 <b>day</b>".encode()), 0, 0, 4)),
        ]
        assert whole["sync"]["new"] == 4

    def test_tasks_are_found_again_by_their_texts(self, texts: Labeling) -> None:
        texts.begin()
        task, other = texts.task(1), texts.task(4)
        texts.api.delete(f"/api/storages/polardb/{texts.storage.pk}")
        texts.execute("UPDATE things SET body = 'Another' WHERE id = 4")
        assert texts.add().status_code == 201
        report = texts.sync()
        assert (report.created, report.existed) == (1, 2)
        assert texts.storage.links.get(row_id=1).task_id == task.pk
        assert texts.storage.links.get(row_id=4).task_id != other.pk

    def test_without_a_version_a_digest_tells_of_changes(self, texts: Labeling) -> None:
        texts.mapping["version"] = None
        texts.begin()
        texts.submit(1, mood("good"))
        report = texts.sync()
        assert (report.created, report.updated) == (0, 0)
        texts.execute("UPDATE things SET body = 'five' WHERE id = 4")
        report = texts.sync()
        assert (report.created, report.updated) == (0, 1)
        assert texts.data()[4] == {"text": "five"}

    def test_texts_that_cannot_be_held_are_listed(self, texts: Labeling) -> None:
        texts.execute("ALTER TABLE things MODIFY body LONGBLOB NULL, ADD COLUMN more LONGTEXT NULL")
        texts.mapping["data"]["more"] = "more:text"
        for key, body in ((11, b"a\0b"), (12, b"a\xff"), (14, "Grün".encode())):
            texts.execute("INSERT INTO things (id, body) VALUES (:key, :body)", key=key, body=body)
        texts.execute("INSERT INTO things (id, body, more) VALUES (13, REPEAT('x', 8388608), REPEAT('x', 8388609))")
        texts.execute("INSERT INTO things (id, body) VALUES (15, REPEAT('y', 5000000))")
        texts.begin()
        data = texts.data()
        assert sorted(data) == [1, 2, 4, 14, 15]
        assert data[1]["text"] == "Good 😀 <b>day</b>"
        assert data[14]["text"] == "Grün"
        assert data[15]["text"] == "y" * 5_000_000
        listed = texts.storage.traceback
        assert "body has a NUL character" in listed
        assert "body is not valid text: byte 2 is not UTF-8" in listed
        assert "more, body: 16,777,217 bytes, and 16,777,216 fit into a task" in listed

    def test_columns_of_any_type_and_character_set_are_texts(self, texts: Labeling) -> None:
        texts.execute(
            "ALTER TABLE things ADD COLUMN old VARCHAR(20) CHARACTER SET latin1 DEFAULT 'süß', ADD COLUMN n"
            " DECIMAL(30, 2) DEFAULT 12345678901234567890.50, ADD COLUMN one ENUM('a', 'b') DEFAULT 'b',"
            " ADD COLUMN doc JSON, ADD COLUMN clock TIME(1) DEFAULT '-12:30:00.5', ADD COLUMN `od``d, \\:1%` CHAR(3)"
            " CHARACTER SET gbk DEFAULT '中', ADD COLUMN raw VARBINARY(9) DEFAULT 'ü'"
        )
        texts.execute("""UPDATE things SET doc = '{"a": 1}'""")
        columns = {"old": "old", "n": "n", "one": "one", "doc": "doc", "clock": "clock", "odd": "`od``d, :1%`"}
        texts.mapping["data"] |= {field: f"{column}:text" for field, column in (columns | {"raw": "raw"}).items()}
        texts.begin()
        held = texts.data()[4]
        assert held["doc"].replace(" ", "") == '{"a":1}'
        assert {**held, "doc": None} == {
            "text": "Four",
            "old": "süß",
            "n": "12345678901234567890.50",
            "one": "b",
            "doc": None,
            "clock": "-12:30:00.5",
            "odd": "中",
            "raw": "ü",
        }
        assert texts.data()[3]["text"] == ""


@pytest.fixture
def addresses(labeling: Labeling) -> Labeling:
    labeling.execute(
        "CREATE TABLE things (id INT PRIMARY KEY, photo VARCHAR(200) NULL, answer LONGTEXT NULL) CHARACTER SET utf8mb4"
    )
    stored = ["https://a.example/1.jpg", "s3://bucket/2.jpg", "//cdn.example/3.jpg", "a/4.jpg", "javascript:alert(5)"]
    stored += ["data:text/html,6", "https://a.example/7\n", "/data/polardb/?d=1/1/1.jpg", ""]
    for key, address in enumerate(stored, start=1):
        labeling.execute("INSERT INTO things (id, photo) VALUES (:key, :address)", key=key, address=address)
    labeling.show(
        '<View><Image name="image" value="$image"/><Choices name="c" toName="image"><Choice value="a"/></Choices>'
        "</View>"
    )
    labeling.mapping = {"result": {"annotation_data": "answer"}}
    return labeling


class TestAddresses:
    def test_they_are_handed_through(self, addresses: Labeling) -> None:
        addresses.mapping["data"] = {"image": "photo:url"}
        addresses.begin(image_delivery="link")
        assert addresses.data() == {
            1: {"image": "https://a.example/1.jpg"},
            2: {"image": "s3://bucket/2.jpg"},
            3: {"image": "https://cdn.example/3.jpg"},
        }
        listed = addresses.storage.traceback
        assert listed.count("photo is no whole address") == 2
        assert "photo is not an address of http, https, s3 or gs: javascript:alert(5)" in listed
        assert "photo is not an address of http, https, s3 or gs: data:text/html,6" in listed
        assert r"photo has a control character, and addresses have none: https://a.example/7\n" in listed
        assert "there is nothing to label in photo" in listed

    def test_relative_ones_get_their_beginning(self, addresses: Labeling) -> None:
        addresses.mapping["data"] = {"image": "photo:url(https://shop.example.com/media)"}
        addresses.begin()
        data = {key: task["image"] for key, task in addresses.data().items()}
        assert sorted(data) == [1, 2, 3, 4, 8]
        assert data[4] == "https://shop.example.com/media/a/4.jpg"
        assert data[8] == "https://shop.example.com/media/data/polardb/?d=1/1/1.jpg"


@pytest.fixture
def products(labeling: Labeling) -> Labeling:
    """A picture, a title, a price, a document and times."""
    labeling.execute(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, photo LONGBLOB, title VARCHAR(80) NULL, price DECIMAL(20, 2) NULL,"
        " views BIGINT UNSIGNED NULL, doc JSON NULL, made TIMESTAMP(3) NULL, day DATE NULL, seen DATETIME NULL"
        " ON UPDATE CURRENT_TIMESTAMP, changed TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:01' ON UPDATE"
        " CURRENT_TIMESTAMP, answer LONGTEXT NULL) CHARACTER SET utf8mb4"
    )
    labeling.execute(
        "INSERT INTO things (id, photo, title, price, views, doc, made, day, seen) VALUES (1, :photo, 'One', 12.50,"
        " :views, :doc, '2024-05-01 10:00:00.250', '2024-05-01', '2024-05-01 12:00:00')",
        photo=RED,
        views=2**64 - 1,
        doc='{"sizes": ["S", "M"], "x": null}',
    )
    labeling.execute(
        "INSERT INTO things (id, photo, title, views) VALUES (2, NULL, 'Two', 7), (3, :photo, NULL, NULL),"
        " (4, NULL, NULL, NULL), (5, 'rubbish', 'Five', NULL)",
        photo=RED,
    )
    labeling.show(
        '<View><Image name="image" value="$image"/><Text name="title" value="$title"/><RectangleLabels name="label"'
        ' toName="image"><Label value="cat"/></RectangleLabels></View>'
    )
    labeling.mapping = {
        "data": {
            "image": "photo:bytes",
            "title": "title:text",
            "price": "price:number",
            "views": "views:number",
            "doc": "doc:json",
            "made": "made:datetime",
            "day": "day:datetime",
            "seen": "seen:datetime",
        },
        "name": "title",
        "version": "changed",
        "result": {"annotation_data": "answer"},
    }
    return labeling


ONE = {
    "title": "One",
    "price": 12.5,
    "views": str(2**64 - 1),
    "doc": {"sizes": ["S", "M"], "x": None},
    "made": "2024-05-01T10:00:00.250Z",
    "day": "2024-05-01",
    "seen": "2024-05-01T12:00:00",
}
NOTHING = {"title": "", "price": None, "views": None, "doc": None, "made": "", "day": "", "seen": ""}


class TestSeveralFields:
    @pytest.mark.parametrize("delivery", ["data_uri", "link"])
    def test_a_task_has_all_and_what_a_row_lacks_is_empty(self, products: Labeling, delivery: str) -> None:
        products.begin(image_delivery=delivery)
        data = products.data()
        pictures = {key: task.pop("image") for key, task in data.items()}
        expected = {1: ONE, 2: {**NOTHING, "title": "Two", "views": 7}, 3: NOTHING}
        damaged = {5: {**NOTHING, "title": "Five"}} if delivery == "link" else {}
        assert data == expected | damaged
        storage = products.storage
        assert pictures[1].startswith(f"/data/polardb/?d={storage.pk}/1/" if delivery == "link" else RED_URI)
        assert pictures[2].startswith(f"/data/polardb/?d={storage.pk}/2/")
        assert pictures[3].startswith(f"/data/polardb/?d={storage.pk}/3/" if delivery == "link" else RED_URI)
        assert products.api.get(pictures[2]).status_code == 404
        assert "photo is NULL" in unreadable.rows(storage)[0].problem
        listed = storage.traceback
        assert "there is nothing to label in photo, day, doc, made, price, seen, title, views" in listed
        assert ("photo is not an image" in listed) == (delivery == "data_uri")
        assert storage.mapping["data"]["made"] == "made:datetime(utc)"
        assert storage.mapping["held"] == ["seen"]
        assert (storage.mapping, storage.image_field) == (products.target.mapping, "image")

    def test_a_result_leaves_all_else_of_the_row(self, products: Labeling) -> None:
        products.begin()
        before = products.rows()
        products.submit(2, region("cat"))
        products.submit(1, region("cat"))
        assert products.result(1) == products.result(2) == [region("cat")]
        products.execute("UPDATE things SET answer = NULL, changed = changed, seen = seen")
        assert products.rows() == before
        assert products.sync().updated == 0

    def test_a_change_of_any_field_refreshes_the_task(self, products: Labeling) -> None:
        products.begin()
        products.execute("UPDATE things SET price = 13, photo = :photo WHERE id IN (1, 2)", photo=BLUE)
        products.execute("UPDATE things SET title = NULL WHERE id = 2")
        assert products.sync().updated == 2
        data = products.data()
        assert (data[1]["price"], data[1]["image"], data[1]["title"]) == (13, BLUE_URI, "One")
        assert (data[2]["price"], data[2]["image"], data[2]["title"]) == (13, BLUE_URI, "")

    @pytest.mark.parametrize("delivery", ["data_uri", "link"])
    def test_so_it_does_without_a_version(self, products: Labeling, delivery: str) -> None:
        products.mapping["version"] = None
        products.begin(image_delivery=delivery)
        assert products.sync().updated == 0
        products.execute("UPDATE things SET doc = '[1]', seen = seen WHERE id = 1")
        assert products.sync().updated == 1
        assert products.data()[1] | {"image": None} == {**ONE, "image": None, "doc": [1]}
        assert products.sync().updated == 0

    def test_tasks_are_found_again(self, products: Labeling) -> None:
        products.begin(image_delivery="data_uri")
        kept = {task.pk for task in Task.objects.all()}
        products.api.delete(f"/api/storages/polardb/{products.storage.pk}")
        assert products.add(image_delivery="data_uri").status_code == 201
        assert products.sync().created == 0
        assert {task.pk for task in Task.objects.all()} == kept

    def test_the_second_storage_may_leave_out_what_the_server_tells(self, products: Labeling) -> None:
        products.begin()
        products.target.delete()
        assert products.add("export/", mapping={}).status_code == 201
        products.target.delete()
        other = {**products.mapping, "data": {**products.mapping["data"], "price": "views:number"}}
        answer = products.add("export/", mapping=other)
        assert answer.status_code == 400
        assert "has another key or other data" in answer.json()["validation_errors"]["mapping"][0]

    def test_an_interface_that_shows_more_is_refused(self, products: Labeling) -> None:
        products.show('<View><Image name="i" value="$image"/><Text name="t" value="$colour"/></View>')
        answer = products.add()
        assert answer.status_code == 400
        assert "shows $colour, $image, and the mapping gives tasks $day, $doc, $image" in answer.content.decode()
        products.show('<View><Image name="i" value="$image"/><Text name="t" value="$title"/></View>')
        products.begin()
        products.show('<View><Image name="i" value="$picture"/></View>')
        with pytest.raises(ReconfigureError, match=r"shows \$picture, and the mapping gives tasks"):
            products.sync()

    def test_what_cannot_be_is_refused(self, products: Labeling) -> None:
        for field, read, message in (
            ("id", "title:text", "choose another name"),
            ("title", "title", "does not say what is read, and how"),
            ("n", "title:number", "column 'title' is VARCHAR(80), which is not read as number"),
            ("n", "price:datetime", "'price' is DECIMAL(20,2), which is not read as datetime"),
            ("n", "colour:text", "column 'colour' is missing"),
            ("n", "answer:text", "'answer' has two uses"),
        ):
            answer = products.add(mapping={**products.mapping, "data": {"image": "photo:bytes", field: read}})
            assert answer.status_code == 400
            assert message in answer.content.decode()

    def test_a_command_and_a_statement_map_several(self, products: Labeling) -> None:
        options = ("--version-column=changed", "--result-column=annotation_data=answer")
        maps = ("--map=image=photo:bytes", "--map=title=title:text", "--map=made=made:datetime")
        with pytest.raises(CommandError, match=r"shows \$image, and the mapping gives tasks \$title"):
            call_command("provision_project", "--template=animals", "--source=things", *maps[1:2], *options)
        call_command("provision_project", "--template=animals", "--source=things", *maps, *options)
        assert products.storage.mapping["data"] == {
            "image": "photo:bytes",
            "title": "title:text",
            "made": "made:datetime(utc)",
        }
        assert products.data()[1]["made"] == "2024-05-01T10:00:00.250Z"
        Project.objects.all().delete()
        call_command(
            "polar4ai",
            "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id='animals', annotation_source='things',"
            " map='image=photo:bytes, title=title:text, price=price:number', version_column='changed',"
            " result_columns='annotation_data=answer')",
        )
        products.sync()
        assert products.data()[1]["price"] == 12.5
