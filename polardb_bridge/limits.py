"""How much one request may hold."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """config_length: characters of a labeling configuration. config_depth: levels of its tags. columns: of a table of
    tasks. filters: of a view of the Data Manager, those within others included. nesting: levels of JSON.
    """

    config_length: int
    config_depth: int
    columns: int
    filters: int
    nesting: int
