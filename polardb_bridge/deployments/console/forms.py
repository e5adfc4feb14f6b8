"""The form of DEPLOY MODEL, with choices read from the database."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from polardb_bridge.deployments.statements import DeployModel
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.table.choices import Choice


class DeployForm(forms.Form):
    """Only what makes a statement is checked here; the statement checks the rest."""

    template = forms.ChoiceField(label=_("Template"))
    source = forms.ChoiceField(label=_("Source table"))
    name = forms.RegexField(
        r"^[A-Za-z0-9_-]{1,64}$",
        label=_("Deployment name"),
        help_text=_("1 to 64 letters, digits, _ and -"),
        error_messages={"invalid": _("1 to 64 letters, digits, _ and -")},
    )
    title = forms.CharField(
        label=_("Project title"), required=False, min_length=3, max_length=50, help_text=_("The name, if left empty")
    )
    image_delivery = forms.ChoiceField(
        label=_("Images"),
        choices=[
            (PolarDBImportStorage.ImageDelivery.AUTO, _("As fits the table's size")),
            (PolarDBImportStorage.ImageDelivery.LINK, _("By link")),
            (PolarDBImportStorage.ImageDelivery.DATA_URI, _("Inside the tasks")),
        ],
    )
    existing_annotations = forms.ChoiceField(
        label=_("Results in the rows"),
        choices=[
            (PolarDBImportStorage.ExistingAnnotations.ANNOTATIONS, _("Bring in as annotations")),
            (PolarDBImportStorage.ExistingAnnotations.PREDICTIONS, _("Bring in as predictions")),
            (PolarDBImportStorage.ExistingAnnotations.IGNORE, _("Leave them out")),
        ],
    )

    def __init__(self, templates: list[Choice], tables: list[Choice], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["template"].choices = [(choice.value, f"{choice.value}: {choice.label}") for choice in templates]
        self.fields["source"].choices = [
            (choice.value, _("{table} (about {rows} rows)").format(table=choice.label, rows=choice.rows))
            for choice in tables
        ]

    def statement(self) -> DeployModel:
        """The statement of the valid form."""
        values = self.cleaned_data
        return DeployModel(
            model="Label-Studio",
            name=values["name"],
            template_id=values["template"],
            source=values["source"],
            title=values["title"] or None,
            image_delivery=values["image_delivery"],
            existing_annotations=values["existing_annotations"],
        )
