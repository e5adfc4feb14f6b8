"""How results are written and compared: into the rows of sources, or into result tables."""

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.webhooks.writers.result_tables import ResultTableWriter
from polardb_bridge.webhooks.writers.rows import RowWriter
from polardb_bridge.webhooks.writers.writer import Writer


def writer_of(storage: PolarDBExportStorage) -> Writer:
    """For one delivery, or one comparison."""
    return ResultTableWriter(storage) if storage.has_result_table else RowWriter(storage)
