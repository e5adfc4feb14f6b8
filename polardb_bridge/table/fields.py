"""The fields of tasks: which columns each comes from, and how those are read.

As text, `column:kind`, such as `photo:bytes`; `photo:bytes@78` leaves out what stands before the picture, and
`photo:bytes|gzip` says how it is packed. A field may have several sources, with commas: the first that the row has
counts. Several fields are written as `field=column:kind, field=column:kind`: what has no `field=` goes on with the one
before. A name that could be read as something else stands in backticks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from polardb_bridge.choices import FieldKind, Packing
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
MAX_SOURCES = 10
# Headers are some bytes: whoever skips more means something else.
MAX_SKIPPED_BYTES = 1024 * 1024
_MAX_PREFIX_LENGTH = 500
# Where an address can begin, and its host.
ADDRESS = re.compile(r"(?:https?|s3|gs)://[^/?#\\\s]+", re.IGNORECASE)

_COLUMN = r"(?:`((?:[^`]|``)+)`|([^`:,=\s](?:[^`:,=]*[^`:,=\s])?))"
_SOURCE = rf"{_COLUMN}(?::(\w+)(?:\(([^()\s]*)\))?(?:@([0-9]{{1,9}}))?(?:\|(\w+))?)?"
_PART = re.compile(rf"(?:([^\s=,:`]+)\s*=\s*)?({_SOURCE})\s*(?:,\s*|$)")
# What the editor takes for a field where it finds `$name`.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_KINDS = ", ".join(FieldKind.values())
# Of these, the server makes the text: there are no bytes to skip or to unpack.
_WRITTEN_BY_SERVER = (FieldKind.NUMBER, FieldKind.DATETIME)
# What one field can be, by all of its sources.
_SHAPES = (
    {FieldKind.BASE64, FieldKind.BYTES, FieldKind.URL},
    {FieldKind.BASE64S, FieldKind.URLS},
    {FieldKind.TEXT, FieldKind.NUMBER, FieldKind.JSON, FieldKind.DATETIME},
)


@dataclass(frozen=True)
class Field:
    """Where a field of tasks comes from.

    detail: of addresses, what stands before those that are relative; of a `datetime`, UTC if its column has a zone.
    skipped: how many bytes stand before what is read. packing: how that is packed.
    others: what is read in its place if it is NULL or empty; these have no others.
    """

    column: str
    kind: FieldKind = FieldKind.BASE64
    detail: str = ""
    skipped: int = 0
    packing: Packing | None = None
    others: tuple[Field, ...] = ()

    def __str__(self) -> str:
        return ",".join([f"{typed(self.column)}:{self.way}", *map(str, self.others)])

    @property
    def way(self) -> str:
        """How the column is read, as people write it behind its name."""
        detail = f"({self.detail})" if self.detail else ""
        skipped = f"@{self.skipped}" if self.skipped else ""
        packing = f"|{self.packing}" if self.packing else ""
        return f"{self.kind}{detail}{skipped}{packing}"

    @property
    def sources(self) -> tuple[Field, ...]:
        """This column alone, and those in its place, in their order."""
        return (replace(self, others=()), *self.others)

    @property
    def is_bytes(self) -> bool:
        """Whether its column has to hold bytes: only these are skipped or unpacked."""
        return self.kind is FieldKind.BYTES or bool(self.skipped or self.packing)

    @property
    def is_plain(self) -> bool:
        """Whether what its column holds is one file as it is, of which parts can be read."""
        return self.packing is None and not self.kind.is_list

    @classmethod
    def of_sources(cls, sources: list[Field]) -> Field:
        """A field of these columns, none of which has others."""
        return replace(sources[0], others=tuple(sources[1:]))

    @classmethod
    def parse(cls, text: str, default: FieldKind | None = FieldKind.BASE64) -> Field:
        """Read `column` or `column:kind`, or several with commas.

        default: the kind if none stands there; None: there must be one.

        Raises:
            InvalidInputError: it is neither.
        """
        found = list(one_by_one(_PART, text))
        if not found or not all(each and each[1] is None for each in found):
            raise _not_a_field(text)
        return cls.of_sources([_source(each, default) for each in found if each])

    def each(self, change: Callable[[Field], Field]) -> Field:
        """With each of the sources changed."""
        return self.of_sources([change(source) for source in self.sources])

    def is_like(self, other: Field) -> bool:
        """Whether both read the same; the server tells whether a time has a zone, and people may leave that out."""
        return self.each(_without_zone) == other.each(_without_zone)


def parse_fields(text: str) -> dict[str, Field]:
    """Read `field=column:kind, field=column:kind`.

    Raises:
        InvalidInputError: it is something else, or they cannot be the fields of a task (`check_fields`).
    """
    sources: dict[str, list[Field]] = {}
    name = ""
    for found in one_by_one(_PART, text):
        if not found or found[1] in sources or not (found[1] or name):
            raise InvalidInputError(
                f"{text!r} does not say what tasks hold: write field=column:kind, such as text=body:text, and each "
                "field once.",
                field="mapping",
            )
        name = found[1] or name
        sources.setdefault(name, []).append(_source(found, FieldKind.BASE64 if name == PICTURE else None))
    fields = {name: Field.of_sources(each) for name, each in sources.items()}
    check_fields(fields)
    return fields


def parse_field(name: str, text: str) -> Field:
    """What is read for the field of that name; `image` may leave out that it is base64."""
    return Field.parse(text, FieldKind.BASE64 if name == PICTURE else None)


def _source(found: re.Match[str], default: FieldKind | None) -> Field:
    """What `_PART` found."""
    _, text, in_backticks, plain, word, detail, skipped, packing = found.groups()
    if (word or default or "") not in FieldKind.values():
        raise _not_a_field(text)
    kind = FieldKind(word or default)
    if packing and packing not in Packing.values():
        raise InvalidInputError(
            f"{packing!r} is no packing: write gzip, deflate or mysql, as in photo:bytes|gzip.", field="mapping"
        )
    skipped = int(skipped or 0)
    if skipped > MAX_SKIPPED_BYTES or ((skipped or packing) and kind in _WRITTEN_BY_SERVER):
        raise InvalidInputError(
            f"{text!r} is not possible: of bytes, up to {MAX_SKIPPED_BYTES:,} can be skipped and the others unpacked, "
            "as in photo:bytes@78 and photo:bytes|gzip; numbers and times are none.",
            field="mapping",
        )
    return Field(
        unquoted(in_backticks, plain),
        kind,
        _checked_detail(kind, detail or ""),
        skipped,
        Packing(packing) if packing else None,
    )


def _not_a_field(text: str) -> InvalidInputError:
    return InvalidInputError(
        f"{text!r} does not say what is read, and how: write column:kind, such as photo:bytes. Kinds are {_KINDS}.",
        field="mapping",
    )


def _without_zone(source: Field) -> Field:
    return replace(source, detail="") if source.kind is FieldKind.DATETIME else source


def written(fields: Mapping[str, Field]) -> str:
    """What `parse_fields` reads."""
    return ", ".join(f"{name}={field}" for name, field in fields.items())


def pictures_in(fields: Mapping[str, Field]) -> dict[str, tuple[Field, ...]]:
    """By field, the columns of pictures, and other media, that are stored in the row: `image`, then others by name."""
    names = sorted(fields, key=lambda name: (name != PICTURE, name))
    found = {name: tuple(source for source in fields[name].sources if source.kind.is_picture) for name in names}
    return {name: sources for name, sources in found.items() if sources}


def without_pictures(fields: Mapping[str, Field]) -> dict[str, Field]:
    """What comes from other columns than these, even if only in the place of a picture."""
    sources = {
        name: [source for source in field.sources if not source.kind.is_picture] for name, field in fields.items()
    }
    return {name: Field.of_sources(each) for name, each in sources.items() if each}


def check_fields(fields: Mapping[str, Field]) -> None:
    """See that a task can hold these.

    Raises:
        InvalidInputError: it cannot.
    """
    if len(fields) > MAX_FIELDS:
        raise InvalidInputError(f"A task can hold {MAX_FIELDS} fields, and not {len(fields)}.", field="mapping")
    for name, each in fields.items():
        if name in ROW_FIELDS:
            raise InvalidInputError(
                f"{name!r} is what every task holds of its row: choose another name for the field.", field="mapping"
            )
        if not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"{name!r} cannot be a field's name: use up to 64 letters (a-z, A-Z), digits and _, a letter first.",
                field="mapping",
            )
        _check_sources(name, each)


def _check_sources(name: str, field: Field) -> None:
    kinds = {source.kind for source in field.sources}
    if len(field.sources) > MAX_SOURCES:
        raise InvalidInputError(
            f"A field can come from {MAX_SOURCES} columns, and not from {len(field.sources)}.", field="mapping"
        )
    if not any(kinds <= shape for shape in _SHAPES):
        raise InvalidInputError(
            f"The columns of the field {name!r} are read as {', '.join(sorted(kinds))}: a field is a picture (base64, "
            "bytes, url), a list of pictures (base64s, urls), or a value, whichever column it comes from.",
            field="mapping",
        )


def typed(column: str) -> str:
    """A column's name as people type it: in backticks if it could be read as something else."""
    return column if re.fullmatch(r"[^`:,=\s]+", column) else quoted(column)


def columns_of(fields: Mapping[str, Field]) -> list[str]:
    """Their columns, each once."""
    sources = (source for field in fields.values() for source in field.sources)
    return list({source.column.lower(): source.column for source in sources}.values())


def _checked_detail(kind: FieldKind, detail: str) -> str:
    if kind is FieldKind.DATETIME and detail.lower() in ("", UTC):
        return detail.lower()
    is_prefix = kind in (FieldKind.URL, FieldKind.URLS) and len(detail) <= _MAX_PREFIX_LENGTH and ADDRESS.match(detail)
    if not detail or (is_prefix and detail.isprintable() and not {"?", "#"} & set(detail)):
        return detail
    raise InvalidInputError(
        f"{kind}({detail}) is not possible: what may stand there is the beginning of addresses, as in "
        f"url(https://shop.example.com/media), and {UTC}, as in datetime({UTC}).",
        field="mapping",
    )
