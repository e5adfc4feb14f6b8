"""Nobody becomes administrator by a token that Label Studio sends out, and what somebody has ended stays ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from polardb_bridge.deployments.identities.models import BackendUser, EndedSession
from polardb_bridge.deployments.models import Deployment
from support.ml_backend import Backend, serving
from support.sessions import signed_in
from support.ways_in import EMAIL, INSIDE, PASSWORD, log_in


@pytest.fixture
def backend(settings: Settings) -> Iterator[Backend]:
    settings.SSRF_PROTECTION_ENABLED = settings.ML_BLOCK_LOCAL_IP = False
    with serving() as backend:
        yield backend


@pytest.fixture
def administrators_project(user: Any) -> Any:
    from projects.models import Project

    return Project.objects.create(title="Administrator's", organization=user.active_organization, created_by=user)


def with_token(token: str) -> Client:
    return Client(headers={"authorization": f"Token {token}"})


def add_backend(browser: Client, project: Any, backend: Backend) -> str:
    answer = browser.post(
        "/api/ml/",
        {"project": project.pk, "url": f"http://127.0.0.1:{backend.server_port}", "title": "backend"},
        content_type="application/json",
    )
    assert answer.status_code == 201, answer.content
    return backend.token()


def test_a_backend_never_gets_the_token_of_an_administrator(
    ordinary: Any, user: Any, administrators_project: Any, backend: Backend
) -> None:
    user.active_organization.jwt.legacy_api_tokens_enabled = True
    user.active_organization.jwt.save()
    member, _ = log_in(ordinary.email)
    attacker = with_token(add_backend(member, administrators_project, backend))
    who = attacker.get("/api/current-user/whoami").json()
    assert who["id"] == BackendUser.objects.get(project=administrators_project).user_id
    for method, path in (
        ("post", "/api/polardb/statements"),
        ("get", "/polardb/"),
        ("get", "/api/users/"),
        ("get", "/api/projects/"),
        ("post", "/api/users/"),
        ("get", "/api/invite"),
        ("post", "/api/token/"),
        ("get", "/api/current-user/token"),
        ("delete", f"/api/projects/{administrators_project.pk}/"),
        ("patch", f"/api/projects/{administrators_project.pk}/"),
        ("post", "/api/storages/polardb/validate"),
    ):
        answer = getattr(attacker, method)(
            path, {}, **({} if method == "get" else {"content_type": "application/json"})
        )
        assert answer.status_code in (302, 401, 403), (method, path, answer.status_code)


def test_a_backend_sees_its_own_project_and_no_other(
    ordinary: Any, user: Any, administrators_project: Any, backend: Backend
) -> None:
    from projects.models import Project
    from tasks.models import Task

    other = Project.objects.create(title="Other", organization=user.active_organization, created_by=user)
    own = Task.objects.create(project=administrators_project, data={"a": "own"})
    foreign = Task.objects.create(project=other, data={"a": "foreign"})
    member, _ = log_in(ordinary.email)
    backends_client = with_token(add_backend(member, administrators_project, backend))
    assert backends_client.get(f"/api/tasks/{own.pk}/").json()["data"] == {"a": "own"}
    assert backends_client.get(f"/api/projects/{administrators_project.pk}/").status_code == 200
    predicted = {"task": own.pk, "result": [], "model_version": "1"}
    answer = backends_client.post("/api/predictions/", predicted, content_type="application/json")
    assert answer.status_code == 201, answer.content
    for path in (f"/api/tasks/{foreign.pk}/", f"/api/projects/{other.pk}/", f"/api/tasks/?project={other.pk}"):
        answer = backends_client.get(path)
        assert answer.status_code in (403, 404) or b"foreign" not in answer.content, path
    answer = backends_client.post(
        "/api/predictions/", {"task": foreign.pk, "result": []}, content_type="application/json"
    )
    assert answer.status_code in (400, 403)


def test_the_token_of_a_backend_ends_with_it_and_with_its_project(
    ordinary: Any, administrators_project: Any, backend: Backend
) -> None:
    from ml.models import MLBackend

    member, _ = log_in(ordinary.email)
    removed = with_token(add_backend(member, administrators_project, backend))
    [made] = MLBackend.objects.filter(project=administrators_project)
    assert member.delete(f"/api/ml/{made.pk}").status_code == 204
    assert removed.get(f"/api/projects/{administrators_project.pk}/").status_code == 401
    backend.sent.clear()
    orphan = with_token(add_backend(member, administrators_project, backend))
    assert orphan.get("/api/current-user/whoami").status_code == 200
    administrators_project.delete()
    assert orphan.get("/api/current-user/whoami").status_code == 403


def test_legacy_tokens_of_administrators_are_refused(user: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    user.active_organization.jwt.legacy_api_tokens_enabled = True
    user.active_organization.jwt.save()
    administrator = with_token(user.auth_token.key)
    assert administrator.get("/api/projects/").status_code == 401
    monkeypatch.setenv("POLARDB_LEGACY_TOKENS_OF_ADMINISTRATORS", "true")
    assert administrator.get("/api/projects/").status_code == 200


def test_members_cannot_turn_legacy_tokens_on(ordinary: Any, deployment: Deployment, user: Any, api: Any) -> None:
    for email in (ordinary.email, EMAIL):
        browser, _ = log_in(email)
        answer = browser.post("/api/jwt/settings", {"legacy_api_tokens_enabled": True}, content_type="application/json")
        assert answer.status_code == 403, email
    assert api.post("/api/jwt/settings", {"legacy_api_tokens_enabled": True}, format="json").status_code == 200


def test_an_organizations_owner_decides_on_tokens_while_there_are_no_tenants(ordinary: Any, user: Any) -> None:
    """A plain installation of Label Studio has no administrators."""
    user.is_superuser = False
    user.save()
    owner, member = signed_in(user.email, "correct-horse-9"), signed_in(ordinary.email, PASSWORD)
    settings = {"legacy_api_tokens_enabled": True}
    assert owner.post("/api/jwt/settings", settings, format="json").status_code == 200
    assert member.post("/api/jwt/settings", settings, format="json").status_code == 403


def test_a_changed_password_ends_tokens_and_other_sessions(deployment: Deployment) -> None:
    from jwt_auth.models import LSAPIToken

    person = deployment.user
    legacy = person.auth_token.key
    refresh = LSAPIToken.for_user(person)
    access = str(refresh.access_token)
    elsewhere, here = log_in(EMAIL)[0], log_in(EMAIL)[0]
    bearer = Client(REMOTE_ADDR=INSIDE, headers={"authorization": f"Bearer {access}"})
    stolen = Client(REMOTE_ADDR=INSIDE, headers={"authorization": f"Token {legacy}"})
    assert [c.get("/api/projects/").status_code for c in (elsewhere, here, bearer, stolen)] == [200] * 4
    # Another second: tokens know no shorter time.
    from django.utils import timezone as clock

    moment = clock.now() + clock.timedelta(seconds=2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("polardb_bridge.deployments.identities.tokens.django_timezone.now", lambda: moment)
        page = here.get("/deployments/mark_animal/password/")
        token = page.context["csrf_token"]
        new = "other-horse-8"
        fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new, "csrfmiddlewaretoken": token}
        assert here.post("/deployments/mark_animal/password/", fields).status_code == 302
    assert [c.get("/api/projects/").status_code for c in (elsewhere, here, bearer, stolen)] == [401, 200, 401, 401]
    again = Client(REMOTE_ADDR=INSIDE).post("/api/token/refresh/", {"refresh": refresh.get_full_jwt()})
    assert again.status_code == 401


def test_strengthening_a_hash_at_a_login_ends_nothing(deployment: Deployment, settings: Settings) -> None:
    legacy = deployment.user.auth_token.key
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    log_in(EMAIL)
    stored = deployment.user.password
    deployment.user.refresh_from_db()
    assert deployment.user.password != stored
    assert deployment.user.auth_token.key == legacy


@pytest.mark.parametrize("who", ["deployment", "ordinary", "administrator"])
def test_signing_out_ends_copies_of_the_cookie(who: str, deployment: Deployment, ordinary: Any, user: Any) -> None:
    email = {"deployment": EMAIL, "ordinary": ordinary.email, "administrator": user.email}[who]
    browser, _ = log_in(email)
    other, _ = log_in(email)
    copy = Client(REMOTE_ADDR=INSIDE)
    copy.cookies = browser.cookies.copy()
    assert copy.get("/api/projects/").status_code == 200
    browser.get("/logout")
    assert copy.get("/api/projects/").status_code == 401
    assert copy.get("/projects/").status_code == 302
    assert other.get("/api/projects/").status_code == 200
    assert EndedSession.objects.count() == 1


def test_a_link_moves_no_administrator_and_signs_nobody_out(
    deployment: Deployment, user: Any, ordinary: Any, api: Any
) -> None:
    before = user.active_organization_id
    page = api.get("/deployments/mark_animal/", HTTP_ACCEPT="text/html")
    user.refresh_from_db()
    assert (page.status_code, user.active_organization_id) == (200, before)
    assert api.get("/polardb/label-studio").status_code == 405
    # Without the page's token, as from another site.
    stranger = Client(enforce_csrf_checks=True)
    stranger.cookies = api.cookies.copy()
    assert stranger.post("/deployments/mark_animal/").status_code == 403
    user.refresh_from_db()
    assert user.active_organization_id == before
    assert api.post("/deployments/mark_animal/")["Location"] == f"/projects/{deployment.project_id}/data/"
    user.refresh_from_db()
    assert user.active_organization_id == deployment.organization_id
    assert api.get("/deployments/mark_animal/").status_code == 302

    Deployment.objects.update(allowed_networks=["0.0.0.0/0"])
    browser, _ = log_in(ordinary.email)
    assert browser.get("/deployments/mark_animal/").status_code == 200
    assert browser.get("/api/projects/").status_code == 200


def test_a_first_password_is_shown_to_whoever_types_their_own(user: Any, api: Any, deployment: Deployment) -> None:
    from polardb_bridge.deployments.models import StatementRecord

    deployment.first_password, deployment.first_password_hash = PASSWORD, deployment.user.password
    deployment.save()
    assert PASSWORD not in api.get("/polardb/").content.decode()
    assert PASSWORD not in api.get("/polardb/mark_animal/password").content.decode()
    wrong = api.post("/polardb/mark_animal/password", {"own": "guess"}, format="multipart")
    assert (wrong.status_code, PASSWORD in wrong.content.decode()) == (403, False)
    assert not StatementRecord.objects.exists()
    user.set_password("right-horse-7")
    user.save()
    again = signed_in(user.email, "right-horse-7")
    shown = again.post("/polardb/mark_animal/password", {"own": "right-horse-7"}, format="multipart")
    assert PASSWORD in shown.content.decode()
    [record] = StatementRecord.objects.all()
    assert (record.via, record.user, "SHOW DEPLOYMENT" in record.statement) == ("console", user, True)


def test_names_of_deployments_cannot_be_guessed(deployment: Deployment, ordinary: Any) -> None:
    from support.ways_in import OUTSIDE

    there, nowhere = (
        Client(REMOTE_ADDR=OUTSIDE).get(f"/deployments/{name}/", HTTP_ACCEPT="text/html")
        for name in ("mark_animal", "no_such_one")
    )
    assert (there.status_code, nowhere.status_code) == (403, 403)
    assert there.text.replace("mark_animal", "no_such_one") == nowhere.text
    logins = [log_in(f"{name}@deployments.local", OUTSIDE)[1] for name in ("mark_animal", "no_such_one")]
    assert [answer.status_code for answer in logins] == [403, 403]
    assert logins[0].content == logins[1].content
    browser, _ = log_in(ordinary.email, OUTSIDE)
    assert browser.get("/deployments/no_such_one/").status_code == 403
