"""The Data Manager's actions: those that it shows, and no others."""

from __future__ import annotations

from functools import wraps
from typing import Any

from rest_framework.exceptions import PermissionDenied

# Hidden from the list because no button of it: the labeling stream asks for its next task so.
_ASKED_BY_THE_PAGES = frozenset({"next_task"})


def refuse_actions_not_offered() -> None:
    """Perform only what `GET /api/dm/actions/` lists for the project and the user, and what the pages ask for unlisted.

    Label Studio leaves experimental actions out of the list and performs them all the same for whoever knows their
    names (data_manager/actions/__init__.py, perform_action). They take unbounded time and memory. The same goes for the
    forms of actions (get_action_form).
    """
    from data_manager import actions, api

    perform, form = actions.perform_action, actions.get_action_form

    def check(action_id: str, project: Any, user: Any) -> None:
        offered = {action["id"] for action in actions.get_all_actions(user, project)}
        if action_id not in offered | _ASKED_BY_THE_PAGES:
            raise PermissionDenied(f"The action {action_id} is not offered to you in this project.")

    @wraps(perform)
    def perform_action(action_id: str, project: Any, queryset: Any, user: Any, **kwargs: Any) -> Any:
        check(action_id, project, user)
        return perform(action_id, project, queryset, user, **kwargs)

    @wraps(form)
    def get_action_form(action_id: str, project: Any, user: Any) -> Any:
        check(action_id, project, user)
        return form(action_id, project, user)

    actions.perform_action = api.perform_action = perform_action
    actions.get_action_form = api.get_action_form = get_action_form
