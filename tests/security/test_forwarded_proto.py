"""HTTPS that ends at a proxy: who is believed that it was there."""

from __future__ import annotations

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from polardb_bridge.web.transport import believe_proxies

PROXY = "10.0.0.2"


def seen(peer: str, forwarded: str | None, scheme: str = "http") -> tuple[bool, str | None]:
    """Whether the request counts as encrypted, and what is left of the header."""
    requests: list[HttpRequest] = []

    def view(request: HttpRequest) -> HttpResponse:
        requests.append(request)
        return HttpResponse()

    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_PROTO": forwarded}
    believe_proxies(view)(RequestFactory().get("/", REMOTE_ADDR=peer, **{"wsgi.url_scheme": scheme}, **headers))
    [request] = requests
    return request.is_secure(), request.META.get("HTTP_X_FORWARDED_PROTO")


@pytest.mark.parametrize("trusted", [PROXY, "10.0.0.0/24", f"192.0.2.1,{PROXY}"])
def test_a_trusted_proxy_says_how_browsers_came(monkeypatch: pytest.MonkeyPatch, trusted: str) -> None:
    monkeypatch.setenv("POLARDB_TRUSTED_PROXIES", trusted)
    assert seen(PROXY, "https") == (True, "https")
    assert seen(PROXY, "HTTPS, http") == (True, "HTTPS, http")
    assert seen(PROXY, "http", scheme="https") == (False, "http")
    assert seen(PROXY, None, scheme="https") == (True, None)
    assert seen(PROXY, "gopher") == (False, "gopher")


@pytest.mark.parametrize("trusted", ["", "10.0.0.3", "unix"])
def test_nobody_else_is_believed(monkeypatch: pytest.MonkeyPatch, trusted: str) -> None:
    monkeypatch.setenv("POLARDB_TRUSTED_PROXIES", trusted)
    assert seen(PROXY, "https") == (False, None)


def test_a_proxy_at_a_socket_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert seen("", "https") == (False, None)
    monkeypatch.setenv("POLARDB_TRUSTED_PROXIES", "unix")
    assert seen("", "https") == (True, "https")
