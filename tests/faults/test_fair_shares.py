"""One organization's servers that hang, and everybody else's tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from polardb_bridge import background
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage, PolarDBImportStorageLink
from support import hostile_server as hostile
from support.labeling import LabelingProject, Provisioned
from support.source_data import Source, region

pytestmark = pytest.mark.django_db(transaction=True)

SERVERS = 2 * background.MAX_THREADS


@pytest.fixture
def attacker(user: Any) -> Any:
    """A project of another organization than everybody else's."""
    from organizations.models import Organization
    from projects.models import Project
    from users.models import User

    owner = User.objects.create_user(email="attacker@example.com", password="correct-horse-9")
    organization = Organization.create_organization(created_by=owner, title="Attackers")
    return Project.objects.create(title="Theirs", organization=organization, created_by=owner)


@pytest.fixture
def running() -> Iterator[background.BackgroundThread]:
    thread = background.BackgroundThread()
    yield thread
    thread.stop()


@pytest.fixture
def hang(running: background.BackgroundThread) -> Iterator[Callable[[Any], dict[str, Any]]]:
    """Makes tables on servers that behave so; the servers end before `running`, which waits for what is under way."""
    with ExitStack() as stack:

        def table(talk: Any) -> dict[str, Any]:
            server = stack.enter_context(hostile.hostile_server(talk=talk))
            return {"host": "127.0.0.1", "port": server.port, "database": "d", "user": "u", "table": "t"}

        yield table


def wait_until(condition: Callable[[], bool], seconds: float) -> float:
    """How long it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.parametrize("talk", [hostile.silence, hostile.drip_rows], ids=["silent", "dripping"])
def test_servers_that_hang_hold_up_nobody_elses_results(
    project: LabelingProject,
    source: Source,
    attacker: Any,
    running: background.BackgroundThread,
    hang: Callable[[Any], dict[str, Any]],
    talk: Any,
) -> None:
    from tasks.models import Annotation, Task

    for _ in range(SERVERS):
        where = hang(talk)
        reading = PolarDBImportStorage.objects.create(project=attacker, **where)
        task = Task.objects.create(project=attacker, data={})
        PolarDBImportStorageLink.objects.create(storage=reading, task=task, key="1", row_id=1, version=1)
        PolarDBExportStorage.objects.create(project=attacker, **where)
        Annotation.objects.create(task=task, project=attacker, result=[region("dog")])
    running.start()
    time.sleep(2)  # they have all that they get
    project.submit(1, region("cat"))
    wait_until(lambda: source.row(1)["annotation_data"] == [region("cat")], 10)


def test_syncs_that_hang_hold_up_nobody_elses(
    provisioned: Provisioned,
    source: Source,
    attacker: Any,
    running: background.BackgroundThread,
    hang: Callable[[Any], dict[str, Any]],
) -> None:
    source.add_images(1)
    for _ in range(background.MAX_SYNCS):
        PolarDBImportStorage.objects.create(project=attacker, **hang(hostile.drip_rows)).sync()
    running.start()
    wait_until(lambda: PolarDBImportStorage.objects.filter(project=attacker, status="in_progress").count() == 2, 10)
    storage = provisioned.import_storage
    storage.sync()

    def is_done() -> bool:
        storage.refresh_from_db()
        return bool(storage.status == storage.Status.COMPLETED)

    wait_until(is_done, 20)
