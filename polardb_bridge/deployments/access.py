"""Who gets in from where: a deployment is closed but for the addresses on its allow-list.

Whoever a request turns out to come from is admitted once, where that is known first: in the middleware for sessions
and JWTs, in the view for tokens (`label_studio.watch_identities`), at the login before the password is looked at.
Nothing is kept between requests: a change of the list acts at once in all processes. Administrators and users of no
deployment are let through without a look at their address.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.current_request import CurrentContext
from django.core.exceptions import PermissionDenied as LoginRefused
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from rest_framework.exceptions import PermissionDenied
from users.models import User

from polardb_bridge.deployments.allow_list import allows
from polardb_bridge.deployments.client import client_address
from polardb_bridge.deployments.isolation import settle
from polardb_bridge.deployments.members import ensure_organization
from polardb_bridge.deployments.models import Deployment, DeploymentQuerySet
from polardb_bridge.deployments.signup import signup_is_closed

__all__ = ["AccessMiddleware", "AddressBackend", "admit", "admit_token", "client_address"]

logger = logging.getLogger(__name__)

_DEPLOYMENT_PATH = re.compile(r"/deployments/(?P<name>[^/]+)")


@dataclass(frozen=True)
class Text:
    """What a refusal says, in one language."""

    language: str
    title: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused.

    address: where it came from, None where that is not known. deployment: the one that is closed to it; None where the
    user has no organization. named: whether who asks knows the deployment's name: as its user, or from its address.
    """

    address: str | None
    deployment: Deployment | None
    named: bool = True

    @property
    def statement(self) -> str | None:
        """What an administrator runs to let the client in; not for strangers, who learn no names."""
        if self.deployment is None or self.deployment.is_dropping or not self.address or not self.named:
            return None
        return (
            f"/*polar4ai*/UPDATE WHITEIPS `{self.deployment.white_ip_name}` "
            f"WITH (ips='<addresses so far>,{self.address}');"
        )

    def texts(self) -> tuple[Text, Text]:
        """English, Chinese."""
        if self.deployment is None:
            return (
                Text("en", "No organization", "Your account belongs to no organization.", "Ask an administrator."),
                Text("zh", "没有所属组织", "您的账号不属于任何组织。", "请联系管理员。"),
            )
        if self.deployment.is_dropping:
            return (
                Text("en", "Closed", "This deployment is being removed.", "Ask an administrator."),
                Text("zh", "已关闭", "该部署正在删除。", "请联系管理员。"),
            )
        return (
            Text(
                "en",
                "Address not allowed",
                f"The address {self.address or '(unknown)'} is not on the allow-list.",
                "An administrator can add it with UPDATE WHITEIPS, whose list replaces the one before.",
            ),
            Text(
                "zh",
                "地址不在白名单中",
                f"地址 {self.address or '（未知）'} 不在白名单中。",
                "管理员可以用 UPDATE WHITEIPS 语句添加该地址；语句中的列表会替换原有列表。",
            ),
        )


class AccessMiddleware:
    """Admits users that are known by now, and answers what was refused, here or in the view, with the refusal's page.

    In the place of Label Studio's middleware that reads each user's organization (organizations/middleware.py).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            admit_address(request)
            if request.user.is_authenticated:
                admit(request, request.user)
        except PermissionDenied:
            return refusal_page(request)
        response = self.get_response(request)
        return refusal_page(request) if _refusal(request) else response


class AddressBackend:
    """Refuses the login of a deployment's user from elsewhere; leaves all others to the other backends.

    It looks at no password: an attacker learns nothing about it, and cannot guess at it, from a refused address.
    """

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        # Label Studio's login passes no request on (users/forms.py, LoginForm).
        request = request or CurrentContext.get_request()
        name = credentials.get("email") or credentials.get(User.USERNAME_FIELD) or credentials.get("username")
        user = User.objects.filter(email__iexact=name).first() if request is not None and name else None
        if request is None or user is None or user.is_superuser:
            return
        try:
            _check_address(request, _deployments().of_user(user).first(), named=False)
        except PermissionDenied:
            raise LoginRefused from None


def admit_address(request: HttpRequest) -> None:
    """Refuse a deployment's own address, `/deployments/<name>/`, to clients that are not on its allow-list.

    Raises:
        PermissionDenied: it is closed to this client.
    """
    match = _DEPLOYMENT_PATH.match(request.path_info)
    if match and not request.user.is_superuser:
        _check_address(request, _deployments().filter(name__iexact=match["name"]).first())


def admit(request: HttpRequest, user: Any) -> None:
    """Let the user act in this request, with an active organization that he is a member of.

    Raises:
        PermissionDenied: his deployment is closed to this client, or he has no organization.
    """
    if _admitted(request) == user:
        return
    if user.is_superuser:
        if user.active_organization_id is None:
            ensure_organization(user)
    else:
        membership = settle(user)
        if membership is None and signup_is_closed():
            _refuse(request, Refusal(client_address(request), None))
        if membership:
            _check_address(request, getattr(membership.organization, "deployment", None))
    request._polardb_admitted = user


def admit_token(request: HttpRequest, user_id: Any, signed: bool) -> None:
    """Check a token that a request has in its body, to renew or revoke it.

    Raises:
        PermissionDenied: it is another user's, or nobody has shown to hold it, or its user's deployment is closed to
            this client.
    """
    # Not request.user: these views have no authentication, which makes everybody anonymous.
    asking = _admitted(request)
    if asking is not None:
        if str(user_id) != str(asking.pk) and not asking.is_superuser:
            raise PermissionDenied
        return
    if not signed:
        raise PermissionDenied
    user = User.objects.filter(pk=user_id, is_superuser=False).first()
    if user:
        _check_address(request, _deployments().of_user(user).first(), named=False)


def _deployments() -> DeploymentQuerySet:
    found: DeploymentQuerySet = Deployment.objects.defer("first_password")  # a secret that nothing here needs
    return found


def _check_address(request: HttpRequest, deployment: Deployment | None, *, named: bool = True) -> None:
    if deployment is None:
        return
    address = client_address(request)
    if deployment.is_dropping or not allows(deployment.allowed_networks, address):
        _refuse(request, Refusal(address, deployment, named))


def _refuse(request: HttpRequest, refusal: Refusal) -> None:
    if _refusal(request) is None:
        request._polardb_refusal = refusal
        logger.warning(
            "Refused %s %s from %s: %s",
            request.method,
            request.path,
            refusal.address or "an unknown address",
            f"deployment {refusal.deployment}" if refusal.deployment else "the user has no organization",
        )
    raise PermissionDenied


def _admitted(request: HttpRequest) -> Any:
    """The user that was admitted in this request; None while nobody was."""
    return getattr(request, "_polardb_admitted", None)


def _refusal(request: HttpRequest) -> Refusal | None:
    return getattr(request, "_polardb_refusal", None)


def refusal_page(request: HttpRequest) -> HttpResponse:
    """The answer to a refused request, for browsers and for programs."""
    refusal = _refusal(request)
    assert refusal is not None  # noqa: S101  # who calls has seen that it was refused
    if "text/html" in request.headers.get("Accept", ""):
        context = {"texts": refusal.texts(), "statement": refusal.statement}
        answer = HttpResponse(render_to_string("polardb/refused.html", context), status=403)
        answer["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    else:
        english, chinese = refusal.texts()
        body = {
            "detail": f"{english.reason} {english.remedy}",
            "detail_zh": f"{chinese.reason}{chinese.remedy}",
            "address": refusal.address,
            "statement": refusal.statement,
            "status_code": 403,
        }
        answer = JsonResponse(body, status=403, json_dumps_params={"ensure_ascii": False})
    answer["Cache-Control"] = "no-store"
    return answer
