"""A MySQL server as an attacker writes one."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_PROTOCOL_41, _SECURE, _PLUGIN_AUTH, _WITH_DATABASE = 0x200, 0x8000, 0x80000, 0x8
_GREETING = (
    b"\x0a8.0.36\x00"
    + struct.pack("<I", 1)
    + b"12345678\x00"
    + struct.pack("<H", (_PROTOCOL_41 | _SECURE | _WITH_DATABASE) & 0xFFFF)
    + b"\x21"
    + struct.pack("<H", 2)
    + struct.pack("<H", _PLUGIN_AUTH >> 16)
    + b"\x15"
    + b"\x00" * 10
    + b"123456789012\x00mysql_native_password\x00"
)


class HostileServer:
    """Offers no TLS, asks each client for its password in clear text, and keeps what it is told.

    error: answers with this message in place of that. talk: does this with each connection in place of that.
    """

    def __init__(self, error: bytes | None = None, talk: Callable[[socket.socket], None] | None = None) -> None:
        self.error = error
        self.talk = talk
        self.told: list[bytes] = []
        self.connections = 0
        self._clients: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for client in list(self._clients):
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve_one, args=(client,), daemon=True).start()

    def _serve_one(self, client: socket.socket) -> None:
        self._clients.add(client)
        with client, contextlib.suppress(OSError):
            client.settimeout(30)
            self._talk(client)
        self._clients.discard(client)

    def _talk(self, client: socket.socket) -> None:
        if self.talk is not None:
            self.talk(client)
            return
        _send(client, 0, _GREETING)
        _read(client)
        if self.error is not None:
            _send(client, 2, b"\xff" + struct.pack("<H", 1045) + b"#28000" + self.error)
            return
        _send(client, 2, b"\xfemysql_clear_password\x00")
        answer = _read(client)
        if answer:
            self.told.append(answer)


def silence(client: socket.socket) -> None:
    """Take the connection, and say nothing."""
    while client.recv(1024):
        pass


def drip(client: socket.socket) -> None:
    """A greeting, one byte after the other."""
    _drip(client, struct.pack("<I", len(_GREETING)) + _GREETING)


def freeze(client: socket.socket) -> None:
    """Let everybody in, and answer nothing."""
    _let_in(client)
    silence(client)


def drip_rows(client: socket.socket) -> None:
    """Answer with rows, one byte after the other."""
    _let_in(client)
    while _is_asked(client):
        _begin_rows(client)
        _drip(client, b"\xff\x00\x00\x00" + b"\xfc\xfc\x00" + b"x" * 252)


def flood(client: socket.socket) -> None:
    """Answer each question with rows that never end."""
    _let_in(client)
    rows = b"".join(
        struct.pack("<I", 1003)[:3] + bytes([number % 256]) + b"\xfc\xe8\x03" + b"7" * 1000 for number in range(4, 260)
    )
    while _is_asked(client):
        _begin_rows(client)
        while True:
            client.sendall(rows)


def swell(client: socket.socket) -> None:
    """Answer each question with one row, which never ends."""
    _let_in(client)
    while _is_asked(client):
        _begin_rows(client)
        number = 4
        while True:
            client.sendall(b"\xff\xff\xff" + bytes([number % 256]))
            client.sendall((b"\xfe" + struct.pack("<Q", 2**40) if number == 4 else b"7" * 9) + b"7" * (2**24 - 10))
            number += 1


def _is_asked(client: socket.socket) -> bool:
    """Whether rows are expected; what asks for none is done first. False: the client is gone."""
    while question := _read(client):
        if question[1:].lstrip()[:4].upper() in (b"SELE", b"SHOW"):
            return True
        _send(client, 1, _OK)
    return False


def _let_in(client: socket.socket) -> None:
    _send(client, 0, _GREETING)
    _read(client)
    _send(client, 2, _OK)


def _begin_rows(client: socket.socket) -> None:
    """One column of text follows."""
    column = b"\x03def\x00\x00\x00\x01a\x00\x0c\x21\x00\xff\xff\xff\x00\xfd\x00\x00\x00\x00\x00"
    _send(client, 1, b"\x01")
    _send(client, 2, column)
    _send(client, 3, b"\xfe\x00\x00\x02\x00")


def _drip(client: socket.socket, data: bytes) -> None:
    for byte in data:
        client.sendall(bytes([byte]))
        time.sleep(0.4)


_OK = b"\x00\x00\x00\x02\x00\x00\x00"


def _send(client: socket.socket, number: int, data: bytes) -> None:
    client.sendall(struct.pack("<I", len(data))[:3] + bytes([number]) + data)


def _read(client: socket.socket) -> bytes:
    head = client.recv(4, socket.MSG_WAITALL)
    return client.recv(int.from_bytes(head[:3], "little"), socket.MSG_WAITALL) if len(head) == 4 else b""


@contextmanager
def hostile_server(
    error: bytes | None = None, talk: Callable[[socket.socket], None] | None = None
) -> Iterator[HostileServer]:
    """talk: what it does with each connection, in place of asking for a password."""
    server = HostileServer(error, talk)
    yield server
    server.stop()
