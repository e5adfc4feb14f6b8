"""The fields of tasks: which column each comes from, and how that is read.

As text, `column:kind`, such as `photo:bytes`; several as `field=column:kind, field=column:kind`. A name that could be
read as something else stands in backticks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from polardb_bridge.choices import FieldKind
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.text import one_by_one, quoted, unquoted

# The field of a picture unless somebody has named another.
PICTURE = "image"
# What every task holds of its row, whatever else it shows.
ROW_FIELDS = ("original_name", "id")
# Of a `datetime`: the column has a time zone, and its times are read in UTC.
UTC = "utc"
# As many as an interface can show; names of columns may repeat.
MAX_FIELDS = 100
_MAX_PREFIX_LENGTH = 500
# Where an address can begin, and its host.
ADDRESS = re.compile(r"(?:https?|s3|gs)://[^/?#\\\s]+", re.IGNORECASE)

_KIND = r":(\w+)(?:\(([^()\s]*)\))?"
_FIELD = re.compile(rf"(?:`((?:[^`]|``)+)`|([^`:]+))(?:{_KIND})?", re.DOTALL)
_NAMED = re.compile(rf"([^\s=,`]+)\s*=\s*((?:`(?:[^`]|``)+`|[^`:,=]*[^`:,=\s])(?:{_KIND})?)\s*(?:,\s*|$)")
# What the editor takes for a field where it finds `$name`.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_KINDS = ", ".join(FieldKind.values())


@dataclass(frozen=True)
class Field:
    """Where a field of tasks comes from.

    detail: of a `url`, what stands before addresses that are relative; of a `datetime`, UTC if its column has a zone.
    """

    column: str
    kind: FieldKind = FieldKind.BASE64
    detail: str = ""

    def __str__(self) -> str:
        detail = f"({self.detail})" if self.detail else ""
        return f"{typed(self.column)}:{self.kind}{detail}"

    @classmethod
    def parse(cls, text: str, default: FieldKind | None = FieldKind.BASE64) -> Field:
        """Read `column` or `column:kind`.

        default: the kind if none stands there; None: there must be one.

        Raises:
            InvalidInputError: it is neither.
        """
        found = _FIELD.fullmatch(text.strip())
        kind, detail = ((found[3] or default or ""), found[4] or "") if found else ("", "")
        if not found or kind not in FieldKind.values():
            raise InvalidInputError(
                f"{text!r} does not say what is read, and how: write column:kind, such as photo:bytes. "
                f"Kinds are {_KINDS}.",
                field="mapping",
            )
        return cls(unquoted(found[1], found[2]), FieldKind(kind), _checked_detail(FieldKind(kind), detail))

    def is_like(self, other: Field) -> bool:
        """Whether both read the same; the server tells whether a time has a zone, and people may leave that out."""
        same = replace(self, detail=other.detail) if self.kind is FieldKind.DATETIME else self
        return same == other


def parse_fields(text: str) -> dict[str, Field]:
    """Read `field=column:kind, field=column:kind`.

    Raises:
        InvalidInputError: it is something else, or they cannot be the fields of a task (`check_fields`).
    """
    fields: dict[str, Field] = {}
    for found in one_by_one(_NAMED, text):
        if not found or found[1] in fields:
            raise InvalidInputError(
                f"{text!r} does not say what tasks hold: write field=column:kind, such as text=body:text, and each "
                "field once.",
                field="mapping",
            )
        fields[found[1]] = parse_field(found[1], found[2])
    check_fields(fields)
    return fields


def parse_field(name: str, text: str) -> Field:
    """What is read for the field of that name; `image` may leave out that it is base64."""
    return Field.parse(text, FieldKind.BASE64 if name == PICTURE else None)


def written(fields: Mapping[str, Field]) -> str:
    """What `parse_fields` reads."""
    return ", ".join(f"{name}={field}" for name, field in fields.items())


def pictures_in(fields: Mapping[str, Field]) -> list[str]:
    """The names of those whose picture is stored in the row."""
    return [name for name, field in fields.items() if field.kind.is_picture]


def check_fields(fields: Mapping[str, Field]) -> None:
    """See that a task can hold these.

    Raises:
        InvalidInputError: it cannot.
    """
    if len(fields) > MAX_FIELDS:
        raise InvalidInputError(f"A task can hold {MAX_FIELDS} fields, and not {len(fields)}.", field="mapping")
    for name in fields:
        if name in ROW_FIELDS:
            raise InvalidInputError(
                f"{name!r} is what every task holds of its row: choose another name for the field.", field="mapping"
            )
        if not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"{name!r} cannot be a field's name: use up to 64 letters (a-z, A-Z), digits and _, a letter first.",
                field="mapping",
            )
    pictures = pictures_in(fields)
    if len(pictures) > 1:
        raise InvalidInputError(
            f"The fields {' and '.join(map(repr, pictures))} are pictures that are stored in the row, and a task can "
            "hold one of these. Others can be addresses (url).",
            field="mapping",
        )


def typed(column: str) -> str:
    """A column's name as people type it: in backticks if it could be read as something else."""
    return column if re.fullmatch(r"[^`:,=\s]+", column) else quoted(column)


def columns_of(fields: Mapping[str, Field]) -> list[str]:
    """Their columns, each once."""
    return list({field.column.lower(): field.column for field in fields.values()}.values())


def _checked_detail(kind: FieldKind, detail: str) -> str:
    if kind is FieldKind.DATETIME and detail.lower() in ("", UTC):
        return detail.lower()
    is_prefix = kind is FieldKind.URL and len(detail) <= _MAX_PREFIX_LENGTH and ADDRESS.match(detail)
    if not detail or (is_prefix and detail.isprintable() and not {"?", "#"} & set(detail)):
        return detail
    raise InvalidInputError(
        f"{kind}({detail}) is not possible: what may stand there is the beginning of addresses, as in "
        f"url(https://shop.example.com/media), and {UTC}, as in datetime({UTC}).",
        field="mapping",
    )
