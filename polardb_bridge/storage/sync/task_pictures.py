"""What stands in a task in the place of the picture: the picture itself, its address, or one that the row holds."""

from __future__ import annotations

from collections.abc import Callable

from polardb_bridge.errors import RowError
from polardb_bridge.table.field_values import nothing_to_label
from polardb_bridge.table.mapping import TableMapping
from polardb_bridge.table.pictures import data_uri, data_uris, picture_items, picture_of
from polardb_bridge.table.row_contents import RowContents

# Of the base64 text of an image inside a task. A task takes some fifteen times as much memory while it is made and
# shown; PostgreSQL holds no text of more than 256 MB in a JSON value.
MAX_DATA_URI_BYTES = 64 * 1024 * 1024

Shown = str | list[str] | None


def shown_picture(
    mapping: TableMapping, contents: RowContents, link: Callable[[int | None], str], *, is_inside: bool
) -> Shown:
    """Of a row that was read with its picture. link: gives an address, of a page of a list or None.

    is_inside: the picture is to be inside the task.

    Raises:
        RowError: it cannot be shown, or the row has nothing to show.
    """
    if contents.shows_address(mapping):
        address: Shown = contents.address and contents.address.value
        return address
    stored, has_picture = picture_of(contents.row), contents.has_picture
    is_list = stored.source.kind.is_list
    if mapping.fields and not has_picture:
        if not contents.values:
            raise nothing_to_label(mapping)
        return [link(0)] if is_list else link(None)  # which says in its place why there is none
    if is_list:
        if is_inside or not has_picture:
            return data_uris(stored)
        return [link(page) for page in range(len(picture_items(stored)))]
    if stored.size > MAX_DATA_URI_BYTES:
        raise RowError(
            f"the image takes {stored.size:,} bytes as base64, and {MAX_DATA_URI_BYTES:,} fit into a task: "
            "set the storage's image delivery to 'link'"
        )
    return data_uri(stored)
