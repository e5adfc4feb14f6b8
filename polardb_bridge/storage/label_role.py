"""Labels as plain text in a column of the row: for interfaces in which one label is chosen."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from core.label_config import parse_config_to_xml

from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.label_column import check_labels
from polardb_bridge.table.mapping import mapping_of


def check_label_column(connection: sa.Connection, table: sa.Table, label_config: str | None) -> None:
    """See that a column that is mapped for labels takes what people choose in this interface.

    Raises:
        ReconfigureError: they choose several, or nothing; or a label does not fit.
    """
    if "label" in mapping_of(table).results:
        check_labels(connection, table, _labels(label_config, mapping_of(table).results["label"]))


def _labels(label_config: str | None, column: str) -> list[str]:
    xml: Any = parse_config_to_xml(label_config or "<View/>")
    choices = [tag for tag in xml.iter("Choices") if tag.get("name") and tag.get("toName")]
    if len(choices) != 1 or choices[0].get("choice") == "multiple" or choices[0].get("perRegion") == "true":
        raise ReconfigureError(
            f"The column {column!r} takes the label of a row, and the labeling interface has no single choice for it: "
            "have one Choices in it, of which one is chosen, or leave the role label out.",
            field="mapping",
        )
    # What Label Studio writes into results.
    labels = [tag.get("alias") or tag.get("value") or "" for tag in choices[0].iter("Choice")]
    return [label for label in labels if label]
