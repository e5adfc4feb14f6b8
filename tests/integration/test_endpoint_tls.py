"""TLS through the endpoint: on both of its sides or on none."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import MySQLdb
import pytest

from dev.servers import MariaDB
from polardb_bridge.choices import TlsMode
from polardb_bridge.endpoint.session import Upstream
from polardb_bridge.endpoint.statements import Statements
from polardb_bridge.endpoint.tls import tls_for
from polardb_bridge.errors import ReconfigureError
from polardb_bridge.table.parameters import ConnectionParameters
from support.certificates import Authority, Certificate
from support.endpoint import served
from support.mysql_client import Error, MySQLClient, packet

NO_TLS = 3159


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def own(authority: Authority) -> Certificate:
    """What clients are shown."""
    return authority.certificate("endpoint")


@pytest.fixture(scope="module")
def server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    shown = authority.certificate("server")
    shown.key.chmod(0o644)
    options = [f"--ssl-ca={authority.ca}", f"--ssl-cert={shown.cert}", f"--ssl-key={shown.key}"]
    with MariaDB(tmp_path_factory.mktemp("mariadb"), options=options) as started:
        yield started


def parameters(server: MariaDB, tls: str) -> ConnectionParameters:
    return ConnectionParameters("127.0.0.1", "mysql", "root", port=server.port, tls=tls)


def login(port: int, authority: Authority, **options: Any) -> Any:
    return MySQLdb.connect(
        host="127.0.0.1", port=port, user="root", ssl_mode="VERIFY_CA", ssl={"ca": str(authority.ca)}, **options
    )


@pytest.mark.parametrize("mode", [TlsMode.REQUIRED, TlsMode.VERIFY_CA, TlsMode.VERIFY_IDENTITY])
def test_a_client_with_tls_is_led_on_with_tls(
    server: MariaDB, authority: Authority, own: Certificate, mode: TlsMode
) -> None:
    database = parameters(server, mode)
    tls = tls_for(database, str(own.cert), str(own.key), str(authority.ca))
    with served(Upstream("127.0.0.1", server.port, tls), Statements(database)) as port:
        for _ in range(20):  # the client's TLS may come together with its question for it
            connection = login(port, authority)
            cursor = connection.cursor()
            cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
            assert cursor.fetchone()[1]
            cursor.execute("SELECT REPEAT('x', 3000000)")
            assert len(cursor.fetchone()[0]) == 3_000_000
            connection.close()
        with pytest.raises(Error) as refused:
            MySQLClient(port)
        assert refused.value.code == NO_TLS


def test_a_server_of_another_authority_is_refused(
    server: MariaDB, authority: Authority, own: Certificate, tmp_path: Path
) -> None:
    database = parameters(server, TlsMode.VERIFY_CA)
    tls = tls_for(database, str(own.cert), str(own.key), str(Authority(tmp_path).ca))
    with served(Upstream("127.0.0.1", server.port, tls)) as port, pytest.raises(MySQLdb.OperationalError):
        login(port, authority)


def test_tls_that_begins_in_one_packet_with_its_question_is_not_lost(
    server: MariaDB, authority: Authority, own: Certificate
) -> None:
    database = parameters(server, TlsMode.REQUIRED)
    tls = tls_for(database, str(own.cert), str(own.key), str(authority.ca))
    with served(Upstream("127.0.0.1", server.port, tls)) as port:
        received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = ssl.create_default_context(cafile=str(authority.ca)).wrap_bio(received, sent, False, "127.0.0.1")
        request = packet(struct.pack("<IIB23x", 0x00008A01, 2**24, 45), 1)
        with socket.create_connection(("127.0.0.1", port), 20) as client:
            assert client.recv(4096)
            for _ in range(10):
                try:
                    session.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    client.sendall(request + sent.read())
                    request = b""
                    received.write(client.recv(65536))
            assert session.version()


def test_without_tls_on_one_side_it_is_offered_on_none(server: MariaDB, own: Certificate) -> None:
    assert tls_for(parameters(server, TlsMode.DISABLED), str(own.cert), str(own.key), None) is None
    with (
        served(Upstream("127.0.0.1", server.port, None, needs_tls=False)) as port,
        MySQLClient(port) as client,
    ):
        at = client.greeting.index(b"\0", 1) + 14
        assert not int.from_bytes(client.greeting[at : at + 2], "little") & 0x800


def test_a_certificate_that_cannot_be_used_is_named(server: MariaDB, own: Certificate, authority: Authority) -> None:
    database = parameters(server, TlsMode.REQUIRED)
    locked = authority.certificate("locked", password="secret")
    for cert, key in ((own.cert, locked.key), (locked.cert, locked.key), (own.key, own.key)):
        with pytest.raises(ReconfigureError, match="POLARDB_MYSQL_TLS_CERT"):
            tls_for(database, str(cert), str(key), None)
    with pytest.raises(ReconfigureError, match="belong together"):
        tls_for(database, str(own.cert), None, None)
