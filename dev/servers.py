"""Private database servers for the demo, the tests and the benchmarks.

Each server has its own data folder and a free port on 127.0.0.1, and stops with the process that
started it. A server that already runs on the machine is never touched.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 30


class ServerError(RuntimeError):
    """A private server did not install, start or stop; the message holds the end of its log."""


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _find(*names: str) -> str:
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for name in names:
        found = shutil.which(name, path=search)
        if found:
            return found
    raise ServerError(f"none of {', '.join(names)} is installed; run `make setup`")


def _die_with_parent() -> None:
    # A demo or test run that is killed must not leave a server behind (prctl PR_SET_PDEATHSIG, Linux only).
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


AnyServer = TypeVar("AnyServer", bound="Server")


class Server:
    """One private server process; use it as a context manager or call `start` and `stop`."""

    name = "server"

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder = folder.resolve()
        self.port = port or free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def prepare(self) -> None:
        """Make the data folder, if it is not there yet."""

    def command(self) -> Sequence[str]:
        raise NotImplementedError

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def variables(self) -> dict[str, str] | None:
        """The environment of the process; this process' own where None."""
        return None

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.variables(),
                # Ctrl-C in the terminal goes to the demo, which stops its servers in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerError(f"{self.name} did not start:\n{self._log_tail()}")
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

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

    def __enter__(self: AnyServer) -> AnyServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _log_tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else "(no log)"


class MariaDB(Server):
    """A MariaDB with a `root` account, reachable on 127.0.0.1 only."""

    name = "mariadb"

    def __init__(self, folder: Path, port: int | None = None, options: Sequence[str] = (), password: str = "") -> None:
        super().__init__(folder, port)
        self.options = list(options)
        self.password = password

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _user_options(self) -> list[str]:
        return [f"--user={pwd.getpwuid(os.geteuid()).pw_name}"]

    def prepare(self) -> None:
        if not (self.data / "mysql").exists():
            self._install()
        self._init_file.touch(mode=0o600)
        self._init_file.write_text(f"ALTER USER root@localhost IDENTIFIED BY '{self.password}';\n")

    @property
    def _init_file(self) -> Path:
        return self.folder / "init.sql"

    def _install(self) -> None:
        unfinished = self.folder / "data.new"
        shutil.rmtree(unfinished, ignore_errors=True)
        with self.log.open("ab") as log:
            done = subprocess.run(
                [
                    _find("mariadb-install-db", "mysql_install_db"),
                    "--no-defaults",
                    f"--datadir={unfinished}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    *self._user_options(),
                ],
                stdout=log,
                stderr=log,
                check=False,
            )
        if done.returncode:
            raise ServerError(f"mariadb-install-db failed:\n{self._log_tail()}")
        unfinished.rename(self.data)

    def command(self) -> Sequence[str]:
        return [
            _find("mariadbd", "mysqld"),
            "--no-defaults",
            f"--datadir={self.data}",
            # A socket's path is limited to 107 bytes, whatever the folder: keep it relative to the data folder.
            "--socket=mariadb.sock",
            f"--pid-file={self.folder / 'mariadb.pid'}",
            "--bind-address=127.0.0.1",
            f"--port={self.port}",
            f"--init-file={self._init_file}",
            "--character-set-server=utf8mb4",
            *self._user_options(),
            *self.options,
        ]

    def url(self, database: str = "") -> str:
        secret = f":{self.password}" if self.password else ""
        return f"mysql://root{secret}@127.0.0.1:{self.port}/{database}"


class PostgreSQL(Server):
    """A PostgreSQL with a `postgres` account without password, reachable on 127.0.0.1 only."""

    name = "postgresql"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _bin(self, program: str) -> str:
        versions = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"), key=lambda p: int(p.parts[4]))
        return str(versions[-1]) if versions else _find(program)

    def _as_user(self) -> list[str]:
        # PostgreSQL refuses to run as root.
        if os.geteuid() != 0:
            return []
        return [_find("setpriv"), "--reuid=postgres", "--regid=postgres", "--clear-groups"]

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
            raise ServerError(f"initdb failed:\n{self._log_tail()}")

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
            _find("redis-server"),
            *("--port", str(self.port), "--bind", "127.0.0.1"),
            *("--save", "", "--appendonly", "no", "--dir", str(self.folder)),
        ]

    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"
