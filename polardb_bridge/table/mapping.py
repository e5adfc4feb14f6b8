"""Which columns of a source table are what: the layout that PolarDB for AI documents, or any other table as it is.

A mapping is JSON on the storages of a table, and in their API:

    {"key": "sku", "data": {"image": "photo:bytes", "price": "price:number"}, "name": "title", "version": "changed_at",
     "result": {"annotation_data": "answer", "annotation_count": "answers"}, "held": ["last_seen"]}

`key` may be a list of columns; `kinds` says what they hold, unless it is one of integers. `version` may be another
column, or an expression (`version_kind`), null for a digest, "" for none. `query` is read in place of a table, and
`filter` says which rows become tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from polardb_bridge.choices import VersionKind
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.fields import PICTURE, Field, check_fields, columns_of
from polardb_bridge.table.keys import KeyKind, key_roles, key_to_json
from polardb_bridge.table.result_columns import RESULT_ROLES
from polardb_bridge.table.shown_fields import ShownFields

_MAX_COLUMN_LENGTH = 64
# What the column of a version is called in the tables of `schema.source_table`. Only times are known as `updated_at`.
VERSION_ROLE = "version"
_VERSION_ROLES = {VersionKind.TIME: "updated_at", VersionKind.VALUE: VERSION_ROLE}
_WRITTEN_KINDS = (VersionKind.VALUE, VersionKind.SQL)
_DOCUMENTED_DATA = {PICTURE: Field("base64_data")}
_DOCUMENTED_RESULTS = {role: role for role in RESULT_ROLES if role != "label"}


@dataclass(frozen=True)
class TableMapping(ShownFields):
    """The columns of a source table by what they are for; by default those of the documented layout.

    key: what tells rows apart; kinds: what its columns hold. data: what tasks hold, by the names of their fields.
    name: what is shown above it; None: the key.
    version: what changes with the row: a column, or an expression, as `version_kind` says; None: a digest, or nothing.
    results: column by role (`RESULT_ROLES`); what a table lacks is not written.
    held: other columns that an UPDATE changes by itself (ON UPDATE): ours leave them as they are.
    query: what is read in place of a table (`sql.check_query`). filter: the rows that become tasks
    (`sql.check_condition`); empty: all. is_guarded: the server sees to it that no two rows have the same key, which it
    does of no view and no query.
    """

    key: str | tuple[str, ...] = "id"
    data: Mapping[str, Field] = field(default_factory=_DOCUMENTED_DATA.copy)
    name: str | None = "original_name"
    version: str | None = "updated_at"
    results: Mapping[str, str] = field(default_factory=_DOCUMENTED_RESULTS.copy)
    held: tuple[str, ...] = ()
    kinds: tuple[KeyKind, ...] = (KeyKind.INTEGER,)
    version_kind: VersionKind = VersionKind.TIME
    query: str = ""
    filter: str = ""
    is_guarded: bool = True

    def __post_init__(self) -> None:
        if self.version is None and self.version_kind is VersionKind.TIME:
            object.__setattr__(self, "version_kind", VersionKind.DIGEST)
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
        is_time = self.version and self.version_kind is VersionKind.TIME
        return (*([self.version] if self.version and is_time else []), *self.held)

    @property
    def runs_sql(self) -> bool:
        """Whether people have written SQL into it."""
        return bool(self.query or self.filter or self.version_kind is VersionKind.SQL)

    @property
    def by_role(self) -> dict[str, str]:
        """The columns that are read or written, each under the name that it has in the documented layout."""
        key: dict[str, str | None] = dict(zip(key_roles(self.kinds), self.key_columns, strict=True))
        picture = self.picture.column if self.picture else None
        read = {"base64_data": picture, "original_name": self.name}
        version = {_VERSION_ROLES[self.version_kind]: self.version} if self.version_kind in _VERSION_ROLES else {}
        named = key | read | version | dict(self.results)
        return {role: column for role, column in named.items() if column is not None}

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
            "version": "" if self.version_kind is VersionKind.NONE else self.version,
            **({"version_kind": self.version_kind.value} if self.version_kind in _WRITTEN_KINDS else {}),
            "result": dict(self.results),
            "held": list(self.held),
            **({"query": self.query} if self.query else {}),
            **({"filter": self.filter} if self.filter else {}),
            **({} if self.is_guarded else {"guarded": False}),
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
            version=value.get("version") or None,
            results=asked.results or {},
            held=tuple(value.get("held") or ()),
            kinds=tuple(map(KeyKind, value.get("kinds") or ())) or DOCUMENTED.kinds,
            version_kind=VersionKind.NONE
            if value.get("version") == ""
            else VersionKind(value.get("version_kind") or VersionKind.TIME),
            query=asked.query,
            filter=asked.filter,
            is_guarded=value.get("guarded", True),
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


def mapping_of(table: sa.Table) -> TableMapping:
    """The mapping that a table was made with (`schema.source_table`)."""
    mapping: TableMapping = table.info.get("mapping", DOCUMENTED)
    return mapping
