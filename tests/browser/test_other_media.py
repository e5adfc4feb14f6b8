"""Sounds, videos and texts of rows in Label Studio's pages, in a real browser."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from polardb_bridge.table.connection import begin
from support.media import PDF, wav
from support.source_data import Source, image_bytes
from support.storage_page import Account, StoragePage

pytestmark = pytest.mark.browser

# Two seconds of a square that moves, recorded by the browser itself.
RECORD = """async () => {
  const canvas = document.body.appendChild(document.createElement("canvas"));
  [canvas.width, canvas.height] = [160, 120];
  const context = canvas.getContext("2d");
  let step = 0;
  const timer = setInterval(() => { step += 4; context.fillStyle = `hsl(${step}, 90%, 50%)`;
                                    context.fillRect(0, 0, 160, 120); }, 40);
  const recorder = new MediaRecorder(canvas.captureStream(25), {mimeType: "video/webm;codecs=vp8"});
  const parts = [];
  recorder.ondataavailable = (event) => parts.push(event.data);
  const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
  recorder.start();
  await new Promise((resolve) => setTimeout(resolve, 2000));
  recorder.stop();
  await stopped;
  clearInterval(timer);
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}"""


@pytest.fixture(scope="module")
def webm(browser: Any) -> bytes:
    page = browser.new_page()
    recorded = base64.b64decode(page.evaluate(RECORD))
    page.close()
    return recorded


@pytest.fixture
def media(storage_page: StoragePage, photos: Source, account: Account, webm: bytes) -> Source:
    with begin(photos.parameters) as connection:
        connection.exec_driver_sql(
            "CREATE TABLE things (id INT PRIMARY KEY, photo LONGBLOB, sound LONGTEXT, film LONGBLOB, notes LONGBLOB,"
            " paper LONGBLOB, answer LONGTEXT NULL, changed TIMESTAMP NOT NULL"
            " DEFAULT '2020-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP) CHARACTER SET utf8mb4"
        )
        connection.exec_driver_sql(
            "INSERT INTO things (id, photo, sound, film, notes, paper) VALUES (1, %s, %s, %s, %s, %s)",
            (image_bytes(), base64.encodebytes(wav(2)), webm, "A note in a file: 笔记".encode(), PDF),
        )
    return photos


def project_of(storage_page: StoragePage, account: Account, config: str, delivery: str = "link", **data: str) -> int:
    made = storage_page.api("POST", "/api/projects", {"title": "Media", "label_config": f"<View>{config}</View>"})
    mapping = {"data": data, "name": None, "version": "changed", "result": {"annotation_data": "answer"}}
    fields = {name: getattr(account, name) for name in ("host", "port", "database", "user", "password")}
    form = {"project": made["id"], "table": "things", "mapping": mapping, "image_delivery": delivery, **fields}
    storage = storage_page.api("POST", "/api/storages/polardb", form)
    storage_page.api("POST", f"/api/storages/polardb/{storage['id']}/sync")
    for _ in range(100):
        found = storage_page.api("GET", f"/api/storages/polardb/{storage['id']}")
        if found["status"].startswith("completed"):
            break
        storage_page.page.wait_for_timeout(200)
    assert found["last_sync_count"] == 1, found
    project: int = made["id"]
    return project


def open_task(storage_page: StoragePage, project: int) -> Page:
    page = storage_page.page
    page.goto(f"{storage_page.url}/projects/{project}/data")
    page.get_by_text("Label All Tasks").click()
    return page


CHOICES = '<Choices name="c" toName="{name}"><Choice value="good"/><Choice value="bad"/></Choices>'


@pytest.mark.parametrize("delivery", ["link", "data_uri"])
def test_a_video_plays_and_seeks(storage_page: StoragePage, media: Source, account: Account, delivery: str) -> None:
    config = '<Video name="v" value="$clip"/>' + CHOICES.format(name="v")
    project = project_of(storage_page, account, config, delivery, clip="film:bytes")
    page = open_task(storage_page, project)
    video = page.locator("video").first
    expect(video).to_be_attached()
    page.wait_for_function("() => document.querySelector('video')?.readyState >= 2")
    played = page.evaluate(
        """async () => { const video = document.querySelector("video"); video.muted = true; await video.play();
        await new Promise((resolve) => video.addEventListener("timeupdate", resolve, {once: true}));
        return [video.videoWidth, video.currentTime > 0, video.error === null]; }"""
    )
    assert played == [160, True, True]
    expect(page.get_by_text("error rendering your video")).to_have_count(0)


@pytest.mark.parametrize("delivery", ["link", "data_uri"])
def test_a_sound_is_drawn_and_labeled(
    storage_page: StoragePage, media: Source, account: Account, delivery: str
) -> None:
    config = '<Audio name="a" value="$audio"/>' + CHOICES.format(name="a")
    project = project_of(storage_page, account, config, delivery, audio="sound:base64")
    page = open_task(storage_page, project)
    # The editor shows how long it is when it has decoded it.
    expect(page.get_by_role("textbox", name="__:__:__:___").last).to_have_value("00:00:02:000")
    page.get_by_role("checkbox", name="good").or_(page.get_by_role("radio", name="good")).first.click()
    with page.expect_response(lambda answer: answer.request.method == "POST" and "/annotations" in answer.url) as sent:
        page.get_by_role("button", name="Submit current annotation").click()
    assert sent.value.json()["result"][0]["value"] == {"choices": ["good"]}


def test_a_text_is_fetched(storage_page: StoragePage, media: Source, account: Account) -> None:
    config = '<Text name="t" value="$notes" valueType="url"/>' + CHOICES.format(name="t")
    page = open_task(storage_page, project_of(storage_page, account, config, notes="notes:bytes"))
    expect(page.get_by_text("A note in a file: 笔记")).to_be_visible()
