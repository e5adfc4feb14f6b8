"""Label Studio's frontend, as far as our storage form depends on it."""

from __future__ import annotations

import re
from pathlib import Path

# Names that the storage wizard's parts give one another, and how often each pattern is in main.js: where a part is
# defined, and where it is used. storage/ui/ recognises the parts by them (tests/integration/test_storage_wizard.py).
_WIZARD_PATTERNS = {
    rb"\bstorageTypes:[\w$]+,providers:[\w$]+": 2,
    rb"\bfilesPreview:[\w$]+,formatSize:[\w$]+,onImportSettingsChange\b": 2,
}
# Under this name, and no other, Label Studio's frontend opens its storage wizard (libs/core, feature flags).
WIZARD_ENVIRONMENT = "opensource"


def can_extend_storage_wizard(react_app: Path) -> bool:
    """Whether the frontend in the folder `react_app` has the storage wizard that storage/ui/ adds a provider to.

    The wizard's providers are compiled into Label Studio's frontend, and it opens any other type of storage as an
    empty Amazon S3 form. Without the wizard, the page draws its forms from `form_layout.yml`.
    """
    try:
        script = (react_app / "main.js").read_bytes()
    except OSError:
        return False
    return all(len(re.findall(pattern, script)) == times for pattern, times in _WIZARD_PATTERNS.items())


def storage_form_environment(react_app: Path) -> str:
    """The value of FRONTEND_SENTRY_ENVIRONMENT that makes the Cloud Storage page open a form that we can fill."""
    return WIZARD_ENVIRONMENT if can_extend_storage_wizard(react_app) else "opensource-polardb"
