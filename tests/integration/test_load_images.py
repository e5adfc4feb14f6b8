"""Image files become rows, once each."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.errors import InvalidInputError, ReconfigureError
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.loading import find_files, load_images
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.schema import create_table, source_table
from support.source_data import image_bytes


def test_a_folder_is_loaded_once_and_what_is_no_image_is_named(database: ConnectionParameters, tmp_path: Path) -> None:
    with connect(database) as connection:
        create_table(connection, source_table("animals"))
    (tmp_path / "deep").mkdir()
    (tmp_path / "cat.jpg").write_bytes(image_bytes("PNG"))
    (tmp_path / "deep" / "猫.png").write_bytes(image_bytes("PNG"))
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "empty.png").touch()

    def load() -> Any:
        return load_images(database, "animals", tmp_path, find_files(tmp_path))

    first = load()
    assert first.loaded == ["cat.jpg", "deep/猫.png"]
    assert [line.split(";")[0] for line in first.skipped] == [
        "empty.png: the file is empty",
        "notes.txt: the file is not an image, but a text",
    ]
    second = load()
    assert (second.loaded, second.existed) == ([], ["cat.jpg", "deep/猫.png"])
    with connect(database) as connection:
        found = connection.execute(sa.text("SELECT original_name, mime_type FROM animals ORDER BY id")).all()
    assert [tuple(row) for row in found] == [("cat.jpg", "image/png"), ("deep/猫.png", "image/png")]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no folder"):
        find_files(tmp_path / "nope")
    with pytest.raises(InvalidInputError, match="no file"):
        find_files(tmp_path)


def test_a_missing_table_is_an_error(database: ConnectionParameters, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(image_bytes())
    with pytest.raises(ReconfigureError, match="no table"):
        load_images(database, "animals", tmp_path, find_files(tmp_path))


def test_a_name_that_is_not_utf_8_is_skipped_and_the_others_are_loaded(
    database: ConnectionParameters, tmp_path: Path
) -> None:
    with begin(database) as connection:
        create_table(connection, source_table("animals"))
    for name in (b"a.png", "\u718a\u732b.png".encode("gbk"), b"z.png"):
        (tmp_path / os.fsdecode(name)).write_bytes(image_bytes("PNG"))
    report = load_images(database, "animals", tmp_path, find_files(tmp_path))
    assert report.loaded == ["a.png", "z.png"]
    [skipped] = report.skipped
    assert skipped == r"\xd0\xdcè.png: the name is not UTF-8; rename the file"
    skipped.encode()
