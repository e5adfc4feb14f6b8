"""Every way to show Label Studio who one is, from any address."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.test import Client

from polardb_bridge.deployments.models import Deployment

PASSWORD = "correct-horse-9"
EMAIL = "mark_animal@deployments.local"
INSIDE, OUTSIDE, PROXY = "198.51.100.7", "203.0.113.9", "10.0.0.1"
# A request by each way: from an address, with variables of the WSGI environment.
WaysIn = dict[str, Callable[..., Any]]


def log_in(email: str, address: str = INSIDE, password: str = PASSWORD, **meta: Any) -> tuple[Client, Any]:
    """A browser at `address` that has been through the login page, and the answer to it."""
    browser = Client(REMOTE_ADDR=address)
    browser.get("/user/login/", **meta)
    form = {"email": email, "password": password, "csrfmiddlewaretoken": browser.cookies["csrftoken"].value}
    return browser, browser.post("/user/login/", form, **meta)


def ways_into(deployment: Deployment) -> WaysIn:
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
