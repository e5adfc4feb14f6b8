"""The Data Manager performs what it offers, and nothing else by its name."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from django.conf import settings as django_settings

from support.labeling import LabelingProject
from support.source_data import region
from support.writeback import run_action

EXPERIMENTAL = ("add_data_field", "cache_labels", "propagate_annotations", "rename_labels")


def offered(project: LabelingProject) -> set[str]:
    answer = project.api.get(f"/api/dm/actions/?project={project.provisioned.project.pk}")
    return {action["id"] for action in answer.json()}


def perform(project: LabelingProject, name: str) -> Any:
    return project.api.post(
        f"/api/dm/actions/?id={name}&project={project.provisioned.project.pk}",
        {
            "selectedItems": {"all": True, "excluded": []},
            "value_name": "bomb",
            "value_type": "Expression",
            "value": "id" * 10_000,
        },
        format="json",
    )


@pytest.mark.parametrize("name", [*EXPERIMENTAL, "no_such_action"])
def test_what_is_not_offered_is_refused_to_administrators_too(name: str, project: LabelingProject) -> None:
    from tasks.models import Task

    assert name not in offered(project)
    answer = perform(project, name)
    assert answer.status_code == 403
    assert answer.json()["detail"] == f"The action {name} is not offered to you in this project."
    assert not any("bomb" in task.data for task in Task.objects.all())


@pytest.mark.parametrize("name", [*EXPERIMENTAL, "no_such_action"])
def test_nor_is_its_form_shown(name: str, project: LabelingProject, settings: Any) -> None:
    path = f"/api/dm/actions/{name}/form?project={project.provisioned.project.pk}"
    assert project.api.get(path).status_code == 403
    for offered in ("delete_tasks", "retrieve_tasks_predictions"):
        assert project.api.get(path.replace(name, offered)).status_code == 200
    settings.EXPERIMENTAL_FEATURES = True
    assert project.api.get(path).status_code == (403 if name == "no_such_action" else 200)


def test_what_is_offered_works(project: LabelingProject) -> None:
    """Each that an installation offers by default, the last one deletes the tasks."""
    expected = [
        "retrieve_tasks_predictions",
        "predictions_to_annotations",
        "delete_tasks_predictions",
        "delete_tasks_annotations",
        "remove_duplicates",
        "delete_tasks",
    ]
    assert offered(project) == set(expected)
    for name in expected:
        run_action(project, name, *project.tasks)


def test_the_labeling_stream_gets_its_next_task(project: LabelingProject) -> None:
    """The page asks for it by an action that is in no list."""
    assert run_action(project, "next_task", *project.tasks)["id"] in {task.pk for task in project.tasks.values()}


def test_experimental_actions_work_where_they_are_turned_on(project: LabelingProject, settings: Any) -> None:
    settings.EXPERIMENTAL_FEATURES = True
    assert offered(project) >= set(EXPERIMENTAL)
    project.submit(1, region("cat"))
    run_action(project, "rename_labels", 1, old_label_name="cat", new_label_name="dog", control_tag="label")
    assert project.tasks[1].annotations.get().result[0]["value"]["rectanglelabels"] == ["dog"]


def test_label_studio_still_performs_actions_by_the_function_that_is_wrapped() -> None:
    """And still hides what we think: an action that it adds to the hidden ones is refused until it is looked at."""
    from data_manager import actions, api

    assert actions.perform_action.__wrapped__.__module__ == "data_manager.actions"
    assert api.perform_action is actions.perform_action
    assert actions.get_action_form.__wrapped__.__module__ == "data_manager.actions"
    assert api.get_action_form is actions.get_action_form
    assert "get_action_form(action_id, project, request.user)" in inspect.getsource(api.ProjectActionsFormAPI.get)
    assert "perform_action(action_id, project, queryset, request.user, **kwargs)" in inspect.getsource(
        api.ProjectActionsAPI.post
    )
    hidden = {name for name, action in django_settings.DATA_MANAGER_ACTIONS.items() if action.get("hidden")}
    experimental = {name for name, action in django_settings.DATA_MANAGER_ACTIONS.items() if action.get("experimental")}
    assert (hidden, experimental) == ({"next_task"}, set(EXPERIMENTAL))
