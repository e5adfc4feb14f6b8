"""Pictures of users, for those who may see the user; Label Studio shows them to everybody (users/urls.py)."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpResponse
from django.views.static import serve
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.views import APIView
from users.models import User

from polardb_bridge.deployments.tenancy.isolation import may_see


@extend_schema(exclude=True)
class AvatarView(APIView):
    permission_classes = (IsAuthenticated,)

    def get(self, request: Request, path: str) -> HttpResponse:
        name = f"{settings.AVATAR_PATH}/{path}"
        pictured = User.objects.filter(avatar=name).first()
        if pictured is None or not may_see(request.user, pictured):
            raise Http404
        answer: HttpResponse = serve(request, name, document_root=settings.MEDIA_ROOT)
        return answer
