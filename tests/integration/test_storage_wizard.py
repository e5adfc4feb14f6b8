"""Which form the Cloud Storage page opens, and what its pages load for it."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks

from polardb_bridge.label_studio.frontend import can_extend_storage_wizard
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.ui.words import LABEL_STUDIOS

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


# Names that parts of the page give one another, and how often each pattern is in main.js: where a part is defined, and
# where it is used. The cards follow by them (ui/wizard/refresh.js), and the form's fields get their lists (chooser.js).
PARTS = {
    r"\bstorage:[\w$]+,onEditStorage:[\w$]+,onDeleteStorage:[\w$]+,storageTypes:[\w$]+\}": 1,
    r"\bstorageTypes:[\w$]+,onEditStorage:[\w$]+,onDeleteStorage:[\w$]+\},[\w$]+\.id\)": 1,
    r"\bstoragesLoaded:([\w$]+\.)?[\w$]+,loading:([\w$]+\.)?[\w$]+,loaded:([\w$]+\.)?[\w$]+,fetchStorages:": 3,
    r"\bfield:[\w$]+,value:[\w$]+,onChange:[\w$]+,onBlur:[\w$]+,error:[\w$]+,isEditMode:[^}]*,formData:": 1,
    r"\bfield:[\w$]+,value:[\w$]+\[[\w$]+\.name\],onChange:[\w$]+,onBlur:[^}]*,formData:": 2,
    r'"Syncing may take some time, please refresh the page': 1,
}


@pytest.mark.parametrize("pattern", PARTS)
def test_the_parts_of_the_page_have_the_names_that_we_know(pattern: str) -> None:
    assert len(re.findall(pattern, (FRONTEND / "main.js").read_text())) == PARTS[pattern]


def test_we_translate_what_label_studio_says() -> None:
    script = (FRONTEND / "main.js").read_text()
    statuses = {"Initialized", "Queued", "In progress", "Failed", "Completed", "Completed with errors"}
    # Label Studio makes them of parts.
    composed = {f"{action} {of} Storage" for action in ("Connect", "Edit") for of in ("Source", "Target")}
    for words in set(LABEL_STUDIOS) - composed - statuses - {"PolarDB table"}:
        assert f'"{words}"' in script or f'"{words}"' in script.encode().decode("unicode_escape"), words
    assert {status.replace("_", " ").capitalize() for status in PolarDBImportStorage.Status} == statuses


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


def test_the_script_speaks_the_reader_s_language(db: None, client: Any) -> None:
    english = client.get("/polardb-ui/wizard.js")
    chinese = client.get("/polardb-ui/wizard.js", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"})
    assert (english["Content-Language"], chinese["Content-Language"]) == ("en", "zh-hans")
    assert "const WORDS = {};" in english.content.decode()
    assert json.dumps("同步存储") in chinese.content.decode()
    assert english["ETag"] != chinese["ETag"]
    assert {"Accept-Language", "Cookie"} <= set(re.split(r",\s*", chinese["Vary"]))
