"""The form of a labeling template. Its text of `tp_schema` is what counts; the fields for labels only write into it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from polardb_bridge.characters import isolated
from polardb_bridge.deployments.console.excerpts import around
from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.deployments.console.template_fields import fields, fields_by_type
from polardb_bridge.deployments.interfaces import checked_config
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.labeling import SUPPORTED_TYPES, NotJsonError, parse_text
from polardb_bridge.table.template_rows import TemplateRow, as_json, from_json
from polardb_bridge.table.templates import parse_schema

NEW = TemplateRow("", "", f'{{\n  "type": "{SUPPORTED_TYPES[0]}",\n  "labels": []\n}}', is_active=True)
# Of the line with an error, on each side of it.
_CHARACTERS_SHOWN = 40
_CHARACTERS_OF_CHANGES = 300


@dataclass(frozen=True)
class Problem:
    """Why DEPLOY would refuse a text of `tp_schema`.

    part: the member of `tp_schema`, such as `labels`; empty if it is the whole. before, wrong, after: around the place,
    if the text is no JSON.
    """

    message: str
    part: str = ""
    before: str = ""
    wrong: str = ""
    after: str = ""


def config_of(schema: str, name: str) -> str | Problem:
    """The labeling config of a text of `tp_schema`, or what DEPLOY would say of it. name: of the template."""
    try:
        return checked_config(parse_text(schema), name)
    except NotJsonError as error:
        before, wrong, after = around(schema, error.line, error.column, _CHARACTERS_SHOWN)
        return Problem(in_page_language(str(error)), "", before, wrong or " ", after)
    except InvalidInputError as error:
        return Problem(in_page_language(str(error)), (error.field or "").partition(".")[2])


class TemplateForm(forms.Form):
    """before: the row that was shown, as `as_json` writes it; empty for a new one."""

    name = forms.CharField(label=gettext_lazy("Name"), max_length=255)
    description = forms.CharField(
        label=gettext_lazy("Description"), required=False, widget=forms.Textarea(attrs={"rows": 2})
    )
    is_active = forms.BooleanField(label=gettext_lazy("Active: can be deployed"), required=False)
    schema = forms.CharField(strip=False, widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false"}))
    before = forms.CharField(required=False, strip=False, widget=forms.HiddenInput)

    data: Any
    types = fields_by_type()
    simple = fields()

    def __init__(self, data: Any = None, *, shown: TemplateRow = NEW, is_new: bool = True) -> None:
        initial = {**vars(shown), "before": "" if is_new else as_json(shown)}
        super().__init__(data, initial=initial)
        self.problem: Problem | None = None

    def clean_description(self) -> str:
        return with_plain_breaks(self.cleaned_data["description"])

    def clean_schema(self) -> str:
        return with_plain_breaks(self.cleaned_data["schema"])

    def clean(self) -> None:
        found = config_of(self.cleaned_data.get("schema", ""), self.cleaned_data.get("name", ""))
        if isinstance(found, Problem):
            self.problem = found
            self.add_error(None, found.message)

    def row(self) -> TemplateRow:
        """What the valid form says."""
        values = self.cleaned_data
        return TemplateRow(values["name"], values["description"], values["schema"], values["is_active"])

    def row_before(self) -> TemplateRow:
        """The row that was shown; an empty one if the form does not tell."""
        return from_json(str(self["before"].value() or "")) or TemplateRow("", "", "", is_active=False)

    def after_change_by_others(self, found: TemplateRow) -> None:
        """Have the next save replace the row as it is now."""
        self.data = self.data.copy()
        self.data["before"] = as_json(found)

    def becomes_new(self) -> None:
        """Have the next save add it."""
        self.data = self.data.copy()
        self.data["before"] = ""


def changes_in_words(before: TemplateRow, now: TemplateRow) -> list[str]:
    """What others have changed."""
    changes = []
    for field in before.differences(now):
        if field == "is_active":
            changes.append(_("activated") if now.is_active else _("deactivated"))
        elif field == "schema":
            changes += _of_schema(before.schema, now.schema)
        elif field == "name":
            changes.append(_("name: {was} → {now}").format(was=isolated(before.name), now=isolated(now.name)))
        else:
            was, is_now = _short(before.description), _short(now.description)
            changes.append(_("description: {was} → {now}").format(was=was, now=is_now))
    return changes


def _of_schema(before: str, now: str) -> list[str]:
    was, has = _labels(before), _labels(now)
    changes = []
    if added := [label for label in has if label not in was]:
        changes.append(_("labels added: {labels}").format(labels=_short(", ".join(added))))
    if removed := [label for label in was if label not in has]:
        changes.append(_("labels removed: {labels}").format(labels=_short(", ".join(removed))))
    return changes or [_("tp_schema: {was} → {now}").format(was=_short(before), now=_short(now))]


def _labels(schema: str) -> dict[str, None]:
    parsed = parse_schema(schema)
    labels = parsed.get("labels") if isinstance(parsed, dict) and "type" in parsed else None
    return dict.fromkeys(label for label in labels if isinstance(label, str)) if isinstance(labels, list) else {}


def _short(text: str) -> str:
    return isolated(text if len(text) <= _CHARACTERS_OF_CHANGES else text[:_CHARACTERS_OF_CHANGES] + "…")


def with_plain_breaks(text: str) -> str:
    """The text, in which browsers send the line breaks of Windows, as it was typed."""
    return text.replace("\r\n", "\n")
