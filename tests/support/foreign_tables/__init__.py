"""Fourteen tables that nobody made for labeling, most of them as well-known programs have them.

`TABLES` has them by what is special about them; support/foreign_tables/labeling.py labels one from beginning to end.
"""

from __future__ import annotations

from support.foreign_tables import columns, keys, sources
from support.foreign_tables.table import ForeignTable, Media, Row

TABLES: dict[str, ForeignTable] = {
    "large unsigned key": keys.WORDPRESS,
    "uuid as text": keys.CLAIMS,
    "uuid as bytes": keys.SHOPWARE,
    "key of people": keys.ARTICLES,
    "two columns as key": keys.TENANTS,
    "picture behind a header": columns.NORTHWIND,
    "addresses": columns.DISCOURSE,
    "texts": columns.SAKILA_FILM,
    "json": columns.CONVERSATIONS,
    "sound": columns.VOICE_MAIL,
    "film": columns.INCIDENTS,
    "csv": columns.STATIONS,
    "view over a join": sources.SAKILA_STAFF,
    "partitions by day": sources.EVENTS,
}

__all__ = ["TABLES", "ForeignTable", "Media", "Row"]
