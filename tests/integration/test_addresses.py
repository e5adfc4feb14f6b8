"""Addresses of our pages, as people type them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from polardb_bridge.deployments.models import Deployment
from support.sessions import signed_in


@pytest.fixture
def operator(user: Any, commands_database: None) -> Any:
    """A browser of the administrator."""
    return signed_in(user.email, "correct-horse-9")


PAGES = [
    "/polardb",
    "/polardb/deploy",
    "/polardb/statements",
    "/polardb/templates",
    "/polardb/templates/1",
    "/polardb/deployments/mark_animal",
    "/polardb/mark_animal/drop",
    "/polardb/mark_animal/password",
    "/polardb/health",
    "/deployments/mark_animal",
]


@pytest.mark.parametrize("path", PAGES)
def test_a_slash_at_the_end_makes_no_difference(path: str, operator: Any, deployment: Deployment) -> None:
    answers = [operator.get(form, follow=True) for form in (path, f"{path}/")]
    assert [answer.status_code for answer in answers] == [200, 200]
    titles = [re.findall(r"<title>.*?</title>", answer.text, re.DOTALL) for answer in answers]
    assert titles[0] == titles[1]


def test_files_have_one_address(db: None) -> None:
    assert Client().get("/polardb/console.css").status_code == 200
    assert Client().get("/polardb/console.css/").status_code == 404
