"""What statements do and answer."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
import sqlalchemy as sa
from django.utils import translation

from polardb_bridge.deployments import notes as on_table
from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.deployments.execution.audit import Actor
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.deployments.models import Deployment, StatementRecord
from polardb_bridge.statements.errors import StatementError
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table import labels
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.schema import source_table
from support.deployments import import_storage_of
from support.source_data import TABLE, Source, region
from support.statements import COLUMNS, DEPLOY, DOCUMENTED, records, row_of

pytestmark = pytest.mark.usefixtures("commands_database")


def sync_deployed() -> Deployment:
    """Do the sync of the only deployment, as a serving process does; the deployment."""
    deployment: Deployment = Deployment.objects.get()
    run_sync(import_storage_of(deployment))
    return deployment


@pytest.mark.django_db(transaction=True)
def test_the_documented_statements_run_in_order(source: Source, actor: Actor) -> None:
    source.add_images(2)
    deploy, _, others = DOCUMENTED.partition("\n")
    [made] = execute(deploy, actor)
    sync_deployed()
    shown, listed, opened, white, dropped = execute(others, actor)
    assert made.columns == opened.columns == dropped.columns == ()
    assert "closed to everybody" in made.message
    assert shown == listed
    assert shown.columns == COLUMNS
    row = row_of(shown)
    assert (row["deployment_name"], row["tasks"], row["annotation_source"]) == ("mark_animal", 2, TABLE)
    assert opened.message == "Deployment mark_animal is open to 118.178.1.2,192.168.100.0/24."
    assert row_of(white) == {"white_ip_name": "model_mark_animal", "ips": "118.178.1.2,192.168.100.0/24"}
    assert "is dropped" in dropped.message
    assert not Deployment.objects.exists()
    assert source.row(1)["original_name"] == "photo-0.png"
    assert [outcome for _, outcome in records()] == ["done"] * 6


@pytest.mark.django_db(transaction=True)
def test_what_is_labeled_survives_the_statements(source: Source, actor: Actor) -> None:
    source.add_images(1)
    execute(DEPLOY, actor)
    deployment = sync_deployed()
    task = deployment.project.tasks.get()
    task.annotations.create(project=deployment.project, completed_by=deployment.user, result=[region()])
    execute("DROP DEPLOYMENT mark_animal", actor)
    assert source.row(1)["annotation_data"] == [region()]
    execute(DEPLOY, actor)
    sync_deployed()
    [shown] = execute("SHOW DEPLOYMENT MARK_ANIMAL", actor)
    assert (row_of(shown)["tasks"], row_of(shown)["annotated"]) == (1, 1)


def test_all_options_reach_the_project(source: Source, actor: Actor) -> None:
    execute(
        "DEPLOY MODEL 'label-studio' WITH (title='动物：“第一批”', existing_annotations='predictions', "
        f"image_delivery='link', annotation_source=`{TABLE}`, annotation_template_id='animals')",
        actor,
    )
    deployment = Deployment.objects.get()
    storage = import_storage_of(deployment)
    assert (deployment.name, deployment.template_id) == ("label-studio", "animals")
    assert deployment.project.title == "动物：“第一批”"
    assert (storage.image_delivery, storage.existing_annotations) == ("link", "predictions")


def test_an_allow_list_has_two_names(source: Source, actor: Actor) -> None:
    execute(DEPLOY, actor)
    execute("UPDATE WHITEIPS MODEL_mark_animal WITH (ips='10.0.0.1')", actor)
    [shown] = execute("SHOW WHITEIPS `mark_animal`", actor)
    assert row_of(shown) == {"white_ip_name": "model_mark_animal", "ips": "10.0.0.1"}
    execute("DROP DEPLOYMENT mark_animal", actor)
    with pytest.raises(StatementError, match="1305"):
        execute("SHOW WHITEIPS `mark_animal`", actor)


def test_the_list_of_one_deployment_never_opens_another(source: Source, actor: Actor) -> None:
    source.execute(f"CREATE TABLE second LIKE {TABLE}")
    execute(DEPLOY, actor)
    with pytest.raises(StatementError, match=r"1210.*as names of allow-lists do"):
        execute(DEPLOY.replace(TABLE, "second").replace("mark_animal", "Model_mark_animal"), actor)
    execute(DEPLOY.replace(TABLE, "second").replace("mark_animal", "other"), actor)
    Deployment.objects.filter(name="other").update(name="model_mark_animal")  # made by an earlier version
    execute("DROP DEPLOYMENT mark_animal", actor)
    with pytest.raises(StatementError, match="1305"):
        execute("UPDATE WHITEIPS model_mark_animal WITH (ips='10.0.0.1')", actor)
    execute("UPDATE WHITEIPS model_model_mark_animal WITH (ips='10.0.0.2')", actor)
    assert Deployment.objects.get().allowed_networks == ["10.0.0.2/32"]


@pytest.mark.parametrize(
    ("ips", "networks", "message"),
    [
        ("", [], "is open to nobody."),
        (" ::1 ,2001:DB8::/32", ["::1/128", "2001:db8::/32"], "is open to ::1,2001:db8::/32."),
        ("0.0.0.0/0", ["0.0.0.0/0"], "is open to 0.0.0.0/0. Warning: that lets in the whole Internet."),
    ],
)
def test_updating_an_allow_list_says_who_gets_in(
    source: Source, actor: Actor, ips: str, networks: list[str], message: str
) -> None:
    execute(DEPLOY, actor)
    [answer] = execute(f"UPDATE WHITEIPS mark_animal WITH (ips='{ips}')", actor)
    assert Deployment.objects.get().allowed_networks == networks
    assert answer.message == f"Deployment mark_animal {message}"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (DEPLOY, r"1304 \(42000\): There already is a deployment 'mark_animal'"),
        (
            DEPLOY.replace("mark_animal", "other"),
            r"1304 \(42000\): The table '\w+' already belongs to .* 'mark_animal'",
        ),
        ("SHOW DEPLOYMENT other", r"1305 \(42000\): There is no deployment 'other'"),
        ("DROP DEPLOYMENT other", r"1305 \(42000\): There is no deployment 'other'"),
        ("SHOW WHITEIPS model_other", r"1305 \(42000\): There is no allow-list 'model_other'. SHOW DEPLOYMENTS"),
        ("UPDATE WHITEIPS other WITH (ips='')", r"1305 \(42000\): There is no allow-list 'other'"),
        (
            "UPDATE WHITEIPS mark_animal WITH (ips='10.0.0.1，10.0.0.2')",
            r"1210 \(HY000\): Incorrect arguments to UPDATE WHITEIPS: '10.0.0.1，10.0.0.2' is neither an IP address",
        ),
        (
            "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id=9, annotation_source='second')",
            r"1210 \(HY000\): Incorrect arguments to DEPLOY MODEL: There is no template '9'",
        ),
        (
            "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id=1, annotation_source='missing')",
            r"There is no table 'missing'",
        ),
        (
            "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id=1, annotation_source='second', title='ab')",
            r"1210 \(HY000\): Incorrect arguments to DEPLOY MODEL: The project's title 'ab' must have 3 to 50",
        ),
        (
            "DEPLOY MODEL `yolo` WITH (annotation_template_id=1, annotation_source='second')",
            r"1305 \(42000\): There is no model 'yolo'; the only one is Label-Studio",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_recorded_and_changes_nothing(
    source: Source, actor: Actor, statement: str, message: str
) -> None:
    execute(DEPLOY, actor)
    source.execute(f"CREATE TABLE second LIKE {TABLE}")
    before = list(Deployment.objects.values())
    with pytest.raises(StatementError, match=f"^ERROR .*{message}") as found:
        execute(statement, actor)
    assert list(Deployment.objects.values()) == before
    record = StatementRecord.objects.latest("pk")
    assert record.outcome in ("refused", "failed")
    assert record.error == str(found.value)


def test_a_database_that_is_down_or_not_named_is_no_fault_of_the_statement(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARDB_URL", "mysql://root@127.0.0.1:1/animals")
    with pytest.raises(StatementError, match=r"^ERROR 1105 \(HY000\): 127.0.0.1 refuses connections on port 1"):
        execute(DEPLOY, actor)
    monkeypatch.delenv("POLARDB_URL")
    with pytest.raises(StatementError, match=r"^ERROR 1105 \(HY000\): POLARDB_URL is not set"):
        execute(DEPLOY, actor)
    assert [outcome for _, outcome in records()] == ["failed", "failed"]


def test_several_statements_stop_at_the_first_that_fails(actor: Actor) -> None:
    seen: list[Any] = []
    with pytest.raises(StatementError, match="1305") as found:
        execute(f"{DEPLOY} SHOW DEPLOYMENT cars; DROP DEPLOYMENT mark_animal", actor, seen.append)
    assert (found.value.number, found.value.ran, len(seen)) == (2, 1, 1)
    assert Deployment.objects.count() == 1
    assert [outcome for _, outcome in records()] == ["done", "refused"]


def test_nothing_runs_where_one_cannot_be_read(actor: Actor) -> None:
    with pytest.raises(StatementError, match="line 1 column") as found:
        execute(f"{DEPLOY} DROP mark_animal", actor)
    assert (found.value.number, found.value.ran) == (2, 0)
    assert not Deployment.objects.exists()
    assert records() == [(f"{DEPLOY} DROP mark_animal", "refused")]


def test_conditions_of_mysql(source: Source, actor: Actor) -> None:
    [none] = execute("DROP DEPLOYMENT IF EXISTS mark_animal", actor)
    assert none.message == "There is no deployment mark_animal; nothing was done."
    with pytest.raises(StatementError, match="ERROR 1305"):
        execute("DROP DEPLOYMENT mark_animal", actor)
    if_not_exists = DEPLOY.replace("DEPLOY MODEL", "DEPLOY MODEL IF NOT EXISTS")
    assert "is created" in execute(if_not_exists, actor)[0].message
    made = Deployment.objects.get()
    assert execute(if_not_exists, actor)[0].message == "There already is a deployment mark_animal; nothing was done."
    assert Deployment.objects.get() == made
    with pytest.raises(StatementError, match="ERROR 1304"):
        execute(DEPLOY, actor)


def test_deploy_names_labels_of_results_that_the_template_lacks(source: Source, actor: Actor) -> None:
    source.add_images(6)
    odd = [
        json.dumps([region("horse"), region("cat"), region("horse")]),
        json.dumps([region("a'b\u200b")]),
        json.dumps([{**region("zebra"), "from_name": "elsewhere"}]),
        json.dumps([{**region(), "value": {"rectanglelabels": [None, ["x"], "大熊猫"]}}, {"from_name": ["label"]}, 7]),
        '{"not": "a list"}',
        "[" * 5000,
    ]
    source.execute(f"ALTER TABLE {TABLE} MODIFY annotation_data longtext")
    with begin(source.parameters) as connection:
        for row_id, text in enumerate(odd, 1):
            connection.execute(
                sa.text(f"UPDATE {TABLE} SET annotation_data = :text, annotation_count = 1 WHERE id = {row_id}"),
                {"text": text},
            )
    made, warning, *notes = execute(DEPLOY, actor)[0].message.split("\n")
    assert warning.startswith("Warning: Column 'annotation_count' has no default")
    assert made.endswith("gives its URL, user and password.")
    assert notes == [
        f"The label '{label}' stands in results ({times}) and not in the interface; they keep it."
        for label, times in (("horse", "2 times"), ("a'b\\u200b", "once"), ("大熊猫", "once"))
    ]
    sync_deployed()
    again = execute(DEPLOY.replace("DEPLOY MODEL", "DEPLOY MODEL IF NOT EXISTS"), actor)[0].message.split("\n")
    assert again[0] == "There already is a deployment mark_animal; nothing was done."
    assert set(notes[:2]) <= set(again[1:])
    with translation.override("zh-hans"):
        assert "标签 'horse' 在结果中出现 2 次" in in_page_language("\n".join([made, *notes])).split("\n")[1]
    execute("DROP DEPLOYMENT mark_animal", actor)
    ignoring = DEPLOY.replace("deployment_name", "existing_annotations='ignore', deployment_name")
    assert execute(ignoring, actor)[0].message.split("\n")[1:] == [warning]


def test_deploy_says_what_the_check_of_a_storage_says(source: Source, actor: Actor) -> None:
    source.execute(
        f"ALTER TABLE {TABLE} ALTER annotation_count SET DEFAULT 0, MODIFY base64_data text, "
        "MODIFY updated_at timestamp NULL, MODIFY annotation_uid varchar(99) NOT NULL"
    )
    made, *warnings = execute(DEPLOY, actor)[0].message.split("\n")
    assert [warning.split("'")[1] for warning in warnings] == ["base64_data", "updated_at", "annotation_uid"]
    assert "65,535 characters: a larger image is refused, or cut off if the server is not strict. " in warnings[0]
    assert warnings[0].endswith(f"Use LONGTEXT: ALTER TABLE `{TABLE}` MODIFY COLUMN base64_data LONGTEXT")
    with translation.override("zh-hans"):
        said = in_page_language("\n".join([made, *warnings])).split("\n")
    assert [line[:4] for line in said[1:]] == ["警告：列"] * 3
    execute("DROP DEPLOYMENT mark_animal", actor)
    source.execute(warnings[0].partition("LONGTEXT: ")[2])
    assert "base64_data" not in execute(DEPLOY, actor)[0].message


def test_deploy_looks_at_results_for_a_short_time_only(
    source: Source, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.add_images(3)
    result = json.dumps([region("horse")])
    source.execute(f"UPDATE {TABLE} SET annotation_data = '{result}', annotation_count = 1")
    monkeypatch.setattr(labels, "BATCH_SIZE", 1)
    with connect(source.parameters) as connection:
        found = labels.find_labels(connection, source_table(TABLE), seconds=0)
        assert not found.is_all
        assert found.results < 3
        assert labels.find_labels(connection, source_table(TABLE)).counts == {"label": {"horse": 3}}
    monkeypatch.setattr(on_table, "find_labels", lambda *_: labels.LabelsFound({"label": Counter(horse=1)}, 1, False))
    *_, note = execute(DEPLOY, actor)[0].message.split("\n")
    assert note == "Only the first 1 results were looked at; SHOW DEPLOYMENT tells of all."


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("mark%", ["mark_animal"]),
        ("MARK_ANIMAL", ["mark_animal"]),
        ("%an%", ["mark_animal"]),
        (r"mark\_animal", ["mark_animal"]),
        (r"mark\%", []),
        ("mark", []),
        ("mark.*", []),
        ("%", ["mark_animal"]),
        ("", []),
    ],
)
def test_show_deployments_like(source: Source, actor: Actor, pattern: str, names: list[str]) -> None:
    execute(DEPLOY, actor)
    [answer] = execute(f"SHOW DEPLOYMENTS LIKE '{pattern}'", actor)
    assert [row[0] for row in answer.rows] == names


def test_a_table_may_be_named_with_its_database(source: Source, actor: Actor) -> None:
    ours = source.parameters.database
    for named in (f"'{ours}.{TABLE}'", f"'`{ours}`.`{TABLE}`'", f"`{ours}`.`{TABLE}`"):
        execute(DEPLOY.replace(f"'{TABLE}'", named), actor)
        assert Deployment.objects.get().source == TABLE
        execute("DROP DEPLOYMENT mark_animal", actor)
    with pytest.raises(StatementError, match="nowhere"):
        execute(DEPLOY.replace(f"'{TABLE}'", f"'nowhere.{TABLE}'"), actor)
    assert not Deployment.objects.exists()


def test_the_project_is_called_as_polardb_calls_it(source: Source, actor: Actor) -> None:
    execute(DEPLOY, actor)
    assert Deployment.objects.get().project.title == "my_project"


def test_messages_are_bounded(source: Source, actor: Actor) -> None:
    rows = (f"""('{"长" * 240}{number}', '{{"type": "ObjectDetection", "labels": ["a"]}}')""" for number in range(300))
    source.execute(f"INSERT INTO annotation_template (tp_name, tp_schema) VALUES {', '.join(rows)}")
    with pytest.raises(StatementError) as error:
        execute(DEPLOY.replace("'1'", "'nope'"), actor)
    assert "and 291 more" in str(error.value)
    assert len(str(error.value)) < 2000
    execute(DEPLOY, actor)
    many = ",".join(f"10.{number // 250}.{number % 250}.1" for number in range(3000))
    [opened] = execute(f"UPDATE WHITEIPS mark_animal WITH (ips='{many}')", actor)
    assert "and 2990 more" in opened.message
    assert len(opened.message) < 500
    execute("DROP DEPLOYMENT mark_animal", actor)
    source.execute("UPDATE annotation_template SET tp_is_active = NULL WHERE id = 1")
    with pytest.raises(StatementError, match="tp_is_active is NULL"):
        execute(DEPLOY, actor)
