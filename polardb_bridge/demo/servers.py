"""Private servers: MariaDB and Label Studio, each with a folder and a port of its own.

They stop with the process that started them. A server that already runs on the machine is never touched.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TypeVar

from polardb_bridge.errors import BridgeError
from polardb_bridge.serving import Address, gunicorn_command

START_TIMEOUT_S = 180
STOP_TIMEOUT_S = 30

# Servers are often installed where only administrators look for programs.
ADMINISTRATORS_FOLDERS = ("/usr/sbin", "/usr/local/sbin")


class ServerError(BridgeError):
    """A private server is not installed, did not start or has ended."""


def free_port() -> int:
    """A TCP port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_program(*names: str, remedy: str) -> str:
    """The path of the first program that is installed.

    Raises:
        ServerError: none is; the message ends with `remedy`.
    """
    search = os.pathsep.join([os.environ.get("PATH", ""), *ADMINISTRATORS_FOLDERS])
    for name in names:
        found = shutil.which(name, path=search)
        if found:
            return found
    raise ServerError(f"{names[0]} is not installed. {remedy}")


def _die_with_parent() -> None:
    # A demo or test run that is killed must not leave a server behind (prctl PR_SET_PDEATHSIG, Linux only).
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


AnyServer = TypeVar("AnyServer", bound="Server")


class Server:
    """One private server process; use it as a context manager or call `start` and `stop`."""

    name = "server"
    working_folder: Path | None = None

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
        """The environment of the process; None if it is this process' own."""
        return None

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            ServerError: it is not installed, or did not start.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.prepare()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.variables(),
                cwd=self.working_folder,
                # Ctrl-C in the terminal goes to the demo, which stops its servers in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        try:
            while not self.is_ready():
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise self.failure(f"{self.name} did not start")
                time.sleep(0.1)
        except BaseException:  # Ctrl-C too
            self.stop()
            raise

    def stop(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            # With its children: each server leads a session, and so a process group, of its own.
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None

    def failure(self, what: str) -> ServerError:
        return ServerError(f"{what}; see {self.log}")

    def __enter__(self: AnyServer) -> AnyServer:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def kept_port(folder: Path) -> int:
    """The port of an earlier run, if nobody listens there; another one, kept in the folder from now on, if not."""
    kept = folder / "port"
    with contextlib.suppress(FileNotFoundError, ValueError, OverflowError), socket.socket() as probe:
        port = int(kept.read_text())
        # As the server does: connections of the last run that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]  # type: ignore[no-any-return]
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    kept.write_text(f"{port}\n")
    return port


class MariaDB(Server):
    """A MariaDB with a `root` account, reachable on 127.0.0.1 only."""

    name = "mariadb"
    remedy = (
        "Install MariaDB (Debian, Ubuntu: apt install mariadb-server; Fedora: dnf install mariadb-server; "
        "macOS: brew install mariadb), or set POLARDB_URL to a database of yours."
    )

    def __init__(self, folder: Path, port: int | None = None, options: Sequence[str] = (), password: str = "") -> None:
        super().__init__(folder, port)
        self.options = list(options)
        self.password = password

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def _user_options(self) -> list[str]:
        return [f"--user={pwd.getpwuid(os.geteuid()).pw_name}"]

    @property
    def _temporary(self) -> Path:
        """Its own: a server that starts deletes the temporary tables of all others that share the folder."""
        return self.folder / "tmp"

    def prepare(self) -> None:
        self._temporary.mkdir(exist_ok=True)
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
        program = find_program("mariadb-install-db", "mysql_install_db", remedy=self.remedy)
        # A shell script that does not quote its folders: a blank in their path would end the name.
        usual = tempfile.gettempdir()
        plain = usual if re.fullmatch(r"[\w./-]+", usual) else "/tmp"  # noqa: S108  # a fresh folder is made in it
        with tempfile.TemporaryDirectory(prefix="mariadb-", dir=plain) as temporary, self.log.open("ab") as log:
            installed = Path(temporary, "data")
            done = subprocess.run(
                [
                    program,
                    "--no-defaults",
                    f"--datadir={installed}",
                    "--auth-root-authentication-method=normal",
                    "--skip-test-db",
                    *self._user_options(),
                ],
                stdout=log,
                stderr=log,
                env={**os.environ, "TMPDIR": temporary},
                check=False,
                preexec_fn=_die_with_parent,
            )
            if done.returncode:
                raise self.failure("mariadb-install-db failed")
            # Copied if it is another file system: in two steps, so that a copy that is interrupted is never used.
            shutil.move(installed, unfinished)
        unfinished.rename(self.data)

    def command(self) -> Sequence[str]:
        return [
            find_program("mariadbd", "mysqld", remedy=self.remedy),
            "--no-defaults",
            f"--datadir={self.data}",
            f"--tmpdir={self._temporary}",
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


class LabelStudio(Server):
    """Label Studio with this package, as `polardb-bridge start` serves it, with an environment of its own."""

    name = "label-studio"

    def __init__(self, folder: Path, address: Address, environment: Mapping[str, str]) -> None:
        super().__init__(folder, address.port)
        # Python and gunicorn look for modules where they are started: nothing of the user's may take the place of ours.
        self.working_folder = self.folder
        self.address = address
        self.environment = environment

    def command(self) -> Sequence[str]:
        # One process: a second one costs 300 MB of memory, and is of no use to one person.
        return gunicorn_command(self.address, workers=1, threads=8)

    def variables(self) -> dict[str, str]:
        return dict(self.environment)

    def is_ready(self) -> bool:
        # Not by urllib: it would go by way of the proxy that HTTP_PROXY names.
        connection = HTTPConnection(self.address.local.host, self.port, timeout=2)
        with contextlib.closing(connection), contextlib.suppress(OSError, HTTPException):
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        return False
