"""Videos of 200 MB out of rows: twenty viewers at once, viewers who do not read, and a server that goes away."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from projects.models import Project
from tasks.models import Task

from dev.label_studio import LabelStudio
from dev.servers import MariaDB
from polardb_bridge.storage.images.streaming import SLICE_BYTES
from polardb_bridge.storage.models import PolarDBImportStorage, stored_parameters
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from support.media import mp4

pytestmark = pytest.mark.django_db(transaction=True)
logger = logging.getLogger(__name__)

EMAIL, PASSWORD = "admin@example.com", "correct-horse-9"
# Repeated to a file of 200 MB: no length of it is one of a slice.
BLOCK = mp4(200)[:200] + b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(31_243))
COUNT = 200
SIZE = len(BLOCK) * COUNT
VIEWERS = 20
THREADS = 8  # of the process that serves them (conftest.py)
MAX_MB = 100
MAX_FIRST_S = 2.0
# Those who read nothing are cut off after five seconds, and others are refused meanwhile.
MAX_BESIDE_S = 15.0
AT_WORK = (
    "SELECT COUNT(*) FROM information_schema.PROCESSLIST"
    " WHERE DB = DATABASE() AND ID <> CONNECTION_ID() AND COMMAND <> 'Sleep'"
)
CONFIG = '<View><Video name="clip" value="$clip"/></View>'


@pytest.fixture(params=["bytes", "base64"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def address(database: ConnectionParameters, user: object, kind: str) -> str:
    """Of a video of 200 MB."""
    video = "REPEAT(%s, %s)" if kind == "bytes" else "TO_BASE64(REPEAT(%s, %s))"
    with begin(database) as connection:
        connection.exec_driver_sql(
            "CREATE TABLE clips (id INT PRIMARY KEY, film LONGBLOB, answer LONGTEXT NULL, changed TIMESTAMP NOT NULL"
            " DEFAULT '2020-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP)"
        )
        connection.exec_driver_sql(f"INSERT INTO clips (id, film) VALUES (1, {video})", (BLOCK, COUNT))
    dispose()
    project = Project.objects.create(
        title="Clips",
        created_by=user,
        organization=user.active_organization,  # type: ignore[attr-defined]
        label_config=CONFIG,
    )
    mapping = {"key": "id", "data": {"clip": f"film:{kind}"}, "version": "changed"}
    storage = PolarDBImportStorage.objects.create(
        project=project, table="clips", mapping=mapping, image_delivery="link", **stored_parameters(database)
    )
    assert run_sync(storage).created == 1
    found: str = Task.objects.get(project=project).data["clip"]
    return found


def expected(start: int, stop: int) -> bytes:
    first = start % len(BLOCK)
    return (BLOCK * ((stop - start) // len(BLOCK) + 2))[first : first + stop - start]


def memory_mb(pid: int, what: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(what))) // 1024


def seek(session: requests.Session, url: str, start: int) -> float:
    """Ask for all from there, as a player does; the seconds that the first part of it took."""
    begun = time.monotonic()
    answer = session.get(url, headers={"Range": f"bytes={start}-"}, timeout=120)
    took = time.monotonic() - begun
    assert answer.status_code == 206, answer.text[:200]
    stop = min(SIZE, (start // SLICE_BYTES + 1) * SLICE_BYTES)
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.content == expected(start, stop)
    return took


def places(number: int) -> list[int]:
    """Where one of the viewers goes."""
    return [(number * 37 + step * 11) * 999_983 % SIZE for step in range(4)]


def at_once(count: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def safely(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # noqa: BLE001  said below
            failures.append(error)

    threads = [threading.Thread(target=safely, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]


def test_twenty_viewers_of_a_video_of_200_mb(label_studio: LabelStudio, address: str, kind: str) -> None:
    [process] = label_studio.children()
    url = label_studio.url + address
    session = label_studio.session(EMAIL, PASSWORD)
    session.get(f"{label_studio.url}/api/projects?page_size=1", timeout=60)  # what is done at a first request only
    Path(f"/proc/{process}/clear_refs").write_text("5")
    idle = memory_mb(process, "VmRSS")
    first = seek(session, url, 0)
    alone = sorted(seek(session, url, start) for start in places(VIEWERS))

    def view(number: int) -> None:
        own = requests.Session()
        own.cookies.update(session.cookies)
        for start in (0, *places(number), SIZE - 5):
            together.append(seek(own, url, start))

    together: list[float] = []
    at_once(VIEWERS, view)
    whole = hashlib.sha256()
    with session.get(url, stream=True, timeout=120) as answer:
        assert int(answer.headers["Content-Length"]) == SIZE
        for part in answer.iter_content(1024 * 1024):
            whole.update(part)
    wanted = hashlib.sha256()
    for _ in range(COUNT):
        wanted.update(BLOCK)
    assert whole.digest() == wanted.digest()
    taken = memory_mb(process, "VmHWM") - idle
    together.sort()
    logger.info(
        "%s: first part %.2f s; alone p50 %.2f s; %s at once p50 %.2f s, longest %.2f s; %s MB above idle (%s MB)",
        *(kind, first, alone[len(alone) // 2], VIEWERS, together[len(together) // 2], together[-1], taken, idle),
    )
    assert taken < MAX_MB
    assert first < MAX_FIRST_S


@pytest.mark.parametrize("kind", ["bytes"], indirect=True)
def test_readers_who_do_not_read_stop_nobody(
    label_studio: LabelStudio, address: str, database: ConnectionParameters
) -> None:
    session = label_studio.session(EMAIL, PASSWORD)
    url = urlsplit(label_studio.url + address)
    cookies = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    sockets = []
    for _ in range(50):
        own = socket.create_connection((url.hostname or "", url.port or 0))
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        own.sendall(f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\nCookie: {cookies}\r\n\r\n".encode())
        sockets.append(own)
    # As many as there are threads are being served.
    assert {own.recv(12) for own in sockets[:THREADS]} == {b"HTTP/1.1 200"}
    begun = time.monotonic()
    assert session.get(f"{label_studio.url}/api/projects?page_size=1", timeout=60).status_code == 200
    took = time.monotonic() - begun
    logger.info("%.1f s for a page beside 50 readers who do not read", took)
    assert took < MAX_BESIDE_S
    with connect(database) as connection:
        give_up = time.monotonic() + 10
        while held := connection.exec_driver_sql(AT_WORK).scalar_one():
            assert time.monotonic() < give_up, f"{held} connections are at work while nobody reads"
            time.sleep(0.1)
    for own in sockets:
        own.close()
    seek(session, label_studio.url + address, 5)


@pytest.mark.parametrize("kind", ["bytes"], indirect=True)
def test_a_server_that_goes_away_in_mid_stream_breaks_the_answer_off(
    label_studio: LabelStudio, address: str, server: MariaDB
) -> None:
    session = label_studio.session(EMAIL, PASSWORD)
    url = label_studio.url + address
    try:
        with session.get(url, stream=True, timeout=60) as answer:
            parts = answer.iter_content(SLICE_BYTES)
            received = [len(next(parts))]
            server.kill()
            with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
                received.extend(map(len, parts))
        assert sum(received) < SIZE
        begun = time.monotonic()
        assert session.get(url, headers={"Range": f"bytes={SIZE // 2}-"}, timeout=60).status_code == 503
        assert time.monotonic() - begun < 5
    finally:
        if server.process is None:
            server.start()
    seek(session, url, SIZE // 2)
