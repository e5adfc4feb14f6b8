"""Statements as text to statements as values: recursive descent with one token of lookahead."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Container
from dataclasses import dataclass

from polardb_bridge.characters import look_alike
from polardb_bridge.choices import ExistingAnnotations, ImageDelivery
from polardb_bridge.statements import syntax
from polardb_bridge.statements.errors import (
    EMPTY_QUERY,
    SYNTAX_ERROR,
    TOO_LARGE,
    WRONG_ARGUMENTS,
    StatementError,
)
from polardb_bridge.statements.masking import masked, printable
from polardb_bridge.statements.names import MAX_ALLOW_LIST_NAME_LENGTH, MAX_NAME_LENGTH
from polardb_bridge.statements.options import (
    ALLOW_LIST_OPTIONS,
    DEPLOY_OPTIONS,
    DROP_OPTIONS,
    Readers,
    WrongValueError,
    checked_name,
)
from polardb_bridge.statements.tokens import END, VERTICAL_END, Kind, Token, tokenize
from polardb_bridge.table.asked_mapping import AskedMapping

MAX_TEXT_LENGTH = 1024 * 1024
_MAX_SHOWN_LENGTH = 40
_FULL_STOP = "。"
ENDS = (";", END, VERTICAL_END)
# No names, unless they are quoted: a habit of MySQL's that is not known here is not to be taken for a name.
RESERVED = {"IF", "NOT", "EXISTS", "LIKE", "WHERE", "FROM", "IN"}


def parse(text: str) -> list[syntax.Statement]:
    """The statements in `text`, at least one; in linear time.

    Raises:
        StatementError: the text cannot be read; with the line and column of the first place that is wrong.
    """
    return [entry.statement for entry in parse_script(text)]


@dataclass(frozen=True)
class Entry:
    r"""One statement of a text. is_vertical: it ends in \G, which asks for a value a line."""

    statement: syntax.Statement
    is_vertical: bool


def parse_script(text: str) -> list[Entry]:
    """Like `parse`, with how each statement ends."""
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_TEXT_LENGTH:
        raise StatementError(
            TOO_LARGE, f"The text has more than {MAX_TEXT_LENGTH} characters, line 1 column 1", line=1, column=1
        )
    return Parser(text).statements()


class Parser:
    """Takes one token after the other; each method reads a part of the grammar (`syntax`)."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._token = next(self._tokens)
        self._verb = ""
        self._number = 1

    def statements(self) -> list[Entry]:
        found: list[Entry] = []
        while not self._is_at_end():
            if self._accept_end():
                continue
            self._number = len(found) + 1
            statement = self._statement()
            is_vertical = self._token.value == VERTICAL_END
            if not self._is_at_end() and not self._accept_end():
                raise self._syntax_error("; or the end of the statement")
            found.append(Entry(statement, is_vertical))
        if not found:
            raise self._error(EMPTY_QUERY, "Query was empty", self._token, "expected DEPLOY, SHOW, UPDATE or DROP")
        return found

    def _statement(self) -> syntax.Statement:
        if self._accept("DEPLOY"):
            self._expect("MODEL")
            return self._deploy()
        if self._accept("SHOW"):
            if self._accept("DEPLOYMENTS"):
                return syntax.ShowDeployments(self._take_pattern() if self._accept("LIKE") else None)
            if self._accept("DEPLOYMENT"):
                self._verb = syntax.ShowDeployment.verb
                return syntax.ShowDeployment(self._take_name("the deployment's name"))
            if self._accept("WHITEIPS"):
                self._verb = syntax.ShowWhiteIps.verb
                return syntax.ShowWhiteIps(self._take_white_ip_name())
            raise self._syntax_error("DEPLOYMENT, DEPLOYMENTS or WHITEIPS")
        if self._accept("UPDATE"):
            self._expect("WHITEIPS")
            return self._update_white_ips()
        if self._accept("DROP"):
            self._expect("DEPLOYMENT")
            return self._drop()
        raise self._syntax_error("DEPLOY, SHOW, UPDATE or DROP")

    def _deploy(self) -> syntax.DeployModel:
        self._verb = syntax.DeployModel.verb
        if_not_exists = self._accept_condition("IF", "NOT", "EXISTS")
        model = self._take_name("the model's name")
        self._expect("WITH")
        options = self._take_options(DEPLOY_OPTIONS, required=("annotation_template_id", "annotation_source"))
        if "image" in options and "map" in options:
            raise self._argument_error(self._token, "expected image or map, and not both")
        # Where CREATE TABLE has it, or at the end.
        if_not_exists = self._accept_condition("IF", "NOT", "EXISTS") or if_not_exists
        database, _, source = str(options["annotation_source"]).rpartition(".")
        return syntax.DeployModel(
            model=model,
            name=str(options.get("deployment_name", model)),
            template_id=str(options["annotation_template_id"]),
            source=source,
            database=database or None,
            if_not_exists=if_not_exists,
            result_table=str(options["result_table"]) if "result_table" in options else None,
            title=str(options["title"]) if "title" in options else None,
            image_delivery=ImageDelivery(options.get("image_delivery", syntax.DeployModel.image_delivery)),
            existing_annotations=ExistingAnnotations(
                options.get("existing_annotations", syntax.DeployModel.existing_annotations)
            ),
            mapping=AskedMapping.from_texts(
                **{part: str(options[option]) for option, part in syntax.MAPPING_OPTIONS.items() if option in options}
            ),
        )

    def _update_white_ips(self) -> syntax.UpdateWhiteIps:
        self._verb = syntax.UpdateWhiteIps.verb
        name = self._take_white_ip_name()
        self._expect("WITH")
        return syntax.UpdateWhiteIps(name, str(self._take_options(ALLOW_LIST_OPTIONS, required=("ips",))["ips"]))

    def _drop(self) -> syntax.DropDeployment:
        self._verb = syntax.DropDeployment.verb
        if_exists = self._accept_condition("IF", "EXISTS")
        name = self._take_name("the deployment's name")
        options = self._take_options(DROP_OPTIONS) if self._accept("WITH") else {}
        return syntax.DropDeployment(name, force=bool(options.get("force", False)), if_exists=if_exists)

    def _accept_condition(self, *words: str) -> bool:
        if not self._accept(words[0]):
            return False
        for word in words[1:]:
            self._expect(word)
        return True

    def _take_pattern(self) -> str:
        token = self._token
        if token.kind is not Kind.STRING:
            raise self._syntax_error("a pattern in quotes, such as 'mark%'")
        self._advance()
        return token.value

    def _take_white_ip_name(self) -> str:
        return self._take_name("the allow-list's name", MAX_ALLOW_LIST_NAME_LENGTH)

    def _take_name(self, what: str, longest: int = MAX_NAME_LENGTH) -> str:
        token = self._token
        is_reserved = token.kind is Kind.WORD and token.value.upper() in RESERVED
        if is_reserved or token.kind not in (Kind.WORD, Kind.NAME, Kind.STRING):
            raise self._syntax_error(what)
        try:
            name = checked_name(token.value, longest)
        except WrongValueError as wrong:
            raise self._argument_error(token, f"{what} must be {wrong}") from None
        self._advance()
        return name

    def _take_options(self, readers: Readers, required: tuple[str, ...] = ()) -> dict[str, str | bool]:
        self._expect("(")
        options: dict[str, str | bool] = {}
        while True:
            name = self._take_option_name(readers, options)
            self._expect("=")
            options[name] = self._take_value(name, readers[name])
            if not self._accept(","):
                break
        closing = self._token
        missing = [name for name in required if name not in options]
        if missing and closing.value == ")":
            raise self._argument_error(closing, f"expected the option {missing[0]}, which is missing")
        self._expect(")", "',' or ')'")
        return options

    def _take_option_name(self, known: Readers, given: Container[str]) -> str:
        token = self._token
        if token.kind not in (Kind.WORD, Kind.NAME, Kind.STRING):
            raise self._syntax_error(f"an option ({', '.join(known)})")
        name = token.value.lower()
        if name not in known:
            near = difflib.get_close_matches(name, known, 1) if len(name) <= MAX_NAME_LENGTH else []
            suggestion = f"did you mean {near[0]}? " if near else ""
            raise self._argument_error(
                token, f"there is no option '{_shown(token.value)}'; {suggestion}expected {', '.join(known)}"
            )
        if name in given:
            raise self._argument_error(token, f"expected each option once, but {name} is repeated")
        self._advance()
        return name

    def _take_value(self, name: str, read: Callable[[Token], str | bool]) -> str | bool:
        token = self._token
        if token.kind not in (Kind.WORD, Kind.NAME, Kind.STRING):
            raise self._syntax_error(f"a value for {name}")
        try:
            value = read(token)
        except WrongValueError as wrong:
            raise self._argument_error(token, f"for {name}, expected {wrong}") from None
        self._advance()
        if name == "annotation_source" and token.kind is Kind.NAME and self._accept("."):  # `database`.`table`
            return f"{value}.{self._take_value(name, read)}"
        return value

    def _is_at_end(self) -> bool:
        return self._token.kind is Kind.END

    def _advance(self) -> None:
        self._token = next(self._tokens)

    def _accept(self, value: str) -> bool:
        """Whether the next token is this keyword or sign; it is passed then."""
        token = self._token
        kind = Kind.WORD if value.isalpha() else Kind.SIGN
        found = token.value.upper() if kind is Kind.WORD else token.value
        if token.kind is not kind or found != value or not token.value.isascii():
            return False
        self._advance()
        return True

    def _accept_end(self) -> bool:
        return any(self._accept(end) for end in ENDS)

    def _expect(self, value: str, expected: str | None = None) -> None:
        if not self._accept(value):
            raise self._syntax_error(expected or value)

    def _syntax_error(self, expected: str) -> StatementError:
        token = self._token
        if token.kind is Kind.UNFINISHED:
            closing = "*/" if token.value == "/*" else token.value
            what = {"/*": "comment", "`": "name"}.get(token.value, "string")
            expected = f"{closing} at the end of the {what} that begins here"
        return self._error(
            SYNTAX_ERROR, "You have an error in your SQL syntax", token, f"expected {expected}{self._hint(token)}"
        )

    def _argument_error(self, token: Token, why: str) -> StatementError:
        return self._error(WRONG_ARGUMENTS, f"Incorrect arguments to {self._verb}", token, why + self._hint(token))

    def _hint(self, token: Token) -> str:
        """Says so if a full-width character stands in place of the one that was meant."""
        found = None
        if token.kind in (Kind.UNKNOWN, Kind.WORD, Kind.NAME):
            found = look_alike(token.value)
        elif token.kind is Kind.UNFINISHED:
            found = look_alike(self._text[token.start : token.start + MAX_NAME_LENGTH + 2])
        if not found:
            return ""
        ends = found[0] == _FULL_STOP and not self._text[token.start + 1 :].partition("\n")[0].strip()
        meant = ";" if ends else found[1]
        return f"; {found[0]} is a full-width character of a Chinese input method: type {meant}"

    def _error(self, code: int, what: str, token: Token, why: str) -> StatementError:
        line = self._text.count("\n", 0, token.start) + 1
        column = token.start - self._text.rfind("\n", 0, token.start)
        near = (
            f"near '{_shown(masked(self._text, token.start, token.start + 4 * _MAX_SHOWN_LENGTH))}'"
            if token.kind is not Kind.END
            else "at the end"
        )
        message = f"{what} {near}, line {line} column {column}: {why}"
        return StatementError(code, message, line=line, column=column, number=self._number)


def _shown(text: str) -> str:
    """The beginning of `text`."""
    words = " ".join(text.split())
    return printable(words if len(words) <= _MAX_SHOWN_LENGTH else words[:_MAX_SHOWN_LENGTH] + "…")
