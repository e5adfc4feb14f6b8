"""The documentation has the same pages in both languages, and names only files that are there.

What is generated of it, and its links, `make docs` checks.
"""

import re
from pathlib import Path

import pytest

from polardb_bridge.table.images import decode, limits
from support.what_works import WHAT_WORKS

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "polardb_bridge"
LANGUAGES = ("en", "zh")


def pages(language: str) -> dict[str, str]:
    folder = DOCS / language
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.md")}


def structure(text: str) -> list[str]:
    """The levels of a page's headings, and the languages of its code blocks, in their order."""
    return re.findall(r"^(#{1,6}(?= )|```[^\n]*\n(?=[^`]))", re.sub(r"generated/(en|zh)/", "", text), re.MULTILINE)


def drawing(name: str, language: str) -> str:
    return (DOCS / "images" / f"{name}.{language}.svg").read_text(encoding="utf-8")


def code_of(svg: str) -> list[str]:
    """What stands in a drawing in the font of code."""
    return re.findall(r'class="code"[^>]*>([^<]+)<', svg)


def test_both_languages_have_the_same_pages() -> None:
    assert len(pages("en")) > 10
    assert pages("en").keys() == pages("zh").keys()


@pytest.mark.parametrize("page", sorted(page for page in pages("en") if not page.startswith("errors/")))
def test_a_page_has_the_same_parts_in_both_languages(page: str) -> None:
    english, chinese = (structure(re.sub(r"(ways|floors)\.(en|zh)", r"\1", pages(la)[page])) for la in LANGUAGES)
    assert english
    assert english == chinese


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_file_that_a_page_names_is_there(language: str) -> None:
    named = {
        (page, path)
        for page, text in pages(language).items()
        for path in re.findall(r"`((?:polardb_bridge|tests|bench|dev|docs)/[^`\s]*)`", text)
    }
    assert len(named) > 30
    assert [entry for entry in sorted(named) if not (ROOT / entry[1]).exists()] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_drawing_of_the_floors_has_every_part_of_the_package(language: str) -> None:
    parts = {
        path.stem
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and not path.stem.startswith("__")
    }
    drawn = {part for text in code_of(drawing("floors", language)) for part in re.split(r"[/ ]+", text)}
    # The history of the database is no part that anything imports.
    assert parts - drawn == {"migrations"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_drawing_of_the_two_ways_leads_through_modules_that_are_there(language: str) -> None:
    named = [text for text in code_of(drawing("ways", language)) if "/" in text or text == "background"]
    assert len(named) == 10
    assert [module for module in named if not (PACKAGE / f"{module}.py").exists()] == []


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_every_link_of_a_readme_leads_to_a_file(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    targets = [target for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text) if not target.startswith("https://")]
    assert len(targets) > 10
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_both_readmes_say_the_same() -> None:
    """Section by section: as many headings, links and images, and the same code but for comments and labels."""

    def shape(name: str) -> list[object]:
        text = (ROOT / name).read_text(encoding="utf-8")
        sections = re.split(r"^(#+) .*$", text, flags=re.M)
        code = [re.findall(r"^```(\w*)\n(.*?)^```", part, re.M | re.S) for part in sections]
        links = [len(re.findall(r"\]\(", part)) for part in sections]
        bullets = [len(re.findall(r"^- ", part, re.M)) for part in sections]
        return [
            [part for part in sections if set(part) == {"#"}],
            [[(kind, re.sub(r" *#.*|(?<=labels)\W.*", "", body)) for kind, body in blocks if kind] for blocks in code],
            links,
            bullets,
        ]

    english, chinese = shape("README.md"), shape("README.zh-CN.md")
    assert len(english[0]) > 5  # type: ignore[arg-type]
    assert chinese == english


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_table_of_formats_is_that_of_the_code(language: str) -> None:
    rows = re.findall(r"^\| ([A-Z]+) \| ([A-Z]+) \|.*\| ([\d,]+|–) \|$", pages(language)["reference/images.md"], re.M)
    assert {row[0] for row in rows} == set(decode._FORMATS)
    assert {row[2] for row in rows} == {
        *(f"{n:,}" for n in (limits.MAX_PIXELS, limits.MAX_DECODED_PIXELS, limits.MAX_CONVERTED_PIXELS)),
        "–",
    }
    for name, shown, _ in rows:
        converted = decode._FORMATS[name].converted
        media_type = converted[0] if converted else decode._FORMATS[name].media_type
        assert decode._FORMATS[shown].media_type == media_type


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_line_of_what_works_is_shown_by_tests(language: str) -> None:
    page = pages(language)["reference/what-works.md"]
    sections = [re.findall(r"^\| (.+?) \| .+ \|$", part, re.M)[1:] for part in re.split(r"^## ", page, flags=re.M)[1:]]
    assert sections == [[row[LANGUAGES.index(language)] for row in rows] for rows in WHAT_WORKS]
    for path, test in (name.split("::") for rows in WHAT_WORKS for row in rows for name in row[2]):
        assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), test
