"""A mapping as somebody puts it together: all that is wrong with it, each said of the part that it is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import BridgeError
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.choosing import complete
from polardb_bridge.table.columns import problems_of, writing_problems_of
from polardb_bridge.table.fields import MAX_FIELDS, Field, check_fields, parse_field
from polardb_bridge.table.found import FoundTable
from polardb_bridge.table.keys import key_from_json
from polardb_bridge.table.mapping import DOCUMENTED, TableMapping
from polardb_bridge.table.result_columns import check_role
from polardb_bridge.table.schema import source_table
from polardb_bridge.table.sql import check_condition

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Problem:
    """part: `key`, `data`, `data.FIELD`, `name`, `version`, `result`, `result.ROLE`, `filter`; empty: the whole."""

    part: str
    message: str


@dataclass
class Trial:
    """mapping: complete; None if problems say why there is none. It may have problems with the table all the same."""

    mapping: TableMapping | None = None
    problems: list[Problem] = field(default_factory=list)

    def attempt(self, part: str, make: Callable[[], _Found]) -> _Found | None:
        """What `make` returns, or None and one problem more."""
        try:
            return make()
        except BridgeError as error:
            self.problems.append(Problem(part, str(error)))
            return None

    def add(self, part: str, problems: list[str]) -> None:
        self.problems += [Problem(part, f"{text[:1].upper()}{text[1:]}.") for text in problems]


def try_mapping(found: FoundTable, value: Any, *, to_write: bool = False) -> Trial:
    """What comes of a mapping's JSON, or a part of it, for a table.

    to_write: its rows take results.
    """
    trial = Trial()
    if value == {}:
        trial.mapping = DOCUMENTED
        trial.add("", problems_of(found, source_table(found.name)))
    elif not _has_its_form(value):
        trial.attempt("", lambda: AskedMapping.from_json(value))
    else:
        _look_at_parts(trial, value, found)
        if not trial.problems:
            trial.mapping = trial.attempt("", lambda: complete(AskedMapping.from_json(value), found))
    if trial.mapping and to_write and not trial.problems:
        trial.add("result", writing_problems_of(found, trial.mapping))
    return trial


def _has_its_form(value: Any) -> bool:
    """Whether it is an object whose parts are texts, or objects of texts; what these say may be wrong."""
    if not isinstance(value, dict) or not all(isinstance(value.get(part) or {}, dict) for part in ("data", "result")):
        return False
    texts = [value.get(part) for part in ("name", "version", "filter")] + [*(value.get("result") or {}).values()]
    return all(text is None or isinstance(text, str) for text in texts)


def _look_at_parts(trial: Trial, value: dict[str, Any], found: FoundTable) -> None:
    """Find what is wrong with each part, which is looked at with the key alone."""
    key = trial.attempt("key", lambda: key_from_json(value.get("key"))) or found.key
    data = _fields(trial, value.get("data") or {})
    parts: list[tuple[str, dict[str, Any]]] = [(f"data.{name}", {"data": {name: read}}) for name, read in data.items()]
    if value.get("name"):
        parts.append(("name", {"name": value["name"]}))
    for role, column in [*(value.get("result") or {}).items()][:MAX_FIELDS]:
        if trial.attempt(f"result.{role}", lambda role=role: _role(role)):
            parts.append((f"result.{role}", {"results": {role: column}}))
    if not key and not any(problem.part == "key" for problem in trial.problems):
        message = "Choose the column that tells rows apart, or several."
        trial.problems.append(Problem("key", message))
    if not value.get("data") and not found.column("base64_data"):
        message = "Choose at least one column that tasks show."
        trial.problems.append(Problem("data", message))
    if value.get("filter"):
        trial.attempt("filter", lambda: check_condition(value["filter"]))
    alone = AskedMapping(key=key or None, data={}, name="", version="", results={})
    bare = trial.attempt("key", lambda: replace(complete(alone, found), results={}, held=())) if key else None
    if bare is None:
        return
    if value.get("version"):
        asked = replace(alone, version=value["version"])
        version = trial.attempt("version", lambda: complete(asked, found))
        if version is not None:
            parts.append(("version", {"version": version.version, "version_kind": version.version_kind}))
    of_key = problems_of(found, source_table(found.name, bare))
    trial.add("key", of_key)
    for part, changes in parts:
        table = trial.attempt(part, lambda changes=changes: source_table(found.name, replace(bare, **changes)))
        if table is not None:
            trial.add(part, [text for text in problems_of(found, table) if text not in of_key])


def _fields(trial: Trial, texts: dict[str, Any]) -> dict[str, Field]:
    """Those of the fields that can be read."""
    data: dict[str, Field] = {}
    if len(texts) > MAX_FIELDS:
        trial.attempt("data", lambda: check_fields(dict.fromkeys(texts, Field("column", FieldKind.TEXT))))
        return data
    for name, text in texts.items():
        read = trial.attempt(f"data.{name}", lambda name=name, text=text: _field(name, text))
        if read is not None:
            data[name] = read
    if len(data) == len(texts):
        trial.attempt("data", lambda: check_fields(data))
    return data


def _role(role: str) -> str:
    check_role(role)
    return role


def _field(name: str, text: Any) -> Field:
    read = parse_field(name, text if isinstance(text, str) else "")
    check_fields({name: read})
    return read
