"""People submit, delete and rename labels at once: Label Studio's database ends none of it as a deadlock.

DEADLOCK_SECONDS: how long they do (default: 12).
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests
from django.db import connection

from dev.label_studio import LabelStudio, run_command
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import Provisioned
from support.outcome import expected_rows, stored_rows
from support.sessions import copy_of
from support.source_data import Source, region

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql_too]

SECONDS = float(os.environ.get("DEADLOCK_SECONDS", "12"))
ROWS = 40


def deadlocks() -> int:
    if connection.vendor == "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        found: int = cursor.fetchone()[0]
    return found


@pytest.mark.timeout(int(SECONDS) + 280)
def test_submits_deletions_and_changed_labels_at_once(
    provisioned: Provisioned,
    source: Source,
    start_label_studio: Callable[..., LabelStudio],
    environment: dict[str, str],
) -> None:
    source.add_images(ROWS)
    run_sync(provisioned.import_storage)
    tasks = list(provisioned.project.tasks.order_by("pk").values_list("pk", flat=True))
    label_studio = start_label_studio()
    session = label_studio.session("admin@example.com", "correct-horse-9")
    project_id = provisioned.project.pk
    before = deadlocks()
    answers: Counter[tuple[str, int]] = Counter()
    bad: list[str] = []
    annotations: list[int] = []
    end = time.monotonic() + SECONDS

    def ask(session: requests.Session, what: str, method: str, path: str, body: Any) -> Any:
        answer = session.request(method, label_studio.url + path, json=body, timeout=60)
        answers[what, answer.status_code] += 1
        if answer.status_code >= 500:
            bad.append(f"{what}: {answer.text[:300]}")
        return answer.json() if answer.content and answer.status_code < 300 else None

    def submit(session: requests.Session, chance: random.Random) -> None:
        path = f"/api/tasks/{chance.choice(tasks[:-4])}/annotations/"
        made = ask(session, "submit", "POST", path, {"result": [region(chance.choice(["cat", "dog"]))]})
        if made:
            annotations.append(made["id"])

    def change(session: requests.Session, chance: random.Random) -> None:
        if annotations:
            path = f"/api/annotations/{chance.choice(annotations)}/"
            ask(session, "change", "PATCH", path, {"result": [region("cat", x=chance.random())]})

    def delete(session: requests.Session, chance: random.Random) -> None:
        if annotations:
            ask(session, "delete", "DELETE", f"/api/annotations/{chance.choice(annotations)}/", None)

    def delete_many(session: requests.Session, chance: random.Random) -> None:
        body = {"selectedItems": {"all": False, "included": chance.sample(tasks[:-4], 5)}}
        ask(session, "delete many", "POST", f"/api/dm/actions/?id=delete_tasks_annotations&project={project_id}", body)

    def rename(session: requests.Session, chance: random.Random) -> None:
        old, new = chance.sample(["cat", "dog"], 2)
        body = {"old_label": [old], "new_label": [new], "project": project_id}
        ask(session, "labels", "POST", "/api/labels/bulk", body)

    def repeat(act: Callable[[requests.Session, random.Random], None], seed: int) -> None:
        own, chance = copy_of(session), random.Random(seed)  # noqa: S311
        while time.monotonic() < end:
            act(own, chance)

    acts = (submit, submit, submit, change, delete, delete_many, rename)
    threads = [threading.Thread(target=repeat, args=(act, seed)) for seed, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    label_studio.stop()
    print(dict(answers))  # noqa: T201  shown if it fails
    assert bad == []
    assert deadlocks() == before
    done = run_command(environment, "deliver_writebacks", "--json", "--retry-failed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert stored_rows(source) == expected_rows()
