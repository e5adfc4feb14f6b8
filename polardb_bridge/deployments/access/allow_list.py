"""From which addresses a deployment is open: networks as `parse_networks` gives them, none at first.

Which address a client has, `client_ip` tells; whom a request is checked for, `admission`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from django.http import HttpRequest
from users.models import User

from polardb_bridge.deployments.access.client_ip import client_ip
from polardb_bridge.deployments.access.refusal import Refusal, refuse
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.networks import contains, parsed_networks


def check_allow_list(request: HttpRequest, deployment: Deployment | None, *, named: bool = True) -> None:
    """Refuse the request unless the deployment, if there is one, is open to its client.

    named: as in `Refusal`.

    Raises:
        PermissionDenied: it is closed to this client.
    """
    if deployment is None:
        return
    ip = client_ip(request)
    if not is_open(deployment, ip):
        refuse(request, Refusal(ip, deployment, named))


def check_allow_list_of(request: HttpRequest, user: User) -> None:
    """The same for the deployment of a user who has not shown yet that they are that user, who so learns no name.

    Raises:
        PermissionDenied: it is closed to this client. Administrators are let through.
    """
    if not user.is_superuser:
        check_allow_list(request, Deployment.objects.without_secrets().of_user(user).first(), named=False)


def is_open(deployment: Deployment, client_ip: str | None) -> bool:
    """Whether the deployment lets `client_ip` in."""
    return not deployment.is_dropping and allows(deployment.allowed_networks, client_ip)


def allows(networks: Iterable[str], client_ip: str | None) -> bool:
    """Whether the list lets `client_ip` in; never if it is not known."""
    return contains(networks, client_ip)


def open_to_all(networks: Iterable[str]) -> bool:
    """Whether the list lets the whole Internet in, of IPv4 or of IPv6: worth a warning."""
    parsed = parsed_networks(tuple(networks))
    ipv4 = ipaddress.collapse_addresses(network for network in parsed if isinstance(network, ipaddress.IPv4Network))
    ipv6 = ipaddress.collapse_addresses(network for network in parsed if isinstance(network, ipaddress.IPv6Network))
    return any(network.prefixlen == 0 for network in ipv4) or any(network.prefixlen == 0 for network in ipv6)
