"""A text that is being typed: which statements it holds already, what is open at its end, and what may follow there."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field

from polardb_bridge.statements.errors import StatementError
from polardb_bridge.statements.names import MAX_NAME_LENGTH
from polardb_bridge.statements.options import Readers
from polardb_bridge.statements.parser import ENDS, Parser
from polardb_bridge.statements.tokens import Kind, Token, tokenize

# What the parser refuses with a word on it; nobody who types it means to go on.
_FULL_WIDTH_END = "；"


@dataclass(frozen=True)
class Typed:
    """statements: each with its end. rest: what stands behind the last end; empty if that is blanks and comments.

    opened: the token in which the text ends, if that is a quote or a comment that is not closed.
    """

    statements: tuple[str, ...]
    rest: str
    opened: Token | None


def read(text: str) -> Typed:
    """What is in `text`, as the mysql client takes it apart: an end in `/*!50000 … */` is one, too."""
    statements = []
    start, is_empty = 0, True
    for token in tokenize(text):
        if token.kind in (Kind.SIGN, Kind.UNKNOWN) and token.value in (*ENDS, _FULL_WIDTH_END):
            end = token.start + len(token.value)
            if not is_empty or token.kind is Kind.UNKNOWN:
                statements.append(text[start:end].strip())
            start, is_empty = end, True
        elif token.kind is not Kind.END:
            is_empty = False
    opened = token if token.kind is Kind.UNFINISHED else None
    return Typed(tuple(statements), "" if is_empty else text[start:], opened)


@dataclass(frozen=True)
class LastWord:
    """The word that a text ends in, which may be no more than begun. quote: that it is in; empty without one."""

    before: str
    quote: str
    word: str


def last_word(statement: str) -> LastWord | None:
    """None within a comment."""
    *tokens, end = tokenize(statement)
    if end.kind is Kind.UNFINISHED:
        within_quote = LastWord(statement[: end.start], end.value, statement[end.start + 1 :])
        return within_quote if end.value != "/*" else None
    last = tokens[-1] if tokens else end
    if last.kind is Kind.WORD and statement.endswith(last.value):
        return LastWord(statement[: last.start], "", last.value)
    return LastWord(statement, "", "")


@dataclass
class Following:
    """What a statement may go on with. words: keywords, signs and options. name: what it may be the name of, as in
    messages; empty if none may follow.

    option: whose value may follow; empty if none may.
    """

    words: list[str] = field(default_factory=list)
    name: str = ""
    option: str = ""


def following(statement: str) -> Following:
    """What may stand after the beginning of a statement, which ends in a whole word."""
    listener = _Listener(statement)
    listener.listen()
    return listener.heard


class _Listener(Parser):
    """Hears what the parser asks for where the text ends."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.heard = Following()

    def listen(self) -> None:
        try:
            self._statement()
        except StatementError:
            return

    def _accept(self, value: str) -> bool:
        if self._is_at_end():
            self.heard.words.append(value)
        return super()._accept(value)

    def _take_name(self, what: str, longest: int = MAX_NAME_LENGTH) -> str:
        if self._is_at_end():
            self.heard.name = what
        return super()._take_name(what, longest)

    def _take_option_name(self, known: Readers, given: Container[str]) -> str:
        if self._is_at_end():
            self.heard.words += [name for name in known if name not in given]
        return super()._take_option_name(known, given)

    def _take_value(self, name: str, read: Callable[[Token], str | bool]) -> str | bool:
        if self._is_at_end():
            self.heard.option = name
        return super()._take_value(name, read)
