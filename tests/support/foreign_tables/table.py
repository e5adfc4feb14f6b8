"""What is said of a table that nobody made for labeling: how it is made, how it is labeled, and what happens to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from polardb_bridge.table.keys import Key
from support.source_data import image_bytes

BOXES = {"type": "ObjectDetection", "labels": ["cat", "dog"]}
PICTURES = {"type": "ImageClassification", "labels": ["cat", "dog"]}
TEXTS = {"type": "TextClassification", "labels": ["cat", "dog"]}
RED, GREEN, BLUE, GREY = (image_bytes(color=color) for color in ("red", "green", "blue", "grey"))


def shown_by(tag: str) -> dict[str, str]:
    """A template of one's own: a tag that is named `shown`, and one of two labels for all of it."""
    choices = '<Choices name="label" toName="shown"><Choice value="cat"/><Choice value="dog"/></Choices>'
    return {"label_config": f"<View>{tag}{choices}</View>"}


@dataclass(frozen=True)
class Media:
    """What a field of a task leads to. type: how a browser is told to take it; a beginning of that is enough."""

    content: bytes
    type: str = "image/png"


@dataclass(frozen=True)
class Row:
    """A row that becomes a task. key: as tasks know it. found_by: columns of the source that tell it; those of the key.

    task: what the fields of its task hold. name: what is shown above them.
    """

    key: Key
    found_by: dict[str, Any]
    task: dict[str, Any]
    name: str


@dataclass(frozen=True)
class ForeignTable:
    """A table, and what is asked of it.

    like: whose it is. ddl: what makes it, and others that it needs. values: what they hold, in this order: a table and
    a row of it. source: the table or view that is labeled.
    fields, key, name, version, filter: options of commands and statements; None: left out, as the table tells it.
    schema: the template's `tp_schema`, whose labels are "cat" and "dog".
    rows: those that become tasks. The first is labeled and changes, the second is labeled, the third goes.
    change: SQL that changes the first with the value `new`; changed: what its task holds then. remove: SQL.
    results: columns for results by role, which `ddl_for_results` adds to the table; empty: its rows take no results.
    """

    like: str
    ddl: tuple[str, ...]
    values: tuple[tuple[str, dict[str, Any]], ...]
    source: str
    fields: dict[str, str]
    schema: dict[str, Any]
    rows: tuple[Row, ...]
    change: str
    new: Any
    changed: dict[str, Any]
    remove: str
    key: str | None = None
    name: str | None = None
    version: str | None = None
    filter: str | None = None
    results: dict[str, str] = field(
        default_factory=lambda: {"annotation_data": "answer", "annotation_count": "answers"}
    )
    ddl_for_results: str = "ADD COLUMN answer JSON NULL, ADD COLUMN answers INT NOT NULL DEFAULT 0"

    @property
    def key_columns(self) -> list[str]:
        return list(self.rows[0].found_by)


def values_of(table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> tuple[tuple[str, dict[str, Any]], ...]:
    """For `ForeignTable.values`. columns: their names, with blanks between them."""
    return tuple((table, dict(zip(columns.split(), row, strict=True))) for row in rows)
