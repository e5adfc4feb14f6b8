"""Connections: safe, encrypted if asked, closed; each mistake has its own message."""

from __future__ import annotations

import dataclasses
import traceback
from typing import Any

import pytest
import sqlalchemy as sa

from polardb_bridge.errors import BridgeError, LoginRefusedError, ReconfigureError, RetryableError, RowError
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from support.source_data import TABLE, Source


def other(parameters: ConnectionParameters, **changes: Any) -> ConnectionParameters:
    return dataclasses.replace(parameters, **changes)


def test_times_are_utc_and_files_are_safe(database: ConnectionParameters) -> None:
    with connect(database) as connection:
        assert connection.scalar(sa.text("SELECT @@session.time_zone")) == "+00:00"
        connection.exec_driver_sql("CREATE TABLE t (line text)")
        with pytest.raises(sa.exc.DBAPIError):
            connection.exec_driver_sql("LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE t")


@pytest.mark.parametrize(
    ("changes", "reaction", "field", "message"),
    [
        ({"port": 1}, RetryableError, "port", "127.0.0.1 refuses connections on port 1"),
        ({"user": "nobody-here", "password": "hunter2"}, ReconfigureError, "password", "password is wrong"),
        ({"database": "nope"}, ReconfigureError, "database", "no database 'nope'"),
        ({"host": "no-such-host.invalid"}, (ReconfigureError, RetryableError), "host", "no-such-host"),
        ({"tls": "verify_identity"}, ReconfigureError, "tls", "TLS"),
    ],
)
def test_each_mistake_has_its_own_message_and_field(
    database: ConnectionParameters,
    changes: dict[str, Any],
    reaction: type[BridgeError] | tuple[type[BridgeError], ...],
    field: str,
    message: str,
) -> None:
    with pytest.raises(reaction, match=message) as caught, connect(other(database, **changes)):
        pass
    assert isinstance(caught.value, BridgeError)
    assert caught.value.field == field
    assert "hunter2" not in f"{caught.value} {caught.value!r}"


@pytest.mark.parametrize(
    ("change", "message"),
    [("ACCOUNT LOCK", "has locked the account of the user"), ("PASSWORD EXPIRE", "has expired")],
)
def test_an_account_that_nobody_may_use_now_is_named(database: ConnectionParameters, change: str, message: str) -> None:
    name = f"out_{database.database[-8:]}"
    with begin(database) as connection:
        connection.exec_driver_sql(f"CREATE USER {name}@'%%' IDENTIFIED BY 'hunter2' {change}")
        connection.exec_driver_sql(f"GRANT SELECT ON {database.database}.* TO {name}@'%%'")
    account = other(database, user=name, password="hunter2")
    with pytest.raises(LoginRefusedError, match=message) as caught, connect(account) as connection:
        connection.exec_driver_sql("SELECT 1")
    assert "hunter2" not in str(caught.value)
    with begin(database) as connection:
        connection.exec_driver_sql(f"DROP USER {name}@'%%'")


def test_required_tls_is_never_plain_text(database: ConnectionParameters) -> None:
    """A server without TLS is refused; one with TLS is used with TLS."""
    parameters = other(database, tls="required")
    with connect(database) as connection:
        offers_tls = connection.execute(sa.text("SHOW VARIABLES LIKE 'ssl_cert'")).one()[1] != ""
    if offers_tls:
        with connect(parameters) as connection:
            assert connection.execute(sa.text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).one()[1]
    else:
        with pytest.raises(ReconfigureError, match="does not offer TLS") as caught, connect(parameters):
            pass
        assert caught.value.field == "tls"
    dispose(parameters)


def test_an_error_of_ours_holds_no_statement_and_no_value(source: Source) -> None:
    insert = sa.text(f"INSERT INTO {TABLE} (mime_type, original_name, annotation_count) VALUES (:v, 'a', 0)")
    with pytest.raises(RowError, match="longer than its column") as caught, begin(source.parameters) as connection:
        connection.execute(insert, {"v": "hunter2" * 50})
    shown = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in shown.replace('"hunter2" * 50', "")
    assert "INSERT" not in str(caught.value)


def test_the_engines_of_former_parameters_are_closed(database: ConnectionParameters) -> None:
    """Storages are changed and deleted: what connected for them must not hold connections for ever."""
    for number in range(40):
        with connect(other(database, timeout_s=100 + number)) as connection:
            connection.exec_driver_sql("SELECT 1")
    with connect(database) as connection:
        mine = "SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE()"
        assert connection.exec_driver_sql(mine).scalar_one() <= 33
