"""How Sphinx builds docs/en and docs/zh into site/: `make docs` (docs/build.py)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sphinx.search.en import SearchEnglish

from polardb_bridge import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "PolarDB Bridge"
version = release = __version__

extensions = ["myst_parser"]
myst_heading_anchors = 4
nitpicky = True
# Messages and statements are shown as they are.
smartquotes = False

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


# The end of a line within a paragraph would be shown as a space, which Chinese does not have between words.
_LINE_END = re.compile(
    r"(?<=[，。；：、（）])\n(?=[^\s#|>*+\-:(`\d]|`(?!``))|(?<=[\u3400-\u9fff])\n(?=[\u3400-\u9fff])"
)


def join_chinese_lines(app: Sphinx, page: str, source: list[str]) -> None:
    source[0] = _LINE_END.sub("", source[0])


class SearchByPairs(SearchEnglish):
    """Chinese text by pairs of characters, the rest as English: finds all that holds what was typed.

    Sphinx's own Chinese search needs a dictionary (jieba), and its script fails in the browser (Sphinx 9.0 names a
    `ChineseStemmer` that it does not define).
    """

    lang = "zh"
    _LATIN = re.compile(r"[a-zA-Z0-9_]+")
    _CHINESE = re.compile(r"[\u3400-\u9fff]+")

    def split(self, input: str) -> list[str]:  # noqa: A002  # as Sphinx names it
        words: list[str] = self._LATIN.findall(input)
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
    app.connect("source-read", join_chinese_lines)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
