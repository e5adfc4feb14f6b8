"""What client and server say that they can do, when they meet; and what of it passes through here.

https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__capabilities__flags.html and, for MariaDB's own,
https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

MYSQL = 1 << 0  # MariaDB's server and clients leave it out, and say more in a second word
COMPRESS = 1 << 5
PROTOCOL_41 = 1 << 9
TLS = 1 << 11
MULTI_STATEMENTS = 1 << 16
SESSION_TRACK = 1 << 23
DEPRECATE_EOF = 1 << 24
OPTIONAL_METADATA = 1 << 25
ZSTD = 1 << 26
QUERY_ATTRIBUTES = 1 << 27
# Packets could not be told apart in what is compressed, and a client may leave out of results what we need to read.
WITHHELD = COMPRESS | ZSTD | OPTIONAL_METADATA

# MariaDB's second word.
COM_MULTI = 1 << 1
EXTENDED_METADATA = 1 << 3
CACHE_METADATA = 1 << 4
WITHHELD_OF_MARIADB = COM_MULTI | CACHE_METADATA

_PROTOCOL_VERSION = 10
_TLS_REQUEST_LENGTH = 32
_MARIADB_WORD_OF_CLIENT = 28


class ProtocolError(Exception):
    """The other side does not speak MySQL's protocol, or not as it should at this point."""


@dataclass(frozen=True)
class Greeting:
    """The server's first packet. payload: as the client gets it. capabilities, of_mariadb: what it offers."""

    payload: bytes
    capabilities: int
    of_mariadb: int

    @property
    def offers_tls(self) -> bool:
        return bool(self.capabilities & TLS)


def read_greeting(payload: bytes, *, with_tls: bool) -> Greeting:
    """The greeting without what does not pass through.

    with_tls: whether TLS does.

    Raises:
        ProtocolError: it is none of protocol version 10.
    """
    # Version, its name, thread, salt and a filler; then the capabilities' lower half, character set, status, and the
    # upper half; then, behind the length of the salt and six bytes, MariaDB's word.
    position = payload.find(b"\0", 1) + 1 + 4 + 8 + 1
    if payload[:1] != bytes([_PROTOCOL_VERSION]) or len(payload) < position + 18:
        raise ProtocolError("the server's greeting is not of protocol version 10")
    greeting = bytearray(payload)
    lower, upper = struct.unpack_from("<H3xH", greeting, position)
    capabilities = (lower | upper << 16) & ~(WITHHELD | (0 if with_tls else TLS))
    struct.pack_into("<H", greeting, position, capabilities & 0xFFFF)
    struct.pack_into("<H", greeting, position + 5, capabilities >> 16)
    of_mariadb = 0
    if not capabilities & MYSQL:
        of_mariadb = struct.unpack_from("<I", greeting, position + 14)[0] & ~WITHHELD_OF_MARIADB
        struct.pack_into("<I", greeting, position + 14, of_mariadb)
    return Greeting(bytes(greeting), capabilities, of_mariadb)


@dataclass(frozen=True)
class Dialect:
    """How the two talk once the client is in: what both can do."""

    has_multi_statements: bool
    has_session_track: bool
    has_deprecated_eof: bool
    has_query_attributes: bool
    has_extended_metadata: bool


@dataclass(frozen=True)
class Reply:
    """The client's first packet. payload: as the server gets it. asks_for_tls: it is no more than that."""

    payload: bytes
    asks_for_tls: bool
    dialect: Dialect


def read_reply(payload: bytes, greeting: Greeting) -> Reply:
    """The client's answer without what was not offered.

    Raises:
        ProtocolError: it is not of protocol 4.1.
    """
    if len(payload) < _TLS_REQUEST_LENGTH:
        raise ProtocolError("the client's answer to the greeting is too short")
    reply = bytearray(payload)
    [asked] = struct.unpack_from("<I", reply)
    if not asked & PROTOCOL_41:
        raise ProtocolError("the client is older than protocol 4.1")
    capabilities = asked & ~(WITHHELD | TLS) | (asked & greeting.capabilities & TLS)
    struct.pack_into("<I", reply, 0, capabilities)
    of_mariadb = 0
    if not capabilities & MYSQL:
        of_mariadb = struct.unpack_from("<I", reply, _MARIADB_WORD_OF_CLIENT)[0] & ~WITHHELD_OF_MARIADB
        struct.pack_into("<I", reply, _MARIADB_WORD_OF_CLIENT, of_mariadb)
    both = capabilities & greeting.capabilities
    dialect = Dialect(
        has_multi_statements=bool(both & MULTI_STATEMENTS),
        has_session_track=bool(both & SESSION_TRACK),
        has_deprecated_eof=bool(both & DEPRECATE_EOF),
        has_query_attributes=bool(both & QUERY_ATTRIBUTES),
        has_extended_metadata=bool(of_mariadb & greeting.of_mariadb & EXTENDED_METADATA),
    )
    asks_for_tls = len(payload) == _TLS_REQUEST_LENGTH and bool(asked & TLS)
    return Reply(bytes(reply), asks_for_tls, dialect)
