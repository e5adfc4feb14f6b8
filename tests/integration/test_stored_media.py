"""Media as tables of other programs hold them, several a row: behind a header, packed, in lists, or somewhere else."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from typing import Any

import pytest

from polardb_bridge.errors import RetryableError
from polardb_bridge.storage.images import streaming, unreadable, views
from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.images.streaming import SLICE_BYTES
from polardb_bridge.storage.images.verify import verify
from support.media import mp4, wav
from support.source_data import base64_text, image_bytes
from support.things import Labeling

pytestmark = pytest.mark.usefixtures("commands_database")

RED, BLUE = (image_bytes(color=color) for color in ("red", "blue"))
RED_URI, BLUE_URI = (f"data:image/png;base64,{base64_text(data)}" for data in (RED, BLUE))
SOUND = wav(0.3)
NOISE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(2 * SLICE_BYTES // 32 + 5000))
VIDEO = mp4(200)[:200] + NOISE
HEADER = bytes(range(78))
FAR = "https://shop.example.com/a.png"
DELIVERIES = pytest.mark.parametrize("delivery", ["data_uri", "link"])
CHOICES = '<Choices name="c" toName="{}"><Choice value="a"/></Choices></View>'
FILM = '<View><Video name="clip" value="$clip"/>' + CHOICES.format("clip")
ALL = (
    '<View><Image name="pages" valueList="$pages"/><Audio name="audio" value="$audio"/>'
    '<Image name="cover" value="$cover"/>' + CHOICES.format("pages")
)


@pytest.fixture(autouse=True)
def empty_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "_cache", ImageCache())
    monkeypatch.setattr(streaming, "_slices", ImageCache(16 * 1024 * 1024))


@pytest.fixture
def things(labeling: Labeling) -> Labeling:
    labeling.execute(
        "CREATE TABLE things (id INT PRIMARY KEY, film LONGBLOB, scans LONGTEXT, links TEXT, sound LONGBLOB,"
        " voice LONGTEXT, photo LONGBLOB, url VARCHAR(200), title VARCHAR(80), answer LONGTEXT,"
        " changed TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP) CHARACTER SET utf8mb4"
    )
    labeling.mapping = {"version": "changed", "result": {"annotation_data": "answer"}}
    return labeling


def body(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else answer.content


def begin_with_film(things: Labeling, read: str, stored: bytes) -> str:
    """The address of the only row's film."""
    things.show(FILM)
    things.mapping["data"] = {"clip": read}
    things.insert(1, film=stored)
    things.begin(image_delivery="link")
    found: str = things.data()[1]["clip"]
    return found


@pytest.mark.parametrize(
    ("read", "stored"),
    [
        ("film:bytes@78", HEADER + VIDEO),
        ("film:base64@78", HEADER + base64.b64encode(VIDEO)),
        ("film:base64@78", HEADER + b"data:video/mp4;base64," + base64.encodebytes(VIDEO)),
        ("film:base64@78", HEADER + base64.b64encode(VIDEO)[:3000] + b"\n" + base64.b64encode(VIDEO)[3000:]),
        ("film:bytes|gzip", gzip.compress(VIDEO)),
        ("film:base64|deflate", zlib.compress(base64.b64encode(VIDEO))),
        ("film:bytes@78|mysql", HEADER + len(VIDEO).to_bytes(4, "little") + zlib.compress(VIDEO)),
        ("voice:base64,film:bytes@78", HEADER + VIDEO),
    ],
    ids=["header", "base64", "lines", "odd lines", "gzip", "deflate", "COMPRESS", "second column"],
)
def test_parts_of_a_film_are_its_own(things: Labeling, read: str, stored: bytes) -> None:
    address = begin_with_film(things, read, stored)
    for start, stop in ((0, 10), (SLICE_BYTES - 5, SLICE_BYTES), (len(VIDEO) - 7, len(VIDEO))):
        answer = things.api.get(address, HTTP_RANGE=f"bytes={start}-{stop - 1}")
        assert (answer.status_code, answer["Content-Type"]) == (206, "video/mp4")
        assert answer["Content-Range"] == f"bytes {start}-{stop - 1}/{len(VIDEO)}"
        assert body(answer) == VIDEO[start:stop]
    assert body(things.api.get(address)) == VIDEO
    assert verify(things.storage).unreadable == []


def test_a_film_that_is_large_once_it_is_unpacked(things: Labeling) -> None:
    film = VIDEO + bytes(20 * 1024 * 1024)
    address = begin_with_film(things, "film:bytes|gzip", gzip.compress(film, 1))
    answer = things.api.get(address, HTTP_RANGE="bytes=3-9")
    assert (answer.status_code, answer["Content-Type"], body(answer)) == (206, "video/mp4", film[3:10])
    assert hashlib.sha256(body(things.api.get(address))).digest() == hashlib.sha256(film).digest()


@pytest.mark.parametrize(
    ("stored", "problem"),
    [
        (gzip.compress(VIDEO + bytes(70 * 1024 * 1024), 1), "more than 67,108,864 bytes once it is unpacked"),
        (gzip.compress(VIDEO)[:-2000], "not packed by gzip, or damaged or cut off"),
        (gzip.compress(RED), "film is not a video, but a PNG image"),
        (gzip.compress(b"<html>" + bytes(2_000_000)), "film is not a video"),
        (gzip.compress(bytes(20_000_000)), "film is not a video"),
        (VIDEO, "not packed by gzip"),
    ],
    ids=["bomb", "cut off", "picture", "page", "nothing", "not packed"],
)
def test_what_is_no_film_once_it_is_unpacked_is_listed(things: Labeling, stored: bytes, problem: str) -> None:
    address = begin_with_film(things, "film:bytes|gzip", stored)
    answer = things.api.get(address)
    assert (answer.status_code, problem in answer.content.decode()) == (404, True), answer.content
    [row] = unreadable.rows(things.storage)
    assert problem in row.problem


def test_a_film_whose_row_has_another_one_first_by_now_is_cut_off(things: Labeling) -> None:
    address = begin_with_film(things, "sound:bytes,film:bytes", VIDEO)
    pieces = iter(things.api.get(address).streaming_content)
    received = [next(pieces)]
    # With the time that it had: nothing else tells.
    things.execute("UPDATE things SET sound = :film, changed = changed", film=VIDEO[::-1])
    with pytest.raises(RetryableError, match="has changed while it was read"):
        received.extend(pieces)
    assert VIDEO.startswith(b"".join(received))


@DELIVERIES
def test_each_field_has_what_its_row_holds_for_it(things: Labeling, delivery: str) -> None:
    things.show(ALL)
    things.mapping["data"] = {
        "pages": "scans:base64s,links:urls",
        "audio": "sound:bytes|gzip,voice:base64",
        "cover": "url:url,photo:bytes",
        "title": "title:text",
    }
    scans = json.dumps([base64_text(RED), base64_text(BLUE)])
    voice = base64.b64encode(SOUND)
    things.insert(1, scans=scans, links=FAR, voice=voice, url=FAR, photo=RED, title="all")
    things.insert(2, links=f"{FAR},{FAR}", sound=gzip.compress(SOUND), photo=BLUE)
    things.insert(3, scans="[]", url=FAR)
    things.insert(4, scans="", links="", sound=b"", voice=None, photo=b"", url="")
    things.insert(5, title="bare")
    things.insert(6, scans='["no picture"]', photo=RED)
    things.begin(image_delivery=delivery)
    data = things.data()
    is_inside = delivery == "data_uri"
    assert sorted(data) == ([1, 2, 3, 5] if is_inside else [1, 2, 3, 5, 6])
    assert "there is nothing to label in sound, voice, photo, scans, url, links, title" in things.storage.traceback
    start = f"/data/polardb/?d={things.storage.pk}"
    assert (data[1]["cover"], data[3]["cover"], data[2]["pages"]) == (FAR, FAR, [FAR, FAR])
    if is_inside:
        assert data[1]["pages"] == [RED_URI, BLUE_URI]
        assert data[2]["cover"] == BLUE_URI
    else:
        pages = [f"{start}/1/1577836801.{page}/pages.jpg" for page in (0, 1)]
        assert data[1]["pages"] == pages
        assert [body(things.api.get(page)) for page in pages] == [RED, BLUE]
        assert things.api.get(f"{start}/1/1577836801/pages.jpg").status_code == 404
        assert things.api.get(f"{start}/1/1577836801.0/audio.wav").status_code == 404
        assert body(things.api.get(data[2]["cover"])) == BLUE
    for key in (1, 2):
        sound = things.api.get(f"{start}/{key}/1577836801/audio.wav")
        assert (sound["Content-Type"], body(sound)) == ("audio/wav", SOUND)
    assert data[5] == {
        "title": "bare",
        "pages": [f"{start}/5/1577836801.0/pages.jpg"],
        "audio": f"{start}/5/1577836801/audio.wav",
        "cover": f"{start}/5/1577836801/cover.jpg",
    }
    for address, problem in ((data[5]["pages"][0], b"scans is NULL"), (data[5]["audio"], b"sound is NULL")):
        answer = things.api.get(address)
        assert (answer.status_code, problem in answer.content) == (404, True), answer.content
    if not is_inside:
        assert things.api.get(data[6]["pages"][0]).status_code == 404
        listed = {row.row_id: row.problem for row in verify(things.storage).unreadable}
        assert listed[6].startswith("pages: scans, item 1: ") or listed[6].startswith("audio: "), listed
    assert things.sync().updated == 0


@DELIVERIES
def test_a_change_in_any_column_of_any_field_refreshes_the_task(things: Labeling, delivery: str) -> None:
    things.show(ALL)
    data = {
        "pages": "scans:base64s,links:urls",
        "audio": "sound:bytes|gzip,voice:base64",
        "cover": "url:url,photo:bytes",
    }
    things.mapping |= {"data": data, "version": None}
    things.insert(1, scans=base64_text(RED), links=FAR, voice=base64.b64encode(SOUND), photo=RED)
    things.begin(image_delivery=delivery)
    for column, value in (
        ("photo", BLUE),
        ("scans", base64_text(BLUE)),
        ("sound", gzip.compress(wav(0.2))),
        ("url", FAR),
        ("scans", None),
        ("links", f"{FAR}?2"),
    ):
        before = things.data()[1]
        things.execute(f"UPDATE things SET {column} = :value", value=value)
        assert things.sync().updated == 1, column
        assert things.data()[1] != before
        assert things.sync().updated == 0, column
