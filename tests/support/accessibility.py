"""What axe finds on a page: in light and dark, in English and Chinese, on a wide and on a narrow screen."""

from __future__ import annotations

from collections.abc import Iterator

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

# Of theme, language and width in pixels: each with each of the others, and not all three with all.
LOOKS = (("Light", "en", 1280), ("Light", "zh-hans", 400), ("Dark", "en", 400), ("Dark", "zh-hans", 1280))
# What axe calls serious or critical keeps somebody from using the page.
_GRAVE = ("serious", "critical")


def looks(page: Page) -> Iterator[str]:
    """Show the page of ours that is open in each of LOOKS; a name for each.

    The page is loaded anew, so it must be one that a GET shows.
    """
    address = page.url.partition("#")[0].partition("?")[0]
    for theme, language, width in LOOKS:
        page.evaluate("theme => localStorage.setItem('preferred-color-scheme', theme)", theme)
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{address}?language={language}")
        assert page.evaluate("document.documentElement.dataset.colorScheme") == theme.lower()
        yield f"{theme.lower()}-{language}-{width}"
    page.evaluate("localStorage.removeItem('preferred-color-scheme')")
    page.goto(f"{address}?language=en")


def expect_accessible(page: Page) -> None:
    """No serious finding on the page as it is, and nothing that must be scrolled to the side."""
    found = Axe().run(page).response["violations"]
    grave = [
        f"{finding['id']}: {node['html'][:200]} {node.get('failureSummary', '')}"
        for finding in found
        if finding["impact"] in _GRAVE
        for node in finding["nodes"]
    ]
    assert grave == [], f"{page.url}: {grave}"
    overhang = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overhang <= 0, f"{page.url} is {overhang} px too wide"
