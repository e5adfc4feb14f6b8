"""Labels of results that the template of a new deployment lacks."""

from __future__ import annotations

from polardb_bridge.choices import ExistingAnnotations
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import BridgeError
from polardb_bridge.storage.labels import in_words, not_in_interface
from polardb_bridge.table.connection import connect
from polardb_bridge.table.labels import find_labels
from polardb_bridge.table.parameters import ConnectionParameters
from polardb_bridge.table.schema import source_table


def labels_to_come(
    deployment: Deployment, parameters: ConnectionParameters, existing_annotations: ExistingAnnotations
) -> list[str]:
    """A sentence for each label that stands in the table's results and not in the interface.

    The results are read in the table: they are no annotations before the first sync. A table that cannot be read now is
    none of a deployment's business that exists already.
    """
    if existing_annotations is ExistingAnnotations.IGNORE:
        return []
    try:
        with connect(parameters) as connection:
            found = find_labels(connection, source_table(deployment.source))
    except BridgeError:
        return []
    notes = in_words(not_in_interface(deployment.project.label_config, found.counts))
    if not found.is_all:
        notes.append(f"Only the first {found.results} results were looked at; SHOW DEPLOYMENT tells of all.")
    return notes
