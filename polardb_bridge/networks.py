"""Internet addresses and networks as people write them: `118.178.1.2`, `192.168.100.0/24`, `2001:db8::/32`.

An IPv4 address that is written as IPv6 (`::ffff:118.178.1.2`) is that IPv4 address here: which of the two a server sees
depends only on how it listens.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from polardb_bridge.characters import invisible, look_alike
from polardb_bridge.errors import InvalidInputError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_LISTED = 10
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")


def parse_address(text: str) -> Address | None:
    """The address that `text` is, without a port; None if it is not one."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def parse_networks(text: str) -> tuple[str, ...]:
    """The networks of a list, each once, in its order and in one form: `118.178.1.2/32`.

    Commas, blanks or line ends are between them; empty parts are passed over, and an empty list is an empty tuple.

    Raises:
        InvalidInputError: a part is neither an address nor a network; the message names it.
    """
    parts = re.split(r"[,\s]+", text)
    return tuple(dict.fromkeys(str(_parse_network(part)) for part in parts if part))


def contains(networks: Iterable[str], address: str | None) -> bool:
    """Whether `address` is in one of `networks` (from `parse_networks`). What is not an address is in none."""
    parsed = parse_address(address) if address else None
    return parsed is not None and any(parsed in network for network in parsed_networks(tuple(networks)))


def written(networks: Iterable[str]) -> str:
    """`networks` (from `parse_networks`) as people type them: one address without the length of its network."""
    return ",".join(network.removesuffix("/128" if ":" in network else "/32") for network in networks)


def summarized(networks: Sequence[str]) -> str:
    """Like `written`, for a message: the first MAX_LISTED, and how many more there are."""
    hidden = len(networks) - MAX_LISTED
    return written(networks[:MAX_LISTED]) + (f" and {hidden} more" if hidden > 0 else "")


@lru_cache(maxsize=256)
def parsed_networks(networks: tuple[str, ...]) -> tuple[Network, ...]:
    """The networks that `parse_networks` wrote."""
    return tuple(map(_parse_network, networks))


def _parse_network(text: str) -> Network:
    address, slash, length = text.partition("/")
    # ipaddress reads masks as well, and takes 0.0.0.0 for one that lets everybody in.
    if (slash and not length.isdecimal()) or "%" in address:
        raise _not_a_network(text)
    try:
        network = ipaddress.ip_network(text, strict=False)
        exact = ipaddress.ip_address(address) == network.network_address
    except ValueError:
        raise _not_a_network(text) from None
    if not exact:
        raise InvalidInputError(
            f"{text!r} has bits set after the first {network.prefixlen}: write {network} for that network, "
            f"or {address} for that one address."
        )
    if isinstance(network, ipaddress.IPv6Network) and network.subnet_of(_MAPPED):
        return ipaddress.IPv4Network((int(network.network_address) & 0xFFFFFFFF, network.prefixlen - 96))
    return network


def _not_a_network(text: str) -> InvalidInputError:
    shown = text if len(text) <= 50 else text[:50] + "…"
    return InvalidInputError(
        f"{shown!r} is neither an IP address nor a network: write addresses such as 118.178.1.2 or 2001:db8::1, "
        f"and networks such as 192.168.100.0/24, with commas between them{_hint(text)}."
    )


def _hint(text: str) -> str:
    if found := invisible(text):
        return f"; it has an invisible character, {found}: type it again"
    if found := next((separator for separator in "；，、;" if separator in text), None):
        return f"; it has {found} instead of a comma"
    alike = look_alike(text)
    return f"; {alike[0]} is a full-width character of a Chinese input method: type {alike[1]}" if alike else ""
