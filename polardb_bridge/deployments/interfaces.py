"""The labeling interface of a template: its labeling config, as Label Studio takes it."""

from __future__ import annotations

from typing import Any

from core.label_config import validate_label_config
from django.utils.translation import gettext
from rest_framework.exceptions import ValidationError

from polardb_bridge.conf import configuration
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.label_studio.limits import check_config
from polardb_bridge.labeling import labeling_config


def checked_config(schema: Any, template: str) -> str:
    """The labeling config of a template's parsed `tp_schema`. template: what messages call it.

    Raises:
        InvalidInputError: the schema is not one that is supported, or Label Studio does not accept what it says.
    """
    config = labeling_config(schema, gettext)
    is_own = "label_config" in schema
    try:
        if is_own:
            check_config(config, configuration().limits)
        validate_label_config(config)
    except ValidationError as error:
        reason = " ".join(map(str, error.detail)) if isinstance(error.detail, list) else str(error)
        if is_own:
            raise InvalidInputError(
                f"tp_schema: Label Studio does not accept label_config: {reason}", field="tp_schema.label_config"
            ) from None
        raise InvalidInputError(f"Label Studio does not accept the labels of template {template!r}: {reason}") from None
    return config


def check_schema(schema: Any, template: str) -> None:
    """Raise what `checked_config` would, without asking Label Studio about mere labels: for lists of templates.

    Raises:
        InvalidInputError: as there.
    """
    if isinstance(schema, dict) and "label_config" in schema:
        checked_config(schema, template)
    else:
        labeling_config(schema)
