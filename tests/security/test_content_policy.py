"""What the pages let browsers run; what that means in a browser is in tests/browser/test_content_policy.py."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import label_studio
from django.template.loader import get_template
from django.test import Client

from polardb_bridge.label_studio.content_policy import INLINE_HANDLERS, with_nonces

PACKAGE = Path(label_studio.__file__).parent


def directive(policy: str, name: str) -> list[str]:
    [found] = [part.split()[1:] for part in policy.split("; ") if part.split()[0] == name]
    return found


def test_scripts_run_by_the_nonce_of_their_page_only(api: Any) -> None:
    seen = set()
    for path in ("/", "/projects/", "/user/account", "/polardb/", "/docs/api/schema/redoc/"):
        answer = api.get(path)
        policy = answer.headers["Content-Security-Policy"]
        sources = directive(policy, "script-src")
        assert not {"'self'", "'unsafe-inline'", "'unsafe-eval'", "blob:", "https:", "'strict-dynamic'"} & {*sources}
        [nonce] = [source[7:-1] for source in sources if source.startswith("'nonce-")]
        seen.add(nonce)
        scripts = re.findall(r"<script[^>]*>", answer.content.decode())
        assert scripts
        assert all(f'nonce="{nonce}"' in script for script in scripts), path
    assert len(seen) == 5


def test_what_is_filled_into_a_template_gets_no_nonce() -> None:
    assert with_nonces("<script>1</script>{{ x }}") == '<script nonce="{{ request.csp_nonce }}">1</script>{{ x }}'
    assert with_nonces('<script nonce="a">') == '<script nonce="a">'


def test_answers_to_strangers_and_uploaded_pages_have_the_policy_too(db: None) -> None:
    for path in ("/user/login/", "/api/projects/", "/data/upload/1/x.html", "/nowhere", "/polardb/health"):
        policy = Client().get(path).headers["Content-Security-Policy"]
        assert "unsafe-inline" not in " ".join(directive(policy, "script-src")), path
        assert directive(policy, "object-src") == ["'none'"]


def test_the_inline_handlers_are_those_of_label_studios_templates(db: None) -> None:
    """Fails when Label Studio changes them: browsers run these texts only."""
    text = "".join(path.read_text() for path in PACKAGE.rglob("templates/**/*.html"))
    found = set(re.findall(r"""\son[a-z]+="([^"]+)\"""", text, re.IGNORECASE))
    assert found == set(INLINE_HANDLERS)
    assert get_template("users/new-ui/user_signup.html")
