"""Browser sessions without a browser."""

from __future__ import annotations

from typing import Any

import requests


def signed_in(email: str, password: str) -> Any:
    """A client that has gone through Label Studio's login page, and sends its CSRF token like the page's scripts."""
    from rest_framework.test import APIClient

    client = APIClient()
    client.get("/user/login/")
    form = {"email": email, "password": password}
    answer = client.post("/user/login/", form, HTTP_X_CSRFTOKEN=client.cookies["csrftoken"].value)
    assert answer.status_code == 302, answer.content
    client.credentials(HTTP_X_CSRFTOKEN=client.cookies["csrftoken"].value)
    return client


def copy_of(session: requests.Session) -> requests.Session:
    """A session of its own for every thread: `requests` does not share one well."""
    copy = requests.Session()
    copy.cookies.update(session.cookies)
    copy.headers.update(session.headers)
    return copy
