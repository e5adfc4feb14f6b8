"""What a tenant can make the server do: a second walk over everything that Label Studio answers.

Each URL pattern is asked by each of its methods for the tenant's own objects, with input that has a server connect,
fetch, decode, match, render or export. Each is refused, or ends in little time and memory, and nothing is connected to.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from typing import Any, NamedTuple

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client, TestCase
from django.test.client import MULTIPART_CONTENT, encode_multipart
from PIL import Image

from support.hostile_server import HostileServer, hostile_server, silence
from support.memory import begin_peak, peak
from support.prober import is_left_out
from support.sessions import signed_in
from support.tenants import PASSWORD, Tenant, make_tenant
from support.walk import Pattern, body_of, is_guarded, methods_of, patterns, queries_of, values_of

pytestmark = pytest.mark.filterwarnings("ignore")

# Of a request.
MAX_SECONDS = 5.0
MAX_BYTES = 200 * 1024 * 1024
BOUNDARY = "walk"
CATASTROPHIC = "(a+)+$"
VICTIM = "a" * 40 + "!"


def hostile(trap: HostileServer) -> dict[str, Any]:
    """Fields of all of Label Studio's forms that lead to a server, and patterns and documents that cost much."""
    url = f"http://127.0.0.1:{trap.port}/x.json"
    endpoint = f"127.0.0.1:{trap.port}"
    account = {"type": "service_account", "token_uri": url, "client_email": "a@b", "private_key": "x"}
    deep = "<View>" * 500 + "</View>" * 500
    return {
        "url": url,
        "image": url,
        "data": {"image": url, "text": VICTIM},
        "webhook_url": url,
        "endpoint": url,
        "s3_endpoint": url,
        "bucket": "bucket",
        "path": "/",
        "prefix": "",
        "region_name": "us-east-1",
        "container": "container",
        "account_name": "account",
        "account_key": f"x;BlobEndpoint=http://{endpoint}",
        "google_application_credentials": json.dumps(account),
        "host": "127.0.0.1",
        "port": trap.port,
        "database": "d",
        "table": "t",
        "user": "u",
        "regex_filter": CATASTROPHIC,
        "use_blob_urls": True,
        "label_config": deep,
        "expert_instruction": f"<iframe src='{url}'></iframe>",
        "filters": {
            "conjunction": "and",
            "items": [
                {"filter": "filter:tasks:data.text", "operator": "regex", "type": "String", "value": CATASTROPHIC}
            ],
        },
        "model_version": url,
        "basic_auth_user": "u",
        "basic_auth_pass": "p",
        "auth_method": "BASIC_AUTH",
        "is_interactive": True,
        "extra_params": {"url": url},
        "export_type": "YOLO_WITH_IMAGES",
        "download_resources": True,
    }


def queries(pattern: Pattern, method: str, tenant: Tenant, trap: HostileServer) -> Iterator[dict[str, Any]]:
    url = f"http://127.0.0.1:{trap.port}/x.png"
    more = {
        "url": url,
        "fileuri": base64.urlsafe_b64encode(url.encode()).decode(),
        "exportType": "YOLO_WITH_IMAGES",
        "download_resources": "true",
        "interpolate_key_frames": "true",
        "search": CATASTROPHIC,
    }
    for query in queries_of(pattern, method, tenant):
        yield {**query, **more}


def bomb() -> bytes:
    """A PNG of few bytes and 400 million pixels."""
    file = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def tenant(db: None, settings: Any) -> Iterator[Tenant]:
    import core.urls  # noqa: F401

    found = make_tenant("walker")
    logging.disable(logging.CRITICAL)
    yield found
    logging.disable(logging.NOTSET)


def bodies(
    pattern: Pattern, method: str, tenant: Tenant, trap: HostileServer, image: bytes
) -> Iterator[tuple[Any, str]]:
    if method in ("GET", "HEAD", "OPTIONS"):
        yield "", "application/json"
        return
    yield json.dumps({**body_of(pattern, tenant), **hostile(trap)}), "application/json"
    if method == "POST" and not is_guarded(pattern):
        files = {
            "file": SimpleUploadedFile("bomb.png", image, "image/png"),
            "avatar": SimpleUploadedFile("b.png", image),
        }
        yield encode_multipart(BOUNDARY, files), MULTIPART_CONTENT.replace("BoUnDaRyStRiNg", BOUNDARY)
        yield f"url=http://127.0.0.1:{trap.port}/x.json", "application/x-www-form-urlencoded"


def ask(client: Client, method: str, path: str, query: Any, body: Any, kind: str) -> int:
    """The status; what the request has changed is undone."""
    with transaction.atomic():
        with TestCase.captureOnCommitCallbacks(execute=True):
            answer = client.generic(method, path, body, content_type=kind, query_params=query)
            for _ in answer.streaming_content if answer.streaming else ():
                pass
        transaction.set_rollback(True)
    return int(answer.status_code)


class Cost(NamedTuple):
    """Of one request. visits: of the trap."""

    request: str
    seconds: float
    bytes: int
    visits: int


def walk(tenant: Tenant, trap: HostileServer, only: str = "") -> Iterator[Cost]:
    """What each request costs."""
    client = signed_in(tenant.owner.email, PASSWORD)
    client.raise_request_exception = False
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    image = bomb()
    for pattern in patterns():
        if is_left_out(pattern) or not pattern.route.startswith(only):
            continue
        path = pattern.path(values_of(pattern, tenant))
        for method in methods_of(pattern):
            for query in queries(pattern, method, tenant, trap):
                for body, kind in bodies(pattern, method, tenant, trap, image):
                    visits = trap.connections
                    for _ in range(3):  # the first may import modules, and the machine do other things
                        client.cookies = SimpleCookie(cookies)
                        began, before = time.monotonic(), begin_peak()
                        status = ask(client, method, path, query, body, kind)
                        seconds, grown = time.monotonic() - began, peak() - before
                        if seconds <= MAX_SECONDS and grown <= MAX_BYTES:
                            break
                    yield Cost(f"{method} {path} {kind} ({status})", seconds, grown, trap.connections - visits)


def test_a_tenant_makes_the_server_do_little(tenant: Tenant) -> None:
    with hostile_server(talk=silence) as trap:
        found = list(walk(tenant, trap))
    assert len(found) > 500
    too_much = [cost for cost in found if cost.seconds > MAX_SECONDS or cost.bytes > MAX_BYTES or cost.visits]
    assert not too_much, too_much


def test_the_same_requests_reach_the_trap(tenant: Tenant, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """If all is lent, and Label Studio's own guard is off: or the walk would prove nothing."""
    settings.SSRF_PROTECTION_ENABLED = False
    settings.USE_DEFAULT_BANNED_SUBNETS = False
    monkeypatch.setenv("POLARDB_TENANTS_MAY", "storages,ml-backends,webhooks,import-urls")
    with hostile_server(talk=silence) as trap:
        visited = [cost for cost in walk(tenant, trap, "api/storages/polardb") if cost.visits]
    assert visited
