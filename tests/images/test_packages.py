"""The image files that Pillow and scikit-image test themselves with, judged by Chromium (`make test-images`)."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.decode import shown_image
from support.chromium_images import show

MAX_BYTES = 20_000_000
# Chromium shows a part of these, or fills what is missing: they lack pixels, and so are refused.
SHOWN_IN_PART = {
    "broken_data_stream.png", "shortfile.bmp", "truncated_image.png", "truncated_jpeg.jpg",
    "ultrahdr.jpg",
}  # fmt: skip


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser.new_page()
        browser.close()


def download(folder: Path, *arguments: str) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), *arguments]
    subprocess.run(command, check=True)
    return next(folder.iterdir())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """By name, all files in the packages' folders of images."""
    found: dict[str, bytes] = {}
    source = download(tmp_path_factory.mktemp("pillow"), "--no-binary", ":all:", "pillow")
    with tarfile.open(source) as archive:
        for member in archive:
            is_image = member.isfile() and "/Tests/images/" in member.name
            # Chromium shows cursors, too; nobody labels them.
            if is_image and member.size < MAX_BYTES and not member.name.endswith(".cur"):
                content = archive.extractfile(member)
                assert content
                found[Path(member.name).name] = content.read()
    wheel = download(tmp_path_factory.mktemp("scikit-image"), "--only-binary", ":all:", "scikit-image")
    with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as archive:
        for name in archive.namelist():
            if name.startswith("skimage/data/"):
                found[Path(name).name] = archive.read(name)
    return found


def test_what_chromium_shows_becomes_a_task_and_nothing_else(page: Page, files: dict[str, bytes]) -> None:
    assert len(files) > 700
    differences = {}
    shown = 0
    for name, data in files.items():
        try:
            ours = shown_image(data)
            reason = ""
        except RowError as error:
            ours = None
            reason = str(error)
        theirs = show(page, ours.data, ours.media_type) if ours else show(page, data, "image/png")
        shown += theirs is not None
        if (ours is None) != (theirs is None):
            differences[name] = reason or "Chromium does not show it"
    assert shown > 300
    assert set(differences) <= SHOWN_IN_PART, differences
