"""How Label Studio with this package is served: the same for `polardb-bridge start`, the container and the demo."""

from __future__ import annotations

import errno
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from polardb_bridge.errors import InvalidInputError

REQUEST_TIMEOUT_S = 300
# Longer than proxies keep an idle connection (nginx: 60 s). Whoever closes it first may cross a request on its way,
# which is then reset: let it be the one who sends the requests. A worker that ends closes its own after its answers.
KEEP_ALIVE_S = 75
# gunicorn's workers show by a file that they live, each second: on a disk that is busy, they would seem to hang.
_MEMORY = Path("/dev/shm")  # noqa: S108  # gunicorn makes a file there that nobody else can open

_LOCALHOST = ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::")  # noqa: S104  # compared with, not bound to


@dataclass(frozen=True)
class Address:
    """Where Label Studio listens: an IP address or host name of this machine, and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def local(self) -> Address:
        """Where this machine reaches it."""
        return Address("localhost", self.port) if self.host in _LOCALHOST else self

    def check_free(self) -> None:
        """See that a server can listen there; gunicorn would try five times and say so in the middle of its log.

        Raises:
            InvalidInputError: the port is in use or not allowed, or this machine has no such address.
        """
        try:
            family, kind, _, _, target = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
            with socket.socket(family, kind) as probe:
                # As gunicorn does: connections that have just ended do not count.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(target)
        except OSError as error:
            remedy = "Choose another address with --bind."
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                # Ports below 1024 are for administrators.
                remedy = f"Choose another port, such as --port {self.port + 1 if 1024 < self.port < 65535 else 8080}."
            reason = (error.strerror or str(error)).lower()
            raise InvalidInputError(f"Cannot listen on {self}: {reason}. {remedy}") from None


def gunicorn_command(address: Address, *, workers: int, threads: int) -> list[str]:
    """The command that serves Label Studio.

    workers: processes. threads: requests that each of them answers at a time.
    """
    return [
        *(sys.executable, "-m", "gunicorn", "polardb_bridge.wsgi"),
        *("--bind", str(address)),
        *("--workers", str(workers), "--threads", str(threads)),
        *("--timeout", str(REQUEST_TIMEOUT_S)),
        *("--keep-alive", str(KEEP_ALIVE_S)),
        *(("--worker-tmp-dir", str(_MEMORY)) if _MEMORY.is_dir() else ()),
        *("--access-logfile", "-"),
    ]


def start(address: Address, *, workers: int, threads: int) -> NoReturn:
    """Bring Label Studio's database up to date, make the first administrator, and become the server.

    LABEL_STUDIO_USERNAME and LABEL_STUDIO_PASSWORD: the administrator, made if there is no such user.

    Raises:
        InvalidInputError: nothing can listen at the address.
        CommandError: Label Studio's database cannot be brought up to date, or the administrator not be made.
    """
    address.check_free()
    os.environ["PORT"] = str(address.port)
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connection

    from polardb_bridge.conf import configuration
    from polardb_bridge.web import served

    if problem := configuration().database_problem:
        print(f"{problem} People can label meanwhile; commands and statements reach no database.", file=sys.stderr)
    served.remember(str(address.port))
    print("Bringing Label Studio's database up to date …", flush=True)
    # Several servers may start at once: on PostgreSQL, Label Studio lets one migrate while the others wait.
    call_command("locked_migrate" if connection.vendor == "postgresql" else "migrate", verbosity=0)
    if os.environ.get("LABEL_STUDIO_USERNAME") and os.environ.get("LABEL_STUDIO_PASSWORD"):
        call_command("ensure_superuser")
    print(f"Label Studio: {settings.HOSTNAME or f'http://{address.local}'}", flush=True)
    command = gunicorn_command(address, workers=workers, threads=threads)
    os.execv(command[0], command)  # noqa: S606  # signals of a service manager must reach the server itself
