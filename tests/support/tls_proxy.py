"""A proxy that speaks TLS on one of its sides only, as ProxySQL and managed databases' gateways can."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Iterator

from support.certificates import Certificate

# MySQL's protocol: the capability by which both sides say that they can go on in TLS.
_CLIENT_SSL = 0x800
_SSL_REQUEST_BYTES = 32
_OK, _ERROR, _FAST_LOGIN = b"\0", b"\xff", b"\x01\x03"


@contextlib.contextmanager
def tls_proxy(port: int, certificate: Certificate, *, towards_server: bool) -> Iterator[int]:
    """Its own port, while it runs.

    towards_server: clients talk to it in plain text, and it to the server in TLS; else the other way round.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(
                        target=_serve, args=(client, port, certificate, towards_server), daemon=True
                    ).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def _serve(client: socket.socket, port: int, certificate: Certificate, towards_server: bool) -> None:
    server = socket.create_connection(("127.0.0.1", port))
    try:
        number, greeting = _packet(server)
        at = greeting.index(b"\0", 1) + 1 + 4 + 8 + 1  # behind version, thread, salt and a filler
        [offered] = struct.unpack_from("<H", greeting, at)
        offered = offered & ~_CLIENT_SSL if towards_server else offered | _CLIENT_SSL
        _send(client, number, greeting[:at] + struct.pack("<H", offered) + greeting[at + 2 :])
        number, login = _packet(client)
        shift = 0
        if len(login) == _SSL_REQUEST_BYTES:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate.cert, certificate.key)
            client = context.wrap_socket(client, server_side=True)
            number, login = _packet(client)
            shift = 1
        wanted = struct.unpack_from("<I", login)[0] & ~_CLIENT_SSL
        if towards_server:
            wanted |= _CLIENT_SSL
            _send(server, 1, struct.pack("<I", wanted) + login[4:_SSL_REQUEST_BYTES])
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            server = context.wrap_socket(server)
            shift = -1
        _send(server, number - shift, struct.pack("<I", wanted) + login[4:])
        while True:  # until the login has ended, the numbers of packets differ by one
            number, body = _packet(server)
            _send(client, number + shift, body)
            if body[:1] in (_OK, _ERROR):
                break
            if body != _FAST_LOGIN:
                number, body = _packet(client)
                _send(server, number - shift, body)
        answers = threading.Thread(target=_pump, args=(server, client), daemon=True)
        answers.start()
        _pump(client, server)
        answers.join()
    except (EOFError, OSError):
        pass  # one of them has gone
    finally:
        client.close()
        server.close()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


def _exactly(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = end.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


def _packet(end: socket.socket) -> tuple[int, bytes]:
    head = _exactly(end, 4)
    return head[3], _exactly(end, int.from_bytes(head[:3], "little"))


def _send(end: socket.socket, number: int, body: bytes) -> None:
    end.sendall(len(body).to_bytes(3, "little") + bytes([number]) + body)
