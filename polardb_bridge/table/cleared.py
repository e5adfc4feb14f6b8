"""What result columns hold in place of NULL, where they take none."""

from __future__ import annotations

import sqlalchemy as sa

from polardb_bridge.table.mapping import mapping_of

# Of which a row without a result has none.
ROLES = ("annotation_data", "annotation_uid", "label")
# What stands for "no result" whatever the default is.
_BLANK = frozenset({"", "null", "[]", "{}"})

_QUERY = sa.text(
    "SELECT LOWER(COLUMN_NAME), COLUMN_DEFAULT, EXTRA FROM information_schema.COLUMNS"
    " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :table AND IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NOT NULL"
)


def defaults_of(connection: sa.Connection, table: sa.Table) -> dict[str, str | None]:
    """By role (`ROLES`), the result columns that cannot be NULL, and their defaults; None for an expression.

    Those without a default are left out: the server refuses to clear them.
    """
    roles = {mapping_of(table).results[role].lower(): role for role in ROLES if role in mapping_of(table).results}
    is_mariadb = getattr(connection.dialect, "is_mariadb", False)
    found: dict[str, str | None] = {}
    for name, default, extra in connection.execute(_QUERY, {"table": table.name}):
        if name in roles:
            is_literal = default.startswith("'") if is_mariadb else "DEFAULT_GENERATED" not in str(extra).upper()
            text = default[1:-1].replace("''", "'") if is_mariadb else default
            found[roles[name]] = text if is_literal else None
    return found


def is_cleared(text: str, default: str | None) -> bool:
    """Whether a column of this default holds no result."""
    return text == default or text.strip() in _BLANK
