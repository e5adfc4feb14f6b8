"""Servers that take their time, or never end: what they cost those who ask them, and everybody else."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.table.connection import connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.time_limit import TimeIsUpError, call_in_time, time_limit
from support import hostile_server as hostile
from support.memory import begin_peak, peak

TALKS = [hostile.silence, hostile.drip, hostile.freeze, hostile.drip_rows, hostile.flood, hostile.swell]
PATHS = ["polardb/validate", "polardb/files", "polardb/tables", "polardb", "export/polardb/validate"]
# What a request may take: 5 s for the database, the rest for a busy machine.
MAX_SECONDS = 8.0
MAX_BYTES = 200 * 1024 * 1024


def name_of(value: Any) -> str:
    return value if isinstance(value, str) else str(value.__name__)


@pytest.fixture
def server(request: Any) -> Any:
    with hostile.hostile_server(talk=request.param) as running:
        yield running
    dispose()


@pytest.mark.parametrize(
    ("server", "path"),
    [*((talk, "polardb/files") for talk in TALKS), *((hostile.drip_rows, path) for path in PATHS)],
    indirect=["server"],
    ids=name_of,
)
def test_a_request_ends_in_time(api: Any, user: Any, server: hostile.HostileServer, path: str) -> None:
    from projects.models import Project

    project = Project.objects.create(title="Own", organization=user.active_organization, created_by=user)
    form = {"project": project.pk, "host": "127.0.0.1", "port": server.port, "database": "d", "user": "u"}
    form |= {"table": "t", "password": "p"}
    before, began = begin_peak(), time.monotonic()
    answer = api.post(f"/api/storages/{path}", form, format="json")
    assert time.monotonic() - began < MAX_SECONDS
    assert peak() - before < MAX_BYTES
    assert answer.status_code == 400, answer.content[:500]
    assert server.connections


@pytest.mark.parametrize("server", [hostile.drip_rows], indirect=True, ids=name_of)
def test_a_change_of_the_address_ends_in_time(provisioned: Any, api: Any, server: hostile.HostileServer) -> None:
    """The change is taken: a server that is away now is asked again when it is needed."""
    began = time.monotonic()
    form = {"port": server.port, "password": "p"}
    answer = api.patch(f"/api/storages/polardb/{provisioned.import_storage.pk}", form, format="json")
    assert time.monotonic() - began < MAX_SECONDS
    assert answer.status_code == 200, answer.content[:500]
    assert server.connections


@pytest.mark.parametrize("server", [hostile.freeze, hostile.drip_rows, hostile.swell], indirect=True, ids=name_of)
def test_an_image_ends_in_time(api: Any, user: Any, server: hostile.HostileServer) -> None:
    from projects.models import Project
    from tasks.models import Task

    project = Project.objects.create(title="Own", organization=user.active_organization, created_by=user)
    storage = PolarDBImportStorage.objects.create(
        project=project, host="127.0.0.1", port=server.port, database="d", user="u", table="t"
    )
    task = Task.objects.create(project=project, data={})
    PolarDBImportStorageLink.objects.create(storage=storage, task=task, key="1", row_id=1, version=1)
    before, began = begin_peak(), time.monotonic()
    answer = api.get(f"/data/polardb/?d={storage.pk}/1/1.jpg")
    assert answer.status_code in (404, 503)
    # Images have a rate in place of a limit: what comes at least at 2 MB/s may go on for 8 s more.
    assert time.monotonic() - began < MAX_SECONDS + 8
    assert peak() - before < MAX_BYTES


def test_connecting_leaves_few_threads_behind() -> None:
    """The client library never gives up on a server that drips its greeting: more and more threads would wait."""
    with hostile.hostile_server(talk=hostile.drip) as server:
        parameters = ConnectionParameters("127.0.0.1", "d", "u", "p", server.port)
        seconds = []
        for _ in range(6):
            began = time.monotonic()
            with pytest.raises(BridgeError, match="no answer within"), time_limit(0.5), connect(parameters):
                pass
            seconds.append(time.monotonic() - began)
        assert sum(thread.name == f"polardb-attempt-{parameters.server}" for thread in threading.enumerate()) <= 4
        assert max(seconds[4:]) < 0.3, seconds
        assert server.connections <= 4
    dispose(parameters)


def test_a_late_answer_is_put_away() -> None:
    ours, theirs = socket.socketpair()

    def late() -> socket.socket:
        time.sleep(0.3)
        return ours

    closed: list[Any] = []

    def close(connection: Any) -> None:
        connection.close()
        closed.append(connection)

    with pytest.raises(TimeIsUpError):
        call_in_time("late", late, 0.1, too_late=close)
    wait_until(lambda: closed == [ours])
    assert theirs.recv(1) == b""
    theirs.close()
    ours.close()


def test_work_within_its_time_is_left_alone(source: Any) -> None:
    with time_limit(1.0) as limit, connect(source.parameters) as connection:
        for _ in range(8):
            assert connection.exec_driver_sql("SELECT SLEEP(0.2)").scalar() == 0
            limit.restart()


def test_work_that_takes_longer_is_ended_and_said_to_be(source: Any) -> None:
    began = time.monotonic()
    with (
        pytest.raises(BridgeError, match=r"did not finish within 1 s"),
        time_limit(1.0),
        connect(source.parameters) as connection,
    ):
        connection.exec_driver_sql("SELECT SLEEP(10)")
    assert time.monotonic() - began < 5
    with connect(source.parameters) as connection:  # the next one has a connection of its own
        assert connection.exec_driver_sql("SELECT 1").scalar() == 1


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
