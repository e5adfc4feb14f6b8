"""What stands in a task in the place of pictures: each itself, its address, or one that the row holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from polardb_bridge.choices import ImageDelivery
from polardb_bridge.errors import RowError
from polardb_bridge.storage.links import ImageLink
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.shown_media import extension_of, shown_pictures
from polardb_bridge.table.field_values import nothing_to_label
from polardb_bridge.table.fields import Field
from polardb_bridge.table.lists import check_list_size
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.pictures import Pictures, picture_items
from polardb_bridge.table.row_contents import RowContents
from polardb_bridge.table.row_keys import RowKey
from polardb_bridge.table.rows import SourceRow

# Of the base64 text of an image inside a task. A task takes some fifteen times as much memory while it is made and
# shown; PostgreSQL holds no text of more than 256 MB in a JSON value.
MAX_DATA_URI_BYTES = 64 * 1024 * 1024

Shown = str | list[str]


@dataclass(frozen=True)
class TaskPictures:
    """The pictures of one storage's rows, by the fields of its mapping."""

    storage: PolarDBImportStorage

    def __post_init__(self) -> None:
        # Asked now: the thread that reads rows ahead asks Label Studio's database nothing.
        _ = self._ends

    @cached_property
    def mapping(self) -> TableMapping:
        return self.storage.table_mapping

    @cached_property
    def is_inside(self) -> bool:
        """Whether tasks hold the pictures themselves."""
        return self.storage.has_picture and self.storage.delivery_in_use != ImageDelivery.LINK

    @cached_property
    def read(self) -> tuple[str, ...]:
        """The fields whose pictures are read: lists always, since a task has an address for each picture of one."""
        return tuple(name for name in self.mapping.pictures if self.is_inside or self._is_list(name))

    @cached_property
    def _fields(self) -> dict[str, Pictures]:
        return {name: shown_pictures(self.storage, name) for name in self.mapping.pictures}

    @cached_property
    def _ends(self) -> dict[str, tuple[str, str]]:
        """How addresses end: field and extension; no field for an image that is alone."""
        ends = {name: extension_of(pictures.accepted) for name, pictures in self._fields.items()}
        return {name: ("" if len(ends) == 1 and end == "jpg" else name, end) for name, end in ends.items()}

    def _is_list(self, field: str) -> bool:
        return self.mapping.pictures[field][0].kind.is_list

    def links(self, key: RowKey, revision: int) -> dict[str, Shown]:
        """The addresses of a row's pictures, whether it has them or not: there, it says why there is nothing."""
        return {field: self._link_in_place(field, key, revision) for field in self._fields}

    def _link_in_place(self, field: str, key: RowKey, revision: int) -> Shown:
        if self._is_list(field):
            return [self._link(field, key, revision, 0)]
        return self._link(field, key, revision)

    def _link(self, field: str, key: RowKey, revision: int, page: int | None = None) -> str:
        name, extension = self._ends[field]
        return ImageLink(self.storage.pk, key.id, key.version, revision, page, name, extension).url

    def of_row(self, contents: RowContents, revision: int) -> dict[str, Shown]:
        """Of a row that was read with the pictures of `read`.

        Raises:
            RowError: one cannot be shown, or the row has nothing to show.
        """
        row = contents.row
        self._check_size(contents)
        addresses = {field: contents.addresses[field].value for field in self._fields if contents.shows_address(field)}
        stored = [field for field in self._fields if field not in addresses and contents.has_picture(field)]
        is_alone = len(self._fields) == 1 and not self.mapping.fields
        if not (is_alone or contents.values or addresses or stored):
            raise nothing_to_label(self.mapping)
        shown = {each: self._of_stored(each, row, revision) for each in (self._fields if is_alone else stored)}
        return self.links(row.key, revision) | shown | addresses

    def of_unread(self, contents: RowContents, revision: int) -> dict[str, Shown] | None:
        """Of a row that was read without pictures; None if one has to know which of them it has.

        Raises:
            RowError: the row has nothing to show.
        """
        if not self._fields:
            if not contents.values:
                raise nothing_to_label(self.mapping)
            return {}
        first = {field for field in contents.addresses if contents.is_address_first(field)}
        if contents.addresses.keys() - first or not (first or contents.values):
            return None
        links = self.links(contents.row.key, revision)
        return links | {field: contents.addresses[field].value for field in first}

    def of_found(self, contents: RowContents, revision: int, found: Mapping[str, Field]) -> dict[str, Shown]:
        """Of a row of which one has found the columns that its pictures are in, by field.

        Raises:
            RowError: the row has nothing to show.
        """
        if not (found or contents.addresses or contents.values):
            raise nothing_to_label(self.mapping)
        addresses = {
            field: address.value
            for field, address in contents.addresses.items()
            if field not in found or contents.is_address_before(field, self.mapping.place_of(field, found[field]))
        }
        return self.links(contents.row.key, revision) | addresses

    def _check_size(self, contents: RowContents) -> None:
        size = contents.row.size
        if size <= MAX_DATA_URI_BYTES:
            return
        for field in self.read:
            stored = contents.row.pictures[field]
            if contents.is_address_before(field, self.mapping.place_of(field, stored.source)):
                size -= stored.size
            elif stored.source.kind.is_list:
                check_list_size(stored.source.column, stored.size)
        if size:
            raise RowError(
                f"the image takes {size:,} bytes as base64, and {MAX_DATA_URI_BYTES:,} fit into a task: "
                "set the storage's image delivery to 'link'"
            )

    def _of_stored(self, field: str, row: SourceRow, revision: int) -> Shown:
        stored, pictures = row.pictures[field], self._fields[field]
        if not self._is_list(field):
            inside = pictures.data_uri(stored) if self.is_inside else None
            return inside or self._link(field, row.key, revision)
        items: list[str | None] = [None] * len(picture_items(stored))
        if self.is_inside or not items:
            items = pictures.data_uris(stored)
        return [item or self._link(field, row.key, revision, page) for page, item in enumerate(items)]

    def split(self, pictures: Mapping[str, Shown]) -> tuple[Shown | None, dict[str, Shown]]:
        """The first picture, if rows have any, and the others by field."""
        first = self.mapping.picture_field
        return pictures.get(first or ""), {name: value for name, value in pictures.items() if name != first}
