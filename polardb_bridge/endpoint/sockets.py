"""Sockets of a session before anything else reads them: each byte is taken when it is due, and none ahead.

A client that asks for TLS may send the beginning of it together with its question; what is read ahead of that would be
lost to TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import struct

from polardb_bridge.endpoint.packets import HEADER_LENGTH, read_header

# Whoever went away without a word (a laptop that is closed, a cable) is found out within two minutes.
_KEEP_ALIVE_IDLE_S, _KEEP_ALIVE_INTERVAL_S, _KEEP_ALIVE_TRIES = 60, 10, 6
# What either side may send at once before a client is in; some log in by long tokens.
MAX_LOGIN_PACKET_LENGTH = 1024 * 1024
_PROXY_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def prepare(connection: socket.socket) -> None:
    connection.setblocking(False)
    with contextlib.suppress(OSError):  # the other side may be gone already
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (
            ("TCP_KEEPIDLE", _KEEP_ALIVE_IDLE_S),
            ("TCP_KEEPINTVL", _KEEP_ALIVE_INTERVAL_S),
            ("TCP_KEEPCNT", _KEEP_ALIVE_TRIES),
        ):
            if hasattr(socket, option):  # not everywhere
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


async def connect(host: str, port: int) -> socket.socket:
    """A connection to the first address of `host` that takes one.

    Raises:
        OSError: none does, or the name is not known.
    """
    loop = asyncio.get_running_loop()
    failure = OSError(f"no address of {host}")
    for family, kind, protocol, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        try:
            # Made here: with a family that this system lacks, not even that works.
            connection = socket.socket(family, kind, protocol)
        except OSError as error:
            failure = error
            continue
        prepare(connection)
        try:
            await loop.sock_connect(connection, address)
        except OSError as error:
            connection.close()
            failure = error
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise failure


async def read_packet(connection: socket.socket) -> tuple[int, bytes]:
    """Sequence number and payload.

    Raises:
        ConnectionError: the other side has closed.
        ValueError: the packet is longer than anything before a login.
    """
    length, sequence = read_header(await _read_exactly(connection, HEADER_LENGTH))
    if length > MAX_LOGIN_PACKET_LENGTH:
        raise ValueError(f"a packet of {length} bytes before the login")
    return sequence, await _read_exactly(connection, length)


async def _read_exactly(connection: socket.socket, count: int) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    while len(data) < count:
        part = await loop.sock_recv(connection, count - len(data))
        if not part:
            raise ConnectionResetError("the other side has closed the connection")
        data += part
    return data


def proxy_header(client: socket.socket) -> bytes:
    """What tells the server who the client is (PROXY protocol, version 2), before all else.

    https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt
    """
    (source, source_port), (target, target_port) = client.getpeername()[:2], client.getsockname()[:2]
    addresses = [ipaddress.ip_address(str(host).partition("%")[0]) for host in (source, target)]
    packed = b"".join(address.packed for address in addresses) + struct.pack(">HH", source_port, target_port)
    family = 0x11 if addresses[0].version == 4 else 0x21
    return _PROXY_SIGNATURE + struct.pack(">BBH", 0x21, family, len(packed)) + packed
