"""Images of 200 MB: by link they are shown, inside a task they are refused; neither takes memory for several."""

from __future__ import annotations

import hashlib
import os
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dev.label_studio import LabelStudio
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, dispose
from support.labeling import Provisioned
from support.memory import peak_of
from support.source_data import TABLE, Source

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL, PASSWORD = "admin@example.com", "correct-horse-9"
SIDE = 8192
PIXEL_BYTES = SIDE * SIDE * 3
HEADER = b"BM" + struct.pack("<IHHI", 54 + PIXEL_BYTES, 0, 0, 54) + struct.pack(
    "<IiiHHIIiiII", 40, SIDE, SIDE, 1, 24, 0, PIXEL_BYTES, 0, 0, 0, 0
)  # fmt: skip
MAX_MB = 400


@pytest.fixture
def storage(provisioned: Provisioned, source: Source) -> Iterator[PolarDBImportStorage]:
    """Of a table with an ordinary row and one of a bitmap of 200 MB."""
    source.add_images(2)
    dispose()  # sessions keep the limit that they began with
    source.execute("SET GLOBAL max_allowed_packet = 1073741824")
    dispose()
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(
            f"UPDATE {TABLE} SET base64_data = TO_BASE64(CONCAT(%s, REPEAT('~', {PIXEL_BYTES}))),"
            " updated_at = updated_at - INTERVAL 1 HOUR WHERE id = 2",
            (HEADER,),
        )
    yield provisioned.import_storage
    source.execute("SET GLOBAL max_allowed_packet = DEFAULT")
    dispose()


def peak_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) // 1024


@pytest.mark.long
def test_an_image_of_200_mb_by_link(
    storage: PolarDBImportStorage, start_label_studio: Callable[..., LabelStudio]
) -> None:
    storage.image_delivery = "link"
    storage.save()
    assert run_sync(storage).created == 2
    label_studio = start_label_studio()
    before = max(map(peak_mb, label_studio.children()))
    session = label_studio.session(EMAIL, PASSWORD)
    url = label_studio.url + storage.links.get(row_id=2).task.data["image"]
    found = hashlib.sha256()
    with session.get(url, stream=True, timeout=120) as answer:
        assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/bmp"), answer.text
        assert int(answer.headers["Content-Length"]) == len(HEADER) + PIXEL_BYTES
        for part in answer.iter_content(1024 * 1024):
            found.update(part)
    expected = hashlib.sha256(HEADER)
    for _ in range(SIDE):
        expected.update(b"~" * (PIXEL_BYTES // SIDE))
    assert found.digest() == expected.digest()
    part = session.get(url, headers={"Range": "bytes=50-57"}, timeout=120)
    assert (part.status_code, part.content) == (206, HEADER[50:] + b"~~~~")
    assert max(map(peak_mb, label_studio.children())) - before < MAX_MB


def test_an_image_of_200_mb_inside_a_task_is_refused_before_it_is_read(
    storage: PolarDBImportStorage, environment: dict[str, str]
) -> None:
    storage.image_delivery = "data_uri"
    storage.save()
    taken = peak_of(
        [sys.executable, "-m", "polardb_bridge", "manage", "sync_storage", "--storage-id", str(storage.pk)],
        {**os.environ, "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings", **environment},
    )
    assert taken < 400 * 1024**2  # Label Studio alone takes 250
    storage.refresh_from_db()
    assert (storage.status, storage.last_sync_count) == ("completed_with_errors", 1)
    assert "set the storage's image delivery to 'link'" in storage.traceback
