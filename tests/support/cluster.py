"""A primary, a replica that lags as long as a test wants, and one address for both that spreads reads."""

from __future__ import annotations

import contextlib
import re
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dev.servers import MariaDB
from polardb_bridge.table.connection import begin, dispose
from polardb_bridge.table.parameters import ConnectionParameters

_HOURS_S = 36_000
_QUERY, _QUIT = 3, 1


@dataclass
class Cluster:
    """Two servers; the second repeats the first, hours later until it is told to catch up."""

    primary: MariaDB
    replica: MariaDB

    def start(self) -> None:
        for number, server in enumerate((self.primary, self.replica), 1):
            server.options += [f"--server-id={number}", *(["--log-bin"] if number == 1 else [])]
            server.start()
        self._replica(
            f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {self.primary.port}, MASTER_USER = 'root',"
            " MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1"
        )
        self._replica("START SLAVE")
        self.catch_up()

    def stop(self) -> None:
        dispose()
        self.replica.stop()
        self.primary.stop()

    def lag(self) -> None:
        """From now on, the replica repeats nothing."""
        self._set_delay(_HOURS_S)

    def catch_up(self) -> None:
        """Have the replica repeat all that was done on the primary."""
        self._set_delay(0)
        with begin(ConnectionParameters.from_url(self.primary.url("mysql"))) as connection:
            position = connection.exec_driver_sql("SELECT @@gtid_binlog_pos").scalar_one()
        with begin(ConnectionParameters.from_url(self.replica.url("mysql"))) as connection:
            assert connection.exec_driver_sql("SELECT MASTER_GTID_WAIT(%s, 50)", (position,)).scalar_one() == 0

    def _set_delay(self, seconds: int) -> None:
        for statement in ("STOP SLAVE", f"CHANGE MASTER TO MASTER_DELAY = {seconds}", "START SLAVE"):
            self._replica(statement)

    def _replica(self, statement: str) -> None:
        with begin(ConnectionParameters.from_url(self.replica.url("mysql"))) as connection:
            connection.exec_driver_sql(statement)


@contextlib.contextmanager
def running_cluster(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster(MariaDB(folder / "primary"), MariaDB(folder / "replica"))
    for server in (cluster.primary, cluster.replica):
        server.folder.mkdir()
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


class ClusterAddress:
    """127.0.0.1:`port` leads to both servers of a cluster, as a proxy like PolarDB's does it.

    What reads goes to the replica, even in a transaction, until that transaction writes; unless it begins with the
    hint. What sets the session goes to both. Accounts must have no password: their login is passed on as it comes.

    reads: how many statements the replica was asked. swallowed: statements that begin so are answered, and go nowhere.
    """

    def __init__(self, primary_port: int, replica_port: int, swallowed: str = "") -> None:
        self.ports = primary_port, replica_port
        self.swallowed = swallowed
        self.reads = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> ClusterAddress:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=_Session(self, client).run, daemon=True).start()


class _Session:
    def __init__(self, address: ClusterAddress, client: socket.socket) -> None:
        self.address = address
        self.client = client
        self.primary, self.replica = (socket.create_connection(("127.0.0.1", port)) for port in address.ports)
        self.is_open = False  # a transaction
        self.is_autocommit = True
        self.has_written = False
        self.unwanted = 0  # answers of the replica that the primary gives, too
        self.rest = b""

    def run(self) -> None:
        with contextlib.suppress(OSError, EOFError), self.client, self.primary, self.replica:
            greeting = _packet(self.primary)
            _packet(self.replica)
            self.client.sendall(greeting)
            login = _packet(self.client)
            for server in (self.primary, self.replica):
                server.sendall(login)
            answers = [_packet(server) for server in (self.primary, self.replica)]
            self.client.sendall(answers[0])
            while True:
                for ready in select.select([self.client, self.primary, self.replica], [], [])[0]:
                    if ready is self.client:
                        self._route(_packet(self.client))
                    elif ready is self.primary:
                        self.client.sendall(_some(self.primary))
                    else:
                        self._from_replica()

    def _from_replica(self) -> None:
        self.rest += _some(self.replica)
        while self.unwanted and len(self.rest) >= 4 and len(self.rest) >= 4 + _length(self.rest):
            self.rest = self.rest[4 + _length(self.rest) :]
            self.unwanted -= 1
        if not self.unwanted:
            self.client.sendall(self.rest)
            self.rest = b""

    def _route(self, packet: bytes) -> None:
        text = packet[5:].decode(errors="replace") if packet[4] == _QUERY else ""
        words = text.upper().split() or [""]
        if self.address.swallowed and text.startswith(self.address.swallowed):
            self.client.sendall(b"\7\0\0\1\0\0\0\2\0\0\0")
        elif packet[4] == _QUIT or words[0] == "SET":
            if found := re.match(r"SET AUTOCOMMIT\s*=\s*(\d)", text.upper()):
                self.is_autocommit = found[1] == "1"
            self.unwanted += packet[4] != _QUIT
            self.primary.sendall(packet)
            self.replica.sendall(packet)
        elif words[0] in ("SELECT", "SHOW") and "FOR UPDATE" not in text and not self.has_written:
            self.address.reads += 1
            self.replica.sendall(packet)
        else:
            self.primary.sendall(packet)
            self._note(words)

    def _note(self, words: list[str]) -> None:
        verb = next((word for word in words if word != "/*FORCE_MASTER*/"), "")
        if verb in ("COMMIT", "ROLLBACK"):
            self.is_open = self.has_written = False
        elif verb in ("START", "BEGIN"):
            self.is_open = True
        elif verb not in ("", "SELECT", "SHOW"):
            self.has_written = self.is_open or not self.is_autocommit


def _packet(connection: socket.socket) -> bytes:
    head = _exactly(connection, 4)
    return head + _exactly(connection, _length(head))


def _length(head: bytes) -> int:
    return int.from_bytes(head[:3], "little")


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        data += _some(connection, size - len(data))
    return data


def _some(connection: socket.socket, size: int = 65536) -> bytes:
    data = connection.recv(size)
    if not data:
        raise EOFError
    return data
