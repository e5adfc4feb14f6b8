"""Who gets in from where: a deployment is closed except to the addresses on its allow-list.

The user of a request is admitted once, as soon as it is known who that is: in the middleware for sessions and JWTs, in
the view for tokens (`label_studio.authentication`), at the login before the password is looked at (`login`).
Nothing is kept between requests: a change of the list acts at once in all processes. Administrators and users of no
deployment are let through without a look at their address.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import PermissionDenied
from users.models import User

from polardb_bridge.deployments.access.allow_list import check_allow_list, check_allow_list_of, is_open
from polardb_bridge.deployments.access.client_ip import client_ip
from polardb_bridge.deployments.access.lent import check_lent
from polardb_bridge.deployments.access.refusal import Refusal, refusal_of, refusal_page, refuse
from polardb_bridge.deployments.identities import backends
from polardb_bridge.deployments.identities.models import BackendUser
from polardb_bridge.deployments.identities.sessions import has_ended, session_uid
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.tenancy.isolation import settle
from polardb_bridge.deployments.tenancy.organizations import ensure_organization
from polardb_bridge.deployments.tenancy.signup import signup_is_closed

_DEPLOYMENT_PATH = re.compile(r"/deployments/(?P<name>[^/]+)")


class AccessMiddleware:
    """Admits users that are known by now, and answers what was refused, here or in the view, with the refusal's page.

    In the place of Label Studio's middleware that reads each user's organization (organizations/middleware.py).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            admit_to_url(request)
            if request.user.is_authenticated:
                admit(request, request.user)
        except PermissionDenied as error:
            if refusal_of(request) is None:
                return JsonResponse({"detail": str(error.detail), "status_code": 403}, status=403)
            return refusal_page(request)
        response = self.get_response(request)
        return refusal_page(request) if refusal_of(request) else response


def admit_to_url(request: HttpRequest) -> None:
    """Refuse a deployment's own url, `/deployments/<name>/`, to clients that are not on its allow-list.

    Raises:
        PermissionDenied: it is closed to this client.
    """
    match = _DEPLOYMENT_PATH.match(request.path_info)
    if match and not request.user.is_superuser and signup_is_closed():
        found = Deployment.objects.without_secrets().filter(name__iexact=match["name"]).first()
        if found is None or not is_open(found, client_ip(request)):
            # The same answer whether there is such a deployment or not: nobody finds names by guessing.
            refuse(request, Refusal(client_ip(request), Deployment(name=match["name"])))


def admit(request: HttpRequest, user: Any) -> None:
    """Let the user act in this request, with an active organization that they are a member of.

    Who comes with the cookie of a session that has been ended is nobody, and goes on as that.

    Raises:
        PermissionDenied: their deployment is closed to this client, or they have no organization.
    """
    if _admitted(request) == user:
        return None
    session = session_uid(request)
    backend = backends.project_of(user)
    if backend is not None:
        _admit_backend(request, user, backend)
    elif user.is_superuser:
        if has_ended(session):
            return _forget_session(request)
        if user.active_organization_id is None:
            ensure_organization(user)
    else:
        membership = settle(user, session)
        if membership.session_ended if membership else has_ended(session):
            return _forget_session(request)
        if membership is None and signup_is_closed():
            refuse(request, Refusal(client_ip(request), None))
        if membership:
            deployment = getattr(membership.organization, "deployment", None)
            check_allow_list(request, deployment)
            if deployment:
                check_lent(request)
    request._polardb_admitted = user
    return None


def _forget_session(request: HttpRequest) -> None:
    request.session.flush()
    request.user = AnonymousUser()


def _admit_backend(request: HttpRequest, user: Any, backend: BackendUser) -> None:
    """Let an ML backend do its part of the project's work, from anywhere: the project's people have chosen it."""
    if backend.project is None or not backends.may_ask(request):
        raise PermissionDenied("The token of an ML backend reads tasks and files of its project, and no more.")
    user.polardb_backend_project = backend.project_id
    user.active_organization = backend.project.organization  # for this request only: it is not saved


def admit_token(request: HttpRequest, user_id: Any, signed: bool) -> None:
    """Check a token that a request has in its body, to renew or revoke it.

    Without deployments, Label Studio's own rule stays: whoever sends a token may.

    Raises:
        PermissionDenied: it is another user's, or nobody has shown to hold it, or its user's deployment is closed to
            this client.
    """
    if not signup_is_closed():
        return
    # Not request.user: these views have no authentication, which makes everybody anonymous.
    asking = _admitted(request)
    if asking is not None:
        if str(user_id) != str(asking.pk) and not asking.is_superuser:
            raise PermissionDenied
        return
    if not signed:
        raise PermissionDenied
    user = User.objects.filter(pk=user_id).first()
    if user:
        check_allow_list_of(request, user)


def _admitted(request: HttpRequest) -> Any:
    """The user that was admitted in this request; None while nobody was."""
    return getattr(request, "_polardb_admitted", None)
