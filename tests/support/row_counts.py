"""The size of Label Studio's database."""

from __future__ import annotations

from django.db import connection


def row_counts() -> dict[str, int]:
    """How many rows each table of Label Studio's database has."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names(cursor) if name != "sqlite_sequence"]
        counts = {}
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}"')
            counts[table] = cursor.fetchone()[0]
    return counts
