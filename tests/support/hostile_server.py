"""A MySQL server as an attacker writes one."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
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

    error: answers with this message in place of that.
    """

    def __init__(self, error: bytes | None = None) -> None:
        self.error = error
        self.told: list[bytes] = []
        self.connections = 0
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
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with client:
                client.settimeout(5)
                try:
                    self._talk(client)
                except OSError:
                    continue

    def _talk(self, client: socket.socket) -> None:
        _send(client, 0, _GREETING)
        _read(client)
        if self.error is not None:
            _send(client, 2, b"\xff" + struct.pack("<H", 1045) + b"#28000" + self.error)
            return
        _send(client, 2, b"\xfemysql_clear_password\x00")
        answer = _read(client)
        if answer:
            self.told.append(answer)


def _send(client: socket.socket, number: int, data: bytes) -> None:
    client.sendall(struct.pack("<I", len(data))[:3] + bytes([number]) + data)


def _read(client: socket.socket) -> bytes:
    head = client.recv(4, socket.MSG_WAITALL)
    return client.recv(int.from_bytes(head[:3], "little"), socket.MSG_WAITALL) if len(head) == 4 else b""


@contextmanager
def hostile_server(error: bytes | None = None) -> Iterator[HostileServer]:
    server = HostileServer(error)
    yield server
    server.stop()
