"""An account that may have few connections, and Label Studio in several processes: people notice nothing of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dev.label_studio import LabelStudio
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import dispose
from support.labeling import Provisioned
from support.source_data import Source, region

PICTURES = 120


@pytest.mark.postgresql_too
def test_a_page_of_pictures_shows_all_and_a_result_arrives(
    start_label_studio: Callable[..., LabelStudio],
    provisioned: Provisioned,
    source: Source,
) -> None:
    """Two serving processes of four threads each, and no worker."""
    name = f"few_{source.parameters.database[-8:]}"
    source.execute(f"CREATE USER {name}@'%%' IDENTIFIED BY 'first' WITH MAX_USER_CONNECTIONS 3")
    source.execute(f"GRANT SELECT, UPDATE ON {source.parameters.database}.* TO {name}@'%%'")
    for storage in (provisioned.import_storage, provisioned.export_storage):
        storage.user, storage.password = name, "first"
        storage.save()
    provisioned.import_storage.image_delivery = "link"
    provisioned.import_storage.save()
    source.add_images(PICTURES)
    run_sync(provisioned.import_storage)
    dispose()
    label_studio = start_label_studio()
    session = label_studio.session("admin@example.com", "correct-horse-9")
    tasks = list(provisioned.project.tasks.order_by("pk"))

    def shown(task: Any) -> int:
        return int(session.get(label_studio.url + task.data["image"], timeout=60).status_code)

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(shown, tasks)) == [200] * PICTURES
        # While the pictures of the next page are loaded:
        page = [threads.submit(shown, task) for task in tasks]
        answer = session.post(
            f"{label_studio.url}/api/tasks/{tasks[0].pk}/annotations/", json={"result": [region("cat")]}, timeout=60
        )
        assert answer.status_code == 201, answer.text
        began = time.monotonic()
        while not source.row(tasks[0].data["id"])["annotation_count"] and time.monotonic() < began + 60:
            time.sleep(0.1)
        assert time.monotonic() - began < 10
        assert {one.result() for one in page} == {200}
