"""`/polardb/health`: whether results reach their tables.

Anybody, such as a probe, may ask for the one word; administrators see every storage. The answer is 200 either way:
restarting Label Studio heals no database. It is an error only if Label Studio's own database does not answer.
"""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from polardb_bridge.storage.writeback_status import as_json, writeback_statuses


@extend_schema(exclude=True)
class HealthAPI(APIView):
    permission_classes = (AllowAny,)

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        found = writeback_statuses()
        answer: dict[str, Any] = {"status": "ok" if all(status.is_healthy for status in found) else "degraded"}
        if request.user.is_staff or request.user.is_superuser:
            answer["storages"] = [{"healthy": status.is_healthy, **as_json(status)} for status in found]
        return Response(answer)
