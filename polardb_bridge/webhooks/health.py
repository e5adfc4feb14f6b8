"""`/polardb/health`: whether results reach their tables, and whether `POLARDB_URL` can be read.

Anybody, such as a probe, may ask for the one word; administrators see every storage. The answer is 200 either way:
restarting Label Studio heals no database. It is an error only if Label Studio's own database does not answer.

The one word may be some seconds old: however often it is asked for, it costs Label Studio's database nothing.
"""

from __future__ import annotations

import time
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from polardb_bridge.conf import configuration
from polardb_bridge.storage.writeback_status import WritebackStatus, as_json, writeback_statuses

MAX_AGE_S = 3.0


class StorageHealthSerializer(serializers.Serializer[Any]):
    """How write-back into one table goes: what `as_json` gives."""

    healthy = serializers.BooleanField(help_text="Nothing is parked, failing or older than five minutes")
    storage_id = serializers.IntegerField(help_text="Id of the export storage")
    project_id = serializers.IntegerField()
    table = serializers.CharField(help_text="`host:port/database.table`")
    pending = serializers.IntegerField(help_text="Marks on their way")
    failed = serializers.IntegerField(help_text="Marks that are parked: they wait for a person")
    oldest_age_seconds = serializers.FloatField(allow_null=True, help_text="Of the oldest change not in its row")
    attempts = serializers.IntegerField(help_text="Failed ones since the last success")
    retry_at = serializers.DateTimeField(allow_null=True)
    needs_person = serializers.BooleanField(help_text="Whether the last error does not go away by itself")
    last_error = serializers.CharField()
    last_success_at = serializers.DateTimeField(allow_null=True)
    reconciled_at = serializers.DateTimeField(allow_null=True, help_text="When rows were last compared")


class HealthSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(["ok", "degraded"])
    configuration = serializers.CharField(
        required=False, help_text="For administrators: what is wrong with POLARDB_URL, if something is"
    )
    storages = StorageHealthSerializer(many=True, required=False, help_text="For administrators")


class HealthAPI(APIView):
    permission_classes = (AllowAny,)

    @extend_schema(
        tags=["Write-back"],
        summary="Health of write-back",
        description="For anybody: one word. Administrators see each table. The status is 200 in either case.",
        responses=HealthSerializer,
        auth=[],
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if not (request.user.is_staff or request.user.is_superuser):
            return Response({"status": _word.get()})
        found = writeback_statuses()
        storages = [{"healthy": status.is_healthy, **as_json(status)} for status in found]
        answer: dict[str, Any] = {"status": _word_for(found), "storages": storages}
        problem = configuration().database_problem
        return Response(answer | ({"configuration": problem} if problem else {}))


def _word_for(statuses: list[WritebackStatus]) -> str:
    is_well = not configuration().database_problem and all(status.is_healthy for status in statuses)
    return "ok" if is_well else "degraded"


class _Word:
    """What this process tells anybody."""

    def __init__(self) -> None:
        self._word = ""
        self._until = 0.0

    def get(self) -> str:
        if time.monotonic() >= self._until:
            self._word = _word_for(writeback_statuses())
            self._until = time.monotonic() + MAX_AGE_S
        return self._word

    def forget(self) -> None:
        self._until = 0.0


_word = _Word()
forget = _word.forget
