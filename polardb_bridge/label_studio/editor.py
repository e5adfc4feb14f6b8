"""What the labeling editor is given."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

# The frontend takes the labeling config from here, if it is there, and from `label_config` otherwise (libs/datamanager,
# stores/AppStore.js, `labelingConfig`); Label Studio's server leaves it out.
CONFIG_OF_EDITOR = "label_config_line"


def change_config(config_for: Callable[[int, str], str]) -> None:
    """Have the editor work with `config_for(project id, labeling config)`, and all others with the config itself.

    The Data Manager asks its own API for the project (data_manager/api.py), which nothing else does: the page that
    changes the labeling interface gets it as it is stored.
    """
    from data_manager.api import ProjectStateAPI

    original = ProjectStateAPI.get

    @wraps(original)
    def get(self: Any, request: Any) -> Any:
        response = original(self, request)
        config = response.data["label_config"]
        changed = config_for(response.data["id"], config)
        if changed != config:
            response.data[CONFIG_OF_EDITOR] = changed
        return response

    ProjectStateAPI.get = get
