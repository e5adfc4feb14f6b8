"""Where a request comes from: only trusted proxies say so, also behind the server that the container runs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.test import RequestFactory

from dev.servers import free_port
from polardb_bridge.deployments.access.client_ip import client_ip
from polardb_bridge.errors import InvalidInputError

INSIDE, OUTSIDE, PROXY = "198.51.100.7", "203.0.113.9", "10.0.0.1"


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "client"),
    [
        ("", PROXY, None, PROXY),
        ("", PROXY, INSIDE, PROXY),
        (PROXY, PROXY, INSIDE, INSIDE),
        (PROXY, f"::ffff:{PROXY}", INSIDE, INSIDE),
        (PROXY, PROXY, f"{OUTSIDE}, {INSIDE}", INSIDE),
        (PROXY, PROXY, f"{INSIDE}, {OUTSIDE}, {PROXY}", OUTSIDE),
        ("10.0.0.0/8, fd00::/8", PROXY, f"{OUTSIDE}, {INSIDE}, fd00::2, 10.9.9.9", INSIDE),
        (PROXY, PROXY, f"{INSIDE}, 10.0.0.2", "10.0.0.2"),
        (PROXY, PROXY, None, PROXY),
        (PROXY, PROXY, PROXY, PROXY),
        (PROXY, PROXY, "", None),
        (PROXY, PROXY, f"{INSIDE}, ", None),
        (PROXY, PROXY, f"{INSIDE}:443", None),
        (PROXY, PROXY, f"{INSIDE} {INSIDE}", None),
        (PROXY, PROXY, f"{INSIDE}, unknown", None),
        (PROXY, PROXY, f"unknown, {INSIDE}", INSIDE),
        (PROXY, PROXY, f"::ffff:{INSIDE}", INSIDE),
        (PROXY, "", INSIDE, None),
        ("unix", "", INSIDE, INSIDE),
        ("unix", "", None, None),
        ("unix", "", "", None),
        ("unix", OUTSIDE, INSIDE, OUTSIDE),
        (f"Unix, {PROXY}", "", f"{OUTSIDE}, {INSIDE}, {PROXY}", INSIDE),
        ("unix", "not an address", INSIDE, None),
    ],
)
def test_only_trusted_proxies_say_where_a_request_comes_from(
    proxies: str, peer: str, forwarded: str | None, client: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARDB_TRUSTED_PROXIES", proxies)
    headers = {} if forwarded is None else {"x-forwarded-for": forwarded}
    assert client_ip(RequestFactory(REMOTE_ADDR=peer).get("/", headers=headers)) == client


@pytest.mark.parametrize("proxies", ["proxy.example.com", "10.0.0.1/8", "10.0.0.1;10.0.0.2", "*"])
def test_a_wrong_list_of_proxies_is_an_error(proxies: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARDB_TRUSTED_PROXIES", proxies)
    with pytest.raises(InvalidInputError, match="POLARDB_TRUSTED_PROXIES"):
        client_ip(RequestFactory().get("/"))


SERVED = """
from django.conf import settings
settings.configure()
from django.core.handlers.wsgi import WSGIRequest
from polardb_bridge.deployments.access.client_ip import client_ip

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(client_ip(WSGIRequest(environ))).encode()]
"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """What the address of a client is behind gunicorn, as the container runs it, on a port that is a trusted proxy."""
    folder = tmp_path_factory.mktemp("served")
    (folder / "served.py").write_text(SERVED)
    port = free_port()
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "served:application", "--bind", f"127.0.0.1:{port}", "--log-level", "error"],
        env={"PATH": "", "PYTHONPATH": f"{folder}:{root}", "POLARDB_TRUSTED_PROXIES": "127.0.0.1"},
    )

    def ask(*headers: tuple[str, str]) -> str:
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        connection.putrequest("GET", "/")
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        text = answer.read().decode() if answer.status == 200 else f"status {answer.status}"
        connection.close()
        return text

    for _ in range(100):
        try:
            ask()
            break
        except OSError:
            time.sleep(0.1)
    yield ask
    process.terminate()
    process.wait()


def test_the_server_passes_on_what_the_proxy_said(served: Callable[..., str]) -> None:
    assert served(("X-Forwarded-For", INSIDE)) == INSIDE
    assert served() == "127.0.0.1"


@pytest.mark.parametrize(
    "client_headers",
    [
        [("X_Forwarded_For", INSIDE)],
        [("X-Forwarded_For", INSIDE), ("X_FORWARDED-FOR", INSIDE)],
        [("X-Forwarded-For", INSIDE)],
        [("X-Forwarded-For", INSIDE), ("X-Forwarded-For", f"{INSIDE},{INSIDE}")],
        [("X-Forwarded-For ", INSIDE)],
        [("Forwarded", f"for={INSIDE}"), ("X-Real-IP", INSIDE), ("Remote-Addr", INSIDE), ("REMOTE_ADDR", INSIDE)],
    ],
)
@pytest.mark.parametrize("proxy_is_last", [True, False])
def test_the_server_lets_no_header_of_the_client_over_the_proxys(
    served: Callable[..., str], client_headers: list[tuple[str, str]], proxy_is_last: bool
) -> None:
    """A proxy sets its own header before or after those that it passes on; it joins those of the same name."""
    same = [value for name, value in client_headers if name == "X-Forwarded-For"]
    others = [(name, value) for name, value in client_headers if name != "X-Forwarded-For"]
    proxys = [("X-Forwarded-For", ", ".join([*same, OUTSIDE]))]
    answer = served(*others, *proxys) if proxy_is_last else served(*proxys, *others)
    assert answer in (OUTSIDE, "status 400")
