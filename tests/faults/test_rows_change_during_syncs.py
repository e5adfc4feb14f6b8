"""Rows change while they are synced, several times a second and by transactions that stay open."""

from __future__ import annotations

import os
import random
import threading
import time
from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, engine_for
from support.labeling import Provisioned
from support.source_data import TABLE, Source, base64_text, image_bytes

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql_too]

ROWS = 40
WRITERS = 4
SECONDS = 12


class Writer(threading.Thread):
    """Gives rows new images and names, one or a few in a transaction that may stay open for a while."""

    def __init__(self, source: Source, seed: int, stopped: threading.Event) -> None:
        super().__init__()
        self.source, self.stopped = source, stopped
        self.random = random.Random(seed)  # noqa: S311
        self.changes = 0

    def run(self) -> None:
        while not self.stopped.is_set():
            # By id: no two of them wait for one another.
            rows = sorted(self.random.sample(range(1, ROWS + 1), self.random.choice([1, 1, 3])))
            with engine_for(self.source.parameters).connect() as connection:
                for row_id in rows:
                    connection.execute(
                        sa.text(f"UPDATE {TABLE} SET base64_data = :data, original_name = :name WHERE id = :id"),
                        {"data": self.image(), "name": f"{self.random.random()}.png", "id": row_id},
                    )
                    self.changes += 1
                if self.random.random() < 0.1:
                    time.sleep(self.random.random() * 2)
                connection.commit()
            time.sleep(self.random.random() * 0.1)

    def image(self) -> str:
        color = "#" + "".join(self.random.choice("0123456789abcdef") for _ in range(6))
        return base64_text(image_bytes(color=color))


@pytest.mark.parametrize("image_delivery", ["data_uri", "link"])
def test_every_task_equals_its_row_in_the_end(
    provisioned: Provisioned, source: Source, api: Any, image_delivery: str
) -> None:
    seed = int(os.environ.get("FAULT_SEED", random.randrange(10**6)))  # noqa: S311
    print("seed", seed)  # noqa: T201  pytest shows it where the test fails: FAULT_SEED repeats the choices
    storage = provisioned.import_storage
    storage.image_delivery = image_delivery
    storage.save()
    source.add_images(ROWS)
    stopped = threading.Event()
    writers = [Writer(source, seed + number, stopped) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    kept: dict[str, bytes] = {}
    refreshed = 0
    try:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            refreshed += run_sync(storage).updated
            keep_images(storage, api, kept)
    finally:
        stopped.set()
        for writer in writers:
            writer.join()
    run_sync(storage)
    assert run_sync(storage).updated == 0
    keep_images(storage, api, kept)
    assert sum(writer.changes for writer in writers) > refreshed > ROWS

    with begin(source.parameters) as connection:
        rows = connection.exec_driver_sql(f"SELECT id, original_name, base64_data FROM {TABLE}").all()
    tasks = {link.row_id: link.task.data for link in storage.links.select_related("task")}
    assert {row_id: data["original_name"] for row_id, data in tasks.items()} == {row.id: row[1] for row in rows}
    shown = {row_id: image_of(data["image"], kept) for row_id, data in tasks.items()}
    assert shown == {row.id: row.base64_data for row in rows}


def keep_images(storage: Any, api: Any, kept: dict[str, bytes]) -> None:
    """As the cache of an ML backend, which never asks again for an address that it has."""
    for task in storage.project.tasks.all():
        url = task.data["image"]
        if not url.startswith("data:") and url not in kept:
            kept[url] = api.get(url).content


def image_of(address: str, kept: dict[str, bytes]) -> str:
    return base64_text(kept[address]) if address in kept else address.partition("base64,")[2]
