"""Signing up: as Label Studio is configured without deployments, closed in every way with one."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory
from pytest_django import Settings

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.tenancy.signup import save_user
from support.sessions import signed_in
from support.tenants import PASSWORD, Tenant, make_tenant

NEW = "new@example.com"


@pytest.fixture
def first(db: None) -> Tenant:
    """Organization 1, without a deployment."""
    import core.urls  # noqa: F401

    return make_tenant("first", deployed=False)


@pytest.fixture
def deployed(first: Tenant) -> Tenant:
    """The same beside a deployment."""
    return make_tenant("deployed")


def sign_up(token: str | None = None) -> Any:
    browser = Client()
    browser.get("/user/signup/")
    form = {"email": NEW, "password": PASSWORD}
    if "csrftoken" in browser.cookies:
        form["csrfmiddlewaretoken"] = browser.cookies["csrftoken"].value
    return browser.post("/user/signup/" + (f"?token={token}" if token else ""), form)


def users() -> Any:
    from users.models import User

    return User.objects.filter(email=NEW)


def test_without_a_deployment_it_is_open_if_label_studio_is_told_so(first: Tenant, settings: Settings) -> None:
    settings.DISABLE_SIGNUP_WITHOUT_LINK = False
    assert Client().get("/user/signup/").status_code == 200
    assert sign_up().status_code == 302
    assert users().get().active_organization == first.organization


@pytest.mark.parametrize("path", ["/user/login/", "/user/login/?next=/projects/"])
def test_no_page_leads_to_signing_up_while_that_is_closed(first: Tenant, settings: Settings, path: str) -> None:
    settings.DISABLE_SIGNUP_WITHOUT_LINK = False
    # Label Studio's link, which its own setting alone brings.
    assert "/user/signup" in Client().get(path).content.decode()
    make_tenant("deployed")
    page = Client().get(path)
    assert page.status_code == 200
    assert "signup" not in page.content.decode()


def test_without_a_deployment_the_invitation_decides_where_label_studio_is_told_so(
    first: Tenant, settings: Settings
) -> None:
    settings.DISABLE_SIGNUP_WITHOUT_LINK = True
    assert sign_up().status_code == 403
    assert sign_up(first.organization.token).status_code == 302


def test_without_a_deployment_members_let_people_in(first: Tenant) -> None:
    member = signed_in(first.owner.email, PASSWORD)
    assert first.organization.token in member.get("/api/invite").content.decode()
    assert member.post("/api/invite/reset-token").status_code == 201
    assert member.post("/api/users/", {"email": NEW, "username": "new"}).status_code == 201


def test_without_a_deployment_somebody_without_organization_comes_into_the_first(first: Tenant) -> None:
    person = first.make_user("person")
    browser = Client()
    browser.force_login(person, "django.contrib.auth.backends.ModelBackend")
    browser.get("/api/version/")
    person.refresh_from_db()
    assert person.active_organization == first.organization
    assert first.organization.has_permission(person)


@pytest.mark.parametrize("link_needed", [False, True])
def test_with_a_deployment_nobody_signs_up(
    first: Tenant, deployed: Tenant, settings: Settings, link_needed: bool
) -> None:
    settings.DISABLE_SIGNUP_WITHOUT_LINK = link_needed
    for path in ("/user/signup/", "/user/signup"):
        assert Client().get(path).status_code == 403
    for token in (None, first.organization.token, deployed.organization.token, "x"):
        assert sign_up(token).status_code == 403
    assert not users().exists()


def test_with_a_deployment_nothing_else_signs_anybody_up_by_label_studios_hook(deployed: Tenant) -> None:
    with pytest.raises(PermissionDenied):
        save_user(RequestFactory().get("/"), "/", None)


@pytest.mark.parametrize("name", ["first", "deployed"])
def test_with_a_deployment_only_administrators_let_people_in(first: Tenant, deployed: Tenant, name: str) -> None:
    tenant = {"first": first, "deployed": deployed}[name]
    member = signed_in(tenant.owner.email, PASSWORD)
    assert member.post("/api/users/", {"email": NEW, "username": "new"}).status_code == 403
    for answer in (member.get("/api/invite"), member.post("/api/invite/reset-token")):
        assert answer.status_code == 403
        assert tenant.organization.token not in answer.content.decode()
    before = tenant.organization.token
    tenant.organization.refresh_from_db()
    assert tenant.organization.token == before
    assert not users().exists()
    tenant.owner.is_superuser = True
    tenant.owner.save()
    assert member.get("/api/invite").status_code == 200
    assert member.post("/api/users/", {"email": NEW, "username": "new"}).status_code == 201


def test_with_a_deployment_somebody_without_organization_gets_nowhere(first: Tenant, deployed: Tenant) -> None:
    person = first.make_user("person")
    browser = Client()
    browser.force_login(person, "django.contrib.auth.backends.ModelBackend")
    answer = browser.get("/api/projects/")
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "Your account belongs to no organization. Ask an administrator.",
    )
    person.refresh_from_db()
    assert person.active_organization is None


def test_a_former_member_gets_nowhere_although_label_studios_login_makes_the_organization_active(
    first: Tenant, deployed: Tenant
) -> None:
    from organizations.models import OrganizationMember

    person = deployed.join(deployed.make_user("person"))
    OrganizationMember.objects.get(user=person).soft_delete()
    browser = signed_in(person.email, PASSWORD)
    person.refresh_from_db()
    assert person.active_organization == deployed.organization
    assert browser.get(f"/api/projects/{deployed.project.pk}/").status_code == 403
    person.refresh_from_db()
    assert person.active_organization is None


def test_a_member_of_several_organizations_works_in_one_at_a_time(first: Tenant, deployed: Tenant) -> None:
    person = first.join(first.make_user("person"))
    deployed.organization.add_user(person)
    browser = signed_in(person.email, PASSWORD)
    ours, theirs = (f"/api/projects/{tenant.project.pk}/" for tenant in (first, deployed))
    assert (browser.get(ours).status_code, browser.get(theirs).status_code) == (200, 404)
    switch = browser.patch(f"/api/users/{person.pk}/", {"active_organization": deployed.organization.pk})
    assert switch.status_code == 200
    assert (browser.get(ours).status_code, browser.get(theirs).status_code) == (404, 200)


def test_nobody_makes_himself_a_user_of_another_organization(first: Tenant, deployed: Tenant) -> None:
    browser = signed_in(first.owner.email, PASSWORD)
    answer = browser.patch(f"/api/users/{first.owner.pk}/", {"active_organization": deployed.organization.pk})
    assert answer.status_code == 400
    first.owner.refresh_from_db()
    assert first.owner.active_organization == first.organization


@pytest.mark.parametrize(("link_needed", "status"), [(True, 403), (False, 302)])
def test_when_the_last_deployment_is_gone_label_studios_settings_count_again(
    first: Tenant, deployed: Tenant, settings: Settings, link_needed: bool, status: int
) -> None:
    settings.DISABLE_SIGNUP_WITHOUT_LINK = link_needed
    Deployment.objects.all().delete()
    assert sign_up().status_code == status
