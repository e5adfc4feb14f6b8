"""What stands in a task in the place of the picture: the picture itself, its address, or one that the row holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from polardb_bridge.errors import RowError
from polardb_bridge.table.field_values import FoundValue, check_size, nothing_to_label, unpacked_texts, values_of
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.pictures import data_uri, data_uris, picture_items, picture_of
from polardb_bridge.table.rows import SourceRow

# Of the base64 text of an image inside a task. A task takes some fifteen times as much memory while it is made and
# shown; PostgreSQL holds no text of more than 256 MB in a JSON value.
MAX_DATA_URI_BYTES = 64 * 1024 * 1024

Shown = str | list[str] | None


@dataclass(frozen=True)
class RowContents:
    """A row and what it holds beside the picture. values: by field. address: what may stand in the picture's place.

    size: of all of these, in bytes, once they are unpacked.
    """

    row: SourceRow
    values: Mapping[str, Any]
    address: FoundValue | None
    size: int

    @classmethod
    def of(cls, mapping: TableMapping, row: SourceRow) -> RowContents:
        """Of a row that was read with its texts.

        Raises:
            RowError: it cannot be a task.
        """
        key = row.key
        if key.problem:
            raise RowError(key.problem)
        check_size(mapping, row.texts_size)
        texts = unpacked_texts(mapping, row.texts)
        found = values_of(mapping, texts)
        address = found.pop(mapping.picture_field or "", None)
        size = sum(len(text or b"") for text in texts)
        return cls(row, {name: each.value for name, each in found.items()}, address, size)

    def is_address_before(self, place: int) -> bool:
        """Whether the address comes before a picture of this place among the sources of the field."""
        return self.address is not None and self.address.place < place


def shown_picture(
    mapping: TableMapping, contents: RowContents, link: Callable[[int | None], str], *, is_inside: bool
) -> Shown:
    """Of a row that was read with its picture. link: gives an address, of a page of a list or None.

    is_inside: the picture is to be inside the task.

    Raises:
        RowError: it cannot be shown, or the row has nothing to show.
    """
    row, stored = contents.row, picture_of(contents.row)
    is_list = stored.source.kind.is_list
    is_there = bool(picture_items(stored) if is_list else row.size)
    if contents.address and (not is_there or contents.is_address_before(mapping.place_of(stored.source))):
        address: Shown = contents.address.value
        return address
    if mapping.fields and not is_there:
        if not contents.values:
            raise nothing_to_label(mapping)
        return [link(0)] if is_list else link(None)  # which says in its place why there is none
    if is_list:
        if is_inside or not is_there:
            return data_uris(stored)
        return [link(page) for page in range(len(picture_items(stored)))]
    if row.size > MAX_DATA_URI_BYTES:
        raise RowError(
            f"the image takes {row.size:,} bytes as base64, and {MAX_DATA_URI_BYTES:,} fit into a task: "
            "set the storage's image delivery to 'link'"
        )
    return data_uri(stored)
