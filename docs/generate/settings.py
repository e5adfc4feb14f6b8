"""Environment variables, with the defaults that the code has."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generate.texts import Texts, code, table
from polardb_bridge.conf import DEFAULTS

_DOCKERFILE = Path(__file__).parents[2] / "Dockerfile"
# How Python and the shell of the image behave.
_OF_THE_IMAGE = {"PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE"}


def page(texts: Texts) -> str:
    """The variables that the package reads."""
    return _table(dict(DEFAULTS), texts.of("settings", DEFAULTS), texts)


def container(texts: Texts) -> str:
    """The variables that the container image sets, and its default for each."""
    instructions = re.findall(r"^ENV (.*?[^\\])$", _DOCKERFILE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    # The last stage is the image.
    found = dict(re.findall(r"(\w+)=(\S+)", instructions[-1]))
    defaults = {name: value for name, value in found.items() if name not in _OF_THE_IMAGE}
    return _table(defaults, texts.of("container", defaults), texts)


def _table(defaults: dict[str, str], meanings: dict[str, str], texts: Texts) -> str:
    heads = [texts.word(word) for word in ("variable", "meaning", "default")]
    return table(heads, [(code(name), meaning, code(defaults[name])) for name, meaning in meanings.items()])
