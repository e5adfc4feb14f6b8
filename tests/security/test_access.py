"""Who gets in from where, by every way in; nothing changes for those who have no deployment."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from polardb_bridge.deployments.models import Deployment
from support.ways_in import EMAIL, INSIDE, OUTSIDE, WaysIn, log_in


def test_every_way_in_is_open_to_listed_addresses_only(ways_in: WaysIn, deployment: Deployment) -> None:
    for name, request in ways_in.items():
        refused = request(OUTSIDE)
        assert refused.status_code == 403, name
        assert OUTSIDE in refused.content.decode(), name
        cookie = refused.cookies.get("sessionid")
        assert "_auth_user_id" not in SessionStore(cookie.value if cookie else None).load(), name
        assert request(INSIDE).status_code != 403, name
    deployment.project.refresh_from_db()
    assert deployment.project.title == "other", "from inside"


def test_a_new_deployment_is_closed_to_everybody(ways_in: WaysIn) -> None:
    Deployment.objects.update(allowed_networks=[])
    for name, request in ways_in.items():
        for address in (INSIDE, OUTSIDE, "127.0.0.1", "::1", ""):
            assert request(address).status_code == 403, (name, address)


def test_a_change_of_the_list_acts_at_the_next_request(ways_in: WaysIn) -> None:
    request = ways_in["session on the API"]
    assert request(INSIDE).status_code == 200
    Deployment.objects.update(allowed_networks=["203.0.113.0/24", "2001:db8::/32"])
    assert request(INSIDE).status_code == 403
    assert request(OUTSIDE).status_code == 200
    assert request("2001:db8::9").status_code == 200
    assert request("::ffff:203.0.113.9").status_code == 200
    Deployment.objects.update(allowed_networks=["0.0.0.0/0"])
    assert request(INSIDE).status_code == 200


def test_nobody_gets_into_a_deployment_that_is_being_dropped(ways_in: WaysIn) -> None:
    Deployment.objects.update(is_dropping=True)
    for name, request in ways_in.items():
        assert request(INSIDE).status_code == 403, name


def test_administrators_are_let_in_from_anywhere(user: Any, deployment: Deployment) -> None:
    browser, answer = log_in(user.email, OUTSIDE)
    assert answer.status_code == 302
    assert browser.get("/api/projects/").status_code == 200
    user.active_organization = deployment.organization
    user.save()
    assert browser.get(f"/api/projects/{deployment.project_id}/").status_code == 200
    assert browser.get("/deployments/mark_animal/").status_code == 302
    assert browser.get("/deployments/other/").status_code == 404


def test_users_of_no_deployment_are_let_in_from_anywhere(ordinary: Any, deployment: Deployment) -> None:
    browser, answer = log_in(ordinary.email, OUTSIDE)
    assert answer.status_code == 302
    assert browser.get("/api/projects/").status_code == 200
    assert Client(REMOTE_ADDR=OUTSIDE).get("/user/login/").status_code == 200
    assert Client(REMOTE_ADDR=OUTSIDE).get("/deployments/other/").status_code == 403


STOCK = "organizations.middleware.DummyGetSessionMiddleware"
OURS = "polardb_bridge.deployments.access.admission.AccessMiddleware"


@pytest.mark.parametrize(("who", "most"), [("nobody", -1), ("admin", 0), ("ordinary", 0), ("deployment", 0)])
def test_it_takes_no_more_queries_than_label_studio_does_for_the_organization(
    who: str, most: int, deployment: Deployment, ordinary: Any, user: Any, settings: Settings
) -> None:
    email = {"admin": user.email, "ordinary": ordinary.email, "deployment": EMAIL}.get(who)

    def queries(middleware: str) -> list[dict[str, str]]:
        settings.MIDDLEWARE = [middleware if name in (STOCK, OURS) else name for name in settings.MIDDLEWARE]
        browser = log_in(email)[0] if email else Client(REMOTE_ADDR=INSIDE)
        browser.get("/api/version/")
        with CaptureQueriesContext(connection) as captured:
            assert browser.get("/api/version/").status_code == 200
        found: list[dict[str, str]] = captured.captured_queries
        return found

    stock, ours = queries(STOCK), queries(OURS)
    assert len(ours) - len(stock) <= most
    assert sum("polardb_io_storages_deployment" in query["sql"] for query in ours) == (
        who in ("ordinary", "deployment")
    )


def test_a_token_of_somebody_else_cannot_be_revoked(deployment: Deployment, ordinary: Any) -> None:
    """Label Studio verifies no signature there: a number in the right form would do."""
    from jwt_auth.models import LSAPIToken
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

    truncated = str(LSAPIToken.for_user(deployment.user))
    for browser in (Client(REMOTE_ADDR=INSIDE), log_in(ordinary.email)[0]):
        for path in ("/api/token/blacklist/", "/api/token/rotate/"):
            assert browser.post(path, {"refresh": truncated}).status_code in (400, 401, 403)
    assert not BlacklistedToken.objects.exists()
    owner, _ = log_in(EMAIL)
    assert owner.post("/api/token/blacklist/", {"refresh": truncated}).status_code == 204


def test_who_holds_a_whole_token_can_revoke_it_without_signing_in(deployment: Deployment, ordinary: Any) -> None:
    """As with Label Studio alone: somebody finds a token that has leaked."""
    from jwt_auth.models import LSAPIToken

    for user in (deployment.user, ordinary):
        whole = LSAPIToken.for_user(user).get_full_jwt()
        forged = whole[:-8] + "AAAAAAAA"
        assert Client(REMOTE_ADDR=INSIDE).post("/api/token/blacklist/", {"refresh": forged}).status_code == 403
        assert Client(REMOTE_ADDR=INSIDE).post("/api/token/blacklist/", {"refresh": whole}).status_code == 204
        assert Client(REMOTE_ADDR=INSIDE).post("/api/token/blacklist/", {"refresh": whole}).status_code == 404
    elsewhere = LSAPIToken.for_user(deployment.user).get_full_jwt()
    assert Client(REMOTE_ADDR=OUTSIDE).post("/api/token/blacklist/", {"refresh": elsewhere}).status_code == 403


def test_without_deployments_whoever_sends_a_token_can_revoke_it(ordinary: Any) -> None:
    """As with Label Studio alone: somebody finds a token that has leaked."""
    from jwt_auth.models import LSAPIToken

    found = LSAPIToken.for_user(ordinary).get_full_jwt()
    assert [Client().post("/api/token/blacklist/", {"refresh": found}).status_code for _ in range(2)] == [204, 404]
