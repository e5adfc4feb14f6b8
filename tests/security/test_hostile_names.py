"""A tenant's names of controls take nobody's time."""

from __future__ import annotations

import inspect
import re
import time
from typing import Any

import pytest
from label_studio_sdk._extensions.label_studio_tools.core import label_config as configs

from support.labeling import LabelingProject

CONTROL = '<Choices name="{}" toName="{}"><Choice value="cat"/></Choices>'
CONFIG = '<View><Text name="{}" value="$text"/>{}</View>'
REPEATER = (
    '<View><Repeater on="$images" indexFlag="{{idx}}"><Image name="page_{{idx}}" value="$images"/>'
    '<RectangleLabels name="labels_{{idx}}" toName="page_{{idx}}"><Label value="cat"/></RectangleLabels>'
    "</Repeater></View>"
)
EVIL, VICTIM = "(a+)+", "a" * 60 + "!"


@pytest.fixture
def labeled(user: Any) -> Any:
    """A project with one annotation, whose name is given to a function."""
    from projects.models import Project
    from tasks.models import Annotation, Task

    project = Project.objects.create(
        title="T", organization=user.active_organization, created_by=user, label_config="<View></View>"
    )
    task = Task.objects.create(project=project, data={"text": "x", "image": "/x.png", "images": ["/x.png"]})

    def annotate(from_name: str, to_name: str, kind: str = "choices") -> Any:
        value = {kind: ["cat"]}
        result = [{"from_name": from_name, "to_name": to_name, "type": kind, "value": value}]
        Annotation.objects.create(task=task, project=project, result=result)
        return project

    return annotate


def exported(project: Any, api: Any) -> str:
    answer = api.get(f"/api/projects/{project.pk}/export?exportType=JSON_MIN")
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content).decode()


@pytest.mark.parametrize(
    ("from_name", "to_name", "config"),
    [
        (VICTIM, "t", CONFIG.format("t", CONTROL.format(EVIL, "t"))),
        ("c", VICTIM, CONFIG.format(EVIL, CONTROL.format("c", EVIL))),
        (VICTIM, "t", CONFIG.format("t", CONTROL.format("(" * 30 + "a*" + ")*" * 30, "t"))),
        # Whoever writes the configuration chooses what stands for an index, too.
        (VICTIM, "a", f'<View indexFlag="a">{CONFIG.format("a", CONTROL.format("a" * 30 + "b", "a"))}</View>'),
    ],
)
def test_a_configuration_cannot_hold_the_interpreter(
    from_name: str, to_name: str, config: str, labeled: Any, api: Any
) -> None:
    project = labeled(from_name, to_name)
    started = time.monotonic()
    answer = api.patch(f"/api/projects/{project.pk}/", {"label_config": config}, format="json")
    assert time.monotonic() - started < 5
    assert answer.status_code == 400, answer.content
    assert f"from_name={from_name}, to_name={to_name}" in answer.content.decode()


def test_an_export_cannot_either(labeled: Any, api: Any) -> None:
    control = CONTROL.format(EVIL + r"\dt", "t")
    config = f'<View indexFlag="t">{CONFIG.format("t", control)}</View>'
    project = labeled(VICTIM, "t")
    parse: Any = configs.parse_config
    parsed = parse(config)
    type(project).objects.filter(pk=project.pk).update(label_config=config, parsed_label_config=parsed)
    started = time.monotonic()
    exported(project, api)
    assert time.monotonic() - started < 5


def test_repeaters_match_their_indices(labeled: Any, api: Any) -> None:
    project = labeled("labels_0", "page_0", "rectanglelabels")
    url = f"/api/projects/{project.pk}/"
    answer = api.patch(url, {"label_config": REPEATER}, format="json")
    assert answer.status_code == 200, answer.content
    answer = api.patch(url, {"label_config": REPEATER.replace("labels_", "boxes_")}, format="json")
    assert answer.status_code == 400
    assert "labels_0" in exported(project, api)


def test_ordinary_configurations_change_as_before(project: LabelingProject) -> None:
    from support.source_data import region

    project.submit(1, region("cat"))
    made = project.provisioned.project
    url = f"/api/projects/{made.pk}/"
    assert project.api.patch(url, {"label_config": made.label_config}, format="json").status_code == 200
    renamed = made.label_config.replace('name="label"', 'name="other"')
    assert project.api.patch(url, {"label_config": renamed}, format="json").status_code == 400


def test_label_studio_still_uses_what_is_replaced_of_re_and_no_more() -> None:
    from core import label_config
    from label_studio_sdk.converter import converter
    from projects import models

    used = {module: set(re.findall(r"\bre\.(\w+)", inspect.getsource(module))) for module in (label_config, converter)}
    assert used == {label_config: {"compile", "findall"}, converter: {"compile"}}
    assert inspect.getsource(label_config).count("pattern = re.compile(expression)\n") == 3
    assert inspect.getsource(converter).count("re.compile(tag_name_pattern).match(from_name)") == 1
    assert models.check_control_in_config_by_regex.__globals__ is vars(label_config)
    for module in (label_config, converter):
        assert module.re.compile.__module__ == "polardb_bridge.label_studio.names"
