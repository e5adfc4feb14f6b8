"""What a database server, or whoever stands in between, gets out of a connection."""

from __future__ import annotations

import pytest

from polardb_bridge.errors import BridgeError
from polardb_bridge.table.connection import connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from support.hostile_server import hostile_server

PASSWORD = "hunter2-hunter2"


@pytest.mark.parametrize("tls", ["disabled", "required", "verify_ca", "verify_identity"])
def test_no_server_is_told_a_password_in_clear_text(tls: str) -> None:
    with hostile_server() as server:
        parameters = ConnectionParameters("127.0.0.1", "d", "reader", PASSWORD, server.port, tls)
        with pytest.raises(BridgeError) as refused, connect(parameters):
            pass
        dispose(parameters)
        assert server.connections
        assert server.told == []
        assert refused.value.field == "tls"


@pytest.mark.parametrize("message", [b"\xff\xfe", b"%s%n", b"<script>", b"\x00", b"", b"x" * 5000])
def test_no_error_message_ends_the_process(message: bytes) -> None:
    """mysqlclient leaves a hole in its exception where a message is no UTF-8: to touch that was a crash."""
    with hostile_server(message) as server:
        parameters = ConnectionParameters("127.0.0.1", "d", "reader", PASSWORD, server.port)
        with pytest.raises(BridgeError, match=r"refused|2013|2027") as refused, connect(parameters):
            pass
        dispose(parameters)
        assert len(str(refused.value)) < 1000
