"""A filter says which rows become tasks; a task that somebody has worked on stays when its row leaves it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.management import call_command
from tasks.models import AnnotationDraft, Task

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.confirm import confirm
from polardb_bridge.storage.sync.plan import plan_sync
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.webhooks.reconcile import reconcile
from support.own_sources import OwnSource
from support.source_data import TABLE, Source

pytestmark = pytest.mark.usefixtures("commands_database")

NUMBERS = ("id INT PRIMARY KEY", (1, 2, 3, 4))
TEXTS = ("id VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY", ("a", "B", "c", "d"))


@pytest.fixture(params=[NUMBERS, TEXTS], ids=["numbers", "texts"])
def keys(request: pytest.FixtureRequest) -> tuple[str, tuple[Any, ...]]:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def things(source: Source, user: Any, api: Any, keys: tuple[str, tuple[Any, ...]]) -> OwnSource:
    """Four rows, of which three are new."""
    column, values = keys
    mapping = {
        "data": {"text": "body:text"},
        "version": "changed",
        "result": {"annotation_data": "answer"},
        "filter": "status = 'new' AND body LIKE 'text%'",
    }
    things = OwnSource(api, source, user, mapping)
    things.execute(
        f"CREATE TABLE things ({column}, body TEXT, status VARCHAR(20), answer LONGTEXT NULL,"
        " changed TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:01' ON UPDATE CURRENT_TIMESTAMP)",
        *(
            f"INSERT INTO things (id, body, status) VALUES ('{value}', 'text {value}', '{'done' if n == 3 else 'new'}')"
            for n, value in enumerate(values)
        ),
    )
    return things


def leave(things: OwnSource, *keys: Any) -> None:
    things.execute(f"UPDATE things SET status = 'done' WHERE id IN ({', '.join(f'{key!r}' for key in keys)})")


def come_back(things: OwnSource, *keys: Any) -> None:
    things.execute(f"UPDATE things SET status = 'new' WHERE id IN ({', '.join(f'{key!r}' for key in keys)})")


def test_rows_that_meet_it_become_tasks(things: OwnSource, keys: Any) -> None:
    a, b, c, _ = keys[1]
    things.begin()
    assert things.texts() == {a: f"text {a}", b: f"text {b}", c: f"text {c}"}
    assert things.counts() == (0, 0, 0, 0, 0)


def test_untouched_tasks_leave_with_their_rows_and_others_stay(things: OwnSource, keys: Any) -> None:
    a, b, c, d = keys[1]
    things.begin("", "export/")
    things.submit(a)
    AnnotationDraft.objects.create(task=things.tasks()[b], user=things.user, result=[], lead_time=1)
    leave(things, a, b, c)
    come_back(things, d)
    assert plan_sync(things.storage).outside == 2
    assert things.counts() == (1, 0, 1, 2, 0)
    assert set(things.tasks()) == {a, b, d}
    assert things.tasks()[a].meta == {"polardb": {"row": "outside the filter"}}
    assert things.storage.links.filter(is_outside=True, is_missing=False).count() == 2
    assert things.counts() == (0, 0, 0, 2, 0)
    # The labeled one is still written.
    annotation = things.tasks()[a].annotations.get()
    changed = things.api.patch(f"/api/annotations/{annotation.pk}/", {"result": []}, format="json")
    assert changed.status_code == 200
    things.deliver()
    assert things.rows(f"SELECT answer FROM things WHERE id = '{a}'") == [("[]",)]
    assert reconcile(things.target).different == 0


def test_a_row_that_comes_back_is_an_ordinary_one_again(things: OwnSource, keys: Any) -> None:
    a, *_ = keys[1]
    things.begin("", "export/")
    things.submit(a)
    leave(things, a)
    things.sync()
    things.execute(f"UPDATE things SET status = 'new', body = 'text, again' WHERE id = '{a}'")
    assert things.counts() == (0, 1, 0, 0, 0)
    assert things.tasks()[a].meta == {}
    assert things.texts()[a] == "text, again"
    assert not things.storage.links.filter(is_outside=True).exists()
    assert things.counts() == (0, 0, 0, 0, 0)


def test_a_row_outside_that_is_deleted_is_a_missing_one(things: OwnSource, keys: Any) -> None:
    a, *_ = keys[1]
    things.begin("", "export/")
    things.submit(a)
    leave(things, a)
    things.sync()
    things.execute(f"DELETE FROM things WHERE id = '{a}'")
    assert things.sync().kept == 1
    assert things.tasks()[a].meta == {"polardb": {"row": "deleted"}}
    things.execute(f"INSERT INTO things (id, body, status) VALUES ('{a}', 'text', 'done')")
    assert things.counts() == (0, 0, 0, 1, 0)
    assert things.tasks()[a].meta == {"polardb": {"row": "outside the filter"}}


def test_writing_back_takes_rows_out_and_loses_no_task(things: OwnSource, keys: Any) -> None:
    """Labeling itself is what leads out, and deleting the label leads in again."""
    a, b, c, _ = keys[1]
    things.mapping["filter"] = "answer IS NULL"
    things.begin("", "export/")
    annotations = {key: things.submit(key) for key in (a, b)}
    assert things.counts() == (0, 0, 0, 2, 0)
    assert len(things.tasks()) == 4
    things.api.delete(f"/api/annotations/{annotations[a]}/")
    # Deleted here, and not yet in the row.
    assert things.counts()[2] == 0
    assert a in things.tasks()
    things.deliver()
    assert things.rows(f"SELECT answer FROM things WHERE id = '{a}'") == [(None,)]
    assert things.sync().outside == 1
    assert not things.storage.links.get(task=things.tasks()[a]).is_outside
    assert c in things.tasks()


def test_a_key_that_is_spelled_anew_outside_keeps_its_task(source: Source, user: Any, api: Any) -> None:
    things = OwnSource(api, source, user, {"data": {"text": "body:text"}, "filter": "status = 'new'"})
    things.execute(
        "CREATE TABLE things (id VARCHAR(20) COLLATE utf8mb4_general_ci PRIMARY KEY, body TEXT, status VARCHAR(9))",
        "INSERT INTO things VALUES ('abc', 'one', 'new'), ('x', 'two', 'new')",
    )
    things.begin()
    AnnotationDraft.objects.create(task=things.tasks()["abc"], user=user, result=[], lead_time=1)
    things.execute("UPDATE things SET id = 'ABC', status = 'done' WHERE id = 'abc'")
    assert things.counts() == (0, 0, 0, 1, 0)
    things.execute("UPDATE things SET status = 'new'")
    assert things.counts() == (0, 1, 0, 0, 0)
    assert set(things.tasks()) == {"ABC", "x"}


def test_rows_that_flap_during_a_sync(things: OwnSource, keys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """They leave while keys are compared, and are back before anything is removed."""
    a, b, *_ = keys[1]
    things.begin()
    leave(things, a, b)

    def come_back_before(*arguments: Any) -> None:
        come_back(things, a, b)
        confirm(*arguments)

    monkeypatch.setattr("polardb_bridge.storage.sync.follow.confirm", come_back_before)
    assert things.sync().removed == 0
    assert things.counts()[:4] == (0, 2, 0, 0), "their version has changed"


def test_most_tasks_do_not_leave_at_once_unless_it_is_meant(source: Source, user: Any, api: Any) -> None:
    things = OwnSource(api, source, user, {"data": {"text": "body:text"}, "filter": "status = 'new'"})
    rows = ", ".join(f"({number}, 'text', 'new')" for number in range(120))
    things.execute(
        "CREATE TABLE things (id INT PRIMARY KEY, body TEXT, status VARCHAR(9))", f"INSERT INTO things VALUES {rows}"
    )
    things.begin()
    things.execute("UPDATE things SET status = 'done' WHERE id < 70")
    with pytest.raises(ReconfigureError, match="would remove 70 of 120 tasks"):
        things.sync()
    assert Task.objects.count() == 120
    assert run_sync(things.storage, force=True, allow_removal=True).removed == 70


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("1) OR (1", "closes a bracket"),
        ("statsu = 'new'", "Unknown column 'statsu'"),
        ("COUNT(*) > 1", "Invalid use of group function"),
        ("status = = 1", "error in your SQL syntax"),
        ("nothing_like_it(1)", "nothing_like_it"),
        ("id IN (SELECT id FROM elsewhere)", "elsewhere"),
    ],
)
def test_what_is_no_condition_is_refused(things: OwnSource, condition: str, said: str) -> None:
    things.mapping["filter"] = condition
    refusal = things.refusal()
    assert "filter" in refusal
    assert said in refusal.replace("\\", "")
    assert not PolarDBImportStorage.objects.exists()


def test_a_filter_can_look_elsewhere(things: OwnSource, keys: Any) -> None:
    a, *_ = keys[1]
    things.execute("CREATE TABLE shops (id INT)", "INSERT INTO shops VALUES (1)")
    things.mapping["filter"] = f"EXISTS (SELECT 1 FROM shops WHERE shops.id = 1 AND things.id = '{a}') AND 5 % 2 = 1"
    things.begin()
    assert set(things.tasks()) == {a}


def test_by_command_and_statement_on_the_documented_layout(
    source: Source, user: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    source.add_images(3)
    condition = "original_name <> 'photo-1.png'"
    call_command("provision_project", "--template", "animals", "--source", TABLE, "--filter", condition)
    assert sorted(Task.objects.values_list("data__original_name", flat=True)) == ["photo-0.png", "photo-2.png"]
    storage, target = PolarDBImportStorage.objects.get(), PolarDBExportStorage.objects.get()
    assert storage.mapping["filter"] == condition
    assert "filter" not in target.mapping
    storage.project.delete()
    text = re.sub("'", "''", condition)
    deployed = f"deployment_name='d', annotation_template_id=1, annotation_source='{TABLE}', filter='{text}'"
    call_command("polar4ai", f"DEPLOY MODEL `Label-Studio` WITH ({deployed})")
    capsys.readouterr()
    call_command("polar4ai", "SHOW DEPLOYMENT d\\G")
    assert f"filter: {condition}" in capsys.readouterr().out
