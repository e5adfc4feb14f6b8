from __future__ import annotations

import os
from typing import Any

from users.models import User

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.management.base import BridgeCommand


class Command(BridgeCommand):
    help = (
        "Create the administrator of LABEL_STUDIO_USERNAME (an e-mail address) and LABEL_STUDIO_PASSWORD, unless there "
        "is a user of that name already; its password is then left as it is. For unattended starts. "
        "Example: ensure_superuser"
    )

    def handle(self, *args: Any, **options: Any) -> None:
        email = os.environ.get("LABEL_STUDIO_USERNAME", "")
        password = os.environ.get("LABEL_STUDIO_PASSWORD", "")
        if not email or not password:
            raise InvalidInputError("LABEL_STUDIO_USERNAME or LABEL_STUDIO_PASSWORD is not set. Set both.")
        if User.objects.filter(email__iexact=email).exists():
            self.stdout.write(f"{email} exists already; nothing was changed.")
            return
        User.objects.create_superuser(email=email, password=password)
        self.stdout.write(f"{email} was created.")
