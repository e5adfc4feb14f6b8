"""The parts of the reference that come from the code, as Markdown that the pages include.

Nothing here repeats what the code says: commands come from their parsers, statements from their grammar and options,
settings from their defaults, the REST API from its schema. What the code does not say, `texts.yml` does, in both
languages; an entry that is missing there, or that nothing is named after any more, ends the build.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def generate(folder: Path) -> None:
    """Write `folder`/<language>/<part>.md and `folder`/openapi.yaml.

    Raises:
        MissingTextError: the code and `texts.yml` do not name the same things.
    """
    with tempfile.TemporaryDirectory() as data_folder:
        _set_up_label_studio(data_folder)
        from docs.generate import commands, rest_api, settings, statements
        from docs.generate.texts import LANGUAGES, Texts

        schema = rest_api.schema()
        for language in LANGUAGES:
            texts = Texts(language)
            parts = {
                "commands": commands.page(texts),
                "console": commands.console(texts),
                "options": statements.options(texts),
                "answers": statements.answers(texts),
                "settings": settings.page(texts),
                "container": settings.container(texts),
                "rest-api": rest_api.page(schema, texts),
            }
            (folder / language).mkdir(parents=True)
            for name, text in parts.items():
                (folder / language / f"{name}.md").write_text(text, encoding="utf-8")
        for name, text in {"grammar.txt": statements.grammar(), "openapi.yaml": rest_api.as_yaml(schema)}.items():
            (folder / name).write_text(text, encoding="utf-8")


def _set_up_label_studio(data_folder: str) -> None:
    """Its settings and models; of its database, nothing is read."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings",
        "DJANGO_DB": "sqlite",
        "LABEL_STUDIO_BASE_DATA_DIR": data_folder,
        "SECRET_KEY": "documentation",
        "LOG_LEVEL": "ERROR",
    }
    import django

    django.setup()
