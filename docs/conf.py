"""How Sphinx builds docs/en and docs/zh into site/: `make docs` (docs/build.py)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sphinx.search.zh import SearchChinese

from polardb_bridge import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "PolarDB Bridge"
version = release = __version__

extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpicky = True

html_theme = "furo"
html_title = project
html_static_path = ["static"]
html_css_files = ["docs.css"]
templates_path = ["templates"]
html_copy_source = False
html_show_copyright = False
html_use_index = False
# Furo's own, with the other language below the name.
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/language.html",
        "sidebar/search.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

# Every page of error messages, below the table of all of them.
_ERROR_PAGES = "\n```{toctree}\n:hidden:\n:glob:\n\n*\n```\n"


def list_error_pages(app: Sphinx, page: str, source: list[str]) -> None:
    """The pages of `errors/` are plain Markdown, and there are many: they get their place in the navigation here."""
    if page == "errors/index" and any(other.startswith("errors/") for other in app.env.found_docs - {page}):
        source[0] += _ERROR_PAGES


class SearchByPairs(SearchChinese):
    """Chinese words by pairs of characters: needs no dictionary, and finds all that holds what was typed."""

    _CHINESE = re.compile(r"[\u3400-\u9fff]+")

    def split(self, input: str) -> list[str]:  # noqa: A002  # as Sphinx names it
        words: list[str] = self.latin1_letters.findall(input)
        self.latin_terms.update(words)
        for run in self._CHINESE.findall(input):
            words += [run[start : start + 2] for start in range(max(1, len(run) - 1))]
        return words

    js_splitter_code = r"""
var splitQuery = (query) =>
  [...query.matchAll(/[a-zA-Z0-9_]+|[\u3400-\u9fff]+/g)].flatMap(([word]) =>
    /[a-zA-Z0-9_]/.test(word) || word.length < 3
      ? [word]
      : Array.from({ length: word.length - 1 }, (_, start) => word.slice(start, start + 2)));
"""


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_search_language(SearchByPairs)
    app.connect("source-read", list_error_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
