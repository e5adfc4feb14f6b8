"""What a row that was read with its texts holds for its task, beside pictures or in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polardb_bridge.errors import RowError
from polardb_bridge.table.field_values import FoundValue, check_size, unpacked_texts, values_of
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.pictures import picture_items
from polardb_bridge.table.rows import SourceRow


@dataclass(frozen=True)
class RowContents:
    """values: by field. addresses: what may stand in the place of pictures, by field: one or a list.

    size: of all of these, in bytes, once they are unpacked.
    """

    mapping: TableMapping
    row: SourceRow
    values: Mapping[str, Any]
    addresses: Mapping[str, FoundValue]
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
        addresses = {name: found.pop(name) for name in mapping.pictures if name in found}
        size = sum(len(text or b"") for text in texts)
        return cls(mapping, row, {name: each.value for name, each in found.items()}, addresses, size)

    def is_address_before(self, field: str, place: int) -> bool:
        """Whether the address comes before a picture of this place among the sources of the field."""
        return field in self.addresses and self.addresses[field].place < place

    def is_address_first(self, field: str) -> bool:
        """Whether the address counts, whatever picture there is."""
        places = (self.mapping.place_of(field, each) for each in self.mapping.pictures[field])
        return all(self.is_address_before(field, place) for place in places)

    def has_picture(self, field: str) -> bool:
        """Whether the row, which was read with this picture, has one, or a list that is not empty.

        Raises:
            RowError: what should be a list is none.
        """
        stored = self.row.pictures[field]
        return bool(picture_items(stored) if stored.source.kind.is_list else stored.size)

    def shows_address(self, field: str) -> bool:
        """Whether the address is what counts, and not the picture that the row was read with.

        Raises:
            RowError: what should be a list is none.
        """
        if field not in self.addresses:
            return False
        place = self.mapping.place_of(field, self.row.pictures[field].source)
        return self.is_address_before(field, place) or not self.has_picture(field)
