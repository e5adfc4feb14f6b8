"""A sync that dies in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import Provisioned
from support.source_data import Source

ROWS = 6000


@pytest.mark.parametrize("image_delivery", ["data_uri", "link"])
def test_a_killed_sync_is_resumed_without_duplicates(
    provisioned: Provisioned, source: Source, environment: dict[str, str], image_delivery: str
) -> None:
    from tasks.models import Task

    storage = provisioned.import_storage
    storage.image_delivery = image_delivery
    storage.save()
    source.add_images(3)
    columns = "base64_data, mime_type, original_name, annotation_count"
    source.execute(f"INSERT INTO {source.table} ({columns}) SELECT a.base64_data, 'png', seq, 0"
                   f" FROM (SELECT base64_data FROM {source.table} LIMIT 1) a, seq_1_to_{ROWS - 3}")  # fmt: skip
    tasks = Task.objects.filter(project=storage.project_id)
    manage = str(Path(__file__).parents[2] / "manage.py")
    process = subprocess.Popen(
        [sys.executable, manage, "sync_storage", "--storage-id", str(storage.pk)],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings", **environment},
    )
    deadline = time.monotonic() + 120
    while not tasks.exists():
        assert process.poll() is None, "the sync ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    made = tasks.count()
    assert 0 < made < ROWS

    with pytest.raises(InvalidInputError, match="being synced now"):
        run_sync(storage)
    report = run_sync(storage, force=True)
    assert (report.existed, report.created) == (made, ROWS - made)
    assert sorted(tasks.values_list("polardb_io_storages_polardbimportstoragelink__row_id", flat=True)) == list(
        range(1, ROWS + 1)
    )
    assert len(set(tasks.values_list("inner_id", flat=True))) == ROWS
