"""Many people label while everything fails at random; in the end the table equals Label Studio.

FAULT_ANNOTATIONS: how many they submit (default: 240). FAULT_SEED: repeats the choices of a run.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from dev.label_studio import LabelStudio, run_command
from dev.servers import MariaDB
from polardb_bridge.table.connection import begin
from support.labeling import Provisioned
from support.outcome import expected_rows, stored_rows
from support.proxy import Proxy
from support.sessions import copy_of
from support.source_data import Source, region

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgresql_too]

ANNOTATIONS = int(os.environ.get("FAULT_ANNOTATIONS", "240"))
SUBMITTERS = 8
ROWS = 60
LABELS = ["cat", "dog", "猫", "🐕"]


class Submitter(threading.Thread):
    """Submits, changes, skips and deletes annotations until its share is submitted; what fails is repeated."""

    def __init__(self, url: str, session: requests.Session, tasks: list[int], share: int, seed: int) -> None:
        super().__init__(daemon=True)
        self.url, self.session, self.tasks, self.share = url, session, tasks, share
        self.random = random.Random(seed)  # noqa: S311
        self.submitted: list[int] = []
        self.failed = 0
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            while len(self.submitted) < self.share:
                self.act()
        except Exception as error:  # noqa: BLE001  the test looks at it
            self.error = error

    def act(self) -> None:
        choice = self.random.random()
        result = [region(self.random.choice(LABELS), x=self.random.random() * 50) for _ in range(3)]
        if choice < 0.8 or not self.submitted:
            answer = self.send("POST", f"/api/tasks/{self.random.choice(self.tasks)}/annotations/", {"result": result})
            if answer is not None:
                self.submitted.append(answer["id"])
        elif choice < 0.9:
            self.send("PATCH", f"/api/annotations/{self.random.choice(self.submitted)}/", {"result": result})
        elif choice < 0.97:
            skipped = {"was_cancelled": self.random.random() < 0.5}
            self.send("PATCH", f"/api/annotations/{self.random.choice(self.submitted)}/", skipped)
        else:
            self.send("DELETE", f"/api/annotations/{self.random.choice(self.submitted)}/", None)

    def send(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any] | None:
        """The answer, None where the process died under the request or the annotation is gone already."""
        try:
            answer = self.session.request(method, self.url + path, json=body, timeout=60)
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
            # It died before its answer, or in the middle of it: whatever it did is in Label Studio's database.
            self.failed += 1
            time.sleep(0.1)
            return None
        if method != "POST" and answer.status_code == 404:
            return None
        assert answer.status_code in (200, 201, 204), answer.text
        return answer.json() if answer.content else {}


class Faults:
    """One fault after the other, each for a moment.

    In the thread that started the server: a private server ends with the thread that has started it.
    """

    def __init__(
        self,
        server: MariaDB,
        proxy: Proxy,
        label_studio: LabelStudio,
        source: Source,
        submitters: list[Submitter],
        seed: int,
    ) -> None:
        self.server, self.proxy, self.label_studio = server, proxy, label_studio
        self.source, self.submitters = source, submitters
        self.random = random.Random(seed)  # noqa: S311
        self.done: set[str] = set()
        self.kinds: set[str] = set()
        self.next_kill_at = 0

    def run(self, until: Callable[[], bool]) -> None:
        faults = [
            self.stop_server,
            self.kill_server,
            self.freeze_server,
            self.cut_connections,
            self.cut_packets,
            self.make_read_only,
            self.lock_table,
            self.lock_rows,
            self.refuse_rows,
            self.rename_table,
            self.set_clock,
            self.kill_web_processes,
        ]
        self.kinds = {fault.__name__ for fault in faults}
        while not until():
            self.random.shuffle(faults)
            for fault in faults:
                self.done.add(fault.__name__)
                fault()
                self.wait(0.5)

    def submitted(self) -> int:
        return sum(len(submitter.submitted) for submitter in self.submitters)

    def wait(self, seconds: float) -> None:
        time.sleep(seconds * (0.5 + self.random.random()))

    def stop_server(self) -> None:
        self.server.stop()
        self.wait(1)
        self.server.start()

    def kill_server(self) -> None:
        self.server.kill()
        self.wait(1)
        self.server.start()

    def freeze_server(self) -> None:
        self.server.freeze()
        self.wait(2)
        self.server.thaw()

    def cut_connections(self) -> None:
        self.proxy.cut_all()

    def cut_packets(self) -> None:
        self.proxy.cut_after_sent = self.random.randrange(1, 5000)
        self.proxy.cut_after_received = self.random.randrange(1, 400)
        self.wait(2)
        self.proxy.cut_after_sent = self.proxy.cut_after_received = None

    def make_read_only(self) -> None:
        self.source.execute("SET GLOBAL read_only = 1")
        self.wait(1)
        self.source.execute("SET GLOBAL read_only = 0")

    def lock_table(self) -> None:
        with begin(self.source.parameters) as connection:
            connection.exec_driver_sql(f"SELECT id FROM {self.source.table} FOR UPDATE")
            self.wait(1)

    def lock_rows(self) -> None:
        with begin(self.source.parameters) as connection:
            first = self.random.randrange(1, ROWS)
            connection.exec_driver_sql(f"SELECT id FROM {self.source.table} WHERE id IN ({first}, 7) FOR UPDATE")
            self.wait(3)

    def refuse_rows(self) -> None:
        """For whatever reason: a code that nobody knows, a table that its trigger misses, a value."""
        action = self.random.choice(
            [
                "SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 5001, MESSAGE_TEXT = 'not today'",
                "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not this one'",
                "INSERT INTO no_such_table VALUES (1)",
            ]
        )
        self.source.execute(
            f"CREATE TRIGGER refuse BEFORE UPDATE ON {self.source.table} FOR EACH ROW "
            f"IF MOD(NEW.id, 7) = {self.random.randrange(7)} THEN {action}; END IF"
        )
        self.wait(2)
        self.source.execute("DROP TRIGGER refuse")

    def set_clock(self) -> None:
        """As if another clock had written the times by which deliveries go, and annotations were saved."""
        from django.db import models
        from django.utils import timezone
        from tasks.models import Annotation

        from polardb_bridge.webhooks.models import PendingWriteback, ServerState, WritebackLease, WritebackState

        wrong = timezone.now() + timedelta(hours=self.random.choice([-3, 3]))
        PendingWriteback.objects.exclude(retry_at=None).update(retry_at=wrong)
        WritebackState.objects.exclude(retry_at=None).update(retry_at=wrong)
        ServerState.objects.update(retry_at=wrong)
        WritebackLease.objects.update(expires_at=wrong)
        # Django's own queryset leaves no mark: nobody has changed these.
        chosen = [number for number in range(7) if self.random.random() < 0.3]
        models.QuerySet(Annotation).annotate(rest=models.F("pk") % 7).filter(rest__in=chosen).update(updated_at=wrong)

    def rename_table(self) -> None:
        self.source.execute(f"RENAME TABLE {self.source.table} TO hidden")
        self.wait(0.5)
        self.source.execute(f"RENAME TABLE hidden TO {self.source.table}")

    def kill_web_processes(self) -> None:
        # On a busy machine they start more slowly than the faults come round: killed again, they would never serve.
        submitted = self.submitted()
        if submitted < self.next_kill_at or not self.label_studio.is_ready():
            return
        self.next_kill_at = submitted + ANNOTATIONS // 6
        for pid in self.label_studio.children():
            os.kill(pid, signal.SIGKILL)


@pytest.mark.timeout(600 + ANNOTATIONS)
def test_annotations_under_random_faults(
    provisioned: Provisioned,
    source: Source,
    writer: str,
    proxy: Proxy,
    server: MariaDB,
    start_label_studio: Callable[..., LabelStudio],
    environment: dict[str, str],
) -> None:
    from polardb_bridge.storage.sync.run import run_sync

    seed = int(os.environ.get("FAULT_SEED", random.randrange(10**6)))  # noqa: S311
    print("seed", seed)  # noqa: T201  pytest shows it where the test fails: FAULT_SEED repeats the choices
    source.add_images(ROWS)
    run_sync(provisioned.import_storage)
    tasks = list(provisioned.project.tasks.values_list("pk", flat=True))
    label_studio = start_label_studio()
    session = label_studio.session("admin@example.com", "correct-horse-9")
    share = ANNOTATIONS // SUBMITTERS
    submitters = [
        Submitter(label_studio.url, copy_of(session), tasks, share, seed + number) for number in range(SUBMITTERS)
    ]
    faults = Faults(server, proxy, label_studio, source, submitters, seed)
    for submitter in submitters:
        submitter.start()
    faults.run(until=lambda: not any(submitter.is_alive() for submitter in submitters))
    assert [submitter.error for submitter in submitters if submitter.error] == []
    assert faults.submitted() == share * SUBMITTERS
    assert faults.done == faults.kinds

    label_studio.stop()
    done = run_command(environment, "deliver_writebacks", "--json", "--retry-failed")
    assert done.returncode == 0, done.stdout + done.stderr
    expected = expected_rows()
    assert len(expected) == ROWS
    assert stored_rows(source) == expected
    assert sum(count for _, count, _ in expected.values()) > ANNOTATIONS // 2
