"""A migrated SQLite database, kept for the next run: migrating takes longer than most tests together."""

from __future__ import annotations

import hashlib
import inspect
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from django.db.migrations.loader import MigrationLoader


def name_of_copy() -> str:
    """Another one as soon as a migration of ours, or a release of Django or Label Studio, is another."""
    found = hashlib.sha256(f"{version('django')} {version('label-studio')}".encode())
    for (app, name), migration in sorted(MigrationLoader(None).disk_migrations.items()):
        found.update(f"{app} {name}".encode())
        if app.startswith("polardb"):
            found.update(Path(inspect.getfile(type(migration))).read_bytes())
    return f"migrated-{found.hexdigest()[:16]}.sqlite3"


def copy_database(source: Path, target: Path) -> None:
    """Copy it whole, whatever still stands in its journal. `target` appears at once, or not at all."""
    unfinished = target.with_name(f"{target.name}-{source.parent.name}-unfinished")
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(unfinished)) as writing:
        reading.backup(writing)
    unfinished.replace(target)
