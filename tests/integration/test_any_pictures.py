"""Pictures as tables of other programs hold them: behind a header, packed, several in a column, or somewhere else."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from typing import Any

import pytest
from django.test import Client
from PIL import Image
from tasks.models import Task

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.storage.images import unreadable
from polardb_bridge.storage.images import views as media
from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.images.verify import verify
from polardb_bridge.webhooks.reconcile import reconcile
from support.sessions import signed_in
from support.source_data import base64_text, image_bytes, region
from support.things import Labeling

pytestmark = pytest.mark.usefixtures("commands_database")

RED, BLUE, GREEN = (image_bytes(color=color) for color in ("red", "blue", "green"))
RED_URI, BLUE_URI, GREEN_URI = (f"data:image/png;base64,{base64_text(data)}" for data in (RED, BLUE, GREEN))
DELIVERIES = pytest.mark.parametrize("delivery", ["data_uri", "link"])
# As Access writes it before a bitmap of Paint (Northwind, `Employees`.`Photo`).
OLE = bytes.fromhex("151c2f00020000000d000e0014002100ffffffff") + b"Bitmap Image\0Paint.Picture\0"
OLE += bytes.fromhex("010500000200000007000000504272757368000000000000000000a0290000")
PAGES = (
    '<View><Image name="image" valueList="$pages"/><RectangleLabels name="label" toName="image"><Label value="cat"/>'
    "</RectangleLabels></View>"
)
ONE = PAGES.replace("valueList", "value").replace("$pages", "$image")


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_cache", ImageCache())


@pytest.fixture
def things(labeling: Labeling) -> Labeling:
    """A table with columns for pictures in bytes, in texts and as addresses."""
    labeling.execute(
        "CREATE TABLE things (id INT PRIMARY KEY, photo LONGBLOB NULL, thumb LONGBLOB NULL, scans LONGTEXT NULL,"
        " doc JSON NULL, url VARCHAR(2000) NULL, title VARCHAR(80) NULL, answer LONGTEXT NULL,"
        " changed TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP) CHARACTER SET utf8mb4"
    )
    labeling.show(ONE)
    labeling.mapping = {"version": "changed", "result": {"annotation_data": "answer"}}
    return labeling


def images(things: Labeling, field: str = "image") -> dict[int, Any]:
    return {key: task[field] for key, task in things.data().items()}


def shown(things: Labeling, address: str) -> bytes:
    answer = things.api.get(address)
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


class TestHeaders:
    @pytest.fixture
    def employees(self, things: Labeling) -> Labeling:
        bmp = image_bytes("BMP")
        things.mapping["data"] = {"image": "photo:bytes@78"}
        for key, photo in ((1, OLE + bmp), (2, OLE), (3, OLE[:20]), (4, b""), (5, None), (6, bmp), (7, OLE + RED)):
            things.insert(key, photo=photo)
        return things

    def test_what_stands_before_a_picture_is_left_out(self, employees: Labeling) -> None:
        assert len(OLE) == 78
        employees.begin(image_delivery="data_uri")
        assert images(employees) == {
            1: f"data:image/bmp;base64,{base64_text(image_bytes('BMP'))}",
            7: RED_URI,
        }
        listed = employees.storage.traceback
        assert listed.count("photo has nothing behind the 78 bytes that are skipped") == 3
        assert "photo is NULL" in listed
        assert "photo is not an image" in listed

    def test_a_link_gives_the_picture_alone(self, employees: Labeling) -> None:
        employees.begin(image_delivery="link")
        found = images(employees)
        assert sorted(found) == [1, 2, 3, 4, 5, 6, 7], "a sync by link does not look"
        assert shown(employees, found[7]) == RED
        part = employees.api.get(found[7], HTTP_RANGE="bytes=1-3")
        assert (part.status_code, part.content, part["Content-Range"]) == (206, b"PNG", f"bytes 1-3/{len(RED)}")
        assert employees.api.get(found[3]).status_code == 404
        report = verify(employees.storage)
        assert sorted(row.row_id for row in report.unreadable) == [2, 3, 4, 5, 6]

    def test_results_and_changes_go_on_as_ever(self, employees: Labeling) -> None:
        employees.begin(image_delivery="link")
        employees.submit(1, region("cat"))
        assert employees.result(1) == [region("cat")]
        assert employees.sync().updated == 0
        employees.execute("UPDATE things SET photo = :photo WHERE id = 7", photo=OLE + BLUE)
        assert employees.sync().updated == 1
        assert shown(employees, images(employees)[7]) == BLUE
        assert reconcile(employees.target).different == 0


class TestPacked:
    @DELIVERIES
    def test_each_way_is_unpacked(self, things: Labeling, delivery: str) -> None:
        things.mapping["data"] = {"image": "photo:bytes|gzip"}
        things.insert(1, photo=gzip.compress(RED))
        things.insert(2, photo=gzip.compress(RED)[:-9])
        things.insert(3, photo=RED)
        things.insert(4, photo=gzip.compress(bytes(100 * 1024 * 1024)))
        things.insert(5, photo=gzip.compress(b"no picture"))
        things.begin(image_delivery=delivery)
        found = images(things)
        problems = "\n".join(row.problem for row in verify(things.storage).unreadable) + things.storage.traceback
        assert problems.count("photo is not packed by gzip, or damaged or cut off") == 2
        assert "photo has more than 67,108,864 bytes once it is unpacked (gzip)" in problems
        assert "photo is not an image, but a text" in problems
        if delivery == "data_uri":
            assert found == {1: RED_URI}
            return
        assert shown(things, found[1]) == RED
        assert things.api.get(found[1], HTTP_RANGE="bytes=-4").content == RED[-4:]
        assert b"67,108,864" in things.api.get(found[4]).content

    @pytest.mark.parametrize(
        ("way", "packed"),
        [
            ("photo:bytes|mysql", "COMPRESS(:data)"),
            ("photo:bytes@2|deflate", "CONCAT('ab', SUBSTR(COMPRESS(:data), 5))"),
            ("photo:base64|mysql", "COMPRESS(TO_BASE64(:data))"),
        ],
    )
    @DELIVERIES
    def test_what_the_server_packs_is_unpacked(self, things: Labeling, way: str, packed: str, delivery: str) -> None:
        things.execute(f"INSERT INTO things (id, photo) VALUES (1, {packed})", data=RED)
        things.mapping["data"] = {"image": way}
        things.begin(image_delivery=delivery)
        [image] = images(things).values()
        assert (shown(things, image) == RED) if delivery == "link" else (image == RED_URI)

    def test_a_large_picture_goes_through_a_file(self, things: Labeling) -> None:
        buffer = io.BytesIO()
        Image.new("RGB", (3000, 2500), "red").save(buffer, "BMP")
        assert len(buffer.getvalue()) > 16 * 1024 * 1024
        things.insert(1, photo=gzip.compress(buffer.getvalue(), 1))
        things.insert(2, photo=gzip.compress(buffer.getvalue(), 1)[:-20])
        things.mapping["data"] = {"image": "photo:bytes|gzip"}
        things.begin(image_delivery="link")
        found = images(things)
        answer = things.api.get(found[1])
        assert answer.streaming
        assert b"".join(answer.streaming_content) == buffer.getvalue()
        assert answer["Content-Length"] == str(len(buffer.getvalue()))
        assert things.api.get(found[2]).status_code == 404
        [row] = verify(things.storage).unreadable
        assert "cut off" in row.problem

    def test_texts_and_documents_are_unpacked_too(self, things: Labeling) -> None:
        things.show('<View><Text name="text" value="$text"/></View>')
        things.mapping["data"] = {"text": "photo:text|mysql", "doc": "thumb:json@3|deflate"}
        things.execute("INSERT INTO things (id, photo, thumb) VALUES (1, COMPRESS('Grün 😀'), :doc)",
                       doc=b"abc" + zlib.compress(b'{"a": [1]}'))  # fmt: skip
        things.execute("INSERT INTO things (id, photo) VALUES (2, COMPRESS('')), (3, 'plain'), (4, NULL)")
        things.insert(5, photo=(16777217).to_bytes(4, "little") + zlib.compress(b"x" * 16777217))
        things.insert(6, photo=(5).to_bytes(4, "little") + zlib.compress(b"a\0b\xff."))
        things.begin()
        assert things.data() == {1: {"text": "Grün 😀", "doc": {"a": [1]}}, 2: {"text": "", "doc": None}}
        listed = things.storage.traceback
        assert "photo is not packed by mysql" in listed
        assert "there is nothing to label in thumb, photo" in listed
        assert "thumb, photo: more than 16,777,216 bytes once they are unpacked" in listed
        assert "photo is not valid text: byte 4" in listed

    def test_only_bytes_are_unpacked(self, things: Labeling) -> None:
        for read, message in (
            ("title:text|gzip", "column 'title' is VARCHAR(80), which is not read as text|gzip"),
            ("scans:base64@4", "column 'scans' is LONGTEXT, which is not read as base64@4"),
        ):
            answer = things.add(mapping={**things.mapping, "data": {"image": read}})
            assert answer.status_code == 400
            assert message in answer.content.decode()


class TestLists:
    @pytest.fixture
    def documents(self, things: Labeling) -> Labeling:
        things.show(PAGES)
        things.mapping["data"] = {"pages": "scans:base64s"}
        things.insert(1, scans=json.dumps([base64_text(RED), BLUE_URI, base64_text(GREEN)]))
        things.insert(2, scans=f"{RED_URI},{BLUE_URI}")
        return things

    def test_pictures_become_a_list_inside_of_the_task(self, documents: Labeling) -> None:
        documents.begin(image_delivery="data_uri")
        assert images(documents, "pages") == {1: [RED_URI, BLUE_URI, GREEN_URI], 2: [RED_URI, BLUE_URI]}
        assert documents.sync().updated == 0

    def test_by_link_each_page_has_an_address(self, documents: Labeling) -> None:
        documents.begin(image_delivery="link")
        found = images(documents, "pages")
        start = f"/data/polardb/?d={documents.storage.pk}/1/"
        assert [page.startswith(start) for page in found[1]] == [True] * 3
        assert [shown(documents, page) for page in found[1]] == [RED, BLUE, GREEN]
        assert [shown(documents, page) for page in found[2]] == [RED, BLUE]
        part = documents.api.get(found[1][2], HTTP_RANGE="bytes=0-3")
        assert (part.status_code, part.content) == (206, GREEN[:4])
        first, second = (documents.api.get(page)["ETag"] for page in found[1][:2])
        assert first != second
        for other in (found[1][0].replace(".0.jpg", ".7.jpg"), found[1][0].replace(".0.jpg", ".jpg")):
            assert documents.api.get(other).status_code == 404

    def test_addresses_of_pages_are_made_for_where_they_are_read(self, documents: Labeling, settings: Any) -> None:
        documents.begin(image_delivery="link")
        settings.FORCE_SCRIPT_NAME = "/labels"
        task = documents.api.get(f"/api/tasks/{documents.task(1).pk}/?resolve_uri=true").json()
        assert [page.partition("?")[0] for page in task["data"]["pages"]] == ["/labels/data/polardb/"] * 3

    def test_a_page_is_for_who_may_see_its_project(self, documents: Labeling, client: Client) -> None:
        from organizations.models import Organization
        from users.models import User

        documents.begin(image_delivery="link")
        page = images(documents, "pages")[1][1]
        assert Client().get(page).status_code in (401, 403)
        stranger = User.objects.create_user("stranger@example.com", "pass-word-1")
        stranger.active_organization = Organization.create_organization(created_by=stranger, title="Other")
        stranger.save()
        assert signed_in("stranger@example.com", "pass-word-1").get(page).status_code == 404

    @DELIVERIES
    def test_one_bad_picture_is_named_by_its_number(self, documents: Labeling, delivery: str) -> None:
        documents.insert(3, scans=json.dumps([base64_text(RED), "rubbish!", base64_text(RED)[:60]]))
        documents.begin(image_delivery=delivery)
        found = images(documents, "pages")
        if delivery == "data_uri":
            assert sorted(found) == [1, 2]
            assert "scans, item 2: it is not base64" in documents.storage.traceback
            return
        assert shown(documents, found[3][0]) == RED
        assert documents.api.get(found[3][1]).status_code == 404
        [row] = unreadable.rows(documents.storage)
        assert "scans, item 2: it is not base64" in row.problem
        shown(documents, found[3][0])
        assert unreadable.rows(documents.storage), "another page is no proof"
        assert [row.row_id for row in verify(documents.storage).unreadable] == [3]

    @DELIVERIES
    def test_what_is_no_list_is_listed(self, documents: Labeling, delivery: str) -> None:
        bad = ("{}", "[1]", "[null]", '[["a"]]', "[]", "", None, json.dumps(["a"] * 100_000), '["a"', "[" * 5000)
        for key, scans in enumerate(bad, start=3):
            documents.insert(key, scans=scans)
        documents.begin(image_delivery=delivery)
        assert sorted(documents.data()) == [1, 2]
        listed = documents.storage.traceback
        for problem in (
            "scans is no list, but an object",
            "scans, item 1, is a number",
            "scans, item 1, is null",
            "scans, item 1, is a list",
            "scans is empty",
            "scans is NULL",
            "scans has 100,000 items, and a list can have 1,000",
            "scans is not JSON",
            "scans is nested more than 100 levels deep",
        ):
            assert problem in listed

    @DELIVERIES
    def test_changes_and_tasks_without_storage_are_found(self, documents: Labeling, delivery: str) -> None:
        documents.begin(image_delivery=delivery)
        kept = {task.pk for task in Task.objects.all()}
        documents.execute("UPDATE things SET scans = :scans WHERE id = 2", scans=json.dumps([base64_text(GREEN)]))
        assert documents.sync().updated == 1
        [page] = images(documents, "pages")[2]
        assert (shown(documents, page) == GREEN) if delivery == "link" else (page == GREEN_URI)
        documents.api.delete(f"/api/storages/polardb/{documents.storage.pk}")
        assert documents.add(image_delivery=delivery).status_code == 201
        assert documents.sync().created == 0
        assert {task.pk for task in Task.objects.all()} == kept

    def test_a_json_column_and_a_preview(self, documents: Labeling) -> None:
        documents.mapping["data"] = {"pages": "doc:base64s"}
        documents.execute("DELETE FROM things")
        documents.insert(1, doc=json.dumps([base64_text(RED), base64_text(BLUE)]))
        documents.begin(image_delivery="data_uri")
        assert images(documents, "pages") == {1: [RED_URI, BLUE_URI]}
        documents.api.delete(f"/api/storages/polardb/{documents.storage.pk}")
        form = {**documents.form, "mapping": documents.mapping}
        first = documents.api.post("/api/storages/polardb/files", form, format="json").json()["files"][0]
        assert (first["media_type"], first["problem"]) == ("image/png", "")

    def test_lists_of_addresses(self, things: Labeling) -> None:
        things.show(PAGES)
        things.mapping["data"] = {"pages": "url:urls(https://shop.example.com/media)", "title": "title:text"}
        things.insert(1, url='["https://a.example/1,2.jpg", "b/2.jpg"]')
        things.insert(2, url="s3://bucket/1.jpg, //b.example/2.jpg,")
        things.insert(3, url='["javascript:alert(1)"]', title="Three")
        things.insert(4, title="Four")
        things.insert(5)
        things.begin()
        assert images(things, "pages") == {
            1: ["https://a.example/1,2.jpg", "https://shop.example.com/media/b/2.jpg"],
            2: ["s3://bucket/1.jpg", "https://b.example/2.jpg"],
            4: [],
        }
        assert "url, item 1, is not an address of http, https, s3 or gs" in things.storage.traceback
        assert "there is nothing to label in url, title" in things.storage.traceback.replace("title, url", "url, title")

    def test_a_list_is_shown_as_one(self, documents: Labeling) -> None:
        for config, field in ((PAGES.replace("valueList", "value"), "pages"), (ONE, "image")):
            documents.show(config)
            documents.mapping["data"] = {field: "scans:base64s"}
            answer = documents.add()
            assert answer.status_code == 400
            assert f"shows ${field} by value" in answer.content.decode()
        documents.show(PAGES)
        documents.mapping["data"] = {"image": "scans:base64s"}
        documents.begin(image_delivery="data_uri")
        assert images(documents, "pages")[2] == [RED_URI, BLUE_URI], "one field takes the name that is shown"
        documents.show(PAGES.replace("valueList", "value"))
        with pytest.raises(ReconfigureError, match="rows hold a list there"):
            documents.sync()


class TestFirstOfSeveral:
    @pytest.fixture
    def attachments(self, things: Labeling) -> Labeling:
        """Files as Odoo and Discourse hold them: in the row, or somewhere else."""
        things.mapping["data"] = {"image": "photo:bytes,url:url"}
        things.insert(1, photo=RED)
        things.insert(2, url="https://a.example/2.jpg")
        things.insert(3, photo=BLUE, url="https://a.example/3.jpg")
        things.insert(4, photo=b"", url="https://a.example/4.jpg")
        things.insert(5, photo=b"", url="")
        things.insert(6, url="javascript:alert(6)")
        return things

    @DELIVERIES
    def test_the_first_that_a_row_has_is_shown(self, attachments: Labeling, delivery: str) -> None:
        attachments.begin(image_delivery=delivery)
        found = images(attachments)
        assert sorted(found) == [1, 2, 3, 4]
        assert (found[2], found[4]) == ("https://a.example/2.jpg", "https://a.example/4.jpg")
        stored = [shown(attachments, found[key]) for key in (1, 3)] if delivery == "link" else [RED, BLUE]
        assert stored == [RED, BLUE]
        assert [found[1], found[3]] == [RED_URI, BLUE_URI] or delivery == "link"
        listed = attachments.storage.traceback
        assert "there is nothing to label in photo, url" in listed
        assert "url is not an address of http, https, s3 or gs: javascript:alert(6)" in listed
        assert not verify(attachments.storage).unreadable

    @DELIVERIES
    def test_the_order_is_that_of_the_mapping(self, attachments: Labeling, delivery: str) -> None:
        attachments.mapping["data"] = {"image": "url:url,photo:bytes,thumb:base64", "title": "title:text"}
        attachments.insert(7, thumb=base64_text(GREEN).encode())
        attachments.insert(8, title="Eight")
        attachments.insert(9, url="https://a.example/9.jpg", photo=b"rubbish that nobody sees")
        attachments.begin(image_delivery=delivery)
        found = images(attachments)
        assert sorted(found) == [1, 2, 3, 4, 7, 8, 9]
        assert [found[key] for key in (2, 3, 4, 9)] == [f"https://a.example/{key}.jpg" for key in (2, 3, 4, 9)]
        if delivery == "data_uri":
            assert (found[1], found[7]) == (RED_URI, GREEN_URI)
        else:
            assert (shown(attachments, found[1]), shown(attachments, found[7])) == (RED, GREEN)
        assert attachments.api.get(found[8]).status_code == 404
        assert [row.row_id for row in verify(attachments.storage).unreadable] == [8]

    @DELIVERIES
    def test_another_source_is_followed(self, attachments: Labeling, delivery: str) -> None:
        attachments.begin(image_delivery=delivery)
        attachments.execute("UPDATE things SET photo = NULL WHERE id = 3")
        attachments.execute("UPDATE things SET photo = :photo WHERE id = 2", photo=GREEN)
        assert attachments.sync().updated == 2
        found = images(attachments)
        assert found[3] == "https://a.example/3.jpg"
        assert (shown(attachments, found[2]) == GREEN) if delivery == "link" else (found[2] == GREEN_URI)
        kept = {task.pk for task in Task.objects.all()}
        attachments.api.delete(f"/api/storages/polardb/{attachments.storage.pk}")
        assert attachments.add(image_delivery=delivery).status_code == 201
        assert attachments.sync().created == 0
        assert {task.pk for task in Task.objects.all()} == kept

    def test_without_a_version_a_digest_sees_all_sources(self, attachments: Labeling) -> None:
        attachments.mapping["version"] = None
        attachments.mapping["data"] = {"image": "thumb:bytes,photo:bytes,url:url"}
        attachments.begin(image_delivery="link")
        assert attachments.sync().updated == 0
        attachments.execute("UPDATE things SET photo = :photo WHERE id = 1", photo=GREEN)
        assert attachments.sync().updated == 1
        assert shown(attachments, images(attachments)[1]) == GREEN
        attachments.execute("UPDATE things SET thumb = :photo WHERE id = 2", photo=BLUE)
        assert attachments.sync().updated == 1

    def test_lists_and_addresses_stand_in_for_each_other(self, things: Labeling) -> None:
        things.show(PAGES)
        things.mapping["data"] = {"pages": "scans:base64s,url:urls"}
        things.insert(1, scans=json.dumps([base64_text(RED)]))
        things.insert(2, scans="[]", url="https://a.example/1.jpg,https://a.example/2.jpg")
        things.begin(image_delivery="link")
        found = images(things, "pages")
        assert found[2] == ["https://a.example/1.jpg", "https://a.example/2.jpg"]
        assert shown(things, found[1][0]) == RED
        assert not verify(things.storage).unreadable

    def test_a_preview_has_what_is_there(self, attachments: Labeling) -> None:
        form = {**attachments.form, "mapping": attachments.mapping}
        files = attachments.api.post("/api/storages/polardb/files", form, format="json").json()["files"]
        assert [file["problem"] for file in files[:4]] == [""] * 4
        assert [bool(file["thumbnail"]) for file in files[:4]] == [True, False, True, False]
