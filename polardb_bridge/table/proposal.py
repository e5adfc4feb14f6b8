"""The mapping of a table that nobody knows yet, for a labeling interface that is there already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from polardb_bridge.choices import FieldKind
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.columns import kinds_for
from polardb_bridge.table.fields import PICTURE, Field
from polardb_bridge.table.inspection import Inspection, SeenColumn
from polardb_bridge.table.result_columns import RESULT_ROLES

# Tags that show the text of a field; others show a picture, a sound and the like.
TEXT_TAGS = frozenset({"Text", "HyperText", "Paragraphs"})


def fitted(inspection: Inspection, shown: Mapping[str, Iterable[str]]) -> AskedMapping:
    """What the rows suggest, under the names that the interface has for it.

    shown: by field, the tags of the interface's objects that show it; nothing: any names will do.
    """
    proposal = inspection.proposal
    data: dict[str, Field] = {}
    for field, tags in sorted(shown.items()):
        taken = {read.column for read in data.values()}
        has_picture = any(read.kind.is_picture for read in data.values())
        if found := _column_for(inspection, field, bool(TEXT_TAGS & {*tags}), taken, has_picture):
            data[field] = found
    if not data:
        return proposal
    [*fields] = data
    if len(fields) == 1 and data[fields[0]].kind.is_picture:
        # It follows the interface if that gives it another name.
        data = {PICTURE: data[fields[0]]}
    return replace(proposal, data=data)


def _column_for(inspection: Inspection, field: str, is_text: bool, taken: set[str], has_picture: bool) -> Field | None:
    """The column of the field's own name if that will do, or the one that looks most like what is shown."""
    free = [
        seen
        for seen in inspection.seen
        if not seen.column.is_key and seen.name not in {*RESULT_ROLES, *taken} and kinds_for(seen.column.type)
    ]
    namesake = next((seen for seen in free if seen.name == field.lower()), None)
    if is_text:
        if namesake and FieldKind.TEXT in kinds_for(namesake.column.type) and not _is_picture(namesake):
            return Field(namesake.name, FieldKind.TEXT)
        ranked = [seen for seen in free if seen.kind is FieldKind.TEXT]
    else:
        ranked = [seen for seen in free if seen.kind is FieldKind.URL or (_is_picture(seen) and not has_picture)]
        ranked = ([seen for seen in ranked if _is_picture(seen)]) or ranked
        if namesake in ranked:
            ranked = [namesake]
    best = max(ranked, key=lambda seen: (seen.length, seen.rows), default=None)
    return best.read if best else None


def _is_picture(seen: SeenColumn) -> bool:
    return bool(seen.kind and seen.kind.is_picture)
