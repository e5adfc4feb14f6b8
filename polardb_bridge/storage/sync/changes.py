"""What happened to the rows of a table since their tasks were created: their keys, compared with our links."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa

from polardb_bridge.choices import ExistingAnnotations
from polardb_bridge.storage.models import PolarDBImportStorage, PolarDBImportStorageLink
from polardb_bridge.table.name_filter import compile_name_filter
from polardb_bridge.table.rows import ALL_KEYS, KeyRange, RowKey, read_key_pages


@dataclass(frozen=True)
class LinkedRow:
    """A row that has a task. version: the row's when the task was created or refreshed; is_missing: so it was then."""

    row_id: int
    task_id: int
    version: int
    is_missing: bool


@dataclass
class Changes:
    """new: rows without task. changed: rows that differ from their task. missing: tasks without row."""

    new: list[RowKey] = field(default_factory=list)
    changed: list[tuple[RowKey, LinkedRow]] = field(default_factory=list)
    missing: list[LinkedRow] = field(default_factory=list)
    unchanged: int = 0


def find_changes(
    storage: PolarDBImportStorage, connection: sa.Connection, table: sa.Table, within: KeyRange = ALL_KEYS
) -> Iterator[Changes]:
    """The differences between the rows of a range and their tasks, a page of rows at a time.

    Raises:
        BridgeError: the table cannot be read.
    """
    links = PolarDBImportStorageLink.objects.filter(storage_id=storage.pk)
    linked = links.values_list("row_id", "task_id", "version", "is_missing")
    matches = compile_name_filter(storage.regex_filter) if storage.regex_filter else None

    def is_wanted(key: RowKey) -> bool:
        return not (storage.only_unannotated and key.is_annotated) and not (matches and not matches(key.original_name))

    def between(after: int | None, until: int | None) -> Iterable[LinkedRow]:
        found = linked if after is None else linked.filter(row_id__gt=after)
        return (LinkedRow(*row) for row in (found if until is None else found.filter(row_id__lte=until)))

    after = within.after
    results_matter = storage.only_unannotated or storage.existing_annotations != ExistingAnnotations.IGNORE
    for keys in read_key_pages(connection, table, within, with_results=results_matter):
        last = keys[-1].id
        changes = compare(keys, between(after, last))
        changes.new = [key for key in changes.new if is_wanted(key)]
        yield changes
        after = last
    yield compare([], between(after, within.until))


def compare(keys: Iterable[RowKey], links: Iterable[LinkedRow]) -> Changes:
    """Compare the rows of a range of ids with the tasks of the same range."""
    changes = Changes()
    linked = {link.row_id: link for link in links}
    for key in keys:
        link = linked.pop(key.id, None)
        if link is None:
            changes.new.append(key)
        elif link.is_missing or link.version != key.version:
            changes.changed.append((key, link))
        else:
            changes.unchanged += 1
    changes.missing.extend(linked.values())
    return changes
