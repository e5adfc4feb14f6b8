"""What statements say, on a Chinese page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils import translation

from polardb_bridge.deployments.console.said import PATTERNS, in_page_language
from polardb_bridge.networks import parse_networks
from polardb_bridge.statements.errors import StatementError
from support.error_messages import anonymous, as_regex, messages_in

PACKAGE = Path(__file__).parents[2] / "polardb_bridge"
CHINESE = re.compile("[\u4e00-\u9fff]")


@pytest.mark.parametrize(
    "text",
    ["1.2.3.4，5.6.7.8", "1.2.3.4;5.6.7.8", "1.2.3.4\u200b", "１.2.3.4", "10.0.0.1/8", "nonsense"],
)
def test_a_refused_allow_list_is_explained_in_chinese(text: str) -> None:
    with pytest.raises(Exception, match="write") as refused:
        parse_networks(text)
    error = StatementError(1210, f"Incorrect arguments to UPDATE WHITEIPS: {refused.value}")
    with translation.override("zh-hans"):
        said = in_page_language(str(error))
    assert "错误 1210（HY000）：UPDATE WHITEIPS 的参数不正确：" in said
    assert not re.search("[a-z]{4,} [a-z]{2,} [a-z]{2,}", said.replace("zero width space", "")), said
    with translation.override("en"):
        assert in_page_language(str(error)) == str(error)


def test_what_is_not_known_stays_as_it_is() -> None:
    with translation.override("zh-hans"):
        assert in_page_language("Something new.") == "Something new."
        assert "没有模板" in in_page_language("There is no template 'a{b}' in t. Active templates: 1 (猫 {0}).")


def test_every_pattern_is_a_message_that_there_is() -> None:
    """Where this fails, a message was changed: change its pattern and its translation."""
    known = [as_regex(pattern) for pattern in messages_in(PACKAGE).messages]
    texts = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if path.name != "said.py")
    for pattern in PATTERNS:
        sample = re.sub(r"\{\w+\}", "'7'", pattern)
        longest = max(re.split(r"\{\w+\}", pattern), key=len)
        assert any(regex.fullmatch(sample) for regex in known) or _is_written(longest, texts), anonymous(pattern)


def _is_written(piece: str, texts: str) -> bool:
    """Whether a piece of a message stands in the source, which may break it into lines."""
    words = piece.split()
    return any(" ".join(words[start : start + 4]) in texts for start in range(max(1, len(words) - 3)))
