"""SQL that people write into a mapping stays within its brackets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.sql import MAX_SQL_LENGTH, check_condition, check_query


@pytest.mark.parametrize(
    "text",
    [
        "status = 'new' AND shop_id = 7",
        "status IN ('new', \"open\") OR (a - 1) / 2 > 3 % 2",
        "name = 'it''s; -- no # comment /* */ ) ('",
        "`odd; name -- )` IS NULL",
        r"name LIKE '50\%' AND path = 'c:\\dir\\' AND a = '\\'",
        "EXISTS (SELECT 1 FROM other o WHERE o.id = t.id)",
        "SUBSTRING(name FROM 1 FOR 2) = 'ab'",
        "文本 = '中文'",
        " a\n=\t1 ",
    ],
)
def test_a_closed_condition_is_taken_as_it_is(text: str) -> None:
    assert check_condition(text) == text.strip()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        ("1) OR (1", "closes a bracket"),
        ("(1", "bracket that is not closed"),
        ("a = 1 -- b", "comment"),
        ("a--1", "comment"),
        ("a # b", "comment"),
        ("a /* b */ = 1", "comment"),
        ("a /*+ b */ = 1", "comment"),
        ("a /*! = 1 */", "servers run"),
        ("a /*M! = 1 */", "servers run"),
        ("a /* b", "not closed"),
        ("a; DROP TABLE b", "semicolon"),
        ("a = 'b", "not closed"),
        ("a = `b", "not closed"),
        (r"a = 'b\' OR 1 = 1 -- '", "behind a backslash"),
        (r"a = 'b\'' OR (1) = (1", "behind a backslash"),
        (r'a = "\\\" OR 1 = 1"', "behind a backslash"),
        ("@a := 1", "variable"),
        ("a = (SELECT 1 INTO OUTFILE '/tmp/a')", "writes, or locks"),
        ("a = (SELECT 1 FROM b FOR  \n UPDATE)", "writes, or locks"),
        ("a = (SELECT 1 FROM b lock in share mode)", "writes, or locks"),
        ("a = '\x00'", "control character"),
        ("a = '\ud800'", "control character"),
        ("a" * (MAX_SQL_LENGTH + 1), "more than"),
    ],
)
def test_anything_else_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidInputError, match=problem) as refused:
        check_condition(text)
    assert str(refused.value).startswith("The filter ")


def test_a_query_loses_its_comments_and_keeps_its_hints() -> None:
    text = "-- all of them\nSELECT /*+ NO_MERGE() */ a, '-- b' FROM c # d\nWHERE e = 1 /* f */ "
    assert check_query(text) == "SELECT /*+ NO_MERGE() */ a, '-- b' FROM c  \nWHERE e = 1"
    assert check_query("with a as (select 1 as b) select b from a").startswith("with")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("DELETE FROM a", "SELECT or WITH"),
        ("(SELECT 1)", "SELECT or WITH"),
        ("SELECT 1;", "semicolon"),
        ("SELECT 1; SELECT 2", "semicolon"),
        ("SELECT 1) AS a; DROP TABLE b", "closes a bracket"),
        ("SELECT 1) AS a, (SELECT 2", "closes a bracket"),
        ("SELECT 1 INTO @a", "writes, or locks"),
        ("SELECT @a", "variable"),
        ("SELECT 1 INTO DUMPFILE 'a'", "writes, or locks"),
        ("SELECT a FROM b FOR UPDATE", "writes, or locks"),
        ("SELECT a FROM b FOR /* c */ SHARE", "writes, or locks"),
        ("SELECT a FROM b -- ; c", ""),
    ],
)
def test_what_is_no_query_is_refused(text: str, problem: str) -> None:
    if not problem:
        assert check_query(text) == "SELECT a FROM b"
        return
    with pytest.raises(InvalidInputError, match=problem):
        check_query(text)


@given(st.text(alphabet="a1 '\"`\\()-#/*;@!+\n%", max_size=30))
def test_what_is_taken_has_its_brackets_and_quotes_closed_for_every_server(text: str) -> None:
    """With backslashes that escape, and with backslashes that do not."""
    try:
        taken = check_condition(text)
    except InvalidInputError:
        return
    for escapes in (True, False):
        assert _depth_and_quote(taken, escapes=escapes) == (0, "")


def _depth_and_quote(text: str, *, escapes: bool) -> tuple[int, str]:
    depth, quote, position = 0, "", 0
    while position < len(text):
        character = text[position]
        if quote:
            if character == "\\" and escapes and quote != "`":
                position += 1
            elif character == quote:
                if text.startswith(quote, position + 1):
                    position += 1
                else:
                    quote = ""
        elif character in "'\"`":
            quote = character
        else:
            assert character not in "#;@"
            assert not text.startswith(("--", "/*"), position)
            depth += {"(": 1, ")": -1}.get(character, 0)
            assert depth >= 0
        position += 1
    return depth, quote
