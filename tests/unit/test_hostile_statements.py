"""No text can crash the parser, hold it up, or get an error without its place.

A few thousand texts at every run; `make test-statements` tries more than a hundred thousand.
"""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polardb_bridge.characters import invisible
from polardb_bridge.choices import ExistingAnnotations, FieldKind, ImageDelivery, Packing
from polardb_bridge.statements.errors import StatementError
from polardb_bridge.statements.masking import masked
from polardb_bridge.statements.parser import parse
from polardb_bridge.statements.syntax import (
    DeployModel,
    DropDeployment,
    ShowDeployment,
    ShowDeployments,
    ShowWhiteIps,
    Statement,
    UpdateWhiteIps,
)
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.fields import MAX_SKIPPED_BYTES, Field
from polardb_bridge.table.result_columns import RESULT_ROLES

LONGEST_TIME_S = 0.05

names = st.text("abzAZ09_-", min_size=1, max_size=64)
texts = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=32), max_size=60) | st.text(
    "'\"\\%_;,()`\n\r\t 标，", max_size=60
)
filled = texts.filter(str.strip)
visible = filled.filter(lambda text: invisible(text) is None)
columns = visible.map(str.strip)
VALUES = [FieldKind.TEXT, FieldKind.NUMBER, FieldKind.JSON, FieldKind.DATETIME]
PICTURES = [[FieldKind.BASE64, FieldKind.BYTES, FieldKind.URL], [FieldKind.BASE64S, FieldKind.URLS]]


def fields(*kinds: FieldKind) -> st.SearchStrategy[Field]:
    """Of one to three columns that are read by one of these kinds."""
    packed = st.builds(
        Field,
        columns,
        st.sampled_from([kind for kind in kinds if kind not in (FieldKind.NUMBER, FieldKind.DATETIME)]),
        st.just(""),
        st.integers(0, MAX_SKIPPED_BYTES),
        st.none() | st.sampled_from(Packing),
    )
    return st.lists(st.builds(Field, columns, st.sampled_from(kinds)) | packed, min_size=1, max_size=3).map(
        Field.of_sources
    )


mappings = st.builds(
    AskedMapping,
    st.none() | st.lists(columns, min_size=1, max_size=3).map(tuple),
    st.none()
    | st.dictionaries(
        st.sampled_from(["image", "text", "A_1"]),
        fields(*VALUES) | fields(FieldKind.URL) | fields(FieldKind.URLS),
        min_size=1,
    )
    | st.one_of(fields(*VALUES), *(fields(*kinds) for kinds in PICTURES)).map(lambda field: {"image": field}),
    st.none() | st.just("") | columns,
    st.none() | st.just("") | columns,
    st.none() | st.dictionaries(st.sampled_from(RESULT_ROLES), columns, min_size=1),
    st.sampled_from(
        ["", "SELECT 1 AS id, '标''s' AS body", 'WITH a AS (SELECT 1)\nSELECT `b` FROM a WHERE c LIKE "%"']
    ),
    st.sampled_from(["", "status = 'new' AND a % 2", "(标 <> '\\\\')"]),
)
statements: st.SearchStrategy[Statement] = st.one_of(
    st.builds(
        DeployModel,
        names,
        names,
        visible,
        st.text("az09_$-标", min_size=1, max_size=64),
        st.none() | filled,
        st.sampled_from(ImageDelivery),
        st.sampled_from(ExistingAnnotations),
        mappings,
        st.none() | st.text("az09_$-标", min_size=1, max_size=64),
        st.booleans(),
        st.none() | st.text("az09_$-标", min_size=1, max_size=64),
    ),
    st.builds(ShowDeployment, names),
    st.builds(ShowDeployments, st.none() | texts),
    st.builds(UpdateWhiteIps, names, texts),
    st.builds(ShowWhiteIps, names),
    st.builds(DropDeployment, names, st.booleans(), st.booleans()),
)
PIECES = (
    *"()=,;'\"`\\#-/*. \t\r\n\0\ufeff\u3000，；（）＝‘’“”",
    *("--", "-- ", "/*", "*/", "''", "\\'", "/*polar4ai*/", "\ud800", "1", "-1", "9" * 100, "x" * 65, "标注"),
    *("DEPLOY", "MODEL", "WITH", "SHOW", "DEPLOYMENT", "DEPLOYMENTS", "UPDATE", "WHITEIPS", "DROP", "force", "ips"),
    *("IF", "NOT", "EXISTS", "LIKE", "\\g", "\\G", ".", "`shop`.`animals`", "\u200b", "\u202e"),
    *("annotation_template_id", "annotation_source", "deployment_name", "title", "password", "'true'", "`mark_animal`"),
)
soups = st.lists(st.sampled_from(PIECES), max_size=40).flatmap(lambda words: st.sampled_from(["", " "]).map(
    lambda between: between.join(words)
))  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """One to three statements with some places cut out, doubled, or filled with something else."""
    text = "; ".join(map(str, draw(st.lists(statements, min_size=1, max_size=3))))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 8)))
        filling = draw(st.sampled_from(["", text[start:end] * 2, *PIECES]) | st.text(max_size=3))
        text = text[:start] + filling + text[end:]
    return text


def outcome(text: str) -> tuple[list[Statement] | StatementError, float]:
    """What parsing comes to, and the seconds of processor time that it takes."""
    gc.disable()  # it would go through all that Hypothesis remembers
    begun = time.thread_time()
    try:
        found: list[Statement] | StatementError = parse(text)
    except StatementError as error:
        found = error
    taken = time.thread_time() - begun
    gc.enable()
    return found, taken


def check(text: str) -> None:
    """Parsing ends in time, with statements or an error that has its place in the text."""
    found, taken = outcome(text)
    assert taken < LONGEST_TIME_S
    if isinstance(found, list):
        assert parse("; ".join(map(str, found))) == found
        return
    assert found.line is not None
    assert found.column is not None
    line = text.removeprefix("\ufeff").split("\n")[found.line - 1]
    assert 1 <= found.column <= len(line) + 1
    assert str(found).startswith(f"ERROR {found.code} ({found.sqlstate}): ")
    assert f"line {found.line} column {found.column}: " in str(found)
    assert str(found).isprintable(), "one line, and nothing that a terminal or a database cannot take"
    assert len(str(found)) < 600


@given(st.text(st.characters(), max_size=300))
def test_any_text(text: str) -> None:
    check(text)


@given(soups)
def test_pieces_of_statements_in_any_order(text: str) -> None:
    check(text)


@given(mutated())
def test_mutated_statements(text: str) -> None:
    check(text)


@given(st.lists(statements, min_size=1, max_size=3))
def test_every_statement_is_read_as_it_was_written(written: list[Statement]) -> None:
    assert parse(";".join(map(str, written))) == written


@given(
    st.text("abc123", min_size=4),
    st.sampled_from(["password", "Secret", "`my_token`"]),
    st.sampled_from("'\""),
    soups.filter(lambda soup: "password" not in soup),
)
def test_a_secret_is_in_no_message_and_no_record(value: str, name: str, quote: str, before: str) -> None:
    secret = f"hunter{value}"
    text = f"{before} {name} = {quote}{secret}{quote})"
    assert secret not in masked(text)
    with pytest.raises(StatementError) as found:
        parse(f"DEPLOY MODEL m WITH (title = 't', {name} = {quote}{secret}{quote})")
    assert secret not in str(found.value)


HOSTILE = (
    *("a", "é", "(", "'", "\\", "\\'", "`", "“", "/*", "/**/", "#\r", "--\n", "\n", "password", "password ", "pwd='"),
    *("secret=‘", "SHOW DEPLOYMENTS;", "DROP DEPLOYMENT x WITH (force='1');", "DEPLOY MODEL m WITH (title='"),
)


@pytest.mark.parametrize("piece", HOSTILE)
def test_the_time_grows_with_the_length_only(piece: str) -> None:
    """A long text takes about as long as sixteen parts of it, in whatever state the parser is in."""
    for begin in ("", "'", "`", "/*", "DROP DEPLOYMENT x WITH (", "DEPLOY MODEL m WITH (title='", "password='"):
        short, long = (min(seconds_for(begin, piece, size) for _ in range(2)) for size in (8_000, 128_000))
        assert long < 16 * max(short, 0.001) * 3, f"{short} s, then {long} s"


def seconds_for(begin: str, piece: str, size: int) -> float:
    text = (begin + piece * (size // len(piece)))[:size]
    _, parsing = outcome(text)
    begun = time.thread_time()
    assert masked(text)
    return parsing + time.thread_time() - begun
