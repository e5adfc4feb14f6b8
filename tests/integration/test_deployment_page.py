"""The page of one deployment: its figures, its rows with a problem, the same as files, and its ML backends."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client

from polardb_bridge.deployments.console.figures import DAYS_SHOWN, days
from polardb_bridge.deployments.console.sheets import duration, in_file
from polardb_bridge.deployments.figures.progress import Day, Progress
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.web.assets import CHARTJS
from polardb_bridge.webhooks.delivery import deliver
from support.deployments import annotate, export_storage_of, first_password_of, import_storage_of
from support.ml_backend import serving
from support.sessions import signed_in
from support.source_data import TABLE, Source

PAGE = "/polardb/deployments/mark_animal/"
FILES = [f"{PAGE}{name}.csv" for name in ("days", "annotators", "labels", "times", "write-back", "failed-rows")]


def read(answer: Any) -> list[list[str]]:
    """The rows of a CSV file, without its heads."""
    assert answer.status_code == 200
    text = answer.content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text)))[1:]


@pytest.mark.parametrize("path", [PAGE, *FILES])
def test_only_administrators_see_it(path: str, deployment: Deployment) -> None:
    answer = Client().get(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/user/login/?next={path}")
    assert signed_in(deployment.user.email, first_password_of(deployment)).get(path).status_code == 403


@pytest.mark.parametrize(
    "path", ["/polardb/deployments/other/", f"{PAGE}other.csv", "/polardb/deployments/other/days.csv"]
)
def test_what_is_not_there_is_not_found(path: str, api: Any, deployment: Deployment) -> None:
    assert api.get(path).status_code == 404


def test_page_and_files_tell_the_same(api: Any, deployment: Deployment, user: Any) -> None:
    tasks = list(deployment.project.tasks.order_by("pk"))
    annotate(tasks[0], deployment.user)
    annotate(tasks[1], user)
    deliver(export_storage_of(deployment))
    page = api.get(PAGE).text
    assert "/ 3 · 66 %" in page
    assert user.email in page
    today = annotate(tasks[1], user).created_at.date().isoformat()
    assert read(api.get(f"{PAGE}days.csv")) == [[today, "2", "3", "0", "1"]]
    assert [row[:4] for row in read(api.get(f"{PAGE}annotators.csv"))] == [
        [user.email, "2", "1", "0"],
        [deployment.user.email, "1", "1", "0"],
    ]
    assert read(api.get(f"{PAGE}labels.csv")) == [["cat", "3", "2"], ["dog", "0", "0"]]
    [[day, rows, *_]] = read(api.get(f"{PAGE}write-back.csv"))
    assert (day, rows) == (today, "2")
    assert read(api.get(f"{PAGE}times.csv")) == [], "Label Studio knows no times of these"
    assert "mark_animal-days.csv" in api.get(f"{PAGE}days.csv")["Content-Disposition"]
    assert "mark_animal" in api.get(PAGE.replace("mark_animal", "MARK_animal")).text


def test_page_and_list_show_the_same_mark(api: Any, deployment: Deployment) -> None:
    def marks(**changes: Any) -> set[str]:
        Deployment.objects.filter(pk=deployment.pk).update(**changes)
        pages = [api.get(path).text for path in ("/polardb/", PAGE)]
        return {re.search(r'<span class="state (\w+)">', page)[1] for page in pages}  # type: ignore[index]

    assert marks(allowed_networks=[]) == {"closed"}
    assert marks(allowed_networks=["0.0.0.0/0"]) == {"serving"}
    PolarDBImportStorage.objects.filter(project=deployment.project).update(meta={"tasks_failed_validation": 5})
    assert marks() == {"degraded"}
    assert "Rows that could not be read: 5" in api.get(PAGE).text
    page = api.get(f"{PAGE}?language=zh-hans").text
    assert "无法读取的行" in page
    assert "could not be read" not in page


def test_rows_with_a_problem_are_listed_with_their_reasons(api: Any, deployment: Deployment, source: Source) -> None:
    assert "None." in api.get(PAGE).text
    source.add(("=cmd|'/C calc'!A0", "%%%"), ("<b>bold</b>): x", "%%%"))
    run_sync(import_storage_of(deployment))
    task = annotate(deployment.project.tasks.first(), deployment.user).task
    source.execute(
        f"CREATE TRIGGER refuse BEFORE UPDATE ON {TABLE} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'"
    )
    deliver(export_storage_of(deployment))
    page = api.get(PAGE).text
    assert "<b>bold" not in page
    assert "=cmd|&#x27;/C calc&#x27;!A0" in page
    rows = read(api.get(f"{PAGE}failed-rows.csv"))
    assert [row[:4] for row in rows] == [
        ["4", "", "'=cmd|'/C calc'!A0", "reading"],
        ["5", "", "<b>bold</b>", "reading"],
        ["1", str(task.pk), "photo-0.png", "writing its result"],
    ]
    assert all(row[4] for row in rows)
    assert "1 results are not in their rows yet" in page


def test_more_problems_than_a_page_holds_are_in_the_file(api: Any, deployment: Deployment, source: Source) -> None:
    source.add(*((f"bad-{number}.jpg", "%%%") for number in range(130)))
    run_sync(import_storage_of(deployment))
    assert api.get(PAGE).text.count(">bad-") == 100
    rows = read(api.get(f"{PAGE}failed-rows.csv"))
    assert len(rows) == 101
    assert rows[-1][4] == "… and 30 more rows", "a sync lists no more"


def test_a_deployment_that_lost_its_project_says_so(api: Any, deployment: Deployment) -> None:
    deployment.project.delete()
    page = api.get(PAGE).text
    assert "its project was deleted in Label Studio" in page
    assert "canvas" not in page
    assert api.get(FILES[0]).status_code == 404


def test_a_hostile_label_or_name_is_only_text(api: Any, deployment: Deployment) -> None:
    from tasks.models import Annotation

    made = annotate(deployment.project.tasks.first(), deployment.user)
    made.result[0]["value"]["rectanglelabels"] = ["</script><img src=x onerror=alert(1)>"]
    Annotation.objects.filter(pk=made.pk).update(result=made.result)
    assert "<img src=x" not in api.get(PAGE).text


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", " =1", "\r=1", "＝1", "\n=1", "  +cmd"])
def test_a_text_is_no_formula(text: str) -> None:
    assert in_file(text) == f"'{text}"


def test_numbers_stay_numbers() -> None:
    assert [in_file(value) for value in (-3, 0.12345, None, "a=b", date(2026, 5, 1))] == [
        *(-3, 0.123, "", "a=b", date(2026, 5, 1))
    ]


def test_durations_read_like_a_person_says_them() -> None:
    assert [duration(seconds) for seconds in (0.0421, 59.94, 125, 12_000, 190_000)] == [
        *("42 ms", "59.9 s", "2 min 5 s", "3 h 20 min", "2 d 4 h")
    ]


def test_a_chart_has_each_of_the_last_days() -> None:
    today = date(2026, 5, 20)
    done = tuple(Day(today - timedelta(days=ago), 1, 2, 0) for ago in (400, 59, 3))
    progress = Progress(10, 3, 0, None, None, None, 0, done, (), (), ())
    rows = days(progress, today).rows
    assert len(rows) == DAYS_SHOWN
    assert (rows[0], rows[1], rows[-4], rows[-1]) == (
        (today - timedelta(days=59), 1, 2, 0, 8),
        (today - timedelta(days=58), 0, 0, 0, 8),
        (today - timedelta(days=3), 1, 2, 0, 7),
        (today, 0, 0, 0, 7),
    )
    assert len(days(progress, today, everything=True).rows) == 3
    ended = days(progress, today + timedelta(days=900)).rows
    assert ended[-1][0] == today - timedelta(days=3), "work that ended long ago is shown to its end"


def test_chart_js_is_the_published_one() -> None:
    """`npm pack chart.js@4.6.1`, dist/chart.umd.min.js; its licence and that of the colours in it lie beside it."""
    content = CHARTJS.read_bytes()
    assert hashlib.sha256(content).hexdigest() == "87364cc2b2a76a6684929e7d6b80b18a897794db38400caff1fcf1791c6925d2"
    assert b"eval(" not in content, "the pages' policy forbids it"
    assert b"new Function" not in content
    for name in ("LICENSE.md", "LICENSE-kurkle-color.md"):
        assert "The MIT License" in CHARTJS.with_name(name).read_text()


def test_an_ml_backend_is_connected(api: Any, deployment: Deployment, settings: Any) -> None:
    settings.SSRF_PROTECTION_ENABLED = settings.ML_BLOCK_LOCAL_IP = False
    fields = {"title": "boxes", "basic_auth_user": "", "basic_auth_pass": ""}
    path = f"{PAGE}ml-backend"
    answer = api.post(path, {**fields, "url": "http://127.0.0.1:9"}, format="multipart")
    assert answer.status_code == 400
    assert "health check failed" in answer.text
    assert "&lt;a href" not in answer.text, "Label Studio's message holds tags"
    answer = api.post(path, {**fields, "url": "http://me:secret@127.0.0.1:9"}, format="multipart")
    assert "fields for them" in answer.text
    with serving() as backend:
        assert api.post(path, {**fields, "url": backend.url}, format="multipart").status_code == 302
        page = api.get(PAGE).text
        assert backend.url in page
    [connected] = deployment.project.ml_backends.all()
    assert (connected.title, connected.state) == ("boxes", "CO")
    deployment.project.refresh_from_db()
    assert deployment.project.model_version == "boxes"
    records = StatementRecord.objects.order_by("pk")
    assert [record.outcome for record in records] == ["failed", "done"]
    assert records[1].statement == f"-- ML backend {backend.url} for mark_animal"
