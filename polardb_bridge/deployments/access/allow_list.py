"""From which addresses a deployment is open: networks as `parse_networks` gives them, none at first."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from polardb_bridge.networks import contains, parsed_networks


def allows(networks: Iterable[str], client_ip: str | None) -> bool:
    """Whether the list lets `client_ip` in; never if it is not known."""
    return contains(networks, client_ip)


def open_to_all(networks: Iterable[str]) -> bool:
    """Whether the list lets the whole Internet in, of IPv4 or of IPv6: worth a warning."""
    parsed = parsed_networks(tuple(networks))
    ipv4 = ipaddress.collapse_addresses(network for network in parsed if isinstance(network, ipaddress.IPv4Network))
    ipv6 = ipaddress.collapse_addresses(network for network in parsed if isinstance(network, ipaddress.IPv6Network))
    return any(network.prefixlen == 0 for network in ipv4) or any(network.prefixlen == 0 for network in ipv6)
