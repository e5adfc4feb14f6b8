"""What is said of a new deployment's table: what will surprise people, and labels that the template lacks."""

from __future__ import annotations

from dataclasses import replace

from polardb_bridge.choices import ExistingAnnotations
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.labels import in_words, not_in_interface
from polardb_bridge.storage.matching import row_targets_of
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.table.columns import reading_warnings
from polardb_bridge.table.connection import connect
from polardb_bridge.table.labels import find_labels
from polardb_bridge.table.mapping import mapping_of
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.schema import labeling_warnings, validate_table


def notes_on_table(
    deployment: Deployment, parameters: ConnectionParameters, existing_annotations: ExistingAnnotations
) -> list[str]:
    """The warnings that `check_storage` has, and a sentence for each label that the interface lacks.

    Results are read in the table: they are no annotations before the first sync. A table that cannot be read now is
    none of a deployment's business that exists already.
    """
    storage = PolarDBImportStorage.objects.filter(project=deployment.project).first()
    if storage is None:
        return []
    try:
        table = storage.source_table
        with connect(replace(parameters, database=storage.database, read_only=storage.runs_sql)) as connection:
            is_written = bool(row_targets_of(storage))
            there = validate_table(connection, table, to_write=is_written)
            mapping = mapping_of(table)
            warnings = labeling_warnings(connection, there, mapping) if is_written else reading_warnings(there, mapping)
            notes = [f"Warning: {warning}" for warning in warnings]
            if existing_annotations is ExistingAnnotations.IGNORE:
                return notes
            found = find_labels(connection, table)
    except BridgeError:
        return []
    notes += in_words(not_in_interface(deployment.project.label_config, found.counts))
    if not found.is_all:
        notes.append(f"Only the first {found.results} results were looked at; SHOW DEPLOYMENT tells of all.")
    return notes
