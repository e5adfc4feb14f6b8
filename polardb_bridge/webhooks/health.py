"""`/polardb/health`: whether results reach their tables, and whether `POLARDB_URL` can be read.

Anybody, such as a probe, may ask for the one word; administrators see every storage. The answer is 200 either way:
restarting Label Studio heals no database. It is an error only if Label Studio's own database does not answer.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from polardb_bridge.conf import configuration
from polardb_bridge.storage.writeback_status import as_json, writeback_statuses


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
        found = writeback_statuses()
        problem = configuration().database_problem
        is_well = not problem and all(status.is_healthy for status in found)
        answer: dict[str, Any] = {"status": "ok" if is_well else "degraded"}
        if request.user.is_staff or request.user.is_superuser:
            if problem:
                answer["configuration"] = problem
            answer["storages"] = [{"healthy": status.is_healthy, **as_json(status)} for status in found]
        return Response(answer)
