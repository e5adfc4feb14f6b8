"""What the wizard and the cards say, and what Label Studio says between: it does so in English only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from django.utils import translation
from django.utils.translation import gettext_noop as _

# Label Studio's own words in its storage wizard and on its cards (tests/integration/test_storage_wizard.py).
LABEL_STUDIOS = (
    _(
        "Use cloud or database storage as the source for your labeling tasks or the target of your completed "
        "annotations."
    ),
    _("Add your first cloud storage"),
    _("Learn more"),
    _("Source Cloud Storage"),
    _("Target Cloud Storage"),
    _("Add Source Storage"),
    _("Add Target Storage"),
    _("Connect Source Storage"),
    _("Connect Target Storage"),
    _("Edit Source Storage"),
    _("Edit Target Storage"),
    _("Import your data from cloud storage providers"),
    _("Choose your cloud storage provider"),
    _("Select the cloud storage service where your data is stored"),
    _("Storage Provider"),
    _("Select Provider"),
    _("Configure Connection"),
    _("Import Settings & Preview"),
    _("Review & Confirm"),
    _("Storage Title"),
    _("Enter a descriptive name (e.g., 'Legal Documents', 'Training Data')"),
    _("This name will help you identify this connection in your project"),
    _("Storage title is required"),
    _("Previous"),
    _("Next"),
    _("Test Connection"),
    _("Connection Verified"),
    _("Load Preview"),
    _("✓ Preview Loaded"),
    _("Save"),
    _("Save & Sync"),
    _("Edit"),
    _("Delete"),
    _("Storage options"),
    _("Sync Storage"),
    _("Deleting storage"),
    _("This action cannot be undone. Are you sure?"),
    _("Type"),
    _("Status"),
    _("Tasks"),
    _("Annotations"),
    _("Last Sync"),
    _("Not synced yet"),
    _("Initialized"),
    _("Queued"),
    _("In progress"),
    _("Failed"),
    _("Completed"),
    _("Completed with errors"),
    _(" (View Logs)"),
    # It is ours, and comes in the server's list of storage types.
    _("PolarDB table"),
)
_SAID = re.compile(r'\bt\(("(?:[^"\\]|\\.)+")')


def said_in(script: str) -> list[str]:
    """The texts that a script hands to its function `t`."""
    return [json.loads(text) for text in _SAID.findall(script)]


def translations(texts: Iterable[str]) -> dict[str, str]:
    """The texts that read differently in the active language, with what they are there."""
    return {text: said for text in texts if (said := translation.gettext(text)) != text}
