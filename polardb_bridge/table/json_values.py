"""JSON that rows hold, as far as every database of Label Studio's can hold it.

The same on all of them: a project can be moved from one to another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

# What MySQL takes, too.
MAX_JSON_DEPTH = 100
_TOO_DEEP = f"is nested more than {MAX_JSON_DEPTH} levels deep"


class UnusableJsonError(ValueError):
    """`str(error)` goes on after the name of what holds it: "is not JSON"."""


def parse_json(text: bytes) -> Any:
    """The value of a text in UTF-8.

    Raises:
        UnusableJsonError: it is none, or one that Label Studio's databases cannot hold.
    """
    try:
        value = json.loads(text.decode())
    except UnicodeDecodeError as error:
        raise UnusableJsonError(f"is not valid text: byte {error.start + 1} is not UTF-8") from None
    except RecursionError:
        raise UnusableJsonError(_TOO_DEEP) from None
    except ValueError:
        raise UnusableJsonError("is not JSON") from None
    problem = _problem_of(value)
    if problem:
        raise UnusableJsonError(problem)
    return value


def _problem_of(value: Any) -> str:
    """Why one of the databases that Label Studio runs on cannot hold this JSON; empty if all can."""
    level, depth = [value] if isinstance(value, (dict, list)) else [], 0
    while level:
        if depth == MAX_JSON_DEPTH:
            return _TOO_DEEP
        depth += 1
        items = (item for parent in level for item in (parent.values() if isinstance(parent, dict) else parent))
        level = [item for item in items if isinstance(item, (dict, list))]
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()
    except UnicodeEncodeError:
        return "has half of a surrogate pair"
    except ValueError:
        return "has a number that is not finite"
    if "\\u0000" in text and "\x00" in "".join(_strings(value)):
        return "has a NUL character"
    return ""


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)
