"""Which labels a table's results hold."""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from polardb_bridge.table.chosen import labels_in
from polardb_bridge.table.row_keys import KeyRange, read_key_page
from polardb_bridge.table.text import utf8

# Whoever asks waits for it, and large tables have results of minutes to read.
MAX_SECONDS = 2.0
BATCH_SIZE = 100


@dataclass
class LabelsFound:
    """counts: by control, how often a label stands there. results: how many were read; is_all: no row has another."""

    counts: dict[str, Counter[str]] = field(default_factory=dict)
    results: int = 0
    is_all: bool = True

    def add(self, text: bytes) -> None:
        """Count the labels of a row's result, whatever it is."""
        self.results += 1
        try:
            data: Any = json.loads(text)
        except (ValueError, RecursionError):
            return
        for control, label in labels_in(data):
            if isinstance(control, str):
                self.counts.setdefault(control, Counter())[label] += 1


def find_labels(connection: sa.Connection, table: sa.Table, seconds: float = MAX_SECONDS) -> LabelsFound:
    """The labels of all results of the table, or of those that are read in time, by row id."""
    found = LabelsFound()
    if "annotation_data" not in table.c:
        return found
    until = time.monotonic() + seconds
    keys = read_key_page(connection, table, with_results=True)
    while keys:
        ids = [key.id for key in keys if key.is_annotated]
        for start in range(0, len(ids), BATCH_SIZE):
            if time.monotonic() > until:
                found.is_all = False
                return found
            chosen = table.c.id.in_(ids[start : start + BATCH_SIZE]), table.c.annotation_data.is_not(None)
            for text in connection.scalars(sa.select(utf8(table.c.annotation_data)).where(*chosen)):
                found.add(text)
        if time.monotonic() > until:
            found.is_all = False
            return found
        keys = read_key_page(connection, table, KeyRange(after=keys[-1].id), with_results=True)
    return found
