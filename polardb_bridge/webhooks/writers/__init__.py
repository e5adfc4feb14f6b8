"""How results are written and compared."""

from polardb_bridge.storage.models import PolarDBExportStorage
from polardb_bridge.webhooks.writers.rows import RowWriter
from polardb_bridge.webhooks.writers.writer import Writer


def writer_of(storage: PolarDBExportStorage) -> Writer:
    """For one delivery, or one comparison."""
    return RowWriter(storage)
