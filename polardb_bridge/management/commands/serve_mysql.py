from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from polardb_bridge.conf import command_database, configuration, names_of
from polardb_bridge.endpoint import server
from polardb_bridge.endpoint.session import Upstream
from polardb_bridge.endpoint.statements import Statements
from polardb_bridge.endpoint.tls import tls_for
from polardb_bridge.errors import ReconfigureError
from polardb_bridge.management.base import BridgeCommand


class Command(BridgeCommand):
    help = (
        "Serve MySQL clients in front of the database of POLARDB_URL, until SIGTERM or Ctrl-C: they log in with their "
        "own accounts of that database, and everything passes through. "
        "Example: serve_mysql --host 0.0.0.0 --port 3307"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host",
            default="127.0.0.1",
            metavar="ADDRESS",
            help="0.0.0.0 for all networks (default: this machine only)",
        )
        parser.add_argument("--port", type=int, default=3307, metavar="N", help="(default: 3307)")
        parser.add_argument("--insecure", action="store_true", help="let in clients without TLS, too")
        parser.add_argument(
            "--max-connections",
            type=int,
            default=1000,
            metavar="N",
            help="clients at a time; more get MySQL's error 1040 (default: 1000)",
        )
        parser.add_argument(
            "--proxy-protocol",
            action="store_true",
            help="tell the database each client's address (PROXY protocol, version 2); it must be set up for that",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        database, configured = command_database(), configuration()
        tls = tls_for(database, configured.mysql_tls_cert, configured.mysql_tls_key, configured.tls_ca)
        if tls is None and not options["insecure"]:
            raise ReconfigureError(
                "Clients could come without TLS only. Set POLARDB_MYSQL_TLS_CERT and POLARDB_MYSQL_TLS_KEY, and tls in "
                "POLARDB_URL to required; or let everybody on the way read passwords and rows, by --insecure."
            )
        upstream = Upstream(
            host=names_of(database.host)[-1],  # by its number, as others connect to localhost
            port=database.port,
            tls=tls,
            needs_tls=not options["insecure"],
            tells_addresses=options["proxy_protocol"],
        )
        host, port, limit = options["host"], options["port"], options["max_connections"]
        server.allow_files(limit)
        server.run(
            server.listen(host, port),
            upstream,
            Statements(database, configured.mysql_operators),
            max_sessions=limit,
            announce=lambda: self.stdout.write(f"MySQL clients of {upstream}: {host}:{port}"),
        )
