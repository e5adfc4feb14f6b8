"""What the tasks of a mapping show: pictures and other media out of the row, or lists of these, and what else."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from polardb_bridge.table.fields import Field, pictures_in, without_pictures


class ShownFields:
    """What is told of the fields of tasks by their columns.

    data: by the names of the fields.
    """

    data: Mapping[str, Field]

    @cached_property
    def pictures(self) -> dict[str, tuple[Field, ...]]:
        """By the fields of pictures, and other media, that rows hold: the columns in the order in which they count.

        If one of these columns is a list, all of its field are.
        """
        return pictures_in(self.data)

    @cached_property
    def picture_field(self) -> str | None:
        """The name of the first of these; None if rows hold none."""
        return next(iter(self.pictures), None)

    @cached_property
    def picture(self) -> Field | None:
        """The first column of the first of these."""
        return self.pictures[self.picture_field][0] if self.picture_field else None

    @cached_property
    def picture_columns(self) -> tuple[Field, ...]:
        """All columns that hold pictures."""
        return tuple(source for sources in self.pictures.values() for source in sources)

    @cached_property
    def fields(self) -> dict[str, Field]:
        """What tasks hold beside pictures or in their place, in one order: not all databases keep that of JSON."""
        return dict(sorted(without_pictures(self.data).items()))

    @property
    def has_addresses(self) -> bool:
        """Whether an address can stand in the place of a picture."""
        return any(name in self.fields for name in self.pictures)

    def place_of(self, field: str, source: Field) -> int:
        """Of one of the columns of `pictures[field]`, among all that the field comes from."""
        return self.data[field].sources.index(source)
