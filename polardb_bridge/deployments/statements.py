"""The statements that make, show, open and drop deployments, as PolarDB for AI documents them.

    statements   = [ statement ] { ";" [ statement ] }
    statement    = "DEPLOY" "MODEL" name "WITH" options
                 | "SHOW" ( "DEPLOYMENT" name | "DEPLOYMENTS" | "WHITEIPS" name )
                 | "UPDATE" "WHITEIPS" name "WITH" options
                 | "DROP" "DEPLOYMENT" name [ "WITH" options ]
    options      = "(" option { "," option } ")"
    option       = name "=" value

`str(statement)` is the statement again, in one form: `parse(str(statement)) == [statement]`.
"""

from __future__ import annotations

import difflib
import string
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from typing import ClassVar

from polardb_bridge.deployments.display import masked, printable
from polardb_bridge.deployments.tokens import Kind, Token, look_alike, tokenize
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.schema import check_table_name

# MySQL's error numbers: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
SYNTAX_ERROR = 1064
EMPTY_QUERY = 1065
UNKNOWN_ERROR = 1105
TOO_LARGE = 1153
WRONG_ARGUMENTS = 1210
EXISTS = 1304
DOES_NOT_EXIST = 1305

_STATES = {SYNTAX_ERROR: "42000", EMPTY_QUERY: "42000", TOO_LARGE: "08S01", EXISTS: "42000", DOES_NOT_EXIST: "42000"}
_GENERAL_STATE = "HY000"

LONGEST_TEXT = 1024 * 1024
LONGEST_NAME = 64
WHITE_IP_PREFIX = "model_"
IMAGE_DELIVERIES = ("auto", "data_uri", "link")
EXISTING_ANNOTATIONS = ("annotations", "predictions", "ignore")

_NAME_CHARACTERS = frozenset(string.ascii_letters + string.digits + "_-")
_MOST_SHOWN = 40


class StatementError(InvalidInputError):
    """What is wrong with a statement, in MySQL's form: `ERROR 1064 (42000): …`.

    code, sqlstate: MySQL's numbers for this kind of error. message: without them. line, column: where in the text,
    from 1; None where it is not the text that is wrong. number: which of several statements, from 1. ran: how many
    before it were run.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        number: int = 1,
        ran: int = 0,
    ) -> None:
        self.code = code
        self.sqlstate = _STATES.get(code, _GENERAL_STATE)
        self.message = message
        self.line = line
        self.column = column
        self.number = number
        self.ran = ran
        super().__init__(f"ERROR {code} ({self.sqlstate}): {message}")


@dataclass(frozen=True)
class DeployModel:
    """name: of the deployment. template_id: id or name of a row of `annotation_template`. source: a table's name."""

    verb: ClassVar[str] = "DEPLOY MODEL"
    model: str
    name: str
    template_id: str
    source: str
    title: str | None = None
    image_delivery: str = "auto"
    existing_annotations: str = "annotations"

    def __str__(self) -> str:
        options = {
            "annotation_template_id": self.template_id,
            "annotation_source": self.source,
            "deployment_name": self.name,
            "title": self.title,
            "image_delivery": self.image_delivery if self.image_delivery != "auto" else None,
            "existing_annotations": self.existing_annotations if self.existing_annotations != "annotations" else None,
        }
        return f"{self.verb} `{self.model}`{_written(options)}"


@dataclass(frozen=True)
class ShowDeployment:
    verb: ClassVar[str] = "SHOW DEPLOYMENT"
    name: str

    def __str__(self) -> str:
        return f"{self.verb} `{self.name}`"


@dataclass(frozen=True)
class ShowDeployments:
    verb: ClassVar[str] = "SHOW DEPLOYMENTS"

    def __str__(self) -> str:
        return self.verb


@dataclass(frozen=True)
class UpdateWhiteIps:
    """name: of the allow-list. ips: addresses and networks with commas between them, as they were typed."""

    verb: ClassVar[str] = "UPDATE WHITEIPS"
    name: str
    ips: str

    def __str__(self) -> str:
        return f"{self.verb} `{self.name}`{_written({'ips': self.ips})}"


@dataclass(frozen=True)
class ShowWhiteIps:
    verb: ClassVar[str] = "SHOW WHITEIPS"
    name: str

    def __str__(self) -> str:
        return f"{self.verb} `{self.name}`"


@dataclass(frozen=True)
class DropDeployment:
    verb: ClassVar[str] = "DROP DEPLOYMENT"
    name: str
    force: bool = False

    def __str__(self) -> str:
        return f"{self.verb} `{self.name}`{_written({'force': 'true'}) if self.force else ''}"


Statement = DeployModel | ShowDeployment | ShowDeployments | UpdateWhiteIps | ShowWhiteIps | DropDeployment


def parse(text: str) -> list[Statement]:
    """The statements in `text`, at least one; in linear time.

    Raises:
        StatementError: the text cannot be read; with the line and column of the first place that is wrong.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > LONGEST_TEXT:
        raise StatementError(
            TOO_LARGE, f"The text has more than {LONGEST_TEXT} characters, line 1 column 1", line=1, column=1
        )
    return _Parser(text).statements()


class _WrongValueError(Exception):
    """A value is not what its option takes; says what that is."""


def _name(token: Token, longest: int = LONGEST_NAME) -> str:
    if token.kind is Kind.WORD:
        raise _WrongValueError("a name in quotes")
    return _checked_name(token.value, longest)


def _checked_name(value: str, longest: int) -> str:
    if not 1 <= len(value) <= longest or not _NAME_CHARACTERS.issuperset(value):
        raise _WrongValueError(f"1 to {longest} letters (a-z, A-Z), digits, _ and -")
    return value


def _text(token: Token) -> str:
    if token.kind is not Kind.STRING:
        raise _WrongValueError("a string in quotes")
    if any(ord(character) < ord(" ") and character not in "\t\r\n" for character in token.value):
        raise _WrongValueError("a string without control characters")
    if any("\ud800" <= character <= "\udfff" for character in token.value):
        raise _WrongValueError("a string without halves of characters (surrogates)")
    return token.value


def _filled_text(token: Token) -> str:
    value = _text(token if token.kind is not Kind.NAME else Token(Kind.STRING, token.value, token.start))
    if not value.strip():
        raise _WrongValueError("a string that is not empty")
    return value


def _table(token: Token) -> str:
    try:
        return check_table_name(_filled_text(token))
    except InvalidInputError:
        raise _WrongValueError("a table's name of 1 to 64 letters, digits, _, $ and -") from None


def _template(token: Token) -> str:
    if token.kind is Kind.WORD:
        if not (token.value.isascii() and token.value.isdigit()):
            raise _WrongValueError("a template's id, such as 1 or '1'")
        return token.value
    return _filled_text(token)


def _flag(token: Token) -> bool:
    flags = {"true": True, "1": True, "false": False, "0": False}
    try:
        return flags[token.value.lower()]
    except KeyError:
        raise _WrongValueError("'true' or 'false'") from None


def _one_of(*choices: str) -> Callable[[Token], str]:
    def read(token: Token) -> str:
        if token.kind is Kind.WORD or token.value.lower() not in choices:
            raise _WrongValueError(
                " or ".join([", ".join(f"'{choice}'" for choice in choices[:-1]), f"'{choices[-1]}'"])
            )
        return token.value.lower()

    return read


_Readers = Mapping[str, Callable[[Token], "str | bool"]]
_DEPLOY_OPTIONS: _Readers = {
    "annotation_template_id": _template,
    "annotation_source": _table,
    "deployment_name": _name,
    "title": _filled_text,
    "image_delivery": _one_of(*IMAGE_DELIVERIES),
    "existing_annotations": _one_of(*EXISTING_ANNOTATIONS),
}
_WHITE_IP_OPTIONS: _Readers = {"ips": _text}
_DROP_OPTIONS: _Readers = {"force": _flag}


class _Parser:
    """Recursive descent with one token of lookahead."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._token = next(self._tokens)
        self._verb = ""
        self._number = 1

    def statements(self) -> list[Statement]:
        found: list[Statement] = []
        while not self._is_at_end():
            if self._accept(";"):
                continue
            self._number = len(found) + 1
            found.append(self._statement())
            if not self._is_at_end() and not self._accept(";"):
                raise self._syntax_error("; or the end of the statement")
        if not found:
            raise self._error(EMPTY_QUERY, "Query was empty", self._token, "expected DEPLOY, SHOW, UPDATE or DROP")
        return found

    def _statement(self) -> Statement:
        if self._accept("DEPLOY"):
            self._expect("MODEL")
            return self._deploy()
        if self._accept("SHOW"):
            if self._accept("DEPLOYMENTS"):
                return ShowDeployments()
            if self._accept("DEPLOYMENT"):
                self._verb = ShowDeployment.verb
                return ShowDeployment(self._take_name("the deployment's name"))
            if self._accept("WHITEIPS"):
                self._verb = ShowWhiteIps.verb
                return ShowWhiteIps(self._take_white_ip_name())
            raise self._syntax_error("DEPLOYMENT, DEPLOYMENTS or WHITEIPS")
        if self._accept("UPDATE"):
            self._expect("WHITEIPS")
            return self._update_white_ips()
        if self._accept("DROP"):
            self._expect("DEPLOYMENT")
            return self._drop()
        raise self._syntax_error("DEPLOY, SHOW, UPDATE or DROP")

    def _deploy(self) -> DeployModel:
        self._verb = DeployModel.verb
        model = self._take_name("the model's name")
        self._expect("WITH")
        options = self._take_options(_DEPLOY_OPTIONS, required=("annotation_template_id", "annotation_source"))
        return DeployModel(
            model=model,
            name=str(options.get("deployment_name", model)),
            template_id=str(options["annotation_template_id"]),
            source=str(options["annotation_source"]),
            title=str(options["title"]) if "title" in options else None,
            image_delivery=str(options.get("image_delivery", DeployModel.image_delivery)),
            existing_annotations=str(options.get("existing_annotations", DeployModel.existing_annotations)),
        )

    def _update_white_ips(self) -> UpdateWhiteIps:
        self._verb = UpdateWhiteIps.verb
        name = self._take_white_ip_name()
        self._expect("WITH")
        return UpdateWhiteIps(name, str(self._take_options(_WHITE_IP_OPTIONS, required=("ips",))["ips"]))

    def _drop(self) -> DropDeployment:
        self._verb = DropDeployment.verb
        name = self._take_name("the deployment's name")
        options = self._take_options(_DROP_OPTIONS) if self._accept("WITH") else {}
        return DropDeployment(name, force=bool(options.get("force", False)))

    def _take_white_ip_name(self) -> str:
        return self._take_name("the allow-list's name", LONGEST_NAME + len(WHITE_IP_PREFIX))

    def _take_name(self, what: str, longest: int = LONGEST_NAME) -> str:
        token = self._token
        if token.kind not in (Kind.WORD, Kind.NAME, Kind.STRING):
            raise self._syntax_error(what)
        try:
            name = _checked_name(token.value, longest)
        except _WrongValueError as wrong:
            raise self._argument_error(token, f"{what} has {wrong}") from None
        self._advance()
        return name

    def _take_options(self, readers: _Readers, required: tuple[str, ...] = ()) -> dict[str, str | bool]:
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

    def _take_option_name(self, known: _Readers, given: Container[str]) -> str:
        token = self._token
        if token.kind not in (Kind.WORD, Kind.NAME, Kind.STRING):
            raise self._syntax_error(f"an option ({', '.join(known)})")
        name = token.value.lower()
        if name not in known:
            near = difflib.get_close_matches(name, known, 1) if len(name) <= LONGEST_NAME else []
            suggestion = f"did you mean {near[0]}? " if near else ""
            raise self._argument_error(
                token, f"there is no option '{_shown(token.value)}'; {suggestion}expected {', '.join(known)}"
            )
        if name in given:
            raise self._argument_error(token, f"expected each option once, and {name} was there already")
        self._advance()
        return name

    def _take_value(self, name: str, read: Callable[[Token], str | bool]) -> str | bool:
        token = self._token
        if token.kind not in (Kind.WORD, Kind.NAME, Kind.STRING):
            raise self._syntax_error(f"a value for {name}")
        try:
            value = read(token)
        except _WrongValueError as wrong:
            raise self._argument_error(token, f"for {name}, expected {wrong}") from None
        self._advance()
        return value

    def _is_at_end(self) -> bool:
        return self._token.kind is Kind.END

    def _advance(self) -> None:
        self._token = next(self._tokens)

    def _accept(self, value: str) -> bool:
        """Whether the next token is this keyword or sign; it is passed then."""
        token = self._token
        kind = Kind.WORD if value.isalpha() else Kind.SIGN
        if token.kind is not kind or token.value.upper() != value or not token.value.isascii():
            return False
        self._advance()
        return True

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
        """Says so where a full-width character stands in place of the one that was meant."""
        found = None
        if token.kind in (Kind.UNKNOWN, Kind.WORD, Kind.NAME):
            found = look_alike(token.value)
        elif token.kind is Kind.UNFINISHED:
            found = look_alike(self._text[token.start : token.start + LONGEST_NAME + 2])
        return f"; {found[0]} is a full-width character of a Chinese input method: type {found[1]}" if found else ""

    def _error(self, code: int, what: str, token: Token, why: str) -> StatementError:
        line = self._text.count("\n", 0, token.start) + 1
        column = token.start - self._text.rfind("\n", 0, token.start)
        near = (
            f"near '{_shown(masked(self._text, token.start, token.start + 4 * _MOST_SHOWN))}'"
            if token.kind is not Kind.END
            else "at the end"
        )
        message = f"{what} {near}, line {line} column {column}: {why}"
        return StatementError(code, message, line=line, column=column, number=self._number)


def _shown(text: str) -> str:
    """The beginning of `text`."""
    words = " ".join(text.split())
    return printable(words if len(words) <= _MOST_SHOWN else words[:_MOST_SHOWN] + "…")


def _written(options: Mapping[str, str | None]) -> str:
    pairs = (f"{name} = {_quoted(value)}" for name, value in options.items() if value is not None)
    return f" WITH ({', '.join(pairs)})"


def _quoted(value: str) -> str:
    for character, escaped in {"\\": "\\\\", "'": "''", "\n": "\\n", "\r": "\\r"}.items():
        value = value.replace(character, escaped)
    return f"'{value}'"
