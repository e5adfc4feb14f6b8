"""What a refused client sees and learns, and that nothing is done for it."""

from __future__ import annotations

import logging

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from polardb_bridge.deployments.models import Deployment
from support.ways_in import EMAIL, OUTSIDE, PASSWORD, WaysIn, log_in


def test_nothing_is_done_for_a_refused_request(ways_in: WaysIn, deployment: Deployment) -> None:
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

    for name, request in ways_in.items():
        with CaptureQueriesContext(connection) as queries:
            assert request(OUTSIDE).status_code == 403, name
        written = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        assert written == [], name
    assert not BlacklistedToken.objects.exists()


def test_the_page_says_what_to_do_in_two_languages(ways_in: WaysIn) -> None:
    page = ways_in["session on a page"](OUTSIDE, headers={"accept": "text/html,*/*"})
    assert page.status_code == 403
    assert page["Content-Type"].startswith("text/html")
    assert page["Cache-Control"] == "no-store"
    text = page.content.decode()
    assert f"The address {OUTSIDE} is not on the allow-list." in text
    assert f"地址 {OUTSIDE} 不在白名单中。" in text
    assert "UPDATE WHITEIPS `model_mark_animal` WITH" in text
    assert "color-scheme: light dark" in text
    data = ways_in["token"](OUTSIDE)
    assert data["Content-Type"] == "application/json"
    assert data.json()["address"] == OUTSIDE
    assert data.json()["statement"] == (
        f"/*polar4ai*/UPDATE WHITEIPS `model_mark_animal` WITH (ips='<addresses so far>,{OUTSIDE}');"
    )


def test_what_the_address_is_cannot_break_the_page(ways_in: WaysIn, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ways_in["session on a page"]("fe80::1%<script>", headers={"accept": "text/html"})
    assert page.status_code == 403
    assert "<script>" not in page.content.decode()


def test_a_stranger_learns_no_name_and_nothing_about_a_password(deployment: Deployment) -> None:
    answers = [log_in(EMAIL, OUTSIDE, password)[1] for password in (PASSWORD, "wrong-horse-9")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content
    assert b"mark_animal" not in answers[0].content


def test_a_refusal_is_logged_once(ways_in: WaysIn, caplog: pytest.LogCaptureFixture) -> None:
    for name, request in ways_in.items():
        caplog.clear()
        with caplog.at_level(logging.WARNING, "polardb_bridge.deployments.access.refusal"):
            assert request(OUTSIDE).status_code == 403
        [record] = [record for record in caplog.records if record.name == "polardb_bridge.deployments.access.refusal"]
        assert isinstance(record.args, tuple)
        address, deployment = record.args[2:]
        assert (address, str(deployment).lower()) == (OUTSIDE, "deployment mark_animal"), name
