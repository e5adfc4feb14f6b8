"""Templates of all types: deployed by statement, labeled over HTTP, written into rows and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command

from polardb_bridge.deployments.drop import drop
from polardb_bridge.deployments.interfaces import checked_config
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import InvalidInputError, ReconfigureError
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.connection import begin
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.reconcile import reconcile
from support.deployments import export_storage_of, import_storage_of
from support.source_data import TABLE, Source, region
from support.templates import deployed, label_rows, submit

ODD = ["cat", "<b>&\"'", "大熊猫🐼", "a, b"]
ELLIPSES = (
    '<View><Header value="$original_name"/><Image name="img" value="$image"/><EllipseLabels name="shape" toName="img">'
    '<Label value="cat"/></EllipseLabels><Choices name="quality" toName="img"><Choice value="sharp" alias="s"/>'
    '<Choice value="blurred"/></Choices></View>'
)


def chosen(*labels: str, control: str = "label", to: str = "image") -> dict[str, Any]:
    """A choice as Label Studio's editor submits it."""
    return {
        "id": "Dx_aB0x1Qz",
        "type": "choices",
        "value": {"choices": list(labels)},
        "origin": "manual",
        "to_name": to,
        "from_name": control,
    }


def test_pictures_are_classified(source: Source, user: Any, api: Any) -> None:
    source.add_images(3)
    deployment = deployed(source, {"type": "ImageClassification", "labels": ODD, "choice": "multiple"})
    before = source.row(3)
    tasks = {task.data["id"]: task for task in deployment.project.tasks.all()}
    first, second = [chosen(ODD[1], ODD[2])], [chosen("cat")]
    annotation = submit(api, tasks[1], *first)
    submit(api, tasks[2], *second)
    target = export_storage_of(deployment)
    deliver(target)
    assert (source.row(1)["annotation_data"], source.row(1)["annotation_count"]) == (first, 1)
    assert source.row(2)["annotation_data"] == second
    assert api.patch(f"/api/annotations/{annotation}/", {"result": second}, format="json").status_code == 200
    submit(api, tasks[1], chosen("cat", ODD[3]))
    deliver(target)
    assert (source.row(1)["annotation_data"], source.row(1)["annotation_count"]) == ([chosen("cat", ODD[3])], 2)
    assert source.row(3) == before
    assert reconcile(target).different == 0
    assert run_sync(import_storage_of(deployment), force=True).updated == 0

    page = api.get("/polardb/deployments/mark_animal/").text
    assert "Annotations" in page.partition("Per label")[2].partition("Time per task")[0]
    assert label_rows(api) == [
        ["label", "regions", "tasks"],
        ["cat", "3", "2"],
        [ODD[1], "0", "0"],
        [ODD[2], "0", "0"],
        ["a, b", "1", "1"],
    ]


def test_what_was_classified_comes_back_with_the_next_deployment(source: Source, user: Any, api: Any) -> None:
    source.add_images(1)
    schema = {"type": "ImageClassification", "labels": ["cat", "dog"]}
    deployment = deployed(source, schema)
    submit(api, deployment.project.tasks.get(), chosen("dog"))
    deliver(export_storage_of(deployment))
    drop(deployment)
    again = deployed(source, schema)
    assert again.project.tasks.get().annotations.get().result == [chosen("dog")]


@pytest.mark.parametrize(
    ("stored", "schema", "said"),
    [
        ([region("cat")], {"type": "ImageClassification", "labels": ["cat"]}, "of type 'rectanglelabels', and its"),
        ([chosen("cat")], {"type": "ObjectDetection", "labels": ["cat"]}, "of type 'choices', and its control 'label'"),
        (
            [chosen("cat", to="text")],
            {"type": "ImageClassification", "labels": ["cat"]},
            "on 'text', which its control 'label' does not label",
        ),
    ],
)
def test_results_of_another_kind_are_listed_and_stay(
    stored: list[Any], schema: Any, said: str, source: Source, user: Any
) -> None:
    [row] = source.add_images(1)
    source.execute(f"UPDATE {TABLE} SET annotation_data = '{json.dumps(stored)}', annotation_count = 1")
    deployment = deployed(source, schema)
    assert deployment.project.tasks.get().annotations.count() == 0
    storage = import_storage_of(deployment)
    assert storage.traceback
    assert f"annotation_data has a region 1 {said}" in storage.traceback
    assert source.row(row)["annotation_data"] == stored


def test_relations_come_back(source: Source, user: Any) -> None:
    source.add_images(1)
    relation = {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right", "labels": ["eats"]}
    stored = [{**region("cat"), "id": "a"}, {**region("dog"), "id": "b"}, relation]
    source.execute(f"UPDATE {TABLE} SET annotation_data = '{json.dumps(stored)}', annotation_count = 1")
    deployment = deployed(source, {"type": "ObjectDetection", "labels": ["cat", "dog"]})
    assert deployment.project.tasks.get().annotations.get().result == stored
    deployment.project.summary.refresh_from_db()
    assert deployment.project.summary.created_labels == {"label": {"cat": 1, "dog": 1}}


def test_an_interface_of_ones_own_is_taken_as_it_is(source: Source, user: Any, api: Any) -> None:
    source.add_images(1)
    deployment = deployed(source, {"label_config": ELLIPSES})
    assert deployment.project.label_config == ELLIPSES
    task = deployment.project.tasks.get()
    assert task.data["image"].startswith("data:image/")
    shape = {"x": 10, "y": 20, "radiusX": 5, "radiusY": 6, "rotation": 0, "ellipselabels": ["cat"]}
    drawn = {"id": "a", "type": "ellipselabels", "from_name": "shape", "to_name": "img", "value": shape}
    result = [drawn, chosen("s", control="quality", to="img")]
    submit(api, task, *result)
    deliver(export_storage_of(deployment))
    assert source.row(1)["annotation_data"] == result
    assert label_rows(api)[1:] == [
        ["shape: cat", "1", "1"],
        ["quality: s", "1", "1"],
        ["quality: blurred", "0", "0"],
    ]
    page = api.get("/polardb/deployments/mark_animal/").text
    assert "Regions" in page.partition("Per label")[2].partition("Time per task")[0]


def test_texts_are_classified(source: Source, user: Any, api: Any) -> None:
    source.execute(
        "CREATE TABLE reviews (code CHAR(8) COLLATE utf8mb4_general_ci PRIMARY KEY, body TEXT, shop VARCHAR(20),"
        " answer LONGTEXT)"
    )
    with begin(source.parameters) as connection:
        for row in (("r-1", "It arrived late. 🐈", "Basel"), ("r-2", "<b>Good</b>", None), ("r-3", None, None)):
            connection.exec_driver_sql("INSERT INTO reviews (code, body, shop) VALUES (%s, %s, %s)", row)
    schema = {"type": "TextClassification", "labels": ["good", "bad"]}
    options = ", map='text=body:text', name_column='shop', result_columns='annotation_data=answer'"
    deployment = deployed(source, schema, "reviews", options)
    tasks = {task.data["id"]: task for task in deployment.project.tasks.all()}
    assert {code: task.data["text"] for code, task in tasks.items()} == {
        "r-1": "It arrived late. 🐈",
        "r-2": "<b>Good</b>",
    }
    assert "r-3" in import_storage_of(deployment).traceback
    submit(api, tasks["r-1"], chosen("bad", to="text"))
    source.execute("UPDATE reviews SET code = 'R-1' WHERE code = 'r-1'")
    deliver(export_storage_of(deployment))
    with begin(source.parameters) as connection:
        [(answer, shop)] = connection.exec_driver_sql("SELECT answer, shop FROM reviews WHERE code = 'r-1'").all()
    assert ([one["value"] for one in json.loads(answer)], shop) == ([{"choices": ["bad"]}], "Basel")
    report = run_sync(import_storage_of(deployment), force=True)
    assert (report.created, report.removed) == (0, 0)
    assert deployment.project.tasks.filter(data__id="R-1").exists(), "it follows the present spelling"
    assert reconcile(export_storage_of(deployment)).different == 0


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (ELLIPSES.replace('name="quality"', 'name="shape"'), "non-unique names"),
        (ELLIPSES.replace('toName="img"', 'toName="other"'), 'toName="other" not found'),
        ('<View><Image name="i" value="$image"/><Choices name="c" toName="i"/></View>', "Validation failed"),
        ("<View>" * 40 + ELLIPSES + "</View>" * 40, "POLARDB_MAX_CONFIG_DEPTH"),
        (ELLIPSES + " " * 300_000, "POLARDB_MAX_CONFIG_LENGTH"),
        ("<View>" * 20_000 + ELLIPSES + "</View>" * 20_000, "POLARDB_MAX_CONFIG_DEPTH"),
    ],
)
def test_what_label_studio_would_not_take_is_refused_with_its_words(config: str, said: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_config({"label_config": config}, "mine")
    assert str(refused.value).startswith("tp_schema: Label Studio does not accept label_config: ")
    assert said in str(refused.value)
    assert refused.value.field == "tp_schema.label_config"


def test_nothing_is_deployed_of_a_template_that_is_refused(source: Source, user: Any) -> None:
    source.add_images(1)
    broken = {"label_config": ELLIPSES.replace('name="quality"', 'name="shape"')}
    with pytest.raises(InvalidInputError, match="does not accept label_config: Label config contains non-unique names"):
        deployed(source, broken)
    with pytest.raises(InvalidInputError, match="supported: ObjectDetection, OrientedObjectDetection"):
        deployed(source, {"type": "Segmentation", "labels": ["a"]})
    with pytest.raises(ReconfigureError, match=r"shows \$text, and the mapping gives tasks \$image"):
        deployed(source, {"type": "TextClassification", "labels": ["a"]})
    assert not Deployment.objects.exists()


@pytest.mark.parametrize("kind", ["ImageClassification", "TextClassification"])
def test_hundreds_of_hostile_labels_pass_label_studios_check(kind: str) -> None:
    labels = [f'<{number}> "🐈" & \'猫\' name="x" toName="y"' for number in range(500)]
    checked_config({"type": kind, "labels": labels}, "mine")
    checked_config({"type": kind, "labels": ["7"]}, "mine")


@pytest.mark.usefixtures("commands_database")
def test_the_lists_show_types_and_what_is_wrong(source: Source, user: Any, api: Any) -> None:
    schemas = {
        "photos": {"type": "ImageClassification", "labels": ODD},
        "shapes": {"label_config": ELLIPSES},
        "broken": {"label_config": ELLIPSES.replace('toName="img"', 'toName="other"')},
    }
    with begin(source.parameters) as connection:
        for name, schema in schemas.items():
            connection.exec_driver_sql(
                "INSERT INTO annotation_template (tp_name, tp_schema) VALUES (%s, %s)", (name, json.dumps(schema))
            )
    found = api.get("/polardb/templates/list").text
    for text in (
        "ObjectDetection",
        "ImageClassification",
        "label_config",
        ">blurred</code>",
        "not found in names",
    ):
        assert text in found
    call_command("provision_project", "--template", "photos", "--source", TABLE)


@pytest.mark.parametrize(
    ("schema", "fields", "pictures"),
    [
        ({"type": "ImageClassification", "labels": ["a"]}, set(), {"image": False}),
        ({"type": "TextClassification", "labels": ["a"]}, {"text"}, {}),
        ({"label_config": ELLIPSES}, set(), {"image": False}),
        (
            {
                "label_config": '<View><Image name="i" valueList="$pages"/><Text name="t" value="$body"/>'
                '<Audio name="a" value="$sound"/><Rating name="r" toName="t"/></View>'
            },
            {"body", "sound"},
            {"pages": True},
        ),
    ],
)
def test_the_preview_is_told_what_to_show(
    schema: Any, fields: set[str], pictures: dict[str, bool], source: Source, api: Any
) -> None:
    text = {"schema": json.dumps(schema)}
    found = api.post("/polardb/templates/check", text, format="multipart").json()
    assert (found["note"], found["pictures"]) == ("", pictures)
    assert fields <= set(found["data"]) - set(pictures)
    if "text" in fields:
        assert found["data"]["text"].startswith("A sample text")
        chinese = api.post("/polardb/templates/check", text, format="multipart", HTTP_ACCEPT_LANGUAGE="zh-CN").json()
        assert chinese["data"]["text"].startswith("示例文本")
