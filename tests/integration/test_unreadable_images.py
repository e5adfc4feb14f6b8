"""Images by link that cannot be shown: people are told why, and nobody labels them in silence."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from polardb_bridge.background import BackgroundThread
from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.images import labeled, unreadable, verify
from polardb_bridge.storage.images import views as media
from polardb_bridge.storage.images.cache import ImageCache
from polardb_bridge.storage.images.placeholder import drawn
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import Provisioned
from support.source_data import TABLE, Source, base64_text, image_bytes, region

GOOD = base64_text(image_bytes())
CHROME = {"HTTP_USER_AGENT": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36"}
BROWSER = {**CHROME, "HTTP_ACCEPT": "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"}


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "_cache", ImageCache())


@pytest.fixture
def storage(provisioned: Provisioned, source: Source) -> Any:
    """Four rows by link: rows 2 and 4 hold no image."""
    source.add(("1.png", GOOD), ("2.png", "aGVsbG8="), ("3.png", GOOD), ("4.png", None))
    source.execute(f"UPDATE {TABLE} SET updated_at = updated_at - INTERVAL 1 HOUR")
    storage = provisioned.import_storage
    storage.image_delivery = "link"
    storage.save()
    run_sync(storage)
    return storage


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def run(*arguments: str) -> str:
        capsys.readouterr()
        call_command(*arguments)
        return capsys.readouterr().out

    return run


def task_of(storage: Any, row_id: int) -> Any:
    return storage.links.get(row_id=row_id).task


def bad_rows(storage: Any) -> list[int]:
    return [row.row_id for row in unreadable.rows(storage)]


def test_a_verification_lists_rows_with_their_reasons(storage: Any, run: Callable[..., str], api: Any) -> None:
    said = run("sync_storage", "--storage-id", str(storage.pk), "--verify")
    first, second, end = said.splitlines()
    assert first.startswith("row 2 (task ")
    assert "not an image" in first
    assert "base64_data is NULL" in second or "empty" in second
    assert end == f"{TABLE}: 4 images checked, 2 cannot be shown, 0 of them have a result"
    shown = api.get(f"/api/storages/polardb/{storage.pk}").json()["images"]
    assert (shown["unreadable"], shown["labeled"]) == (2, 0)
    assert shown["problems"] == [first, second]


def test_a_result_for_a_picture_that_was_not_shown_is_taken_and_listed(
    storage: Any, run: Callable[..., str], api: Any
) -> None:
    """Programs submit without looking, and people press Submit on an empty page."""
    task = task_of(storage, 2)
    run("sync_storage", "--storage-id", str(storage.pk), "--verify")
    answer = api.post(f"/api/tasks/{task.pk}/annotations/", {"result": []}, format="json")
    assert answer.status_code == 201
    found = json.loads(run("sync_storage", "--storage-id", str(storage.pk), "--verify", "--json"))
    assert [(row["row_id"], row["is_labeled"]) for row in found["unreadable"]] == [(2, True), (4, False)]
    assert found["checked"] == 4
    assert api.get(f"/api/storages/polardb/{storage.pk}").json()["images"]["labeled"] == 1


def test_an_interrupted_verification_goes_on_where_it_was(
    storage: Any, monkeypatch: pytest.MonkeyPatch, run: Callable[..., str]
) -> None:
    monkeypatch.setattr(verify, "IMAGES_BATCH_SIZE", 1)
    looked: list[int] = []

    def interrupt(done: int) -> None:
        looked.append(done)
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        verify.verify(storage, on_progress=interrupt)
    assert bad_rows(storage) == [2]
    assert verify.verify(storage, on_progress=looked.append).checked == 4
    assert looked == [1, 2, 3, 4]
    assert bad_rows(storage) == [2, 4]
    assert verify.verify(storage, on_progress=looked.append).checked == 4  # from the beginning
    assert looked == [1, 2, 3, 4, 1, 2, 3, 4]


def test_rows_of_numbers_unlike_those_of_their_links_are_looked_at_once(storage: Any, source: Source) -> None:
    source.execute(f"UPDATE {source.table} SET id = id - 100")
    run_sync(storage)
    looked: list[int] = []
    assert verify.verify(storage, seconds=30, on_progress=looked.append).checked == 4
    assert looked == [4]
    assert [row.row_id for row in verify.verify(storage).unreadable] == [-98, -96]


def test_the_api_verifies_bit_by_bit(storage: Any, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "IMAGES_BATCH_SIZE", 2)
    monkeypatch.setattr("polardb_bridge.storage.api.VERIFY_ANSWER_TIMEOUT_S", -1.0)
    url = f"/api/storages/polardb/{storage.pk}/verify"
    first, second = api.post(url).json(), api.post(url).json()
    assert (first["checked"], first["total"], first["complete"]) == (2, 4, False)
    assert first["images"]["unreadable"] == 1
    assert (second["checked"], second["complete"]) == (4, True)
    assert second["images"] == api.get(f"/api/storages/polardb/{storage.pk}").json()["images"]
    assert second["images"]["unreadable"] == 2


def test_only_those_who_may_use_the_project_verify_it(storage: Any, client: Any) -> None:
    assert client.post(f"/api/storages/polardb/{storage.pk}/verify").status_code in (401, 403)


def test_force_begins_anew(storage: Any, monkeypatch: pytest.MonkeyPatch, run: Callable[..., str]) -> None:
    verify.Verification.objects.create(storage=storage, after=3, checked=3)
    arguments = ("sync_storage", "--storage-id", str(storage.pk), "--verify", "--json")
    assert json.loads(run(*arguments, "--force"))["checked"] == 4


def test_a_mended_picture_is_listed_no_longer(storage: Any, source: Source) -> None:
    verify.verify(storage)
    source.execute(f"UPDATE {TABLE} SET base64_data = '{GOOD}' WHERE id = 2")
    assert [row.row_id for row in verify.verify(storage).unreadable] == [4]


def test_a_large_picture_is_verified_too(storage: Any, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_BYTES_IN_MEMORY", 10)
    assert [row.row_id for row in verify.verify(storage).unreadable] == [2, 4]


def test_whoever_looks_at_one_notices_it_and_that_it_is_mended(storage: Any, source: Source, api: Any) -> None:
    url = task_of(storage, 2).data["image"]
    assert api.get(url).status_code == 404
    assert bad_rows(storage) == [2]
    source.execute(f"UPDATE {TABLE} SET base64_data = '{GOOD}' WHERE id = 2")
    assert api.get(url).status_code == 200
    assert bad_rows(storage) == []


PAGES = {"image": BROWSER, "script": {**CHROME, "HTTP_REFERER": "http://testserver/projects/1/data?task=2"}}


@pytest.mark.parametrize("asked_by", PAGES)
def test_a_page_is_shown_the_reason(storage: Any, api: Any, asked_by: str) -> None:
    """With 200: the editor shows nothing of other answers."""
    answer = api.get(task_of(storage, 2).data["image"], **PAGES[asked_by])
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")
    assert answer["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert "Row 2: base64_data is not an image" in text_of(answer)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        CHROME,
        {"HTTP_REFERER": "http://testserver/"},
        {**CHROME, "HTTP_REFERER": "http://elsewhere.example.com/"},
        {**CHROME, "HTTP_REFERER": "http://testserver.example.com/"},
        {**CHROME, "HTTP_REFERER": "http://[broken"},
        {**CHROME, "HTTP_REFERER": "http://testserver/", "HTTP_AUTHORIZATION": "Custom 1"},
        {**BROWSER, "HTTP_AUTHORIZATION": "Custom 1"},
    ],
)
def test_a_program_never_takes_a_picture_of_the_reason_for_an_image(
    storage: Any, api: Any, headers: dict[str, str]
) -> None:
    """ML backends learn from what they get."""
    answer = api.get(task_of(storage, 2).data["image"], **headers)
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/plain; charset=utf-8")
    assert b"Row 2: base64_data is not an image" in answer.content


def test_a_page_is_told_too_that_the_database_is_away(storage: Any, api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as an answer: an editor would keep it."""

    def fail(*_: object, **__: object) -> None:
        raise BridgeError("gone")

    monkeypatch.setattr(media, "read", fail)
    answer = api.get(task_of(storage, 1).data["image"], **BROWSER)
    assert (answer.status_code, answer["Content-Type"]) == (503, "image/svg+xml")
    assert "does not answer. Try again soon." in text_of(answer)


def text_of(answer: Any) -> str:
    """What a drawn answer says."""
    return " ".join(ElementTree.parse(BytesIO(answer.content)).getroot().itertext())


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "a\x00b\x1bc", "]]>&amp;", "", "猫" * 5000])
def test_any_text_can_be_drawn(text: str) -> None:
    assert ElementTree.fromstring(drawn(text)).tag.endswith("svg")


def test_a_server_that_is_away_says_nothing_of_pictures(storage: Any) -> None:
    storage.port = 1
    storage.save()
    with pytest.raises(CommandError, match="refuses connections"):
        call_command("sync_storage", "--storage-id", str(storage.pk), "--verify")
    assert bad_rows(storage) == []


def test_a_result_is_written_back_as_any_other(storage: Any, source: Source, api: Any) -> None:
    from polardb_bridge.webhooks.delivery import deliver_due

    verify.verify(storage)
    task = task_of(storage, 2)
    answer = api.post(f"/api/tasks/{task.pk}/annotations/", {"result": [region("cat")]}, format="json")
    assert answer.status_code == 201
    deliver_due()
    assert source.row(2)["annotation_count"] == 1


class TestResultsWithoutALook:
    """Nobody had opened the task, and nothing was verified."""

    @pytest.fixture
    def submit(self, storage: Any, api: Any) -> Callable[[int], None]:
        def submit(row_id: int) -> None:
            task = task_of(storage, row_id)
            answer = api.post(f"/api/tasks/{task.pk}/annotations/", {"result": [region("cat")]}, format="json")
            assert answer.status_code == 201

        return submit

    def look(self) -> None:
        """As the background thread does."""
        for due in labeled.storages_due():
            labeled.look(due)

    def test_those_of_bad_images_are_listed(self, storage: Any, submit: Callable[[int], None], api: Any) -> None:
        for row_id in (1, 2):
            submit(row_id)
        assert bad_rows(storage) == []
        self.look()
        assert labeled.storages_due() == []
        shown = api.get(f"/api/storages/polardb/{storage.pk}").json()["images"]
        assert (shown["unreadable"], shown["labeled"]) == (1, 1)
        [problem] = shown["problems"]
        assert problem.startswith("row 2 (task ")
        assert problem.endswith("; it has a result all the same")

    def test_accepted_predictions_are_looked_at_too(self, storage: Any, user: Any) -> None:
        from tasks.models import Annotation

        task = task_of(storage, 4)
        Annotation.objects.bulk_create(
            [Annotation(task=task, project=task.project, completed_by=user, result=[region("cat")])]
        )
        self.look()
        assert bad_rows(storage) == [4]

    def test_a_server_that_is_away_is_asked_later(self, storage: Any, submit: Callable[[int], None]) -> None:
        submit(2)
        port, storage.port = storage.port, 1
        storage.save()
        self.look()
        assert (bad_rows(storage), labeled.storages_due()) == ([], [])
        storage.port = port
        storage.save()
        labeled.LabeledImage.objects.update(due_at=timezone.now())
        self.look()
        assert bad_rows(storage) == [2]
        assert not labeled.LabeledImage.objects.exists()

    def test_a_clock_that_is_set_back_puts_nothing_off(self, storage: Any, submit: Callable[[int], None]) -> None:
        submit(2)
        labeled.LabeledImage.objects.update(due_at=timezone.now() + timedelta(days=1))
        self.look()
        assert bad_rows(storage) == [2]

    def test_many_are_looked_at_in_parts(
        self, storage: Any, submit: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(labeled, "IMAGES_BATCH_SIZE", 1)
        for row_id in (1, 2, 3, 4):
            submit(row_id)
        monkeypatch.setattr(labeled, "LOOK_TIME_LIMIT_S", 0.0)
        self.look()
        assert labeled.LabeledImage.objects.count() == 3
        monkeypatch.undo()
        self.look()
        assert bad_rows(storage) == [2, 4]

    def test_no_two_processes_look_at_the_same(self, storage: Any, submit: Callable[[int], None]) -> None:
        submit(2)
        assert len(labeled._take(storage)) == 1
        assert labeled._take(storage) == []

    def test_a_task_that_was_deleted_meanwhile_is_forgotten(self, storage: Any, submit: Callable[[int], None]) -> None:
        submit(2)
        task_of(storage, 2).delete()
        self.look()
        assert not labeled.LabeledImage.objects.exists()

    def test_a_storage_that_was_removed_is_forgotten(self, storage: Any, submit: Callable[[int], None]) -> None:
        submit(2)
        storage.delete()
        assert labeled.storages_due() == []
        labeled.drop_gone()
        assert not labeled.LabeledImage.objects.exists()

    def test_images_in_tasks_need_no_look(self, storage: Any, submit: Callable[[int], None]) -> None:
        storage.delivery_in_use = "data_uri"
        storage.save()
        submit(2)
        assert not labeled.LabeledImage.objects.exists()

    @pytest.mark.django_db(transaction=True)
    def test_the_background_does_it(self, storage: Any, submit: Callable[[int], None]) -> None:
        submit(2)
        running = BackgroundThread()
        running.start()
        deadline = time.monotonic() + 30
        while not bad_rows(storage) and time.monotonic() < deadline:
            time.sleep(0.05)
        running.stop()
        assert bad_rows(storage) == [2]


def test_those_with_a_result_are_listed_first(storage: Any, api: Any) -> None:
    verify.verify(storage)
    answer = api.post(f"/api/tasks/{task_of(storage, 4).pk}/annotations/", {"result": []}, format="json")
    assert answer.status_code == 201
    assert bad_rows(storage) == [4, 2]


def test_the_end_of_a_verification_is_known(storage: Any, api: Any) -> None:
    url = f"/api/storages/polardb/{storage.pk}"
    assert api.get(url).json()["images"]["verified_at"] is None
    assert api.post(f"{url}/verify").json()["images"]["verified_at"]
    assert api.get(url).json()["images"]["verified_at"]
