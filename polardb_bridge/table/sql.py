"""SQL that people write into a mapping: a condition, an expression or a query, which stands in brackets in ours.

It must stay within its brackets, whatever it holds: nothing in it closes them, ends the statement or begins another.
What it may read, the privileges of its account say; what it means, the server does. Its sessions are read-only
(`ConnectionParameters.read_only`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.driver_errors import is_about_the_statement, said_by

MAX_SQL_LENGTH = 10_000

_TOKEN = re.compile(
    r"(?P<blank>\s+)"
    r"|(?P<string>'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")"
    r"|(?P<name>`(?:[^`]|``)*`)"
    r"|(?P<executed>/\*M?!)"
    r"|(?P<hint>/\*\+.*?\*/)"
    r"|(?P<comment>/\*.*?\*/|#[^\n]*|--(?=\s|$)[^\n]*)"
    r"|(?P<word>[\w$]+)"
    r"|(?P<open>/\*|['\"`])"
    r"|(?P<sign>.)",
    re.DOTALL,
)
# Backslashes that escape a quote for a server that takes them for that, and do not for one that does not.
_ESCAPED_QUOTE = re.compile(r"(?<!\\)(?:\\\\)*\\['\"]")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
# What makes a SELECT write, or lock what it reads.
_WRITING = (("INTO",), ("FOR", "UPDATE"), ("FOR", "SHARE"), ("LOCK", "IN"))


def check_condition(text: str, part: str = "filter") -> str:
    """A condition, or another expression, that can stand in brackets. part: what it is called in messages.

    Raises:
        InvalidInputError: it is not closed in itself, or has more than an expression.
    """
    pieces = list(_pieces(text, part))
    if any(kind in ("comment", "hint") for kind, _ in pieces) or "--" in "".join(
        piece for kind, piece in pieces if kind == "sign"
    ):
        raise _refused(part, "has a comment (--, # or /* */): leave it out")
    return text.strip()


def check_query(text: str) -> str:
    """A SELECT that can stand in brackets as a table; without its comments.

    Raises:
        InvalidInputError: it is none, or not closed in itself.
    """
    part = "query"
    pieces = list(_pieces(text, part))
    first = next((piece.upper() for kind, piece in pieces if kind not in ("blank", "comment")), "")
    if first not in ("SELECT", "WITH"):
        raise _refused(
            part, "does not begin with SELECT or WITH: write one query, such as SELECT id, body FROM reviews"
        )
    return "".join(" " if kind == "comment" else piece for kind, piece in pieces).strip()


def _pieces(text: str, part: str) -> Iterator[tuple[str, str]]:
    if not text.strip():
        raise _refused(part, "is empty")
    if len(text) > MAX_SQL_LENGTH:
        raise InvalidInputError(
            f"The {part} has more than {MAX_SQL_LENGTH} characters: make a view of it.", field="mapping"
        )
    if _CONTROL.search(text):
        raise _refused(part, "has a control character, or half of a character")
    depth = 0
    words: list[str] = []
    for found in _TOKEN.finditer(text):
        kind, piece = str(found.lastgroup), found[0]
        if kind == "open":
            raise _refused(part, "has a quote or a comment that is not closed")
        if kind == "executed":
            raise _refused(part, "has a comment that servers run (/*! */): leave it out")
        if kind == "string" and _ESCAPED_QUOTE.search(piece, 1):
            raise _refused(part, "has a quote behind a backslash: write the quote twice")
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth < 0:
            raise _refused(part, "closes a bracket that it has not opened")
        if piece == ";":
            raise _refused(part, "has a semicolon: leave it out, it is a part of one statement")
        if piece == "@":
            raise _refused(part, "has a variable (@): leave it out")
        if kind in ("word", "sign", "name", "string"):
            words = [*words[-1:], piece.upper() if kind == "word" else ""]
            if tuple(words[-1:]) in _WRITING or tuple(words) in _WRITING:
                raise _refused(part, "writes, or locks what it reads (INTO, FOR UPDATE): leave that out")
        yield kind, piece
    if depth:
        raise _refused(part, "has a bracket that is not closed")


def _refused(part: str, problem: str) -> InvalidInputError:
    return InvalidInputError(f"The {part} {problem}.", field="mapping")


@contextmanager
def said_of(part: str) -> Iterator[None]:
    """Within, the server is asked about this part of a mapping; what it does not take is the part's fault.

    Raises:
        InvalidInputError: it does not take it.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        if not is_about_the_statement(error):
            raise
        code, said = said_by(error)
        raise InvalidInputError(
            f"The server does not take the {part}: {said} (MySQL error {code})", field="mapping"
        ) from None
