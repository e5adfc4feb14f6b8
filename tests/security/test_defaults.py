"""What Label Studio leaves open is closed, unless a variable says otherwise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

ROOT = Path(__file__).parents[2]
_PRINT = """
import json, sys
from django.conf import settings
from django.core.checks import run_checks
import django
django.setup()
names = ["SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "CSRF_COOKIE_HTTPONLY", "ALLOWED_HOSTS", "CSRF_TRUSTED_ORIGINS",
    "CORS_ALLOW_ALL_ORIGINS", "DISABLE_SIGNUP_WITHOUT_LINK", "CSP_REPORT_ONLY", "X_FRAME_OPTIONS",
    "SECURE_HSTS_SECONDS"]
found = run_checks(include_deployment_checks=True)
json.dump({
    "settings": {name: getattr(settings, name, None) for name in names},
    "open": sorted({check.id for check in found if not check.is_silenced() and check.level > 20}),
}, sys.__stdout__)
"""


def started_with(tmp_path: Path, **environment: str) -> dict[str, Any]:
    """Its settings, and what `check --deploy` warns about."""
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME", "LANG") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-c", _PRINT],
        cwd=ROOT,
        env={
            **kept,
            "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings",
            "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path),
            "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout[done.stdout.rindex('{"settings"') :])
    return read


def test_an_https_address_closes_everything(tmp_path: Path) -> None:
    started = started_with(tmp_path, LABEL_STUDIO_HOST="https://label.example.com")
    assert started["settings"] == {
        "SESSION_COOKIE_SECURE": True,
        "CSRF_COOKIE_SECURE": True,
        "CSRF_COOKIE_HTTPONLY": False,
        "ALLOWED_HOSTS": ["label.example.com", "localhost", "127.0.0.1", "[::1]"],
        "CSRF_TRUSTED_ORIGINS": ["https://label.example.com"],
        "CORS_ALLOW_ALL_ORIGINS": False,
        "DISABLE_SIGNUP_WITHOUT_LINK": True,
        "CSP_REPORT_ONLY": False,
        "X_FRAME_OPTIONS": "SAMEORIGIN",
        "SECURE_HSTS_SECONDS": 31536000,
    }
    assert started["open"] == []


def test_variables_set_each_back_and_the_check_names_it(tmp_path: Path) -> None:
    started = started_with(
        tmp_path,
        LABEL_STUDIO_HOST="https://label.example.com",
        SESSION_COOKIE_SECURE="0",
        CSRF_COOKIE_SECURE="0",
        ALLOWED_HOSTS="*",
        CSRF_TRUSTED_ORIGINS="https://other.example.com",
        CORS_ALLOW_ALL_ORIGINS="true",
        LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK="false",
        LS_CSP_REPORT_ONLY="true",
        POLARDB_FRAME_ANCESTORS="*",
        POLARDB_HSTS_SECONDS="0",
        POLARDB_LEGACY_TOKENS_OF_ADMINISTRATORS="true",
        POLARDB_TRUST_PATTERNS="true",
        SSRF_PROTECTION_ENABLED="false",
    )
    assert started["settings"] == {
        "SESSION_COOKIE_SECURE": False,
        "CSRF_COOKIE_SECURE": False,
        "CSRF_COOKIE_HTTPONLY": False,
        "ALLOWED_HOSTS": ["*"],
        "CSRF_TRUSTED_ORIGINS": ["https://other.example.com"],
        "CORS_ALLOW_ALL_ORIGINS": True,
        "DISABLE_SIGNUP_WITHOUT_LINK": False,
        "CSP_REPORT_ONLY": True,
        "X_FRAME_OPTIONS": "DENY",  # Django's, whose middleware is not there
        "SECURE_HSTS_SECONDS": 0,
    }
    ours = {f"polardb_bridge.W{number:03}" for number in (10, 11, 12, 14, 15, 16, 17, 18)}
    assert ours < {*started["open"]}


def test_without_https_cookies_work_and_the_check_says_so(tmp_path: Path) -> None:
    started = started_with(tmp_path)
    assert not started["settings"]["SESSION_COOKIE_SECURE"]
    assert started["settings"]["ALLOWED_HOSTS"] == ["*"]
    assert "polardb_bridge.W013" in started["open"]


@pytest.mark.parametrize("address", ["http://label.example.com:8080", "http://10.0.0.7/labels"])
def test_people_may_log_in_at_the_address_that_they_type(tmp_path: Path, address: str) -> None:
    started = started_with(tmp_path, LABEL_STUDIO_HOST=address)
    assert started["settings"]["CSRF_TRUSTED_ORIGINS"] == [address.removesuffix("/labels")]


def test_pages_of_others_neither_frame_nor_call_it(api: Any) -> None:
    answer = api.get("/projects/", headers={"origin": "https://attacker.example"})
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_nobody_signs_up_uninvited(db: None) -> None:
    stranger = Client()
    assert b"signup" not in stranger.get("/user/login/").content
    stranger.get("/user/signup/")
    form = {"email": "stranger@example.com", "password": "correct-horse-9"}
    token = stranger.cookies["csrftoken"].value
    assert stranger.post("/user/signup/", {**form, "csrfmiddlewaretoken": token}).status_code == 403


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"])
def test_a_form_in_a_task_calls_no_api(content_type: str, api: Any, user: Any) -> None:
    """As a browser sends it: Label Studio checks no CSRF token there."""
    from users.models import User

    browser = Client()
    browser.cookies = api.cookies
    body = "email=new@example.com&username=new&password=correct-horse-9"
    form = {"data": body, "content_type": content_type, "HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert browser.post("/api/users/", **form).status_code == 403
    assert browser.post("/api/organizations/reset-token/", **form).status_code == 403
    assert not User.objects.filter(email="new@example.com").exists()
    assert api.post("/api/users/", {"email": "new@example.com", "username": "new"}, format="json").status_code == 201
