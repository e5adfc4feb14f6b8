"""A template's `tp_schema` as people write it."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from polardb_bridge.errors import InvalidInputError

# Python takes no longer number for a whole one.
_MAX_DIGITS = 4000


class NotJsonError(InvalidInputError):
    """The text is not JSON. line, column: where, from 1."""

    def __init__(self, message: str, *, line: int, column: int) -> None:
        super().__init__(message, field="tp_schema")
        self.line = line
        self.column = column


def parse_text(text: str) -> Any:
    """What a text of `tp_schema` holds, as `labeling_config` takes it.

    Raises:
        NotJsonError: it is not JSON, as databases know it: without NaN and Infinity.
        InvalidInputError: it is nested too deeply.
    """

    def refuse(constant: str) -> NoReturn:
        raise json.JSONDecodeError("no JSON", text, text.find(constant))

    try:
        return json.loads(text, parse_constant=refuse, parse_int=_number)
    except json.JSONDecodeError as error:
        line, column = error.lineno, error.colno
        raise NotJsonError(
            f"tp_schema is not JSON: see line {line}, column {column}.", line=line, column=column
        ) from None
    except RecursionError:
        raise InvalidInputError("tp_schema is nested too deeply.", field="tp_schema") from None


def _number(digits: str) -> int | float:
    return int(digits) if len(digits) < _MAX_DIGITS else float(digits)
