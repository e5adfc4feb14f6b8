"""A form of a page that another session has opened: nothing is done, and whoever sent it is told what to do."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from polardb_bridge.deployments.models import StatementRecord

pytestmark = pytest.mark.django_db
TEXT = "SHOW DEPLOYMENTS <b>&"


@pytest.fixture
def browser(user: Any) -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    return client


def send(browser: Client, origin: str, **values: str) -> Any:
    data = {"csrfmiddlewaretoken": "a" * 64, **values}
    headers = {"Origin": origin, "Referer": f"{origin}/polardb/statements"}
    return browser.post(reverse("polardb-console:statements"), data, headers=headers)


def test_it_says_so_and_keeps_what_was_typed(browser: Client) -> None:
    answer = send(browser, "http://testserver", statements=TEXT, own_password="correct-horse-9", back="q=1")
    page = answer.content.decode()
    assert answer.status_code == 403
    assert "Nothing was done." in page
    assert "SHOW DEPLOYMENTS &lt;b&gt;&amp;" in page
    assert "correct-horse-9" not in page
    assert "q=1" not in page
    assert 'href="http://testserver/polardb/statements"' in page
    assert not StatementRecord.objects.exists()


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://testserver.evil.example"])
def test_what_another_site_sends_is_not_shown(browser: Client, origin: str) -> None:
    answer = send(browser, origin, statements=TEXT)
    assert answer.status_code == 403
    assert "SHOW DEPLOYMENTS" not in answer.content.decode()
    assert "evil.example" not in answer.content.decode()


def test_it_speaks_chinese(browser: Client) -> None:
    browser.cookies["django_language"] = "zh-hans"
    assert "没有执行任何操作" in send(browser, "http://testserver", statements=TEXT).content.decode()


def test_an_outsider_sees_it_too(db: None) -> None:
    answer = Client(enforce_csrf_checks=True).post("/user/login/", {"email": "a@b.example", "password": "x"})
    assert answer.status_code == 403
    assert "Nothing was done." in answer.content.decode()
