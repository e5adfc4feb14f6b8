"""Where a request comes from: the client's IP address, as far as the proxies in front can be believed."""

from __future__ import annotations

from django.http import HttpRequest

from polardb_bridge.conf import configuration
from polardb_bridge.networks import contains, parse_address


def client_ip(request: HttpRequest) -> str | None:
    """The IP address of the client, as far as the proxies named in `POLARDB_TRUSTED_PROXIES` can be believed.

    From the right of `X-Forwarded-For`, each trusted proxy is passed over: the first other address is the client's.
    None if there is no address, or something else in its place: such a client is on no list.
    """
    proxies = configuration().trusted_proxies
    peer = request.META.get("REMOTE_ADDR", "")
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
    hops = forwarded.split(",") if forwarded is not None else []
    if not peer:
        # A socket file has no address: all that is known of the client is what the proxy in front of it says.
        if not proxies.unix_socket or not hops:
            return None
        peer = hops.pop()
    address = parse_address(peer.strip(" \t"))
    while hops and address is not None and contains(proxies.networks, str(address)):
        address = parse_address(hops.pop().strip(" \t"))
    return str(address) if address is not None else None
