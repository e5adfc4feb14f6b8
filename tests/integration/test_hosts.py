"""Which hosts a storage may connect to."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from polardb_bridge.errors import ReconfigureError, ServerDownError
from polardb_bridge.storage.hosts import resolved_ip


@pytest.fixture(autouse=True)
def guard(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.SSRF_PROTECTION_ENABLED = True
    monkeypatch.setenv("POLARDB_ALLOWED_HOSTS", "")
    monkeypatch.delenv("POLARDB_URL", raising=False)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "0.0.0.0", "2130706433"],  # noqa: S104
)
def test_private_and_reserved_addresses_are_blocked(host: str) -> None:
    with pytest.raises(ReconfigureError, match="blocked") as caught:
        resolved_ip(host, 3306)
    assert caught.value.field == "host"


def test_a_public_address_is_connected_to_by_the_address_that_was_checked() -> None:
    assert resolved_ip("8.8.8.8", 3306) == "8.8.8.8"


@pytest.mark.parametrize("allowed", ["127.0.0.1", "127.0.0.0/8", "10.0.0.0/8, 127.0.0.1 ,example.com"])
def test_an_administrator_lets_addresses_through(monkeypatch: pytest.MonkeyPatch, allowed: str) -> None:
    monkeypatch.setenv("POLARDB_ALLOWED_HOSTS", allowed)
    assert resolved_ip("127.0.0.1", 3306) == "127.0.0.1"
    with pytest.raises(ReconfigureError):
        resolved_ip("192.168.1.1", 3306)


def test_names_are_let_through_by_name_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("polardb_bridge.storage.hosts.resolve_host_for_ssrf", lambda host, _port: f"address of {host}")
    monkeypatch.setenv("POLARDB_ALLOWED_HOSTS", "DB.internal,127.0.0.0/8")
    assert resolved_ip("db.Internal", 3306) == "db.Internal"
    monkeypatch.setenv("POLARDB_ALLOWED_HOSTS", "127.0.0.0/8")
    assert resolved_ip("db.internal", 3306) == "address of db.internal"


@pytest.mark.parametrize("allowed", ["127.0.0.1", "localhost", "127.0.0.0/8", "127.0.0.1:3306", "Localhost:3306"])
def test_localhost_is_this_machine_under_both_names(monkeypatch: pytest.MonkeyPatch, allowed: str) -> None:
    monkeypatch.setenv("POLARDB_ALLOWED_HOSTS", allowed)
    for host in ("localhost", "LocalHost", "127.0.0.1"):
        assert resolved_ip(host, 3306) == "127.0.0.1"
    with pytest.raises(ReconfigureError):
        resolved_ip("::1", 3306)


@pytest.mark.parametrize(
    ("allowed", "host"), [("127.0.0.1:3307", "127.0.0.1"), ("db.internal:3307", "DB.internal"), ("[::1]:3307", "::1")]
)
def test_a_port_lets_through_that_port_only(monkeypatch: pytest.MonkeyPatch, allowed: str, host: str) -> None:
    """Else whoever may add storages could look for other services of that host."""
    monkeypatch.setenv("POLARDB_ALLOWED_HOSTS", allowed)
    assert resolved_ip(host, 3307) == host
    with pytest.raises((ReconfigureError, ServerDownError)):
        resolved_ip(host, 3306)


@pytest.mark.parametrize("host", ["127.0.0.1", "DB.internal"])
def test_the_server_of_polardb_url_is_let_through(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("POLARDB_URL", f"mysql://u:p@{host}/db")
    assert resolved_ip(host, 3306) == host
    with pytest.raises((ReconfigureError, ServerDownError)):
        resolved_ip(host, 6379)


def test_an_unknown_name_is_named() -> None:
    with pytest.raises(ServerDownError, match=r"'no-such-host.invalid' is not known"):
        resolved_ip("no-such-host.invalid", 3306)


def test_without_the_guard_everything_is_let_through(settings: Settings) -> None:
    settings.SSRF_PROTECTION_ENABLED = False
    assert resolved_ip("10.0.0.1", 3306) == "10.0.0.1"
