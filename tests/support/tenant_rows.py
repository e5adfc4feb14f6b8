"""The rows of a tenant, with numbers of their own, and whether they are still what they were."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.models import Q

from support.tenants import Tenant, models_of_tenants


def shift_ids(start: int) -> None:
    """Have each table count on from a number of its own: from `start`, a thousand for each."""
    tables = sorted(
        (model._meta.db_table, model._meta.pk.column)
        for model in apps.get_models(include_auto_created=True)
        if isinstance(model._meta.pk, models.AutoField | models.BigAutoField) and model._meta.managed
    )
    with connection.cursor() as cursor:
        for position, (table, column) in enumerate(sorted(set(tables))):
            first = start + position * 1000
            if connection.vendor == "sqlite":
                cursor.execute("DELETE FROM sqlite_sequence WHERE name = %s", [table])
                cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, first])
            else:
                cursor.execute("SELECT setval(pg_get_serial_sequence(%s, %s), %s)", [f'"{table}"', column, first])


class Rows:
    """All rows that belong to a tenant: those it was made with, and whatever points to them, however far."""

    def __init__(self, tenant: Tenant) -> None:
        self.keys: dict[Any, set[Any]] = {model: set() for model in models_of_tenants()}
        for row in tenant.rows.values():
            for model in (type(row), *type(row)._meta.get_parent_list()):
                self.keys[model].add(row.pk)
        grown = True
        while grown:
            grown = False
            for model, known in self.keys.items():
                found = set(self._of(model).values_list("pk", flat=True))
                grown |= not found <= known
                known |= found

    def _of(self, model: Any) -> Any:
        # A user whose active organization it is need not be the tenant's: that is what must not be.
        belongs = Q(pk__in=self.keys[model])
        for key in model._meta.fields:
            if key.is_relation and self.keys.get(key.related_model) and key.name not in ("created_by", "updated_by"):
                belongs |= Q(**{f"{key.name}__in": self.keys[key.related_model]})
        return model._base_manager.filter(belongs)

    def state(self, tables: Iterable[str] | None = None) -> dict[str, list[str]]:
        """The rows as they stand, by table; of all tables where `tables` is None."""
        return {
            model._meta.db_table: sorted(map(repr, self._of(model).values_list()))
            for model in self.keys
            if tables is None or model._meta.db_table in tables
        }

    def ids(self) -> dict[int, str]:
        """The ids that are numbers, with their model."""
        return {key: model._meta.label for model, keys in self.keys.items() for key in keys if isinstance(key, int)}
