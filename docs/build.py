"""Build the documentation into site/: what is generated from the code, then a site for each language.

Run as `python -m docs.build`. Fails on a broken link, an unknown anchor, and a page that is not in the navigation.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

from docs.generate import generate

DOCS = Path(__file__).parent
SITE = DOCS.parent / "site"
GENERATED = DOCS / "generated"
# The folders of pages, and the languages of Sphinx's own words.
LANGUAGES = {"en": "en", "zh": "zh_CN"}


def main() -> int:
    """Build both; the exit code."""
    for outdated in (SITE, GENERATED):
        shutil.rmtree(outdated, ignore_errors=True)
    generate(GENERATED)
    failed = 0
    for folder, language in LANGUAGES.items():
        failed |= build_main(
            [
                *("--quiet", "--fail-on-warning", "--jobs", "auto"),
                *("-c", str(DOCS), "-d", str(GENERATED / f"doctrees-{folder}"), "-D", f"language={language}"),
                *(str(DOCS / folder), str(SITE / folder)),
            ]
        )
    shutil.copy(DOCS / "site.html", SITE / "index.html")
    if not failed:
        print(f"The documentation is built: {SITE / 'index.html'}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
