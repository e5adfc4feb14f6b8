"""The fields of a storage's form, for both of the forms that Label Studio can draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.utils.io import read_yaml
from django.db.models import Model

from polardb_bridge.choices import TlsMode
from polardb_bridge.conf import configuration
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage

_LAYOUT_FILE = Path(__file__).with_name("form_layout.yml")
_MODELS: dict[str, type[Model]] = {"ImportStorage": PolarDBImportStorage, "ExportStorage": PolarDBExportStorage}

FormLayout = dict[str, list[dict[str, Any]]]


def read_form_layout() -> FormLayout:
    """By direction ("ImportStorage", "ExportStorage"), the rows of the form, complete with all options."""
    return complete(read_yaml(_LAYOUT_FILE))


def complete(layout: FormLayout) -> FormLayout:
    """Give each select of a layout, as read from `form_layout.yml`, the choices that its model's field has now."""
    return {
        direction: [
            {**row, "fields": [_complete_field(model, field) for field in row["fields"]]} for row in layout[direction]
        ]
        for direction, model in _MODELS.items()
    }


def _complete_field(model: type[Model], field: dict[str, Any]) -> dict[str, Any]:
    if field["type"] != "select":
        return field
    if field["name"] == "tls" and configuration().tls_ca:
        # There is an authority that signs the certificates of these servers.
        field = {**field, "value": TlsMode.VERIFY_IDENTITY.value}
    explanations = field.get("explanations", {})
    return {
        **{key: value for key, value in field.items() if key != "explanations"},
        "options": [
            {"value": value, "name": name, "label": f"{name}: {explanations[value]}" if value in explanations else name}
            for value, name in model._meta.get_field(field["name"]).choices
        ],
    }
