"""What may stand between the brackets of WITH: the options of each statement, and the value that each takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from polardb_bridge.characters import invisible
from polardb_bridge.choices import Choice, ExistingAnnotations, ImageDelivery
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.statements.names import MAX_NAME_LENGTH, is_name, name_rule
from polardb_bridge.statements.tokens import Kind, Token
from polardb_bridge.table.fields import PICTURE, check_fields, parse_field, parse_fields
from polardb_bridge.table.keys import parse_columns, typed_columns
from polardb_bridge.table.result_columns import parse_results
from polardb_bridge.table.schema import check_table_name, qualified_name
from polardb_bridge.table.sql import check_condition, check_query


class WrongValueError(Exception):
    """A value is not what its option takes; says what that is."""


def _visible(value: str) -> str:
    found = invisible(value)
    if found:
        raise WrongValueError(f"a value without invisible characters such as {found}")
    return value


def checked_name(value: str, max_length: int = MAX_NAME_LENGTH) -> str:
    _visible(value)
    if not is_name(value, max_length):
        raise WrongValueError(name_rule(max_length))
    return value


def _name(token: Token) -> str:
    if token.kind is Kind.WORD:
        raise WrongValueError("a name in quotes")
    return checked_name(token.value)


def _text(token: Token) -> str:
    if token.kind is not Kind.STRING:
        raise WrongValueError("a string in quotes")
    if any(ord(character) < ord(" ") and character not in "\t\r\n" for character in token.value):
        raise WrongValueError("a string without control characters")
    if any("\ud800" <= character <= "\udfff" for character in token.value):
        raise WrongValueError("a string without halves of characters (surrogates)")
    return token.value


def _filled_text(token: Token) -> str:
    value = _text(token if token.kind is not Kind.NAME else Token(Kind.STRING, token.value, token.start))
    if not value.strip():
        raise WrongValueError("a string that is not empty")
    return value


def _table(token: Token) -> str:
    """`table`, or `database.table`."""
    value = _visible(_filled_text(token))
    try:
        names = qualified_name(value) if token.kind is Kind.STRING else [check_table_name(value)]
        return ".".join(name for name in names if name)
    except InvalidInputError:
        raise WrongValueError("a table's name of 1 to 64 letters, digits, _, $ and -") from None


def _table_here(token: Token) -> str:
    value = _table(token)
    if "." in value:
        raise WrongValueError("a table of the same database, without the database's name")
    return value


def _template(token: Token) -> str:
    if token.kind is Kind.WORD:
        if not (token.value.isascii() and token.value.isdigit()):
            raise WrongValueError("a template's id, such as 1 or '1'")
        return token.value
    return _visible(_filled_text(token))


def _column(token: Token) -> str:
    return _visible(_filled_text(token)).strip()


def _column_or_none(token: Token) -> str:
    """Empty: the table has no such column."""
    return "" if token.kind is Kind.STRING and not token.value.strip() else _column(token)


def _picture(token: Token) -> str:
    value = _visible(_filled_text(token))
    try:
        picture = parse_field(PICTURE, value)
        check_fields({PICTURE: picture})
        return str(picture)
    except InvalidInputError:
        raise WrongValueError("a column and how it is read, such as 'photo:bytes'") from None


def _fields(token: Token) -> str:
    value = _visible(_filled_text(token))
    try:
        parse_fields(value)
    except InvalidInputError as error:
        raise WrongValueError(f"fields and columns, such as 'image=photo:bytes, title=title:text': {error}") from None
    return value


def _key(token: Token) -> str:
    value = _column(token)
    if token.kind is not Kind.STRING:
        return typed_columns([value])
    try:
        parse_columns(value)
    except InvalidInputError:
        raise WrongValueError("a column, or several with commas, such as 'tenant_id,id'") from None
    return value


def _result_columns(token: Token) -> str:
    value = _visible(_filled_text(token))
    try:
        parse_results(value)
    except InvalidInputError:
        raise WrongValueError("roles and columns, such as 'annotation_data=answer'") from None
    return value


def _flag(token: Token) -> bool:
    flags = {"true": True, "1": True, "false": False, "0": False}
    try:
        return flags[token.value.lower()]
    except KeyError:
        raise WrongValueError("'true' or 'false'") from None


def _one_of(choices: type[Choice]) -> Callable[[Token], str]:
    def read(token: Token) -> Choice:
        if token.kind is Kind.WORD or token.value.lower() not in choices.values():
            *others, last = (f"'{value}'" for value in choices.values())
            raise WrongValueError(f"{', '.join(others)} or {last}")
        return choices(token.value.lower())

    return read


def _condition(token: Token) -> str:
    value = _filled_text(token)
    try:
        return check_condition(value)
    except InvalidInputError as error:
        raise WrongValueError(f"a condition of SQL, such as 'shop_id = 7': {error}") from None


def _query(token: Token) -> str:
    value = _filled_text(token)
    try:
        return check_query(value)
    except InvalidInputError as error:
        example = "SELECT id, body FROM reviews"
        raise WrongValueError(f"a query, such as '{example}': {error}") from None


Readers: TypeAlias = Mapping[str, Callable[[Token], "str | bool"]]

DEPLOY_OPTIONS: Readers = {
    "annotation_template_id": _template,
    "annotation_source": _table,
    "deployment_name": _name,
    "title": _filled_text,
    "image_delivery": _one_of(ImageDelivery),
    "existing_annotations": _one_of(ExistingAnnotations),
    "key_column": _key,
    "image": _picture,
    "map": _fields,
    "name_column": _column_or_none,
    "version_column": _column_or_none,
    "result_columns": _result_columns,
    "result_table": _table_here,
    "query": _query,
    "filter": _condition,
}
ALLOW_LIST_OPTIONS: Readers = {"ips": _text}
DROP_OPTIONS: Readers = {"force": _flag}

# Of the options that take one of a few.
VALUES: Mapping[str, tuple[str, ...]] = {
    "image_delivery": ImageDelivery.values(),
    "existing_annotations": ExistingAnnotations.values(),
    "force": ("true", "false"),
}
