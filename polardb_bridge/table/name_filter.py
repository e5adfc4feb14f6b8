"""Filters of names: Python's regular expressions, matched by RE2 in time that grows with the name only.

Python's own matcher takes forever for `(a+)+$`, and holds the interpreter with all its threads meanwhile. RE2 means
other things by `\\w`, `\\d`, `$` and more; so a pattern is read by Python's parser and written anew for RE2, with the
same meaning. What RE2 cannot do (looking ahead or behind, references to groups) is refused.
"""

from __future__ import annotations

import importlib
import re
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import re2

from polardb_bridge.errors import InvalidInputError

MAX_PATTERN_LENGTH = 1000

# Python's parser of patterns, under its names of 3.10 and of later versions.
_parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")
_UNICODE = {
    "CATEGORY_DIGIT": r"\p{Nd}",
    "CATEGORY_SPACE": r"\t-\r\x1c-\x1f\x{85}\p{Z}",
    "CATEGORY_WORD": r"\p{L}\p{N}_",
}
_ASCII = {"CATEGORY_DIGIT": "0-9", "CATEGORY_SPACE": r"\t-\r ", "CATEGORY_WORD": "0-9A-Za-z_"}


def compile_name_filter(pattern: str) -> Callable[[str], bool]:
    """Whether a name matches `pattern` at its beginning, as `re.match` says it.

    Raises:
        InvalidInputError: it is not a regular expression, or one that takes more than RE2.
    """
    compiled = compile_in_linear_time(pattern)

    def matches(name: str) -> bool:
        return compiled.match(name) is not None

    return matches


def compile_in_linear_time(pattern: str) -> Any:
    """A Python regular expression as an object of RE2, with `match` and `search` like Python's.

    Raises:
        InvalidInputError: it is not a regular expression, or one that takes more than RE2.
    """
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise _invalid(f"it has more than {MAX_PATTERN_LENGTH} characters")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what a pattern may mean in later versions of Python
            parsed = _parser.parse(pattern)
        written = _Writer(parsed.state.flags).sequence(parsed)
        options = re2.Options()
        options.log_errors = False
        compiled = re2.compile(written, options=options)
    except re.error as error:
        raise _invalid(str(error)) from None
    except (re2.error, UnicodeEncodeError):
        raise _invalid("it repeats too much, or has a character that names cannot have") from None
    except (RecursionError, OverflowError):
        raise _invalid("it is nested too deeply") from None

    return compiled


def _invalid(reason: str) -> InvalidInputError:
    return InvalidInputError(f"This is not a regular expression: {reason}.", field="regex_filter")


def _unsupported(what: str) -> InvalidInputError:
    return InvalidInputError(
        f"The filter has {what}, which takes unbounded time or memory to match; write it without.", field="regex_filter"
    )


class _Writer:
    """Writes what Python's parser has read in the language of RE2."""

    def __init__(self, flags: int) -> None:
        self._flags = flags

    def sequence(self, parsed: Any) -> str:
        return "".join(self._one(str(kind), value) for kind, value in parsed)

    def _has(self, flag: re.RegexFlag) -> bool:
        return bool(self._flags & flag)

    def _one(self, kind: str, value: Any) -> str:
        match kind:
            case "LITERAL":
                return self._folded(_character(value))
            case "NOT_LITERAL":
                return self._folded(f"[^{_character(value)}]")
            case "ANY":
                return "(?s:.)" if self._has(re.DOTALL) else r"[^\n]"
            case "IN":
                return self._folded(self._set(value))
            case "BRANCH":
                return f"(?:{'|'.join(self.sequence(branch) for branch in value[1])})"
            case "SUBPATTERN":
                return self._group(*value)
            case "MAX_REPEAT" | "MIN_REPEAT":
                least, most, parsed = value
                times = f"{{{least},{'' if most == _parser.MAXREPEAT else most}}}"
                return f"(?:{self.sequence(parsed)}){times}{'?' if kind == 'MIN_REPEAT' else ''}"
            case "AT":
                return self._position(str(value))
        names = {"ASSERT": "a look around", "ASSERT_NOT": "a look around", "GROUPREF": "a reference to a group"}
        raise _unsupported(names.get(kind, "a part"))

    def _group(self, _number: Any, added: int, removed: int, parsed: Any) -> str:
        inner = _Writer((self._flags | added) & ~removed)
        return f"(?:{inner.sequence(parsed)})"

    def _folded(self, written: str) -> str:
        return f"(?i:{written})" if self._has(re.IGNORECASE) else written

    def _position(self, name: str) -> str:
        match name:
            case "AT_BEGINNING" if self._has(re.MULTILINE):
                return "(?m:^)"
            case "AT_BEGINNING" | "AT_BEGINNING_STRING":
                return r"\A"
            case "AT_END" if self._has(re.MULTILINE):
                return "(?m:$)"
            case "AT_END":
                return r"(?:\z|\n\z)"
            case "AT_END_STRING":
                return r"\z"
            case "AT_BOUNDARY" | "AT_NON_BOUNDARY" if self._has(re.ASCII):
                return r"\b" if name == "AT_BOUNDARY" else r"\B"
        raise _unsupported("a boundary of words without (?a)")

    def _set(self, members: Sequence[tuple[Any, Any]]) -> str:
        is_negated = str(members[0][0]) == "NEGATE"
        categories = _ASCII if self._has(re.ASCII) else _UNICODE
        inside: list[str] = []
        outside: list[str] = []  # what all characters are but some
        for kind, value in members[is_negated:]:
            match str(kind):
                case "LITERAL":
                    inside.append(_character(value))
                case "RANGE":
                    inside.append(f"{_character(value[0])}-{_character(value[1])}")
                case "CATEGORY" if "_NOT_" in str(value):
                    outside.append(categories[str(value).replace("_NOT_", "_")])
                case _:
                    inside.append(categories[str(value)])
        if not outside:
            return f"[{'^' if is_negated else ''}{''.join(inside)}]"
        if is_negated and len(outside) == 1 and not inside:
            return f"[{outside[0]}]"
        if is_negated:
            raise _unsupported("a set with all but words, digits or spaces")
        parts = ["[" + "".join(inside) + "]"] if inside else []
        return "(?:" + "|".join([*parts, *(f"[^{one}]" for one in outside)]) + ")"


def _character(code: int) -> str:
    if 0xD800 <= code <= 0xDFFF:
        raise _invalid("it has a character that names cannot have")
    return f"\\x{{{code:x}}}"
