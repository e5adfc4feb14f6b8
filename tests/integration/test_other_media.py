"""Sounds, videos, texts and PDF documents out of rows, several of them a row."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from django.test import Client
from projects.models import Project
from tasks.models import Task

from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.images import streaming, unreadable, views
from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.images.streaming import SLICE_BYTES
from polardb_bridge.storage.images.verify import verify
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, dispose
from support.media import CSV, PDF, mp4, wav
from support.source_data import Source, image_bytes

pytestmark = pytest.mark.usefixtures("commands_database")

PNG = image_bytes()
WAV = wav(0.5)
# Of more than two slices, and no two parts of it are alike.
NOISE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(2 * SLICE_BYTES // 32 + 5000))
VIDEO = mp4(200)[:200] + NOISE
SONG = WAV[:44] + NOISE
SHOWN = (
    '<View><Image name="image" value="$image"/><Audio name="audio" value="$audio"/><Video name="clip" value="$clip"/>'
    '<Text name="notes" value="$notes" valueType="url"/><Pdf name="paper" value="$paper"/>'
    '<Choices name="c" toName="image"><Choice value="a"/></Choices></View>'
)


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_cache", ImageCache())
    monkeypatch.setattr(streaming, "_slices", ImageCache(16 * 1024 * 1024))


@pytest.fixture
def project(source: Source, user: Any) -> Project:
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(
            "CREATE TABLE things (id INT PRIMARY KEY, photo LONGBLOB, sound LONGTEXT, film LONGBLOB, notes LONGBLOB,"
            " paper LONGBLOB, answer LONGTEXT NULL, changed TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:01'"
            " ON UPDATE CURRENT_TIMESTAMP) CHARACTER SET utf8mb4"
        )
    put(source, 1, photo=PNG, sound=base64.b64encode(WAV), film=VIDEO, notes=CSV, paper=PDF)
    made: Project = Project.objects.create(
        title="Things", created_by=user, organization=user.active_organization, label_config=SHOWN
    )
    return made


def put(source: Source, key: int, **values: bytes | None) -> None:
    dispose()  # sessions keep the limit that they began with
    columns = ", ".join(values)
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(
            f"REPLACE INTO things (id, {columns}) VALUES ({key}, {', '.join(['%s'] * len(values))})",
            tuple(values.values()),
        )


DATA = {
    "image": "photo:bytes",
    "audio": "sound:base64",
    "clip": "film:bytes",
    "notes": "notes:bytes",
    "paper": "paper:bytes",
}


def begin_labeling(api: Any, source: Source, project: Project, delivery: str = "link", **mapping: Any) -> Any:
    where = {part: getattr(source.parameters, part) for part in ("host", "port", "database", "user")}
    mapping = {"data": DATA, "name": None, "version": "changed", "result": {"annotation_data": "answer"}, **mapping}
    form = {"project": project.pk, "table": "things", "mapping": mapping, "image_delivery": delivery, **where}
    made = api.post("/api/storages/polardb", form, format="json")
    assert made.status_code == 201, made.content
    storage = PolarDBImportStorage.objects.get()
    run_sync(storage, force=True)
    return storage


def data_of(key: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = Task.objects.get(data__id=key).data
    return found


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def test_each_field_of_a_row_has_its_address_and_is_what_its_bytes_are(
    api: Any, source: Source, project: Project
) -> None:
    storage = begin_labeling(api, source, project)
    data = data_of()
    expected = {
        "image": ("jpg", "image/png", PNG),
        "audio": ("wav", "audio/wav", WAV),
        "clip": ("mp4", "video/mp4", VIDEO),
        "notes": ("txt", "text/plain; charset=utf-8", CSV),
        "paper": ("pdf", "application/pdf", PDF),
    }
    for field, (extension, media_type, content) in expected.items():
        assert data[field] == f"/data/polardb/?d={storage.pk}/1/1577836801/{field}.{extension}"
        answer = api.get(data[field])
        assert (answer.status_code, answer["Content-Type"]) == (200, media_type), field
        assert (answer["Content-Length"], body(answer)) == (str(len(content)), content)
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"].startswith("default-src 'none'")
        again = api.get(data[field], HTTP_IF_NONE_MATCH=answer["ETag"])
        assert (again.status_code, again.content) == (304, b"")
    assert not unreadable.rows(storage)
    assert verify(storage).unreadable == []


def test_small_ones_are_inside_of_tasks(api: Any, source: Source, project: Project) -> None:
    put(source, 1, photo=PNG, sound=base64.encodebytes(WAV), film=VIDEO[:9000], notes=CSV, paper=PDF)
    storage = begin_labeling(api, source, project, "data_uri")
    data = data_of()
    assert data["image"] == f"data:image/png;base64,{base64.b64encode(PNG).decode()}"
    assert data["clip"].startswith("data:video/mp4;base64,")
    # The editor fetches these by an address only.
    assert data["audio"] == f"/data/polardb/?d={storage.pk}/1/1577836801/audio.wav"
    assert body(api.get(data["audio"])) == WAV
    assert data["notes"] == f"/data/polardb/?d={storage.pk}/1/1577836801/notes.txt"
    assert data["paper"].endswith("/paper.pdf")


def test_a_video_that_is_heard_too_has_an_address(api: Any, source: Source, project: Project) -> None:
    project.label_config = '<View><Video name="v" value="$clip"/><Audio name="a" value="$clip"/></View>'
    project.save()
    begin_labeling(api, source, project, "data_uri", data={"clip": "film:bytes"})
    assert data_of()["clip"].endswith("/clip.mp4")


@pytest.mark.parametrize("delivery", ["link", "data_uri"])
def test_a_row_that_lacks_some_is_a_task_and_one_that_lacks_all_is_listed(
    api: Any, source: Source, project: Project, delivery: str
) -> None:
    put(source, 1, sound=base64.b64encode(WAV), film=b"")
    put(source, 2, sound=None)
    storage = begin_labeling(api, source, project, delivery)
    assert Task.objects.count() == (2 if delivery == "link" else 1)  # a sync by link reads no row
    for field, problem in (("image", b"photo is NULL"), ("clip", b"film is empty"), ("notes", b"notes is NULL")):
        answer = api.get(data_of()[field])
        assert (answer.status_code, problem in answer.content) == (404, True), answer.content
    if delivery == "data_uri":
        assert "there is nothing to label in photo, sound, film, notes, paper" in storage.traceback


@pytest.mark.parametrize("change", [{"film": VIDEO + b"!"}, {"paper": PDF + b"\n"}])
@pytest.mark.parametrize("version", ["changed", None])
def test_a_change_of_any_of_them_refreshes_the_task(
    api: Any, source: Source, project: Project, change: dict[str, bytes], version: str | None
) -> None:
    storage = begin_labeling(api, source, project, version=version)
    before = data_of()
    [(column, content)] = change.items()
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(f"UPDATE things SET {column} = %s", (content,))
    assert run_sync(storage, force=True).updated == 1
    assert run_sync(storage, force=True).updated == 0
    after = data_of()
    assert not set(before.values()) & set(after.values()) - {1, "1"}
    field = {"film": "clip", "paper": "paper"}[column]
    assert body(api.get(before[field])) == body(api.get(after[field])) == content


@pytest.mark.parametrize("kind", ["bytes", "base64", "base64 in lines", "base64 in odd lines"])
def test_parts_of_a_large_one(api: Any, source: Source, project: Project, kind: str) -> None:
    text = base64.b64encode(SONG)
    odd = b"\n".join([text[:1000], text[1000:1100], text[1100:]])
    stored = {"bytes": SONG, "base64": text, "base64 in lines": base64.encodebytes(SONG), "base64 in odd lines": odd}
    with begin(source.parameters) as connection:
        connection.exec_driver_sql("ALTER TABLE things MODIFY sound LONGBLOB")
    put(source, 1, sound=stored[kind])
    data = {"audio": f"sound:{'bytes' if kind == 'bytes' else 'base64'}"}
    project.label_config = '<View><Audio name="audio" value="$audio"/></View>'
    project.save()
    begin_labeling(api, source, project, data=data)
    address = data_of()["audio"]
    size = len(SONG)
    for asked, start, stop in (
        ("bytes=0-", 0, SLICE_BYTES),
        ("bytes=0-0", 0, 1),
        ("bytes=1-10", 1, 11),
        (f"bytes={SLICE_BYTES - 5}-{SLICE_BYTES + 5}", SLICE_BYTES - 5, SLICE_BYTES),
        (f"bytes={SLICE_BYTES + 1}-", SLICE_BYTES + 1, 2 * SLICE_BYTES),
        ("bytes=-7", size - 7, size),
        (f"bytes={size - 1}-999999999999", size - 1, size),
    ):
        answer = api.get(address, HTTP_RANGE=asked)
        assert (answer.status_code, answer["Content-Type"]) == (206, "audio/wav")
        assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{size}"
        assert body(answer) == SONG[start:stop], asked
    for asked in (f"bytes={size}-", "bytes=5-2", "bytes=-0"):
        answer = api.get(address, HTTP_RANGE=asked)
        assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{size}")
    many = "bytes=" + ",".join(f"{start}-{start + 9}" for start in range(0, 20_000, 20))
    for asked in (many, "bytes=0-5,3-9", "bytes=--5", "bytes=9" + "9" * 30 + "-", "items=0-5", "bytes=-"):
        assert api.get(address, HTTP_RANGE=asked).status_code == 200
    answer = api.get(address)
    assert (answer["Content-Length"], body(answer)) == (str(size), SONG)
    head = api.head(address)
    assert (head.status_code, head["Content-Length"], head.content) == (200, str(size), b"")
    assert head["ETag"] == answer["ETag"]


def test_a_range_of_what_has_changed_since_is_answered_with_the_whole(
    api: Any, source: Source, project: Project
) -> None:
    begin_labeling(api, source, project)
    address = data_of()["clip"]
    etag = api.get(address, HTTP_RANGE="bytes=0-9")["ETag"]
    assert api.get(address, HTTP_RANGE="bytes=0-9", HTTP_IF_RANGE=etag).status_code == 206
    other = VIDEO[:-10] + bytes(10)
    with begin(source.parameters) as connection:
        connection.exec_driver_sql("UPDATE things SET film = %s", (other,))
    # What is kept of it is found to be another's.
    answer = api.get(address, HTTP_RANGE=f"bytes={2 * SLICE_BYTES}-", HTTP_IF_RANGE=etag)
    assert (answer.status_code, body(answer)) == (200, other)
    assert answer["ETag"] != etag


def test_what_changes_while_it_is_sent_is_cut_off(api: Any, source: Source, project: Project) -> None:
    begin_labeling(api, source, project)
    answer = api.get(data_of()["clip"])
    pieces = iter(answer.streaming_content)
    received = [next(pieces)]
    with begin(source.parameters) as connection:
        connection.exec_driver_sql("UPDATE things SET film = %s", (VIDEO[::-1],))
    with pytest.raises(RetryableError, match="has changed while it was read"):
        received.extend(pieces)
    assert sum(map(len, received)) < int(answer["Content-Length"])
    assert VIDEO.startswith(b"".join(received))


def test_no_connection_is_held_while_a_viewer_reads(api: Any, source: Source, project: Project) -> None:
    begin_labeling(api, source, project)
    with begin(source.parameters) as connection:
        watched = connection.exec_driver_sql("SELECT USER()").scalar_one()
        assert watched
    answers = [api.get(data_of()["clip"]) for _ in range(40)]  # more than an account's budget
    pieces = [iter(answer.streaming_content) for answer in answers]
    assert all(next(each) == VIDEO[: 64 * 1024] for each in pieces)
    assert [b"".join(each) for each in pieces] == [VIDEO[64 * 1024 :]] * 40


@pytest.mark.parametrize(
    ("column", "field", "content", "problem"),
    [
        (
            "sound",
            "audio",
            base64.b64encode(b"<html><script>1</script>"),
            "is not a sound or a video, but an HTML page",
        ),
        ("notes", "notes", b"<svg onload='alert(1)'/>", "notes is not a text, but an SVG drawing"),
        ("film", "clip", WAV, "film is not a video, but a sound; store one of MP4, WebM"),
        ("film", "clip", b"RIFF\0\0\1\0AVI LIST" + bytes(2_000_000), "browsers do not show AVI videos"),
        ("paper", "paper", bytes(128) + b"DICM" + bytes(99), "paper is not a PDF document, but a DICOM file"),
        ("photo", "image", PDF, "photo is not an image, but a PDF document"),
        ("film", "clip", NOISE, "film is not a video"),
        ("sound", "audio", base64.b64encode(SONG)[:5000] + b"!", "sound is not base64"),
    ],
    ids=["page", "drawing", "sound", "AVI", "DICOM", "document", "noise", "no base64"],
)
def test_what_is_not_shown_is_refused_and_listed_by_its_name(
    api: Any, source: Source, project: Project, column: str, field: str, content: bytes, problem: str
) -> None:
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(f"UPDATE things SET {column} = %s, changed = changed", (content,))
    storage = begin_labeling(api, source, project)
    answer = api.get(data_of()[field])
    assert answer.status_code == 404
    assert answer["Content-Type"].startswith("text/plain")
    assert problem in answer.content.decode()
    [row] = unreadable.rows(storage)
    assert row.problem.startswith(f"{field}: ")
    assert api.get(data_of()["notes" if field != "notes" else "clip"]).status_code == 200
    assert unreadable.rows(storage), "another field was shown"
    [row] = verify(storage).unreadable
    assert problem in row.problem
    put(source, 1, photo=PNG, sound=base64.b64encode(WAV), film=VIDEO, notes=CSV, paper=PDF)
    assert api.get(data_of()[field]).status_code == 200
    assert not unreadable.rows(storage)


def test_a_large_text_that_turns_out_to_be_no_base64_is_refused(api: Any, source: Source, project: Project) -> None:
    put(source, 1, photo=PNG, sound=base64.b64encode(SONG)[:2_000_000] + b"!" * 2_000_000)
    storage = begin_labeling(api, source, project)
    answer = api.get(data_of()["audio"])
    assert (answer.status_code, b"sound is not base64, or larger than" in answer.content) == (404, True)
    assert len(unreadable.rows(storage)) == 1


def test_a_page_inside_of_a_sound_is_a_sound(api: Any, source: Source, project: Project) -> None:
    polyglot = WAV[:44] + b"<html><script>alert(1)</script></html>" + WAV[44:]
    put(source, 1, sound=base64.b64encode(polyglot))
    begin_labeling(api, source, project)
    answer = api.get(data_of()["audio"])
    assert (answer.content, answer["Content-Type"]) == (polyglot, "audio/wav")
    assert (answer["X-Content-Type-Options"], "sandbox" in answer["Content-Security-Policy"]) == ("nosniff", True)


def test_only_fields_of_the_mapping_and_people_of_the_project_reach_them(
    api: Any, client: Client, source: Source, project: Project
) -> None:
    begin_labeling(api, source, project)
    address = data_of()["clip"]
    assert client.get(address).status_code == 401
    for other in ("answer", "film", "id", "original_name", "changed"):
        assert api.get(address.replace("/clip.", f"/{other}.")).status_code == 404
    # Without a field, the first one is meant; whatever an address ends in, the bytes tell.
    assert api.get(address.replace("/clip.mp4", ".jpg")).content == PNG
    assert api.get(address.replace(".mp4", ".exe"))["Content-Type"] == "video/mp4"


def test_a_sound_alone_takes_the_name_that_the_interface_shows(api: Any, source: Source, project: Project) -> None:
    project.label_config = '<View><Audio name="a" value="$voice"/></View>'
    project.save()
    storage = begin_labeling(api, source, project, data={"image": "sound:base64"})
    assert data_of()["voice"] == f"/data/polardb/?d={storage.pk}/1/1577836801/image.wav"
    assert api.get(data_of()["voice"]).content == WAV


def test_a_text_by_its_address_needs_an_interface_that_fetches_it(api: Any, source: Source, project: Project) -> None:
    for config, is_fetched in (
        ('<Text name="t" value="$notes"/>', False),
        ('<Text name="t" value="$notes" valuetype="url"/>', True),
        ('<TimeSeries name="t" value="$notes" valueType="json"><Channel column="value"/></TimeSeries>', False),
        ('<TimeSeries name="t" value="$notes"><Channel column="value"/></TimeSeries>', True),
        ('<Paragraphs name="t" value="$notes"/>', False),
        ('<Paragraphs name="t" value="$notes" valueType="url"/>', True),
    ):
        Project.objects.filter(pk=project.pk).update(label_config=f"<View>{config}</View>")
        where = {part: getattr(source.parameters, part) for part in ("host", "port", "database", "user")}
        mapping = {"data": {"notes": "notes:bytes"}, "result": {"annotation_data": "answer"}}
        form = {"project": project.pk, "table": "things", "mapping": mapping, **where}
        answer = api.post("/api/storages/polardb", form, format="json")
        assert (answer.status_code == 201) == is_fetched, answer.content
        assert is_fetched or "shows $notes as text" in answer.content.decode()
        PolarDBImportStorage.objects.all().delete()
