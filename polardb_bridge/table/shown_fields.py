"""What the tasks of a mapping show: a picture out of the row, or a list of these, and what else there is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from polardb_bridge.table.fields import Field, picture_sources, pictures_in, without_pictures


class ShownFields:
    """What is told of the fields of tasks by their columns.

    data: by the names of the fields; at most one of these is a picture that the row itself holds.
    """

    data: Mapping[str, Field]

    @cached_property
    def picture_field(self) -> str | None:
        """The name of the picture's field; None if rows hold no picture."""
        return next(iter(pictures_in(self.data)), None)

    @cached_property
    def pictures(self) -> tuple[Field, ...]:
        """The columns that the picture can be in, in the order in which they count."""
        return picture_sources(self.data)

    @cached_property
    def picture(self) -> Field | None:
        """The first of them; if it is a list, all are."""
        return next(iter(self.pictures), None)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """What tasks hold beside the picture or in its place, in one order: not all databases keep that of JSON."""
        return dict(sorted(without_pictures(self.data).items()))

    @property
    def has_addresses(self) -> bool:
        """Whether an address can stand in the place of a picture."""
        return self.picture_field in self.fields

    def place_of(self, picture: Field) -> int:
        """Of one of `pictures`, among all that its field comes from."""
        return self.data[self.picture_field or ""].sources.index(picture)
