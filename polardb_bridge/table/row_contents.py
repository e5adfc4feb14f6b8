"""What a row that was read with its texts holds for its task, beside a picture or in its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from polardb_bridge.errors import RowError
from polardb_bridge.table.field_values import FoundValue, check_size, unpacked_texts, values_of
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.pictures import picture_items, picture_of
from polardb_bridge.table.rows import SourceRow


@dataclass(frozen=True)
class RowContents:
    """values: by field. address: what may stand in the picture's place, one or a list.

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

    @property
    def has_picture(self) -> bool:
        """Whether the row, which was read with its picture, has one, or a list that is not empty.

        Raises:
            RowError: what should be a list is none.
        """
        stored = picture_of(self.row)
        return bool(picture_items(stored) if stored.source.kind.is_list else stored.size)

    def shows_address(self, mapping: TableMapping) -> bool:
        """Whether the address is what counts, and not the picture that the row was read with.

        Raises:
            RowError: what should be a list is none.
        """
        if self.address is None:
            return False
        return self.is_address_before(mapping.place_of(picture_of(self.row).source)) or not self.has_picture
