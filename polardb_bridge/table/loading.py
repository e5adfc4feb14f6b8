"""Image files to rows of a source table."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from polardb_bridge.errors import InvalidInputError, RowError
from polardb_bridge.table import session
from polardb_bridge.table.connection import begin, connect
from polardb_bridge.table.images.decode import check_image
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.schema import source_table, validate_table

MAX_NAME_LENGTH = 255
_NAMES_BATCH_SIZE = 1000


@dataclass
class LoadReport:
    """What `load_images` did: names loaded, names the table had already, and `name: reason` of skipped files."""

    loaded: list[str] = field(default_factory=list)
    existed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def find_files(folder: Path) -> list[Path]:
    """All files below `folder`, by path.

    Raises:
        InvalidInputError: it is not a folder, or holds no file.
    """
    if not folder.is_dir():
        raise InvalidInputError(f"There is no folder {folder}.")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise InvalidInputError(f"The folder {folder} contains no files.")
    return files


def load_images(
    parameters: ConnectionParameters,
    table_name: str,
    folder: Path,
    files: Sequence[Path],
    on_file: Callable[[Path], None] = lambda path: None,
) -> LoadReport:
    """Insert each image of `files` as a row, named by its path below `folder`, unless a row has that name.

    Each row is committed by itself: the next call continues what was interrupted.

    Raises:
        BridgeError: the table is not there or cannot be written.
    """
    table = source_table(table_name)
    report = LoadReport()
    names = {}
    for path in files:
        name = path.relative_to(folder).as_posix()
        if _is_text(name):
            names[path] = name
        else:
            report.skipped.append(f"{_printable(name)}: the name is not UTF-8; rename the file")
    with connect(parameters) as connection:
        validate_table(connection, table)
        known = _known_names(connection, table, list(names.values()))
    for path, name in names.items():
        on_file(path)
        if name in known:
            report.existed.append(name)
            continue
        try:
            _insert(parameters, table, name, path.read_bytes())
        except (RowError, OSError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error).replace("base64_data", "the file")
            report.skipped.append(f"{name}: {reason}")
        else:
            report.loaded.append(name)
    return report


def _is_text(name: str) -> bool:
    # Bytes of a name that are not UTF-8 come as lone surrogates (PEP 383).
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _insert(parameters: ConnectionParameters, table: sa.Table, name: str, data: bytes) -> None:
    if len(name) > MAX_NAME_LENGTH:
        raise RowError(f"the name is longer than {MAX_NAME_LENGTH} characters")
    row = {
        "base64_data": base64.b64encode(data).decode("ascii"),
        "mime_type": check_image(data),
        "original_name": name,
        "annotation_count": 0,  # no default in the documented DDL
    }
    with begin(parameters) as connection:
        session.ensure_set_up(connection)
        connection.execute(sa.insert(table), [row])


def _known_names(connection: sa.Connection, table: sa.Table, names: list[str]) -> set[str]:
    known: set[str] = set()
    for start in range(0, len(names), _NAMES_BATCH_SIZE):
        part = names[start : start + _NAMES_BATCH_SIZE]
        known.update(connection.scalars(sa.select(table.c.original_name).where(table.c.original_name.in_(part))))
    return known
