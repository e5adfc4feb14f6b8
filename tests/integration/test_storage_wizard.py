"""Which form the Cloud Storage page opens, and what its pages load for it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks

from polardb_bridge.label_studio.frontend import can_extend_storage_wizard

FRONTEND = Path(settings.REACT_APP_ROOT)


def test_the_installed_frontend_has_the_wizard_that_we_know() -> None:
    assert can_extend_storage_wizard(FRONTEND)
    assert settings.FRONTEND_SENTRY_ENVIRONMENT == "opensource"


@pytest.mark.parametrize("name", ["filesPreview:", "storageTypes:", "onImportSettingsChange", "providers:"])
def test_a_frontend_with_other_names_is_not_extended(tmp_path: Path, name: str) -> None:
    script = (FRONTEND / "main.js").read_text()
    (tmp_path / "main.js").write_text(script.replace(name, f"renamed{name}"))
    assert not can_extend_storage_wizard(tmp_path)


def test_a_frontend_elsewhere_is_not_extended(tmp_path: Path) -> None:
    assert not can_extend_storage_wizard(tmp_path)


def storage_form_checks() -> list[str]:
    return [message.id for message in run_checks() if message.id and message.id.startswith("polardb_bridge")]


def test_a_system_check_tells_if_the_older_form_is_used(settings: Any) -> None:
    assert storage_form_checks() == []
    settings.FRONTEND_SENTRY_ENVIRONMENT = "opensource-polardb"
    assert storage_form_checks() == ["polardb_bridge.W001"]


@pytest.fixture
def signed_in(user: Any, client: Any, settings: Any) -> Any:
    client.force_login(user)
    session = client.session
    session["last_login"] = time.time()  # without it, Label Studio takes the session for an expired one
    session.save()
    client.cookies[settings.SESSION_COOKIE_NAME] = session.session_key
    return client


def test_pages_load_the_wizard_with_their_nonce(signed_in: Any) -> None:
    page = signed_in.get("/projects/").content.decode()
    script = re.search(r'<script nonce="([^"]+)" src="/polardb-ui/wizard.js"', page)
    assert script
    assert page.count(script[1]) > 1, "Label Studio's own scripts have the same nonce"
    assert page.index("/react-app/main.js") < script.start()
    assert '<link href="/polardb-ui/wizard.css" rel="stylesheet">' in page


def test_pages_load_nothing_for_the_older_form(signed_in: Any, settings: Any) -> None:
    settings.FRONTEND_SENTRY_ENVIRONMENT = "opensource-polardb"
    page = signed_in.get("/projects/").content.decode()
    assert 'sentry_environment: "opensource-polardb"' in page
    assert "/polardb-ui/wizard" not in page


@pytest.mark.parametrize(("name", "content_type"), [("wizard.js", "text/javascript"), ("wizard.css", "text/css")])
def test_the_scripts_are_sent_once(db: None, client: Any, name: str, content_type: str) -> None:
    answer = client.get(f"/polardb-ui/{name}")
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith(content_type)
    again = client.get(f"/polardb-ui/{name}", headers={"If-None-Match": answer["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
