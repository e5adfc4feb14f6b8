"""What somebody says of a mapping: as options of statements and commands, or as a part of its JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polardb_bridge.choices import VersionKind
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.fields import PICTURE, Field, check_fields, parse_field, parse_fields, typed, written
from polardb_bridge.table.keys import key_from_json, parse_columns, typed_columns
from polardb_bridge.table.result_columns import check_role, parse_results
from polardb_bridge.table.sql import check_condition, check_query

# The version that is made of all that tasks show.
DIGEST = VersionKind.DIGEST.value
# What can be nothing else than a column's name; all else in the place of a version may be SQL.
_PLAIN_NAME = re.compile(r"[\w$ ]*")
_PARTS = {"key", "kinds", "data", "name", "version", "version_kind", "result", "held", "query", "filter", "guarded"}


@dataclass(frozen=True)
class AskedMapping:
    """What somebody has said of a mapping; None is left to the table (`choosing.complete`), empty means none.

    version: a column, an expression, or DIGEST. query, filter: as in `TableMapping`.
    """

    key: tuple[str, ...] | None = None
    data: Mapping[str, Field] | None = None
    name: str | None = None
    version: str | None = None
    results: Mapping[str, str] | None = None
    query: str = ""
    filter: str = ""

    def __post_init__(self) -> None:
        check_fields(self.data or {})

    @property
    def may_run_sql(self) -> bool:
        """Whether it has SQL of people in it, as far as can be told without the table."""
        return bool(self.query or self.filter or not is_plain_name(self.version or ""))

    @property
    def is_nothing(self) -> bool:
        return self == NOTHING_ASKED

    @classmethod
    def from_texts(
        cls,
        *,
        key: str | None = None,
        image: str | None = None,
        fields: str | None = None,
        name: str | None = None,
        version: str | None = None,
        results: str | None = None,
        query: str | None = None,
        condition: str | None = None,
    ) -> AskedMapping:
        """From what options of statements and commands hold: `parse_columns`, `parse_fields` and `parse_results`.

        image: of a picture alone, in place of `fields`; see `Field.parse`. condition: the filter.

        Raises:
            InvalidInputError: one of them is malformed.
        """
        data = parse_fields(fields) if fields else None
        return cls(
            key=parse_columns(key) if key else None,
            data={PICTURE: parse_field(PICTURE, image)} if image is not None else data,
            name=name,
            version=version,
            results=None if results is None else parse_results(results),
            query=check_query(query) if query else "",
            filter=check_condition(condition) if condition else "",
        )

    def to_texts(self) -> dict[str, str | None]:
        """What `from_texts` reads."""
        results, data = self.results, self.data or {}
        is_image = list(data) == [PICTURE]
        return {
            "key": typed_columns(self.key) if self.key else None,
            "image": str(data[PICTURE]) if is_image else None,
            "fields": written(data) if data and not is_image else None,
            "name": self.name,
            "version": self.version,
            "results": None if results is None else ", ".join(f"{role}={typed(results[role])}" for role in results),
            "query": self.query or None,
            "condition": self.filter or None,
        }

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        parts = {
            "key": self.key and list(self.key),
            "data": self.data and {name: str(read) for name, read in self.data.items()},
            "name": self.name,
            "version": self.version,
            "result": self.results and dict(self.results),
            "query": self.query or None,
            "filter": self.filter or None,
        }
        return {part: value for part, value in parts.items() if value is not None}

    @classmethod
    def from_json(cls, value: Any) -> AskedMapping:
        """Read the JSON of a mapping, or a part of it.

        Raises:
            InvalidInputError: it is no such JSON.
        """
        if not isinstance(value, dict) or set(value) - _PARTS:
            raise _not_a_mapping()
        data, results, held = value.get("data"), value.get("result"), value.get("held")
        texts = [value.get(part) for part in ("name", "version", "query", "filter")]
        maps = [part or {} for part in (data, results)]
        if not all(isinstance(each, dict) for each in maps) or not isinstance(held or [], list):
            raise _not_a_mapping()
        texts += [each for part in maps for each in part.values()] + list(held or [])
        if not all(each is None or isinstance(each, str) for each in texts):
            raise _not_a_mapping()
        for role in maps[1]:
            check_role(role)
        return cls(
            key=key_from_json(value.get("key")),
            data={name: parse_field(name, text or "") for name, text in maps[0].items()} or None,
            name=("" if value["name"] is None else value["name"]) if "name" in value else None,
            version=(DIGEST if value["version"] is None else value["version"]) if "version" in value else None,
            results=None if results is None else {role: column for role, column in results.items() if column},
            query=check_query(value["query"]) if value.get("query") else "",
            filter=check_condition(value["filter"]) if value.get("filter") else "",
        )


def is_plain_name(version: str) -> bool:
    """Whether a version is the name of a column, there or not, and no SQL."""
    return bool(_PLAIN_NAME.fullmatch(version))


def _not_a_mapping() -> InvalidInputError:
    return InvalidInputError(
        "A mapping is a JSON object of 'key', 'data', 'name', 'version', 'result', 'filter' and 'query': texts, but "
        "for 'data' and 'result', which are objects.",
        field="mapping",
    )


NOTHING_ASKED = AskedMapping()
