"""Who gets in from where: every way in, every trick with headers, and nothing for those who have no deployment."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from polardb_bridge.deployments.models import Deployment

PASSWORD = "correct-horse-9"
EMAIL = "mark_animal@deployments.local"
INSIDE, OUTSIDE, PROXY = "198.51.100.7", "203.0.113.9", "10.0.0.1"


@pytest.fixture
def deployment(user: Any) -> Deployment:
    from organizations.models import Organization
    from projects.models import Project
    from users.models import User

    person = User.objects.create_user(EMAIL, PASSWORD)
    organization = Organization.create_organization(created_by=person, title="mark_animal")
    organization.jwt.legacy_api_tokens_enabled = True
    organization.jwt.save()
    person.active_organization = organization
    person.save()
    project = Project.objects.create(title="mark_animal", organization=organization, created_by=person)
    made: Deployment = Deployment.objects.create(
        name="mark_animal",
        organization=organization,
        user=person,
        project=project,
        template_id="1",
        source="animals",
        address="host:3306/database.animals",
        allowed_networks=[f"{INSIDE}/32"],
    )
    return made


@pytest.fixture
def ordinary(user: Any) -> Any:
    """Somebody of no deployment."""
    from users.models import User

    person = User.objects.create_user("ordinary@example.com", PASSWORD)
    user.active_organization.add_user(person)
    person.active_organization = user.active_organization
    person.save()
    return person


def log_in(email: str, address: str = INSIDE, password: str = PASSWORD, **meta: Any) -> tuple[Client, Any]:
    """A browser at `address` that has been through the login page, and the answer to it."""
    browser = Client(REMOTE_ADDR=address)
    browser.get("/user/login/", **meta)
    form = {"email": email, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    return browser, browser.post("/user/login/", form, **meta)


@pytest.fixture
def ways_in(deployment: Deployment) -> dict[str, Callable[..., Any]]:
    """Every way to show who one is: a request at an address by each."""
    from jwt_auth.models import LSAPIToken
    from rest_framework.authtoken.models import Token

    browser, answer = log_in(EMAIL)
    assert answer.status_code == 302
    cookies = browser.cookies
    token = Token.objects.get(user=deployment.user).key
    refresh = LSAPIToken.for_user(deployment.user)
    bearer = {"authorization": f"Bearer {refresh.access_token}"}

    def session(path: str) -> Callable[..., Any]:
        def request(address: str, **meta: Any) -> Any:
            client = Client(REMOTE_ADDR=address, raise_request_exception=False)
            client.cookies = cookies.copy()
            return client.get(path, **meta)

        return request

    def headers(
        path: str, method: str = "get", data: str | dict[str, str] | None = None, **values: str
    ) -> Callable[..., Any]:
        def request(address: str, **meta: Any) -> Any:
            client = Client(REMOTE_ADDR=address)
            return getattr(client, method)(path, data, headers=values, **meta)

        return request

    def form(path: str, **fields: str) -> Callable[..., Any]:
        def request(address: str, **meta: Any) -> Any:
            return Client(REMOTE_ADDR=address).post(path, fields, **meta)

        return request

    project = deployment.project_id
    return {
        "session on the API": session("/api/projects/"),
        "session on a page": session(f"/projects/{project}/data/"),
        "session on an address without its slash": session(f"/projects/{project}/data"),
        "session on an image": session("/data/polardb/?d=1/1/1.jpg"),
        "session on an uploaded file": session(f"/data/upload/{project}/x.png"),
        "session on the home page": session("/"),
        "token": headers("/api/projects/", authorization=f"Token {token}"),
        "token on an image": headers("/data/polardb/?d=1/1/1.jpg", authorization=f"Token {token}"),
        "token on an address without its slash": headers("/api/projects", authorization=f"Token {token}"),
        "token to write": headers(
            f"/api/projects/{project}/",
            "patch",
            '{"title": "other"}',
            authorization=f"Token {token}",
            content_type="application/json",
        ),
        "X-Api-Key": headers("/api/projects/", x_api_key=token),
        "JWT": headers("/api/projects/", **bearer),
        "JWT for an image": headers("/data/polardb/?d=1/1/1.jpg", **bearer),
        "JWT where the view reads it": headers(
            "/api/token/rotate/", "post", {"refresh": LSAPIToken.for_user(deployment.user).get_full_jwt()}, **bearer
        ),
        "token renewed": form("/api/token/refresh/", refresh=refresh.get_full_jwt()),
        "login": lambda address, **meta: log_in(EMAIL, address, **meta)[1],
        "login in capitals": lambda address, **meta: log_in(EMAIL.upper(), address, **meta)[1],
        "login of the API browser": form("/api-auth/login/", username=EMAIL, password=PASSWORD),
        "login of the administration pages": form("/admin/login/", username=EMAIL, password=PASSWORD),
        "the deployment's address": headers("/deployments/mark_animal/"),
        "the deployment's address in capitals": headers("/deployments/MARK_ANIMAL/"),
        "the deployment's address without its slash": headers("/deployments/mark_animal"),
    }


def test_every_way_in_is_open_to_listed_addresses_only(
    ways_in: dict[str, Callable[..., Any]], deployment: Deployment
) -> None:
    for name, request in ways_in.items():
        refused = request(OUTSIDE)
        assert refused.status_code == 403, name
        assert OUTSIDE in refused.content.decode(), name
        cookie = refused.cookies.get("sessionid")
        assert "_auth_user_id" not in SessionStore(cookie.value if cookie else None).load(), name
        assert request(INSIDE).status_code != 403, name
    deployment.project.refresh_from_db()
    assert deployment.project.title == "other", "from inside"


def test_nothing_is_done_for_a_refused_request(ways_in: dict[str, Callable[..., Any]], deployment: Deployment) -> None:
    from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

    for name, request in ways_in.items():
        with CaptureQueriesContext(connection) as queries:
            assert request(OUTSIDE).status_code == 403, name
        written = [query["sql"] for query in queries if query["sql"].startswith(("INSERT", "UPDATE", "DELETE"))]
        assert written == [], name
    assert not BlacklistedToken.objects.exists()


def test_a_new_deployment_is_closed_to_everybody(ways_in: dict[str, Callable[..., Any]]) -> None:
    Deployment.objects.update(allowed_networks=[])
    for name, request in ways_in.items():
        for address in (INSIDE, OUTSIDE, "127.0.0.1", "::1", ""):
            assert request(address).status_code == 403, (name, address)


def test_a_change_of_the_list_acts_at_the_next_request(ways_in: dict[str, Callable[..., Any]]) -> None:
    request = ways_in["session on the API"]
    assert request(INSIDE).status_code == 200
    Deployment.objects.update(allowed_networks=["203.0.113.0/24", "2001:db8::/32"])
    assert request(INSIDE).status_code == 403
    assert request(OUTSIDE).status_code == 200
    assert request("2001:db8::9").status_code == 200
    assert request("::ffff:203.0.113.9").status_code == 200
    Deployment.objects.update(allowed_networks=["0.0.0.0/0"])
    assert request(INSIDE).status_code == 200


def test_nobody_gets_into_a_deployment_that_is_being_dropped(ways_in: dict[str, Callable[..., Any]]) -> None:
    Deployment.objects.update(is_dropping=True)
    for name, request in ways_in.items():
        assert request(INSIDE).status_code == 403, name


SPOOFS = {
    "X-Forwarded-For": {"HTTP_X_FORWARDED_FOR": INSIDE},
    "a list": {"HTTP_X_FORWARDED_FOR": f"{INSIDE}, {INSIDE}"},
    "two headers, as servers join them": {"HTTP_X_FORWARDED_FOR": f"{INSIDE},{INSIDE}"},
    "X-Real-IP": {"HTTP_X_REAL_IP": INSIDE},
    "Forwarded": {"HTTP_FORWARDED": f"for={INSIDE};proto=https;by={INSIDE}"},
    "True-Client-IP": {"HTTP_TRUE_CLIENT_IP": INSIDE, "HTTP_CF_CONNECTING_IP": INSIDE, "HTTP_X_CLIENT_IP": INSIDE},
    "X-Forwarded-Host": {"HTTP_X_FORWARDED_HOST": INSIDE, "HTTP_X_ORIGINATING_IP": INSIDE, "HTTP_CLIENT_IP": INSIDE},
    "a port": {"HTTP_X_FORWARDED_FOR": f"{INSIDE}:80"},
    "brackets": {"HTTP_X_FORWARDED_FOR": f"[::ffff:{INSIDE}]"},
    "spaces": {"HTTP_X_FORWARDED_FOR": f"  {INSIDE}  "},
    "IPv4 in IPv6": {"HTTP_X_FORWARDED_FOR": f"::ffff:{INSIDE}"},
    "a comma at the end": {"HTTP_X_FORWARDED_FOR": f"{INSIDE},"},
    "a comma at the start": {"HTTP_X_FORWARDED_FOR": f",{INSIDE}"},
    "garbage": {"HTTP_X_FORWARDED_FOR": f"{INSIDE}\x00, unknown, _hidden, {INSIDE}/0"},
    "very long": {"HTTP_X_FORWARDED_FOR": ", ".join([INSIDE] * 100_000)},
    "the name of the variable": {"HTTP_REMOTE_ADDR": INSIDE, "HTTP_X_REMOTE_ADDR": INSIDE},
}


@pytest.mark.parametrize("spoof", SPOOFS.values(), ids=SPOOFS)
def test_a_client_cannot_say_where_it_comes_from(ways_in: dict[str, Callable[..., Any]], spoof: dict[str, Any]) -> None:
    for name, request in ways_in.items():
        assert request(OUTSIDE, **spoof).status_code == 403, name


@pytest.mark.parametrize("spoof", SPOOFS.values(), ids=SPOOFS)
def test_nor_through_a_trusted_proxy_that_adds_where_it_comes_from(
    ways_in: dict[str, Callable[..., Any]], spoof: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLARDB_TRUSTED_PROXIES", PROXY)
    sent = spoof.get("HTTP_X_FORWARDED_FOR")
    spoof = {**spoof, "HTTP_X_FORWARDED_FOR": f"{sent}, {OUTSIDE}" if sent else OUTSIDE}
    request = ways_in["session on the API"]
    assert request(PROXY, **spoof).status_code == 403
    assert request(PROXY, HTTP_X_FORWARDED_FOR=INSIDE).status_code == 200, "the proxy is believed"


def test_administrators_are_let_in_from_anywhere(user: Any, deployment: Deployment) -> None:
    browser, answer = log_in(user.email, OUTSIDE)
    assert answer.status_code == 302
    assert browser.get("/api/projects/").status_code == 200
    user.active_organization = deployment.organization
    user.save()
    assert browser.get(f"/api/projects/{deployment.project_id}/").status_code == 200
    assert browser.get("/deployments/mark_animal/").status_code == 302


def test_users_of_no_deployment_are_let_in_from_anywhere(ordinary: Any, deployment: Deployment) -> None:
    browser, answer = log_in(ordinary.email, OUTSIDE)
    assert answer.status_code == 302
    assert browser.get("/api/projects/").status_code == 200
    assert Client(REMOTE_ADDR=OUTSIDE).get("/user/login/").status_code == 200
    assert Client(REMOTE_ADDR=OUTSIDE).get("/deployments/other/").status_code == 404


STOCK = "organizations.middleware.DummyGetSessionMiddleware"
OURS = "polardb_bridge.deployments.access.AccessMiddleware"


@pytest.mark.parametrize(("who", "most"), [("nobody", -1), ("admin", -1), ("ordinary", 0), ("deployment", 0)])
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


def test_the_page_says_what_to_do_in_two_languages(ways_in: dict[str, Callable[..., Any]]) -> None:
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


def test_what_the_address_is_cannot_break_the_page(
    ways_in: dict[str, Callable[..., Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ways_in["session on a page"]("fe80::1%<script>", headers={"accept": "text/html"})
    assert page.status_code == 403
    assert "<script>" not in page.content.decode()


def test_a_stranger_learns_no_name_and_nothing_about_a_password(deployment: Deployment) -> None:
    answers = [log_in(EMAIL, OUTSIDE, password)[1] for password in (PASSWORD, "wrong-horse-9")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert answers[0].content == answers[1].content
    assert b"mark_animal" not in answers[0].content


def test_a_refusal_is_logged_once(ways_in: dict[str, Callable[..., Any]], caplog: pytest.LogCaptureFixture) -> None:
    for name, request in ways_in.items():
        caplog.clear()
        with caplog.at_level(logging.WARNING, "polardb_bridge.deployments.access"):
            assert request(OUTSIDE).status_code == 403
        [record] = [record for record in caplog.records if record.name == "polardb_bridge.deployments.access"]
        assert isinstance(record.args, tuple)
        assert record.args[2:] == (OUTSIDE, "deployment mark_animal"), name


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
