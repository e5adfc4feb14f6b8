"""An image of some bytes in a tenant's row costs the server neither seconds nor memory."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from polardb_bridge.errors import RowError
from polardb_bridge.table.images.decode import check_image
from support.bombs import bombs
from support.source_data import image_bytes

ROOT = Path(__file__).parents[2]
MOST_MB = 200
MOST_S = 5.0


def test_no_image_takes_much_time_or_memory() -> None:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "support.bombs"],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = list(csv.reader(done.stdout.splitlines()))
    assert len(measured) == len(bombs()) + 1
    for name, seconds, megabytes in measured:
        assert float(seconds) < MOST_S, name
        assert int(megabytes) < MOST_MB, name


@pytest.mark.parametrize("name", ["webp", "animated webp", "avif", "gif", "bmp of run lengths"])
def test_it_is_refused_by_its_header(name: str) -> None:
    with pytest.raises(RowError, match="too many pixels"):
        check_image(bombs(16_383)[name])


@pytest.mark.parametrize("kind", ["WEBP", "AVIF", "GIF", "BMP", "PNG", "JPEG"])
def test_images_of_people_are_taken_and_truncated_ones_are_not(kind: str) -> None:
    data = image_bytes(kind, (640, 480))
    assert check_image(data) == f"image/{kind.lower()}"
    for rest in (data[: len(data) // 3], data[: len(data) * 9 // 10]):
        with pytest.raises(RowError, match=r"truncated|not an image"):
            check_image(rest)
