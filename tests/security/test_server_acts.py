"""What makes the server act in the name of others: who may set it up, where it leads, and how often."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.label_studio.storages import check_amazon, check_azure, check_google
from polardb_bridge.storage.models import PolarDBImportStorage
from polardb_bridge.storage.trials import MAX_TRIALS
from support.hostile_server import hostile_server
from support.ways_in import EMAIL, INSIDE, log_in

# Method and path of what a tenant may not do, and the kind that lends it.
SET_UP = [
    *(
        (method, f"/api/storages/{direction}{kind}{action}", "storages")
        for direction in ("", "export/")
        for kind in ("polardb", "s3", "azure", "gcs", "redis", "localfiles")
        for method, action in (("post", "/"), ("post", "/validate"), ("patch", "/1"), ("delete", "/1"))
    ),
    ("post", "/api/storages/polardb", "storages"),
    ("post", "/api/storages/polardb/files", "storages"),
    ("post", "/api/storages/polardb/mapping", "storages"),
    ("post", "/api/storages/polardb/tables", "storages"),
    ("post", "/api/storages/export/polardb/tables", "storages"),
    ("post", "/api/storages/polardb/1/target", "storages"),
    ("post", "/api/storages/s3/1/sync", "storages"),
    ("post", "/api/ml/", "ml-backends"),
    ("post", "/api/ml", "ml-backends"),
    ("patch", "/api/ml/1", "ml-backends"),
    ("post", "/api/webhooks/", "webhooks"),
    ("post", "/api/webhooks", "webhooks"),
    ("patch", "/api/webhooks/1/", "webhooks"),
]


def test_tenants_set_up_nothing_that_makes_the_server_act(deployment: Deployment) -> None:
    from jwt_auth.models import LSAPIToken

    browser, _ = log_in(EMAIL)
    bearer = Client(
        REMOTE_ADDR=INSIDE, headers={"authorization": f"Bearer {LSAPIToken.for_user(deployment.user).access_token}"}
    )
    for method, path, _ in SET_UP:
        for client in (browser, bearer):
            answer = getattr(client, method)(
                path, {"project": deployment.project_id, "url": "http://127.0.0.1:9"}, content_type="application/json"
            )
            assert answer.status_code == 403, (method, path)
            assert "Only administrators" in answer.json()["detail"], (method, path)


def test_a_setting_lends_one_kind(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, _ = log_in(EMAIL)
    monkeypatch.setenv("POLARDB_TENANTS_MAY", "webhooks")
    for method, path, kind in SET_UP:
        answer = getattr(browser, method)(path, {}, content_type="application/json")
        assert ("Only administrators" in answer.content.decode()) == (kind != "webhooks"), path


def test_tenants_have_no_address_fetched(
    deployment: Deployment, ordinary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Members of ordinary organizations may, as far as Label Studio's own guard lets them."""
    path = f"/api/projects/{deployment.project_id}/import"
    browser, _ = log_in(EMAIL)
    form = {"data": "url=http://198.51.100.1:9/x.json", "content_type": "application/x-www-form-urlencoded"}
    refused = browser.post(path, **form)
    assert (refused.status_code, "Only administrators" in refused.content.decode()) == (403, True)
    fetched: list[str] = []

    def fetch(url: str, **kwargs: Any) -> None:
        fetched.append(url)
        raise OSError

    monkeypatch.setattr("data_import.uploader.ssrf_safe_get", fetch)
    member, _ = log_in(ordinary.email)
    from projects.models import Project

    own = Project.objects.create(title="Own", organization=ordinary.active_organization, created_by=ordinary)
    member.raise_request_exception = False
    member.post(f"/api/projects/{own.pk}/import", **form)
    assert fetched == ["http://198.51.100.1:9/x.json"]


def test_tenants_do_not_see_where_their_table_is(deployment: Deployment, api: Any) -> None:
    storage = PolarDBImportStorage.objects.create(
        project=deployment.project,
        title="Table",
        host="db.internal.example",
        database="labels",
        user="bridge",
        table="animals",
        traceback="db.internal.example refused the user 'bridge'",
    )
    browser, _ = log_in(EMAIL)
    for path in (f"/api/storages/polardb/{storage.pk}", f"/api/storages/polardb/?project={deployment.project_id}"):
        text = browser.get(path).content.decode()
        assert '"title":"Table"' in text
        assert not [secret for secret in ("db.internal", "labels", "bridge") if secret in text]
    assert "db.internal.example" in api.get(f"/api/storages/polardb/{storage.pk}").content.decode()


def test_connections_are_tried_so_often_and_no_more(api: Any, user: Any) -> None:
    from projects.models import Project

    project = Project.objects.create(title="Own", organization=user.active_organization, created_by=user)
    with hostile_server() as server:
        form = {"project": project.pk, "host": "127.0.0.1", "port": server.port, "database": "d", "user": "u"}
        form |= {"table": "t", "password": "guess"}
        answers = [
            api.post(f"/api/storages/{path}", form, format="json").status_code
            for path in ["polardb/validate", "export/polardb/validate", "polardb/files", "polardb/"] * 10
        ]
        assert answers == [400] * MAX_TRIALS + [429] * (40 - MAX_TRIALS)
        assert server.connections <= 2 * MAX_TRIALS
        elsewhere = api.post("/api/storages/polardb/validate", {**form, "port": 1}, format="json")
        assert elsewhere.status_code == 400


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("account", "x;BlobEndpoint=http://127.0.0.1:9"),
        ("a;BlobEndpoint=http://127.0.0.1", "eA=="),
        ("127.0.0.1/x", "eA=="),
    ],
)
def test_credentials_of_azure_hold_no_address(name: str, key: str) -> None:
    from io_storages.azure_blob.models import AzureBlobImportStorage

    with pytest.raises(InvalidInputError, match="Azure"):
        AzureBlobImportStorage(account_name=name, account_key=key, container="c").get_client_and_container()
    check_azure("account1", "eHh4eA==")


@pytest.mark.parametrize("change", [{"token_uri": "http://127.0.0.1:9/"}, {"universe_domain": "attacker.example"}])
def test_credentials_of_google_get_their_tokens_from_google(change: dict[str, str]) -> None:
    from io_storages.gcs.utils import GCS

    account = {"type": "service_account", "token_uri": "https://oauth2.googleapis.com/token"}
    with pytest.raises(InvalidInputError, match="Google"):
        GCS.get_client(google_application_credentials=json.dumps({**account, **change}))
    check_google(json.dumps(account))
    check_google(None)


def test_the_servers_own_credentials_go_to_amazon_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from io_storages.s3 import models

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "ours")
    for endpoint in ("https://attacker.example", "https://amazonaws.com.attacker.example", "https://notamazonaws.com"):
        with pytest.raises(InvalidInputError, match="keys of its own"):
            models.get_client_and_resource(s3_endpoint=endpoint)
    theirs, _ = models.get_client_and_resource("key", "secret", None, None, "https://1.1.1.1")
    assert theirs._request_signer._credentials.token is None
    check_amazon("https://s3.eu-central-1.amazonaws.com")
    check_amazon(None)
