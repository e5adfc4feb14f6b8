"""The field of tasks follows the labeling interface."""

from __future__ import annotations

from typing import Any

import pytest

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.storage.image_field import image_field
from polardb_bridge.storage.sync.run import run_sync
from support.labeling import LabelingProject, Provisioned
from support.source_data import TABLE, Source, region

CONTROLS = '<RectangleLabels name="label" toName="image"><Label value="cat"/></RectangleLabels>'


def interface(*objects: str) -> str:
    return f"<View>{''.join(objects)}{CONTROLS}</View>"


def image(field: str, name: str = "image") -> str:
    return f'<Image name="{name}" value="${field}"/>'


def show(storage: Any, config: str) -> None:
    from projects.models import Project

    Project.objects.filter(pk=storage.project_id).update(label_config=config)
    storage.project.refresh_from_db()


def data_of(storage: Any) -> list[dict[str, Any]]:
    from tasks.models import Task

    return [task.data for task in Task.objects.filter(project=storage.project_id).order_by("pk")]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (None, "image"),
        ("", "image"),
        ("<View></View>", "image"),
        (interface(image("image")), "image"),
        (interface(image("ocr")), "ocr"),
        (interface(image("img"), '<Header value="$caption" name="title"/>'), "img"),
        (interface(image("img"), '<Text name="text" value="$original_name"/>'), "img"),
        (interface(image("img"), image("img", "again")), "img"),
        (interface(image("图片")), "图片"),
        ('<View><Text name="text" value="$original_name"/></View>', "image"),
        (interface(image("img"), '<Choices name="c" toName="image" value="$options"/>'), "img"),
    ],
)
def test_the_only_field_that_objects_show(config: str | None, field: str) -> None:
    assert image_field(config) == field


@pytest.mark.parametrize(
    "config",
    [interface(image("b"), image("a", "other")), interface(image("b"), '<Text name="text" value="$a"/>')],
)
def test_several_fields_are_refused_with_their_names(config: str) -> None:
    with pytest.raises(ReconfigureError, match=r"shows \$a, \$b, and a row has one picture"):
        image_field(config)


def test_a_picture_is_not_shown_as_text() -> None:
    with pytest.raises(ReconfigureError, match=r"shows \$text, and the mapping gives tasks \$image"):
        image_field('<View><Text name="text" value="$text"/></View>')


@pytest.mark.parametrize("delivery", ["link", "data_uri"])
def test_tasks_follow_an_interface_that_is_changed_later(
    provisioned: Provisioned, source: Source, api: Any, delivery: str
) -> None:
    from tasks.models import Task

    storage = provisioned.import_storage
    storage.image_delivery = delivery
    storage.save()
    source.add_images(45)
    show(storage, interface(image("ocr")))
    run_sync(storage)
    assert {tuple(sorted(data)) for data in data_of(storage)} == {("id", "ocr", "original_name")}
    pictures = [data["ocr"] for data in data_of(storage)]

    show(storage, interface(image("picture")))
    run_sync(storage)
    assert [data["picture"] for data in data_of(storage)] == pictures
    storage.project.summary.refresh_from_db()
    assert storage.project.summary.all_data_columns == {"picture": 45, "original_name": 45, "id": 45}
    assert storage.project.summary.common_data_columns == ["id", "original_name", "picture"]

    task = Task.objects.filter(project=storage.project_id).first()
    task.data["mine"] = 1
    task.save()
    task.annotations.create(project=task.project, result=[region()])
    show(storage, interface(image("img")))
    source.add_images(1)
    assert run_sync(storage).created == 1
    assert [data["img"] for data in data_of(storage)][:-1] == pictures
    assert not any("picture" in data for data in data_of(storage))
    assert data_of(storage)[0]["mine"] == 1
    source.execute(
        f"UPDATE {TABLE} SET original_name = 'new', updated_at = updated_at + INTERVAL 1 MINUTE WHERE id = 1"
    )
    source.execute(f"DELETE FROM {TABLE} WHERE id = 2")
    report = run_sync(storage)
    assert (report.updated, report.removed) == (1, 1)
    assert sorted(data_of(storage)[0]) == ["id", "img", "mine", "original_name"]


def test_validating_and_syncing_refuse_an_interface_of_two_fields(project: LabelingProject) -> None:
    storage = project.provisioned.import_storage
    show(storage, interface(image("b"), image("a", "other")))
    answer = project.api.post("/api/storages/polardb/validate", {"id": storage.pk, "project": storage.project_id,
        "host": storage.host, "port": storage.port, "database": storage.database, "table": storage.table,
        "user": storage.user}, format="json")  # fmt: skip
    assert answer.status_code == 400
    assert "$a, $b" in answer.content.decode()
    with pytest.raises(ReconfigureError, match=r"\$a, \$b"):
        run_sync(storage)
    storage.refresh_from_db()
    assert storage.status == storage.Status.FAILED
    assert "$a, $b" in storage.traceback
