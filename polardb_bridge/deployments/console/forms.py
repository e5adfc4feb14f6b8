"""The form of DEPLOY MODEL, with choices read from the database."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from polardb_bridge.characters import isolated
from polardb_bridge.choices import ExistingAnnotations, ImageDelivery
from polardb_bridge.errors import BridgeError
from polardb_bridge.statements.names import is_name
from polardb_bridge.statements.syntax import MODEL, DeployModel
from polardb_bridge.table.asked_mapping import NOTHING_ASKED, AskedMapping
from polardb_bridge.table.catalog import Offer

_NAME_RULE = _("1 to 64 letters, digits, _ and -")


class DeployForm(forms.Form):
    """Only what makes a statement is checked here; the statement checks the rest."""

    template = forms.ChoiceField(label=_("Template"))
    source = forms.ChoiceField(label=_("Source table"))
    # As the script beside the form writes it; without one, the table has the documented layout.
    mapping = forms.CharField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(label=_("Deployment name"), help_text=_NAME_RULE)
    title = forms.CharField(
        label=_("Project title"),
        required=False,
        min_length=settings.PROJECT_TITLE_MIN_LEN,
        max_length=settings.PROJECT_TITLE_MAX_LEN,
        help_text=_("The name, if left empty"),
    )
    image_delivery = forms.ChoiceField(
        label=_("Images"),
        choices=[
            (ImageDelivery.AUTO, _("Whichever suits the table's size")),
            (ImageDelivery.LINK, _("By link")),
            (ImageDelivery.DATA_URI, _("Inside the tasks")),
        ],
    )
    existing_annotations = forms.ChoiceField(
        label=_("Results in the rows"),
        choices=[
            (ExistingAnnotations.ANNOTATIONS, _("Bring in as annotations")),
            (ExistingAnnotations.PREDICTIONS, _("Bring in as predictions")),
            (ExistingAnnotations.IGNORE, _("Leave them out")),
        ],
    )

    result_table = forms.CharField(
        label=_("Result table"),
        required=False,
        max_length=64,
        help_text=_("Made by create_tables --results; empty: results go into the rows"),
    )

    def __init__(self, templates: list[Offer], tables: list[Offer], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._named = _named(templates)
        self.fields["template"].choices = [
            (offer.value, f"{offer.value}: {isolated(offer.label)}") for offer in templates
        ]
        self.fields["source"].choices = _grouped(tables)

    def clean_mapping(self) -> AskedMapping:
        text: str = self.cleaned_data["mapping"]
        try:
            return AskedMapping.from_json(json.loads(text)) if text else NOTHING_ASKED
        except (ValueError, RecursionError, BridgeError) as error:
            raise forms.ValidationError(str(error)) from None

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not is_name(name):
            raise forms.ValidationError(_NAME_RULE)
        return name

    def statement(self) -> DeployModel:
        """The statement of the valid form."""
        values = self.cleaned_data
        return DeployModel(
            model=MODEL,
            name=values["name"],
            template_id=self._named[values["template"]],
            source=values["source"],
            title=values["title"] or None,
            mapping=values["mapping"],
            image_delivery=ImageDelivery(values["image_delivery"]),
            existing_annotations=ExistingAnnotations(values["existing_annotations"]),
            result_table=values["result_table"] or None,
        )


def _grouped(tables: list[Offer]) -> list[tuple[Any, Any]]:
    """The choices of a select: tables of the documented layout, and behind them the others."""
    documented, others = (
        [
            (offer.value, _("{table} (about {rows} rows)").format(table=isolated(offer.label), rows=offer.rows))
            for offer in tables
            if offer.is_documented is is_documented
        ]
        for is_documented in (True, False)
    )
    return [*documented, *([(_("With other columns"), others)] if others else [])]


def _named(templates: list[Offer]) -> dict[str, str]:
    """By id, what the statement calls a template: two may have one name in a table that others have made."""
    names = Counter(template.as_typed for template in templates)
    return {each.value: each.as_typed if names[each.as_typed] == 1 else each.value for each in templates}
