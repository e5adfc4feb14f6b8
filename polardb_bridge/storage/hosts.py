"""Which database hosts a storage may connect to.

Anybody who may add a storage could otherwise make this server connect anywhere in its network. Label Studio's own
guard (`SSRF_PROTECTION_ENABLED`, on by default) refuses private addresses; `POLARDB_ALLOWED_HOSTS` and the server of
`POLARDB_URL` are let through.
"""

from __future__ import annotations

from core.utils.exceptions import LabelStudioAPIException, SsrfBlockedUrlError
from core.utils.io import resolve_host_for_ssrf
from django.conf import settings

from polardb_bridge.conf import configuration
from polardb_bridge.errors import ReconfigureError, ServerDownError
from polardb_bridge.table.time_limit import TimeIsUpError, call_in_time

# The name server may be one that whoever names the host has set up.
_LOOKUP_TIME_LIMIT_S = 3.0


def resolved_ip(host: str, port: int) -> str:
    """What to connect to for `host`: its checked IP address, or the host itself if that is let through.

    Raises:
        ReconfigureError: the host's address is private and not let through.
        ServerDownError: its name is not known now.
    """
    if not settings.SSRF_PROTECTION_ENABLED or configuration().allowed_hosts.hold(host, port):
        # The client library takes the name for a Unix socket, and on some machines it is ::1 first.
        return "127.0.0.1" if host.lower() == "localhost" else host
    try:
        address: str = call_in_time(host, lambda: resolve_host_for_ssrf(host, port), _LOOKUP_TIME_LIMIT_S)
    except SsrfBlockedUrlError:
        raise ReconfigureError(
            f"Connections to {host} are blocked: its address is private or reserved. "
            "An administrator can allow it with POLARDB_ALLOWED_HOSTS.",
            field="host",
        ) from None
    except (LabelStudioAPIException, TimeIsUpError):
        # Names are looked up in the network, too, and that heals like a server.
        raise ServerDownError(f"The host name {host!r} is not known.", field="host") from None
    return address
