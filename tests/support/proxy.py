"""A TCP proxy that cuts connections where a test wants it."""

from __future__ import annotations

import contextlib
import socket
import threading


class Proxy:
    """Forwards 127.0.0.1:`port` to the server's port.

    cut_after_sent, cut_after_received: bytes from the client or the server of a connection, after which it is cut
    in both directions, in the middle of a packet if that is where it is. None: never. refuse: closes new connections
    at once.
    """

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.cut_after_sent: int | None = None
        self.cut_after_received: int | None = None
        self.refuse = False
        self.cuts = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Cut all connections now."""
        for connection in self._open:
            _close(connection)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refuse:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(("127.0.0.1", self.server_port), 5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                self._open += [client, server]
                threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, sent: bool) -> None:
        count = 0
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                limit = self.cut_after_sent if sent else self.cut_after_received
                if limit is not None and count + len(data) > limit:
                    target.sendall(data[: max(0, limit - count)])
                    self.cuts += 1
                    break
                target.sendall(data)
                count += len(data)
        _close(source)
        _close(target)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
