"""What the tests' own clients rely on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from rest_framework.test import APIClient

from support.race import race


def test_clients_that_begin_at_once_find_addresses_without_their_slash(user: Any) -> None:
    before = list(settings.MIDDLEWARE)
    for _ in range(20):
        clients = [APIClient() for _ in range(3)]
        race(*(client.handler.load_middleware for client in clients))
        assert before == settings.MIDDLEWARE
        assert [client.get("/api/version").status_code for client in clients] == [200] * 3
