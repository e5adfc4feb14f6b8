"""`POST /api/polardb/statements`: statements over HTTP, for administrators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiResponse, extend_schema
from jwt_auth.auth import TokenAuthenticationPhaseout
from rest_framework import serializers, status
from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import JSONParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from polardb_bridge.deployments.access.client_ip import client_ip
from polardb_bridge.deployments.execution.answers import Answer, as_json, failure_as_json
from polardb_bridge.deployments.execution.audit import Actor
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.statements.errors import StatementError


class IsAdministrator(BasePermission):
    """Superusers of Label Studio."""

    message = "Only administrators may run statements."

    def has_permission(self, request: Request, view: APIView) -> bool:
        return bool(request.user.is_authenticated and request.user.is_superuser)


class CsrfCheckedSessionAuthentication(SessionAuthentication):
    """Sessions with their CSRF token.

    Label Studio's middleware signs in senders of a personal access token (jwt_auth/middleware.py), so that they look
    like a session here; they need no CSRF token, because browsers do not send such a token by themselves.
    """

    def enforce_csrf(self, request: Request) -> None:
        if not getattr(request, "is_jwt", False):
            super().enforce_csrf(request)


class StatementsSerializer(serializers.Serializer[Any]):
    statement = serializers.CharField(
        trim_whitespace=False,
        allow_blank=True,
        help_text="One statement, or several with semicolons between them, as PolarDB for AI documents them",
    )


class ResultSerializer(serializers.Serializer[Any]):
    columns = serializers.ListField(child=serializers.CharField())
    rows = serializers.ListField(child=serializers.ListField())
    message = serializers.CharField(help_text="If a statement gives no rows")


class ResultsSerializer(serializers.Serializer[Any]):
    results = ResultSerializer(many=True, help_text="One a statement, in their order")


class FailureSerializer(ResultsSerializer):
    code = serializers.IntegerField(help_text="MySQL's error number")
    sqlstate = serializers.CharField()
    message = serializers.CharField()
    line = serializers.IntegerField(allow_null=True, help_text="Null if it is not the text that is wrong")
    column = serializers.IntegerField(allow_null=True)
    statement = serializers.IntegerField(help_text="Which of the statements failed, from 1")


class StatementsAPI(APIView):
    authentication_classes = (TokenAuthenticationPhaseout, CsrfCheckedSessionAuthentication)
    permission_classes = (IsAdministrator,)
    # A page of another site can make a browser post forms, but not JSON.
    parser_classes = (JSONParser,)

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponse]:
        view: Any = super().as_view(**initkwargs)
        # Label Studio turns CSRF checks off for views that do not ask for them (core/middleware.py, DisableCSRF).
        view._dont_enforce_csrf_checks = False
        return view  # type: ignore[no-any-return]

    @extend_schema(
        tags=["Deployments"],
        summary="Run statements",
        description=(
            "Deploy a labeling service for a table, show deployments, open them to addresses and drop them. "
            "For administrators. The statements run one after another, up to the first that fails; nothing runs "
            "if one cannot be read."
        ),
        request=StatementsSerializer,
        responses={
            200: ResultsSerializer,
            400: OpenApiResponse(FailureSerializer, "A statement failed; results are those of the ones before it"),
            403: OpenApiResponse(description="Not an administrator, or a session without its CSRF token"),
        },
    )
    def post(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = StatementsSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        actor = Actor(user=request.user, client_ip=client_ip(request), via="api")
        answers: list[Answer] = []
        try:
            execute(asked.validated_data["statement"], actor, answers.append)
        except StatementError as error:
            response = Response(failure_as_json(error, answers), status=status.HTTP_400_BAD_REQUEST)
        else:
            response = Response(as_json(answers))
        # SHOW DEPLOYMENT answers with a password.
        response["Cache-Control"] = "no-store"
        return response
