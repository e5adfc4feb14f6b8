"""What the labeling editor gets from Label Studio's API."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from label_studio_sdk._extensions.label_studio_tools.core.label_config import parse_config

from polardb_bridge.label_studio.editor import CONFIG_OF_EDITOR
from support.labeling import LabelingProject
from support.source_data import region

IMAGE = '<Image name="image" value="$image"/>'


def test_the_frontend_takes_the_config_of_the_editor_first() -> None:
    """Where this fails, Label Studio's frontend has changed: see what its editor makes of labels that are gone."""
    scripts = [path.read_text(encoding="utf-8") for path in Path(settings.REACT_APP_ROOT).glob("*.js")]
    getter = re.compile(rf"\.project\.{CONFIG_OF_EDITOR}\)?[^;]{{0,60}}\.project\.label_config\b")
    assert sum(len(getter.findall(script)) for script in scripts) == 1


def test_the_editor_gets_labels_that_are_gone_and_everything_else_does_not(
    project: LabelingProject, django_assert_max_num_queries: Any
) -> None:
    made = project.provisioned.project
    stored = made.label_config
    where = {"project": made.pk}
    assert CONFIG_OF_EDITOR not in project.api.get("/api/dm/project/", where).json()
    project.submit(1, region("cat"), region("horse"))
    project.submit(1, region("$image"), region("a\x08b"), {**region("far"), "from_name": "elsewhere"})
    draft = {"result": [region("draft")]}
    project.api.post(f"/api/tasks/{project.tasks[2].pk}/drafts", draft, format="json")
    state = project.api.get("/api/dm/project/", where).json()
    assert state["label_config"] == stored
    found = parse_config(state[CONFIG_OF_EDITOR])["label"]["labels"]  # type: ignore[no-untyped-call]
    known = list(parse_config(stored)["label"]["labels"])  # type: ignore[no-untyped-call]
    assert list(found) == [*known, "$image", "draft", "horse"]
    made.refresh_from_db()
    assert made.label_config == stored
    shown = project.api.get(f"/api/projects/{made.pk}/").json()
    assert shown["label_config"] == stored
    assert CONFIG_OF_EDITOR not in shown


@pytest.mark.parametrize(
    "config",
    [
        f'<View>{IMAGE}<Choices name="label" toName="image"><Choice value="cat"/></Choices></View>',
        f'<View>{IMAGE}<RectangleLabels name="label" toName="image" value="$labels"/></View>',
        f'<View>{IMAGE}<Rectangle name="label" toName="image"/></View>',
        f"<View>{IMAGE}</View>",
    ],
)
def test_an_interface_without_a_list_of_labels_stays(project: LabelingProject, config: str) -> None:
    project.submit(1, region("horse"))
    made = project.provisioned.project
    type(made).objects.filter(pk=made.pk).update(label_config=config)
    answer = project.api.get("/api/dm/project/", {"project": made.pk})
    assert answer.status_code == 200
    assert CONFIG_OF_EDITOR not in answer.json()
