"""Everything that pages of ours say is there in Chinese, and what is compiled is what was written."""

from __future__ import annotations

import ast
import io
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

from polardb_bridge.choices import ExistingAnnotations, ImageDelivery, TlsMode
from polardb_bridge.storage.form import said_in_forms
from polardb_bridge.storage.ui.words import said_in

PACKAGE = Path(__file__).parents[2] / "polardb_bridge"
CATALOGS = sorted(PACKAGE.glob("locale/*/LC_MESSAGES/django.po"))


def messages_of_pages() -> set[Any]:
    """What templates, Python modules and the wizard's scripts hand to gettext, and what its form says."""
    found = {name for choice in (TlsMode, ImageDelivery, ExistingAnnotations) for _, name in choice.labeled()}
    found |= said_in_forms()
    for script in (PACKAGE / "storage" / "ui").rglob("*.js"):
        found |= set(said_in(script.read_text()))
    for template in PACKAGE.rglob("templates/**/*.html"):
        for text in re.findall(
            r"""gettext\((u(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))\)""", templatize(template.read_text())
        ):
            found.add(ast.literal_eval(text))
    for module in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "gettext", "gettext_lazy"):
                found.add(ast.literal_eval(node.args[0]))
    return found


def catalog(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def test_there_is_chinese() -> None:
    assert [path.parts[-3] for path in CATALOGS] == ["zh_Hans"]
    assert len(messages_of_pages()) > 40


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_every_message_is_translated_and_nothing_else(path: Path) -> None:
    translated = {message.id: message.string for message in catalog(path) if message.id}
    assert set(translated) == messages_of_pages()
    assert all(translated.values())


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_placeholders_are_kept(path: Path) -> None:
    for message in catalog(path):
        if message.id:
            assert isinstance(message.id, str)
            assert isinstance(message.string, str)
            placeholders = re.compile(r"%\(\w+\)s|{\w+}")
            assert sorted(placeholders.findall(message.id)) == sorted(placeholders.findall(message.string)), message.id


@pytest.mark.parametrize("path", CATALOGS, ids=lambda path: path.parts[-3])
def test_what_is_compiled_is_up_to_date(path: Path) -> None:
    """Where this fails: `msgfmt -o django.mo django.po` in that folder."""
    compiled = io.BytesIO()
    write_mo(compiled, catalog(path))
    compiled.seek(0)
    expected = {message.id: message.string for message in read_mo(compiled) if message.id}
    with path.with_suffix(".mo").open("rb") as file:
        assert {message.id: message.string for message in read_mo(file) if message.id} == expected
