"""Odd values of every variable are refused by name, or mean what they meant before."""

from __future__ import annotations

from pathlib import Path

import pytest

from polardb_bridge.conf import command_database, configuration
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.parameters import ConnectionParameters


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POLARDB_ALLOWED_HOSTS", "*"),
        ("POLARDB_ALLOWED_HOSTS", "*.internal"),
        ("POLARDB_ALLOWED_HOSTS", "a;b"),
        ("POLARDB_ALLOWED_HOSTS", "a b"),
        ("POLARDB_ALLOWED_HOSTS", "10.0.0.5/8"),
        ("POLARDB_ALLOWED_HOSTS", "db:port"),
        ("POLARDB_ALLOWED_HOSTS", "10.0.0.0/8:3306"),
        ("POLARDB_TLS_CA", "/no/such/file.pem"),
        ("POLARDB_TLS_CA", "x" * 5000),
        ("POLARDB_TRUSTED_PROXIES", "proxy.example.com"),
        ("POLARDB_TRUST_PATTERNS", "yes"),
        ("POLARDB_SHARED_SYNC_ROWS", "0"),
        ("POLARDB_SHARED_SYNC_ROWS", "9" * 23),
        ("POLARDB_SHARED_SYNC_ROWS", "9" * 5000),
        ("POLARDB_RECONCILE_MINUTES", "-1"),
        ("POLARDB_RECONCILE_MINUTES", "nan"),
        ("POLARDB_RECONCILE_MINUTES", "inf"),
        ("POLARDB_RECONCILE_MINUTES", "2000000000"),
        ("POLARDB_RECONCILE_MINUTES", "1h"),
        ("POLARDB_STATEMENT_RECORD_DAYS", "-1"),
        ("POLARDB_STATEMENT_RECORD_DAYS", "99999"),
        ("POLARDB_STATEMENT_RECORD_DAYS", "1.5"),
        ("POLARDB_MAX_CONFIG_LENGTH", "300 kB"),
        ("POLARDB_MAX_CONFIG_DEPTH", "0"),
        ("POLARDB_MAX_COLUMNS", "2,000"),
        ("POLARDB_MAX_FILTERS", "-1"),
        ("POLARDB_MAX_NESTING", "1000"),
    ],
)
def test_an_odd_value_is_refused_by_the_name_of_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidInputError, match=f"^{name}: "):
        configuration()


@pytest.mark.parametrize(
    "value",
    ["mysql://u:p@h/d?tls=", "mysql://u:p@h/d?tls=required&tls=disabled", "mysql://u:p@h:0/d", "mysql://u:#@h/d"],
)
def test_an_odd_database_is_refused_to_those_only_who_need_it(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A server starts all the same: people can label meanwhile, and it says what is wrong."""
    monkeypatch.setenv("POLARDB_URL", value)
    assert configuration().database is None
    assert configuration().database_problem.startswith("POLARDB_URL: ")
    with pytest.raises(InvalidInputError, match=r"^POLARDB_URL: "):
        command_database()


@pytest.mark.parametrize("salt", ["", " x ", "polardb-bridge"])
def test_the_salt_is_taken_to_the_letter(monkeypatch: pytest.MonkeyPatch, salt: str) -> None:
    """Passwords are stored with a key that it makes: another reading would lose them."""
    monkeypatch.setenv("POLARDB_SALT_KEY", salt)
    assert configuration().salt_key == salt


def test_a_change_of_the_environment_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARDB_RECONCILE_MINUTES", "5")
    assert configuration() is configuration()
    monkeypatch.setenv("POLARDB_RECONCILE_MINUTES", "0")
    assert configuration().reconcile_every is None


def test_the_server_of_the_url_is_allowed_whatever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for host, allowed in (
        ("[fe80::1%25eth0]", "fe80::1%25eth0"),
        ("DB.internal", "db.internal"),
        ("10.0.0.5", "10.0.0.5"),
    ):
        monkeypatch.setenv("POLARDB_URL", f"mysql://u:p@{host}:3307/d")
        assert configuration().allowed_hosts.hold(allowed, 3307)
        assert not configuration().allowed_hosts.hold(allowed, 3306)


def test_the_certificates_are_found_from_any_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLARDB_TLS_CA", "ca.pem")
    assert configuration().tls_ca == str(tmp_path / "ca.pem")


def test_without_a_port_it_is_mysqls() -> None:
    assert ConnectionParameters.from_url("mysql://u:p@h/d").port == 3306
