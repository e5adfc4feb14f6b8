"""The fields of a storage's form, for both of the forms that Label Studio can draw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.utils.io import read_yaml
from django.db.models import Model
from django.utils import translation
from django.utils.translation import gettext as _

from polardb_bridge.choices import TlsMode
from polardb_bridge.conf import configuration
from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage

_LAYOUT_FILE = Path(__file__).with_name("form_layout.yml")
_MODELS: dict[str, type[Model]] = {"ImportStorage": PolarDBImportStorage, "ExportStorage": PolarDBExportStorage}

# Of a field: what a person reads, in the active language.
_READ = ("label", "description")

FormLayout = dict[str, list[dict[str, Any]]]


def read_form_layout() -> FormLayout:
    """By direction ("ImportStorage", "ExportStorage"), the rows of the form, complete with all options."""
    return complete(read_yaml(_LAYOUT_FILE))


def said_in_forms() -> set[str]:
    """What a person reads in the forms, as `form_layout.yml` has it; the names of choices stand elsewhere."""
    layout = read_yaml(_LAYOUT_FILE)
    fields = [field for direction in _MODELS for row in layout[direction] for field in row["fields"]]
    texts = {field[name] for field in fields for name in _READ if name in field}
    return texts.union(*(field.get("explanations", {}).values() for field in fields))


def complete(layout: FormLayout) -> FormLayout:
    """Give each select of a layout, as read from `form_layout.yml`, the choices that its model's field has now."""
    return {
        direction: [
            {**row, "fields": [_complete_field(model, field) for field in row["fields"]]} for row in layout[direction]
        ]
        for direction, model in _MODELS.items()
    }


def _complete_field(model: type[Model], field: dict[str, Any]) -> dict[str, Any]:
    field = {key: translation.gettext(value) if key in _READ else value for key, value in field.items()}
    if field["type"] != "select":
        return field
    if field["name"] == "tls" and configuration().tls_ca:
        # There is an authority that signs the certificates of these servers.
        field = {**field, "value": TlsMode.VERIFY_IDENTITY.value}
    explanations = field.pop("explanations", {})
    names = [(value, translation.gettext(name)) for value, name in model._meta.get_field(field["name"]).choices]
    return {
        **field,
        "options": [
            {"value": value, "name": name, "label": _label(name, explanations.get(value))} for value, name in names
        ],
    }


def _label(name: str, explanation: str | None) -> str:
    if explanation is None:
        return name
    return str(_("{name}: {meaning}")).format(name=name, meaning=translation.gettext(explanation))
