"""No header of a client says where it comes from."""

from __future__ import annotations

from typing import Any

import pytest

from support.ways_in import INSIDE, OUTSIDE, PROXY, WaysIn

SPOOFS = {
    "X-Forwarded-For": {"HTTP_X_FORWARDED_FOR": INSIDE},
    "a list": {"HTTP_X_FORWARDED_FOR": f"{INSIDE}, {INSIDE}"},
    "two headers, as servers join them": {"HTTP_X_FORWARDED_FOR": f"{INSIDE},{INSIDE}"},
    "X-Real-IP": {"HTTP_X_REAL_IP": INSIDE},
    "Forwarded": {"HTTP_FORWARDED": f"for={INSIDE};proto=https;by={INSIDE}"},
    "True-Client-IP": {"HTTP_TRUE_CLIENT_IP": INSIDE, "HTTP_CF_CONNECTING_IP": INSIDE, "HTTP_X_CLIENT_IP": INSIDE},
    "X-Forwarded-Host": {"HTTP_X_FORWARDED_HOST": INSIDE, "HTTP_X_ORIGINATING_IP": INSIDE, "HTTP_CLIENT_IP": INSIDE},
    "a port": {"HTTP_X_FORWARDED_FOR": f"{INSIDE}:80"},
    "brackets": {"HTTP_X_FORWARDED_FOR": f"[::ffff:{INSIDE}]"},
    "spaces": {"HTTP_X_FORWARDED_FOR": f"  {INSIDE}  "},
    "IPv4 in IPv6": {"HTTP_X_FORWARDED_FOR": f"::ffff:{INSIDE}"},
    "a comma at the end": {"HTTP_X_FORWARDED_FOR": f"{INSIDE},"},
    "a comma at the start": {"HTTP_X_FORWARDED_FOR": f",{INSIDE}"},
    "garbage": {"HTTP_X_FORWARDED_FOR": f"{INSIDE}\x00, unknown, _hidden, {INSIDE}/0"},
    "very long": {"HTTP_X_FORWARDED_FOR": ", ".join([INSIDE] * 100_000)},
    "the name of the variable": {"HTTP_REMOTE_ADDR": INSIDE, "HTTP_X_REMOTE_ADDR": INSIDE},
}


@pytest.mark.parametrize("spoof", SPOOFS.values(), ids=SPOOFS)
def test_a_client_cannot_say_where_it_comes_from(ways_in: WaysIn, spoof: dict[str, Any]) -> None:
    for name, request in ways_in.items():
        assert request(OUTSIDE, **spoof).status_code == 403, name


@pytest.mark.parametrize("spoof", SPOOFS.values(), ids=SPOOFS)
def test_nor_through_a_trusted_proxy_that_adds_where_it_comes_from(
    ways_in: WaysIn, spoof: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARDB_TRUSTED_PROXIES", PROXY)
    sent = spoof.get("HTTP_X_FORWARDED_FOR")
    spoof = {**spoof, "HTTP_X_FORWARDED_FOR": f"{sent}, {OUTSIDE}" if sent else OUTSIDE}
    request = ways_in["session on the API"]
    assert request(PROXY, **spoof).status_code == 403
    assert request(PROXY, HTTP_X_FORWARDED_FOR=INSIDE).status_code == 200, "the proxy is believed"
