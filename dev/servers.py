"""Private database servers for the tests and the benchmarks: the demo's MariaDB, PostgreSQL and Redis.

These can also be killed and frozen.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from polardb_bridge.demo import servers
from polardb_bridge.demo.servers import ServerError, find_program, free_port

__all__ = ["MariaDB", "PostgreSQL", "Redis", "Server", "ServerError", "free_port"]

REMEDY = "Run `make setup`."


class Server(servers.Server):
    def failure(self, what: str) -> ServerError:
        # The folder is gone before anybody can look into it.
        tail = self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "(no log)"
        return ServerError(f"{what}:\n{tail}")

    def kill(self) -> None:
        """End it at once, as a crash or the kernel would (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        """Let it do nothing more while its connections stay open (SIGSTOP)."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


class MariaDB(Server, servers.MariaDB):
    remedy = REMEDY


class PostgreSQL(Server):
    """A PostgreSQL with a `postgres` account without password, reachable on 127.0.0.1 only."""

    name = "postgresql"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _bin(self, program: str) -> str:
        versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda p: int(p.parts[4]))
        return str(versions[-1]) if versions else find_program(program, remedy=REMEDY)

    def _as_user(self) -> list[str]:
        # PostgreSQL refuses to run as root.
        if os.geteuid() != 0:
            return []
        return [find_program("setpriv", remedy=REMEDY), "--reuid=postgres", "--regid=postgres", "--clear-groups"]

    def prepare(self) -> None:
        if (self.data / "PG_VERSION").exists():
            return
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        with self.log.open("ab") as log:
            done = subprocess.run(
                [*self._as_user(), self._bin("initdb"), "-D", str(self.data), "-U", "postgres", "--auth=trust"],
                stdout=log,
                stderr=log,
                cwd="/",
                check=False,
            )
        if done.returncode:
            raise self.failure("initdb failed")

    def command(self) -> Sequence[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self._as_user(), self._bin("postgres"), "-D", str(self.data), *options]

    def is_ready(self) -> bool:
        done = subprocess.run(
            [self._bin("pg_isready"), "-h", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
        return done.returncode == 0


class Redis(Server):
    """A Redis that keeps nothing on disk."""

    name = "redis"

    def command(self) -> Sequence[str]:
        return [
            find_program("redis-server", remedy=REMEDY),
            *("--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
        ]

    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"
