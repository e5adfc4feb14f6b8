"""Which columns of a source table are what: the layout that PolarDB for AI documents, or any other table as it is.

A mapping is JSON on the storages of a table, and in their API:

    {"key": "sku", "data": {"image": "photo:bytes", "price": "price:number"}, "name": "title", "version": "changed_at",
     "result": {"annotation_data": "answer", "annotation_count": "answers"}, "held": ["last_seen"]}

`key` may be a list; `kinds` says what its columns hold, unless it is one of integers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.fields import (
    PICTURE,
    Field,
    check_fields,
    columns_of,
    parse_field,
    parse_fields,
    typed,
    written,
)
from polardb_bridge.table.keys import KeyKind, key_from_json, key_roles, key_to_json, parse_columns, typed_columns
from polardb_bridge.table.shown_fields import ShownFields
from polardb_bridge.table.text import one_by_one, unquoted

# What results are made of, each in a column of its own. The first is the result itself; the last, its only label.
RESULT_ROLES = (
    "annotation_data",
    "annotation_count",
    "annotation_uid",
    "annotation_create_at",
    "annotation_update_at",
    "label",
)
_MAX_COLUMN_LENGTH = 64
_RESULT = re.compile(r"(\w+)\s*=\s*(?:`((?:[^`]|``)+)`|([^`,=]*[^`,=\s]))\s*(?:,\s*|$)")
_DOCUMENTED_DATA = {PICTURE: Field("base64_data")}
_DOCUMENTED_RESULTS = {role: role for role in RESULT_ROLES if role != "label"}


@dataclass(frozen=True)
class TableMapping(ShownFields):
    """The columns of a source table by what they are for; by default those of the documented layout.

    key: what tells rows apart; kinds: what its columns hold. data: what tasks hold, by the names of their fields.
    name: what is shown above it; None: the key. version: a time that changes with the row; None: a digest tells.
    results: column by role (`RESULT_ROLES`); what a table lacks is not written.
    held: other columns that an UPDATE changes by itself (ON UPDATE): ours leave them as they are.
    """

    key: str | tuple[str, ...] = "id"
    data: Mapping[str, Field] = field(default_factory=_DOCUMENTED_DATA.copy)
    name: str | None = "original_name"
    version: str | None = "updated_at"
    results: Mapping[str, str] = field(default_factory=_DOCUMENTED_RESULTS.copy)
    held: tuple[str, ...] = ()
    kinds: tuple[KeyKind, ...] = (KeyKind.INTEGER,)

    def __post_init__(self) -> None:
        check_fields(self.data)
        _check_columns([*self.by_role.values(), *self.held])
        # What is only read may be read twice, such as a title that is also the name.
        _check_columns([*self.results.values(), *columns_of(self.data)])

    @property
    def is_documented(self) -> bool:
        """Whether this is the documented layout, of which every column must be there."""
        return self == DOCUMENTED

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (self.key,) if isinstance(self.key, str) else self.key

    @property
    def kept(self) -> tuple[str, ...]:
        """What our UPDATEs leave as it is, and name, since it would change by itself."""
        return (*([self.version] if self.version else []), *self.held)

    @property
    def by_role(self) -> dict[str, str]:
        """The columns that are read or written, each under the name that it has in the documented layout."""
        key: dict[str, str | None] = dict(zip(key_roles(self.kinds), self.key_columns, strict=True))
        picture = self.picture.column if self.picture else None
        read = {"base64_data": picture, "original_name": self.name, "updated_at": self.version}
        return {role: column for role, column in (key | read | dict(self.results)).items() if column is not None}

    def named(self, message: str) -> str:
        """A message about the documented columns, with the names that this table has for them."""
        for role in ("base64_data", "original_name"):
            message = message.replace(role, self.by_role.get(role, role))
        return message

    def to_json(self) -> dict[str, Any]:
        """As `from_json` reads it; empty for the documented layout."""
        if self.is_documented:
            return {}
        return {
            "key": key_to_json(self.key_columns),
            **({} if self.kinds == DOCUMENTED.kinds else {"kinds": [kind.value for kind in self.kinds]}),
            "data": {name: str(each) for name, each in self.data.items()},
            "name": self.name,
            "version": self.version,
            "result": dict(self.results),
            "held": list(self.held),
        }

    @classmethod
    def from_json(cls, value: Any) -> TableMapping:
        """What `to_json` gave.

        Raises:
            InvalidInputError: it is something else.
        """
        if not value:
            return DOCUMENTED
        asked = AskedMapping.from_json(value)
        if asked.key is None or asked.data is None:
            raise InvalidInputError("A mapping needs its 'key' and its 'data'.", field="mapping")
        return cls(
            key=asked.key[0] if len(asked.key) == 1 else asked.key,
            data=asked.data,
            name=asked.name or None,
            version=asked.version or None,
            results=asked.results or {},
            held=tuple(value.get("held") or ()),
            kinds=tuple(map(KeyKind, value.get("kinds") or ())) or DOCUMENTED.kinds,
        )


@dataclass(frozen=True)
class AskedMapping:
    """What somebody has said of a mapping; None is left to the table (`choosing.complete`), empty means none."""

    key: tuple[str, ...] | None = None
    data: Mapping[str, Field] | None = None
    name: str | None = None
    version: str | None = None
    results: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        check_fields(self.data or {})

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
    ) -> AskedMapping:
        """From what options of statements and commands hold: `parse_columns`, `parse_fields` and `parse_results`.

        image: of a picture alone, in place of `fields`; see `Field.parse`.

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
        }

    @classmethod
    def from_json(cls, value: Any) -> AskedMapping:
        """Read the JSON of a mapping, or a part of it.

        Raises:
            InvalidInputError: it is no such JSON.
        """
        if not isinstance(value, dict) or set(value) - {"key", "kinds", "data", "name", "version", "result", "held"}:
            raise _not_a_mapping()
        data, results, held = value.get("data"), value.get("result"), value.get("held")
        texts = [value.get(part) for part in ("name", "version")]
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
            version=("" if value["version"] is None else value["version"]) if "version" in value else None,
            results=None if results is None else {role: column for role, column in results.items() if column},
        )


def parse_results(text: str) -> dict[str, str]:
    """Read `role=column, role=column`; a column whose name has a comma or the like stands in backticks.

    Raises:
        InvalidInputError: it is something else, or a role is none of RESULT_ROLES.
    """
    results: dict[str, str] = {}
    for found in one_by_one(_RESULT, text):
        if not found or found[1] in results:
            raise InvalidInputError(
                f"{text!r} does not say where results go: write role=column, such as annotation_data=answer, and each "
                "role once.",
                field="mapping",
            )
        check_role(found[1])
        results[found[1]] = unquoted(found[2], found[3])
    return results


def check_role(role: str) -> None:
    """Raise InvalidInputError unless `role` is one of RESULT_ROLES."""
    if role not in RESULT_ROLES:
        raise InvalidInputError(
            f"{role!r} is nothing that results have. Columns can be named for: {', '.join(RESULT_ROLES)}.",
            field="mapping",
        )


def _not_a_mapping() -> InvalidInputError:
    return InvalidInputError(
        "A mapping is a JSON object of 'key', 'data', 'name', 'version' and 'result': texts, but for 'data' and "
        "'result', which are objects.",
        field="mapping",
    )


def _check_columns(names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if not 0 < len(name) <= _MAX_COLUMN_LENGTH or not name.isprintable() or name != name.strip():
            raise InvalidInputError(
                f"{name!r} cannot be a column's name here: use 1 to 64 characters that can be seen.", field="mapping"
            )
        if name.lower() in seen:
            raise InvalidInputError(f"Column {name!r} has two uses in the mapping: each can have one.", field="mapping")
        seen.add(name.lower())


DOCUMENTED = TableMapping()
NOTHING_ASKED = AskedMapping()


def mapping_of(table: sa.Table) -> TableMapping:
    """The mapping that a table was made with (`schema.source_table`)."""
    mapping: TableMapping = table.info.get("mapping", DOCUMENTED)
    return mapping
