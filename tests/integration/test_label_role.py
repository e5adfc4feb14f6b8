"""The label of a row as plain text in a column of its own, and columns that cannot be NULL."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from django.core.management import CommandError, call_command

from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.models import PendingWriteback
from polardb_bridge.webhooks.reconcile import reconcile
from support.labeling import LabelingProject, Provisioned
from support.source_data import Source

pytestmark = pytest.mark.usefixtures("commands_database")

LABELS = ["cat", "wild boar", "猫"]


def chosen(*labels: str) -> dict[str, Any]:
    """A choice as Label Studio's editor submits it."""
    return {
        "id": "Dx_aB0x1Qz",
        "type": "choices",
        "value": {"choices": list(labels)},
        "origin": "manual",
        "to_name": "text",
        "from_name": "label",
    }


def template(source: Source, labels: list[str] = LABELS, **more: Any) -> None:
    schema = json.dumps({"type": "TextClassification", "labels": labels, **more})
    with begin(source.parameters) as connection:
        connection.execute(
            sa.text("REPLACE INTO annotation_template (tp_name, tp_schema) VALUES ('texts', :schema)"),
            {"schema": schema},
        )


def reviews(source: Source, columns: str) -> None:
    template(source)
    source.execute(f"CREATE TABLE reviews (id INT AUTO_INCREMENT PRIMARY KEY, body TEXT, {columns})")
    source.execute("INSERT INTO reviews (body) VALUES ('one'), ('two'), ('three')")


def provision(*roles: str) -> None:
    call_command(
        *("provision_project", "--template=texts", "--source=reviews", "--name=reviews", "--map=text=body:text"),
        *(f"--result-column={role}" for role in roles),
    )


def labeled(api: Any, *roles: str) -> LabelingProject:
    provision(*roles)
    storage = PolarDBImportStorage.objects.get()
    run_sync(storage, force=True)
    tasks = {link.row_key: link.task for link in storage.links.select_related("task")}
    target = PolarDBExportStorage.objects.get()
    return LabelingProject(Provisioned(storage.project, storage, target, created=True), api, tasks)


def column(source: Source, name: str = "category") -> list[Any]:
    with connect(source.parameters) as connection:
        return list(connection.scalars(sa.text(f"SELECT {name} FROM reviews ORDER BY id")))


TYPES = [
    "VARCHAR(9) CHARACTER SET utf8mb4 NULL",
    "TEXT CHARACTER SET utf8mb4",
    "ENUM('cat', 'wild boar', '猫') CHARACTER SET utf8mb4",
]


@pytest.mark.parametrize("type_", TYPES)
def test_the_label_of_a_row_is_plain_text(source: Source, user: Any, api: Any, type_: str) -> None:
    reviews(source, f"category {type_}")
    project = labeled(api, "label=category")
    first = project.submit(1, chosen("wild boar"))
    project.submit(2, chosen("猫"))
    project.submit(3)
    project.deliver()
    assert column(source) == ["wild boar", "猫", None]
    project.submit(1, chosen("cat"))
    project.deliver()
    assert column(source)[0] == "cat"
    assert reconcile(project.export_storage).different == 0
    source.execute("UPDATE reviews SET category = 'cat' WHERE id = 2")
    assert reconcile(project.export_storage).listed == [(2, "different")]
    project.deliver()
    assert column(source)[1] == "猫"
    for annotation in project.tasks[1].annotations.all():
        project.api.delete(f"/api/annotations/{annotation.pk}/")
    project.deliver()
    assert column(source)[0] is None
    assert reconcile(project.export_storage).different == 0
    assert first


def test_a_column_that_is_called_label_is_left_alone_unless_named(source: Source, user: Any, api: Any) -> None:
    reviews(source, "label VARCHAR(20) NOT NULL DEFAULT 'theirs', annotation_data JSON")
    project = labeled(api)
    project.submit(1, chosen("cat"))
    project.deliver()
    assert column(source, "label") == ["theirs"] * 3
    assert json.loads(column(source, "annotation_data")[0]) == [chosen("cat")]


@pytest.mark.parametrize(
    ("type_", "message"),
    [
        (
            "VARCHAR(5)",
            r"The label 'wild boar' does not fit into the column 'category' \(varchar\(5\)\): it has 9 char",
        ),
        ("ENUM('cat', 'wild boar')", "The label '猫' does not fit into the column 'category'.*none of the values"),
        ("VARCHAR(20) CHARACTER SET latin1", "'猫' does not fit.*the character set latin1 lacks one of its characters"),
        ("INT", "column 'category' is INT"),
        ("SET('cat')", "column 'category' is SET"),
    ],
)
def test_a_label_that_does_not_fit_is_refused(source: Source, user: Any, type_: str, message: str) -> None:
    reviews(source, f"category {type_}")
    with pytest.raises(CommandError, match=message):
        provision("label=category")
    assert not PolarDBImportStorage.objects.exists()


def test_an_interface_of_several_choices_is_refused(source: Source, user: Any) -> None:
    reviews(source, "category TEXT")
    template(source, choice="multiple")
    with pytest.raises(CommandError, match=r"'category' takes the label of a row, and .* has no single choice for it"):
        provision("label=category")


def test_an_interface_that_changes_is_looked_at(source: Source, user: Any, api: Any) -> None:
    reviews(source, "category VARCHAR(9) CHARACTER SET utf8mb4")
    project = labeled(api, "label=category")
    address = f"/api/projects/{project.provisioned.project.pk}"
    config = api.get(f"{address}/").json()["label_config"]
    for path, method in ((f"{address}/", api.patch), (f"{address}/validate/", api.post)):
        changed = {"label_config": config.replace('value="cat"', 'value="hippopotamus"')}
        answer = method(path, changed, format="json")
        assert answer.status_code == 400, path
        assert "The label 'hippopotamus' does not fit into the column 'category'" in answer.content.decode()
    dog = api.patch(f"{address}/", {"label_config": config.replace('value="cat"', 'value="dog"')}, format="json")
    assert dog.status_code == 200, dog.content


def test_what_does_not_fit_later_is_parked_and_others_go_on(source: Source, user: Any, api: Any) -> None:
    reviews(source, "category VARCHAR(9) CHARACTER SET utf8mb4, answer TEXT")
    project = labeled(api, "label=category", "annotation_data=answer")
    project.submit(1, chosen("cat", "猫"))
    project.submit(2, chosen("hippopotamus"))
    project.submit(3, chosen("cat"))
    report = deliver(project.export_storage)
    assert (report.written, report.parked, report.error) == (1, 2, "")
    reasons = {
        mark.row_key: mark.parked_reason for mark in PendingWriteback.objects.filter(storage=project.export_storage)
    }
    assert "The result has several labels, and the column takes one: cat, 猫." in reasons["1"]
    assert "longer than its column" in reasons["2"]
    assert column(source) == [None, None, "cat"]


@pytest.mark.parametrize(
    ("columns", "holds"),
    [
        ("category VARCHAR(20) NOT NULL DEFAULT 'none', answer LONGTEXT", "none"),
        ("category ENUM('cat', 'wild boar', '猫', '?') NOT NULL DEFAULT '?', answer JSON NOT NULL DEFAULT ('[]')", "?"),
        ("category VARCHAR(20) NOT NULL DEFAULT '', answer VARCHAR(500) NOT NULL DEFAULT 'n/a'", ""),
    ],
)
def test_columns_that_cannot_be_null_get_their_default(
    source: Source, user: Any, api: Any, columns: str, holds: str
) -> None:
    reviews(source, columns.replace("category VARCHAR(20)", "category VARCHAR(20) CHARACTER SET utf8mb4"))
    before = column(source, "answer")
    project = labeled(api, "label=category", "annotation_data=answer")
    assert not project.provisioned.import_storage.traceback
    assert reconcile(project.export_storage).foreign == 0
    annotation_id = project.submit(1, chosen("cat"))
    project.submit(2)
    project.deliver()
    assert column(source) == ["cat", holds, holds]
    assert reconcile(project.export_storage).different == 0
    project.api.delete(f"/api/annotations/{annotation_id}/")
    project.submit(3, chosen("cat"))
    assert deliver(project.export_storage).parked == 0
    assert column(source) == [holds, holds, "cat"]
    assert column(source, "answer")[0] == before[0]
    assert reconcile(project.export_storage).different == 0
