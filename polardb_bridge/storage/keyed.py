"""Rows of source tables in our database: by number, or by text (table/keys.py)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypedDict, TypeVar

from django.db import models
from django.db.models import Q, QuerySet

from polardb_bridge.table.keys import Key

_Model = TypeVar("_Model", bound=models.Model)

# Of unique constraints: on `key` and on `row_id`. Each leaves the other's rows out: or SQLite would look texts up by
# `row_id`, through all of a storage.
IS_TEXT = Q(row_id__isnull=True)
IS_INTEGER = Q(row_id__isnull=False)


class KeyFields(TypedDict):
    row_id: int | None
    key: str


class KeyedMixin(models.Model):
    """A row of a source table. row_id: its key, if that is a number; key: as text."""

    row_id = models.BigIntegerField(null=True)
    key: Any

    class Meta:
        abstract = True

    @property
    def row_key(self) -> Key:
        """The key as its table has it."""
        return key_from(self.row_id, self.key)


def key_from(row_id: int | None, key: str) -> Key:
    """A row's key, of the two fields that hold it."""
    return key if row_id is None else row_id


def key_fields(key: Key) -> KeyFields:
    return {"row_id": key if isinstance(key, int) else None, "key": str(key)}


def with_keys(rows: QuerySet[_Model], keys: Collection[Key]) -> QuerySet[_Model]:
    """Those of one table that have one of these keys, spelled like this."""
    if all(isinstance(key, int) for key in keys):
        return rows.filter(row_id__in=keys)
    return rows.filter(IS_TEXT, key__in=keys)
