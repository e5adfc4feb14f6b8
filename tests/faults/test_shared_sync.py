"""Several workers share a large sync; some of them die. A serving process syncs where there is no queue."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis
import requests
from django.db.models import Max

from dev.label_studio import LabelStudio, Worker
from dev.servers import Redis
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.storage.sync.lease import dead
from polardb_bridge.storage.sync.models import SyncPart, SyncState
from polardb_bridge.storage.sync.task_data import MAX_BATCH_ROWS
from support.frozen import frozen_between_transactions
from support.labeling import Provisioned
from support.source_data import Source

pytestmark = pytest.mark.django_db(transaction=True)

Found = TypeVar("Found")

EMAIL, PASSWORD = "admin@example.com", "correct-horse-9"
ROWS = 6_000
# A process is dead after four times as many seconds without a sign of life.
IMPATIENT = {"STORAGE_IN_PROGRESS_TIMER": "2"}


@pytest.fixture
def storage(provisioned: Provisioned, source: Source) -> PolarDBImportStorage:
    """Of a table with ROWS rows, one of them bad."""
    source.add_images(1)
    columns = "base64_data, mime_type, original_name, annotation_count"
    source.execute(f"INSERT INTO {source.table} ({columns}) SELECT a.base64_data, 'png', seq, 0"
                   f" FROM (SELECT base64_data FROM {source.table} LIMIT 1) a, seq_1_to_{ROWS - 1}")  # fmt: skip
    source.execute(f"UPDATE {source.table} SET base64_data = '!' WHERE id = {ROWS}")
    provisioned.import_storage.image_delivery = "data_uri"
    provisioned.import_storage.save()
    return provisioned.import_storage


@pytest.fixture
def queue(tmp_path: Path, environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """Redis, and what makes processes use it and share a sync of 2000 new rows."""
    with Redis(tmp_path / "redis") as server:
        yield environment | {"REDIS_URL": server.url(), "POLARDB_SHARED_SYNC_ROWS": "2000", **IMPATIENT}


def wait_until(condition: Callable[[], Found], seconds: float = 90.0) -> Found:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def ended(session: requests.Session, url: str) -> Any:
    """The storage's JSON once no sync is under way, as the Cloud Storage page polls it."""

    def answer() -> Any:
        try:
            storage = session.get(url, timeout=60).json()
        except requests.RequestException:
            return None  # gunicorn starts others for the processes that were killed
        return storage if storage["status"] not in ("queued", "in_progress") else None

    return wait_until(answer)


def assert_one_task_for_each_row(storage: Any) -> None:
    from tasks.models import Task

    tasks = Task.objects.filter(project=storage.project_id)
    rows = list(PolarDBImportStorageLink.objects.filter(storage=storage).values_list("row_id", flat=True))
    assert sorted(rows) == list(range(1, ROWS))
    assert tasks.count() == len(set(tasks.values_list("inner_id", flat=True))) == ROWS - 1
    storage.project.summary.refresh_from_db()
    assert storage.project.summary.all_data_columns["image"] == ROWS - 1
    assert not SyncPart.objects.exists()


def begin(label_studio: LabelStudio, storage: Any) -> tuple[requests.Session, str]:
    """Ask for a sync; a session and the storage's address once it is under way, or has ended."""
    session = label_studio.session(EMAIL, PASSWORD)
    url = f"{label_studio.url}/api/storages/polardb/{storage.pk}"
    before = session.get(url, timeout=60).json()["meta"]

    def ask() -> None:
        with requests.Session() as own, suppress(requests.RequestException):  # the server may be killed meanwhile
            own.cookies.update(session.cookies)
            own.post(f"{url}/sync", headers=dict(session.headers), timeout=60)

    threading.Thread(target=ask, daemon=True).start()
    wait_until(lambda: session.get(url, timeout=60).json()["meta"].get("time_queued") != before.get("time_queued"))
    return session, url


def workers(stack: ExitStack, tmp_path: Path, queue: dict[str, str], count: int) -> list[Worker]:
    return [stack.enter_context(Worker(tmp_path / f"worker-{number}", queue)) for number in range(count)]


def kill(worker: Worker) -> None:
    """The worker and what it works with, as when its machine is gone."""
    assert worker.process
    pids = Path(f"/proc/{worker.process.pid}/task/{worker.process.pid}/children").read_text().split()
    for pid in [worker.process.pid, *map(int, pids)]:
        os.kill(pid, signal.SIGKILL)


@pytest.mark.postgresql_too
def test_workers_share_a_large_sync(
    storage: PolarDBImportStorage, queue: dict[str, str], start_label_studio: Callable[..., LabelStudio], tmp_path: Path
) -> None:
    label_studio = start_label_studio(**queue)
    with ExitStack() as stack:
        workers(stack, tmp_path, queue, 2)
        session, url = begin(label_studio, storage)
        wait_until(lambda: SyncPart.objects.filter(done=False).exclude(lease=None).count() == 2)
        # A second one at the same time does nothing: it would count no new tasks.
        assert session.post(f"{url}/sync", timeout=60).status_code == 200
        end = ended(session, url)
    assert (end["status"], end["last_sync_count"]) == ("completed_with_errors", ROWS - 1)
    assert end["meta"]["tasks_failed_validation"] == 1
    assert end["traceback"].startswith(f"row {ROWS} ({ROWS - 1}): ")
    assert_one_task_for_each_row(storage)
    assert_no_holes(storage, killed=0)


def assert_ended_right(end: Any, *, existed: int = 0) -> None:
    """Its counts are those of all processes together."""
    assert (end["status"], end["last_sync_count"]) == ("completed_with_errors", ROWS - 1 - existed)
    assert (end["meta"]["tasks_existed"], end["meta"]["tasks_failed_validation"]) == (existed, 1)


def assert_no_holes(storage: Any, killed: int) -> None:
    """Inner ids have as many holes as killed processes leave at most: a batch each."""
    from tasks.models import Task

    last = Task.objects.filter(project=storage.project_id).aggregate(last=Max("inner_id"))["last"]
    assert last <= ROWS - 1 + killed * MAX_BATCH_ROWS


@pytest.mark.long
def test_the_part_of_a_dead_helper_is_taken_over(
    storage: PolarDBImportStorage, queue: dict[str, str], start_label_studio: Callable[..., LabelStudio], tmp_path: Path
) -> None:
    label_studio = start_label_studio(**queue)
    with ExitStack() as stack:
        first, second = workers(stack, tmp_path, queue, 2)
        session, url = begin(label_studio, storage)
        wait_until(lambda: SyncPart.objects.filter(done=False).exclude(lease=None).count() == 2)
        helper = first if "help_job" in first.log.read_text() else second
        kill(helper)
        end = ended(session, url)
    assert_ended_right(end)
    assert_one_task_for_each_row(storage)
    assert_no_holes(storage, killed=1)


@pytest.mark.postgresql_too
def test_a_shared_sync_goes_on_whose_process_died(
    storage: PolarDBImportStorage, queue: dict[str, str], start_label_studio: Callable[..., LabelStudio], tmp_path: Path
) -> None:
    label_studio = start_label_studio(**queue)
    with ExitStack() as stack:
        first, second = workers(stack, tmp_path, queue, 2)
        session, url = begin(label_studio, storage)
        wait_until(lambda: SyncPart.objects.filter(done=False).exclude(lease=None).count() == 2)
        wait_until(lambda: PolarDBImportStorageLink.objects.exists())
        kill(second if "help_job" in first.log.read_text() else first)
        assert session.get(f"{label_studio.url}/api/storages?project={storage.project_id}", timeout=60).ok
        end = ended(session, url)
    assert_ended_right(end)
    assert_one_task_for_each_row(storage)
    assert_no_holes(storage, killed=1)


@pytest.mark.long
def test_a_sync_goes_on_in_the_server_if_all_workers_died(
    storage: PolarDBImportStorage, queue: dict[str, str], start_label_studio: Callable[..., LabelStudio], tmp_path: Path
) -> None:
    label_studio = start_label_studio(**queue)
    with ExitStack() as stack:
        doomed = workers(stack, tmp_path, queue, 2)
        session, url = begin(label_studio, storage)
        wait_until(lambda: PolarDBImportStorageLink.objects.exists())
        for worker in doomed:
            kill(worker)
        assert 0 < PolarDBImportStorageLink.objects.count() < ROWS - 1
        end = ended(session, url)
    assert_ended_right(end)
    assert_one_task_for_each_row(storage)
    assert_no_holes(storage, killed=2)


@pytest.mark.long
def test_a_sync_goes_on_in_a_worker_if_no_server_lives(
    storage: PolarDBImportStorage, queue: dict[str, str], start_label_studio: Callable[..., LabelStudio], tmp_path: Path
) -> None:
    label_studio = start_label_studio(**queue)
    with ExitStack() as stack:
        [worker] = workers(stack, tmp_path / "doomed", queue, 1)
        begin(label_studio, storage)
        wait_until(lambda: PolarDBImportStorageLink.objects.exists())
        label_studio.signal_workers(signal.SIGKILL)
        label_studio.kill()
        kill(worker)
        assert 0 < PolarDBImportStorageLink.objects.count() < ROWS - 1
        workers(stack, tmp_path, queue, 1)
        wait_until(lambda: not SyncState.objects.exclude(lease=None).exists())
    storage.refresh_from_db()
    assert_ended_right({"status": storage.status, "last_sync_count": storage.last_sync_count, "meta": storage.meta})
    assert_one_task_for_each_row(storage)


def test_a_sync_whose_job_is_lost_is_done_by_the_server(
    storage: PolarDBImportStorage, queue: dict[str, str], start_label_studio: Callable[..., LabelStudio]
) -> None:
    label_studio = start_label_studio(**queue)
    session, url = begin(label_studio, storage)  # no worker takes its job
    assert session.get(url, timeout=60).json()["status"] == "queued"
    redis.Redis.from_url(queue["REDIS_URL"]).flushall()
    assert_ended_right(ended(session, url))


@pytest.mark.long
@pytest.mark.postgresql_too
def test_a_sync_in_the_server_leaves_it_time_for_others(
    storage: PolarDBImportStorage, start_label_studio: Callable[..., LabelStudio]
) -> None:
    label_studio = start_label_studio()
    session, url = begin(label_studio, storage)
    wait_until(lambda: PolarDBImportStorageLink.objects.exists())
    times: dict[str, list[float]] = {}
    pages = [f"{label_studio.url}/version", f"{label_studio.url}/api/tasks?project={storage.project_id}&page_size=30"]
    while session.get(url, timeout=60).json()["status"] == "in_progress":
        for page in pages:
            began = time.monotonic()
            assert session.get(page, timeout=60).status_code == 200
            times.setdefault(page, []).append(time.monotonic() - began)
    assert len(times) == 2, "the sync ended before anybody asked"
    for page, seconds in times.items():
        assert statistics.median(seconds) < 2, (page, seconds)  # 4 to 6 s if it did not
        assert max(seconds) < 5, (page, seconds)
    assert ended(session, url)["last_sync_count"] == ROWS - 1
    assert_one_task_for_each_row(storage)


@pytest.mark.long
@pytest.mark.postgresql_too
def test_a_sync_goes_on_when_the_server_is_back(
    storage: PolarDBImportStorage, start_label_studio: Callable[..., LabelStudio]
) -> None:
    label_studio = start_label_studio()
    begin(label_studio, storage)
    wait_until(lambda: PolarDBImportStorageLink.objects.exists())
    label_studio.signal_workers(signal.SIGKILL)
    label_studio.kill()
    assert 0 < PolarDBImportStorageLink.objects.count() < ROWS - 1
    began = time.monotonic()
    label_studio.start()
    session = label_studio.session(EMAIL, PASSWORD)
    end = ended(session, f"{label_studio.url}/api/storages/polardb/{storage.pk}")
    print(f"right after {time.monotonic() - began:.0f} s")  # noqa: T201  shown if the test fails
    assert_ended_right(end)
    assert_one_task_for_each_row(storage)
    assert_no_holes(storage, killed=0)


@pytest.mark.long
def test_another_process_of_the_server_goes_on(
    storage: PolarDBImportStorage, start_label_studio: Callable[..., LabelStudio]
) -> None:
    label_studio = start_label_studio(**IMPATIENT)
    session, url = begin(label_studio, storage)
    wait_until(lambda: PolarDBImportStorageLink.objects.exists())
    label_studio.signal_workers(signal.SIGKILL)  # gunicorn starts others
    end = ended(session, url)
    assert_ended_right(end)
    assert_one_task_for_each_row(storage)


@pytest.mark.long
def test_a_sync_that_stood_still_writes_nothing_after_another_has_gone_on(
    storage: PolarDBImportStorage, environment: dict[str, str], start_label_studio: Callable[..., LabelStudio]
) -> None:
    label_studio = start_label_studio(**IMPATIENT)
    manage = [sys.executable, "-m", "polardb_bridge", "manage", "sync_storage", "--storage-id", str(storage.pk)]
    with subprocess.Popen(
        manage,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as command:
        wait_until(lambda: PolarDBImportStorageLink.objects.exists())
        with frozen_between_transactions(command):
            session = label_studio.session(EMAIL, PASSWORD)
            end = ended(session, f"{label_studio.url}/api/storages/polardb/{storage.pk}")
        said, _ = command.communicate(timeout=90)
    assert command.returncode != 0
    assert "has stopped, because another one has begun" in said
    assert_ended_right(end)
    assert_one_task_for_each_row(storage)


def test_a_sync_that_a_person_has_interrupted_stays_so(
    storage: PolarDBImportStorage, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    # Tests that run in the background ignore it, and what they start would, too.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    manage = [sys.executable, "-m", "polardb_bridge", "manage", "sync_storage", "--storage-id", str(storage.pk)]
    with subprocess.Popen(
        manage, env={**os.environ, "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings", **environment}
    ) as command:
        wait_until(lambda: PolarDBImportStorageLink.objects.exists())
        command.send_signal(signal.SIGINT)
    storage.refresh_from_db()
    assert storage.status == storage.Status.FAILED
    assert not SyncState.objects.exclude(lease=None).exists()
    assert not dead().exists()
