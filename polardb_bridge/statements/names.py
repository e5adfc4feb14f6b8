"""Names of deployments, of models, and of the allow-lists that belong to deployments."""

from __future__ import annotations

import re

MAX_NAME_LENGTH = 64
ALLOW_LIST_PREFIX = "model_"
MAX_ALLOW_LIST_NAME_LENGTH = len(ALLOW_LIST_PREFIX) + MAX_NAME_LENGTH

_NAME = re.compile(r"[A-Za-z0-9_-]+")


def is_name(text: str, max_length: int = MAX_NAME_LENGTH) -> bool:
    """Whether `text` can be a name; `name_rule` says what one is."""
    return len(text) <= max_length and _NAME.fullmatch(text) is not None


def name_rule(max_length: int = MAX_NAME_LENGTH) -> str:
    """What `is_name` asks for, to end a sentence with: "… must be 1 to 64 letters (a-z, A-Z), digits, _ and -"."""
    return f"1 to {max_length} letters (a-z, A-Z), digits, _ and -"


def allow_list_name(deployment_name: str) -> str:
    """What the allow-list of this deployment is called in statements."""
    return f"{ALLOW_LIST_PREFIX}{deployment_name}"
