"""The names that statements can be completed with."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from django.db import connections

from polardb_bridge.databases.failures import FAILURES
from polardb_bridge.deployments.console.offers import Offered
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import BridgeError

# How long the prompt waits for them.
_PATIENCE_S = 0.3


@dataclass(frozen=True)
class Names:
    """templates, tables: those that can be deployed."""

    deployments: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


class KnownNames:
    """Those that were read last."""

    def __init__(self) -> None:
        self.names = Names()
        self._reading: threading.Thread | None = None

    def refresh(self) -> None:
        """Read them anew; what takes longer than a moment is done while the person types."""
        if self._reading and self._reading.is_alive():
            return  # a database does not answer
        self._reading = threading.Thread(target=self._read, name="polardb-names", daemon=True)
        self._reading.start()
        self._reading.join(_PATIENCE_S)

    def _read(self) -> None:
        try:
            deployments = tuple(Deployment.objects.order_by("name").values_list("name", flat=True))
            self.names = Names(deployments, self.names.templates, self.names.tables)
            offered = Offered.read()
            self.names = Names(
                deployments,
                templates=tuple(template.as_typed for template in offered.templates),
                tables=tuple(table.value for table in offered.tables),
            )
        except (BridgeError, *FAILURES):
            return  # statements will say so
        finally:
            connections.close_all()
