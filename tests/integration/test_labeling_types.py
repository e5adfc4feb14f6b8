"""Each type of labeling: provisioned, labeled with what the editor sends, written into its row and counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from label_studio_sdk.label_interface.interface import LabelInterface
from projects.models import Project

from polardb_bridge.deployments.drop import drop
from polardb_bridge.deployments.interfaces import checked_config
from polardb_bridge.deployments.projects import provision_project
from polardb_bridge.errors import InvalidInputError, ReconfigureError
from polardb_bridge.labeling import TYPES, labels_of
from polardb_bridge.storage.labels import config_of_editor, vanished_labels
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.webhooks.delivery import deliver
from polardb_bridge.webhooks.reconcile import reconcile
from support.deployments import export_storage_of, import_storage_of
from support.labeling_types import documented, smallest
from support.media_tables import BODY, create, fields_of, mapping_of
from support.source_data import Source
from support.templates import EDITOR_REGIONS, deployed, label_rows, submit

EXAMPLES = documented()
TABLE = "media"


def deploy_example(source: Source, schema: dict[str, Any]) -> Any:
    options = f", map='{mapping_of(schema)}', name_column='title', version_column=''"
    return deployed(source, schema, TABLE, options)


def stored(source: Source, row_id: int = 1) -> tuple[Any, int]:
    """The result of a row, parsed, and how many annotations it counts."""
    with connect(source.parameters) as connection:
        query = f"SELECT annotation_data, annotation_count FROM {TABLE} WHERE id = {row_id}"
        [(data, count)] = connection.exec_driver_sql(query).all()
    return (json.loads(data) if isinstance(data, (str, bytes)) else data), count


@pytest.mark.parametrize("title", EDITOR_REGIONS)
def test_what_the_editor_sends_is_in_the_row_and_follows(title: str, source: Source, user: Any, api: Any) -> None:
    schema, regions = EXAMPLES[title], EDITOR_REGIONS[title]
    create(source, TABLE)
    deployment = deploy_example(source, schema)
    assert deployment.project.label_config == checked_config(schema, "mine")
    task, other = deployment.project.tasks.order_by("pk")
    assert set(task.data) == {*fields_of(schema), "original_name", "id"}
    if "text" in task.data:
        assert task.data["text"] == BODY
    target = export_storage_of(deployment)

    annotation = submit(api, task, *regions)
    deliver(target)
    assert stored(source) == (regions, 1)
    assert reconcile(target).different == 0
    assert vanished_labels(deployment.project) == []
    counted = {label: regions for label, regions, _ in label_rows(api)[1:]}
    used = {label for each in regions for label in _labels_in(each)}
    assert {label.rpartition(": ")[2] for label, count in counted.items() if count != "0"} == used
    assert used <= set(labels_of(schema))

    less = [{**region, "value": region["value"]} for region in regions if "value" in region][:1]
    assert api.patch(f"/api/annotations/{annotation}/", {"result": less}, format="json").status_code == 200
    deliver(target)
    assert stored(source) == (less, 1)

    # What the row holds comes back with the next project of the table.
    drop(deployment)
    again = deploy_example(source, schema)
    [found] = again.project.tasks.get(data__id=1).annotations.all()
    assert found.result == less
    assert api.delete(f"/api/annotations/{found.pk}/").status_code == 204
    target = export_storage_of(again)
    deliver(target)
    assert stored(source) == (None, 0)
    assert reconcile(target).different == 0
    assert run_sync(import_storage_of(again), force=True).updated == 0
    assert other.data["original_name"] == "row 2"


def _labels_in(region: dict[str, Any]) -> list[str]:
    value = region.get("value", {})
    return [label for name, found in value.items() if name in (region["type"], "labels") for label in found]


@pytest.mark.usefixtures("commands_database")
@pytest.mark.parametrize(
    "kind", ["OCR", "RelationExtraction", "AudioSegmentation", "VideoTimeline", "TimeSeriesSegmentation"]
)
def test_each_medium_is_provisioned_by_the_command(kind: str, source: Source, user: Any) -> None:
    schema = EXAMPLES[kind]
    create(source, TABLE)
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(
            "INSERT INTO annotation_template (tp_name, tp_schema) VALUES ('mine', %s)", (json.dumps(schema),)
        )
    maps = [word for field, read in fields_of(schema).items() for word in ("--map", f"{field}={read}")]
    call_command("provision_project", "--template", "mine", "--source", TABLE, "--name", kind, *maps)
    project = Project.objects.get(title=kind)
    assert project.tasks.count() == 2
    interface: Any = LabelInterface(project.label_config)
    interface.validate()
    assert TYPES[kind].medium.field in project.tasks.first().data


@pytest.mark.parametrize("kind", TYPES)
def test_a_field_that_the_mapping_lacks_is_refused_with_both_lists(kind: str, source: Source, user: Any) -> None:
    create(source, TABLE)
    schema = smallest(kind) | {"field": "sculpture"}
    options = ", map='image=photo:base64, note=body:text', name_column='title', version_column=''"
    said = r"shows \$sculpture, and the mapping gives tasks \$image, \$note: map \$sculpture, or show what there is"
    with pytest.raises(ReconfigureError, match=said):
        deployed(source, schema, TABLE, options)
    assert not Project.objects.exists()


def test_several_missing_fields_are_named_beside_those_that_there_are(source: Source, user: Any) -> None:
    create(source, TABLE)
    schema = {"controls": [smallest("ObjectDetection"), smallest("TextGeneration"), smallest("AudioTranscription")]}
    options = ", map='image=photo:base64, note=body:text', name_column='title', version_column=''"
    said = r"shows \$audio, \$image, \$text, and the mapping gives tasks \$image, \$note: map \$audio, \$text, or show"
    with pytest.raises(ReconfigureError, match=said):
        deployed(source, schema, TABLE, options)


def test_an_interface_that_is_changed_later_is_held_to_the_mapping(source: Source, user: Any, api: Any) -> None:
    create(source, TABLE)
    with begin(source.parameters) as connection:
        connection.exec_driver_sql(
            "INSERT INTO annotation_template (tp_name, tp_schema) VALUES ('mine', %s)",
            (json.dumps(EXAMPLES["NamedEntityRecognition"]),),
        )
    asked = AskedMapping.from_texts(fields="text=body:text", name="title", version="")
    project = provision_project(source.parameters, template="mine", source=TABLE, asked=asked).project
    address, before = f"/api/projects/{project.pk}", project.label_config

    def said(answer: Any) -> str:
        assert answer.status_code == 400, answer.content
        return str(answer.json())

    wrong = before.replace('value="$text"', 'value="$body"')
    for answer in (
        api.post(f"{address}/validate/", {"label_config": wrong}, format="json"),
        api.patch(f"{address}/", {"label_config": wrong}, format="json"),
    ):
        assert "shows $body, and the mapping gives tasks $text: map $body, or show what there is" in said(answer)
    project.refresh_from_db()
    assert project.label_config == before

    # Other settings, and interfaces that fit, are saved; so is one that did not fit before.
    good = before.replace('<Label value="place"', '<Label value="river"')
    for change in ({"title": "renamed"}, {"label_config": good}, {"label_config": good, "title": "again"}):
        assert api.patch(f"{address}/", change, format="json").status_code == 200, change
    Project.objects.filter(pk=project.pk).update(label_config=wrong)
    assert api.patch(f"{address}/", {"label_config": wrong, "title": "third"}, format="json").status_code == 200
    assert api.patch(f"{address}/", {"label_config": good}, format="json").status_code == 200
    # Whoever writes past Label Studio's API meets it at the next sync.
    Project.objects.filter(pk=project.pk).update(label_config=wrong)
    with pytest.raises(ReconfigureError, match=r"shows \$body"):
        run_sync(PolarDBImportStorage.objects.get(project=project))


def test_a_project_without_our_sources_shows_what_it_likes(user: Any, api: Any) -> None:
    made = api.post("/api/projects/", {"title": "mine", "label_config": "<View/>"}, format="json").json()["id"]
    config = '<View><Text name="t" value="$any"/><TextArea name="c" toName="t"/></View>'
    assert api.patch(f"/api/projects/{made}/", {"label_config": config}, format="json").status_code == 200


def test_a_region_is_needed_where_the_template_says_so(source: Source, user: Any) -> None:
    create(source, TABLE)
    deployment = deploy_example(source, EXAMPLES["SemanticSegmentation"])
    assert deployment.project.enable_empty_annotation
    drop(deployment)
    needed = EXAMPLES["SemanticSegmentation"] | {"required": True}
    assert not deploy_example(source, needed).project.enable_empty_annotation


def test_labels_of_boxes_in_videos_that_the_interface_lacks_are_told_and_kept(
    source: Source, user: Any, api: Any
) -> None:
    create(source, TABLE)
    project = deploy_example(source, EXAMPLES["VideoObjectTracking"]).project
    submit(api, project.tasks.first(), *EDITOR_REGIONS["VideoObjectTracking"])
    project.refresh_from_db()
    project.label_config = project.label_config.replace('value="car"', 'value="lorry"')
    project.save()
    assert vanished_labels(project) == [
        "The label 'car' stands in results (once) and not in the interface; they keep it."
    ]
    assert '<Label value="car" visible="false"' in config_of_editor(project.pk, project.label_config)
    rows = label_rows(api)[1:]
    assert rows == [["lorry", "0", "0"], ["person", "0", "0"], ["car", "1", "1"]]


def test_results_with_an_alias_are_those_of_the_label(source: Source, user: Any, api: Any) -> None:
    create(source, TABLE)
    schema = {"type": "ImageClassification", "labels": [{"value": "Cat", "alias": "felis"}, "dog"]}
    deployment = deploy_example(source, schema)
    chosen = {**EDITOR_REGIONS["ImageClassification"][0], "value": {"choices": ["felis"]}}
    submit(api, deployment.project.tasks.first(), chosen)
    assert vanished_labels(deployment.project) == []
    assert label_rows(api)[1:] == [["felis", "1", "1"], ["dog", "0", "0"]]


@pytest.mark.parametrize("kind", [kind for kind in TYPES if "labels" in smallest(kind)])
def test_hundreds_of_hostile_labels_pass_label_studios_check(kind: str) -> None:
    labels = [f'<{number}> "🐈" & \'猫\' name="x" toName="y"' for number in range(300)]
    checked_config(smallest(kind, *labels), "mine")
    checked_config(smallest(kind, "7"), "mine")


@pytest.mark.parametrize(
    "wrong", [{"type": "OCR"}, smallest("OCR") | {"colour": "red"}, {"controls": [smallest("OCR"), smallest("OCR")]}]
)
def test_wrong_templates_create_nothing(wrong: dict[str, Any], source: Source, user: Any) -> None:
    create(source, TABLE)
    options = ", map='image=photo:base64', name_column='title', version_column=''"
    with pytest.raises(InvalidInputError, match="tp_schema: "):
        deployed(source, wrong, TABLE, options)
    assert not Project.objects.exists()
