"""The answer to whoever is refused: a page in English and Chinese, or JSON for programs."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import NoReturn

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string
from rest_framework.exceptions import PermissionDenied

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.statements.syntax import UpdateWhiteIps

logger = logging.getLogger(__name__)


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

    client_ip: where it came from; None if that is not known. deployment: the one that is closed to it; None if the
    user has no organization. named: whether the asker knows the deployment's name: as its user, or from its url.
    """

    client_ip: str | None
    deployment: Deployment | None
    named: bool = True

    @property
    def statement(self) -> str | None:
        """What an administrator runs to let the client in; not for strangers, who learn no names."""
        if self.deployment is None or self.deployment.is_dropping or not self.client_ip or not self.named:
            return None
        return (
            f"/*polar4ai*/{UpdateWhiteIps.verb} `{self.deployment.white_ip_name}` "
            f"WITH (ips='<addresses so far>,{self.client_ip}');"
        )

    def texts(self) -> tuple[Text, Text]:
        """English, Chinese."""
        if self.deployment is None:
            return (
                Text("en", "No organization", "Your account belongs to no organization.", "Ask an administrator."),
                Text("zh", "没有所属组织", "您的账号不属于任何组织。", "请联系管理员。"),
            )
        if self.deployment.is_dropping and self.named:
            return (
                Text("en", "Closed", "This deployment is being removed.", "Ask an administrator."),
                Text("zh", "已关闭", "该部署正在删除。", "请联系管理员。"),
            )
        return (
            Text(
                "en",
                "Address not allowed",
                f"The address {self.client_ip or '(unknown)'} is not on the allow-list.",
                "An administrator can add it with UPDATE WHITEIPS, which replaces the whole list.",
            ),
            Text(
                "zh",
                "地址不在白名单中",
                f"地址 {self.client_ip or '（未知）'} 不在白名单中。",
                "管理员可以用 UPDATE WHITEIPS 语句添加该地址；语句中的列表会替换原有列表。",
            ),
        )


def refuse(request: HttpRequest, refusal: Refusal) -> NoReturn:
    """End the request; `refusal_page` answers it.

    Raises:
        PermissionDenied: always.
    """
    if refusal_of(request) is None:
        request._polardb_refusal = refusal
        logger.warning(
            "Refused %s %s from %s: %s",
            request.method,
            request.path,
            refusal.client_ip or "an unknown address",
            f"deployment {refusal.deployment}" if refusal.deployment else "the user has no organization",
        )
    raise PermissionDenied


def refusal_of(request: HttpRequest) -> Refusal | None:
    """Why this request was refused; None if it was not."""
    return getattr(request, "_polardb_refusal", None)


def refusal_page(request: HttpRequest) -> HttpResponse:
    """The answer to a refused request, for browsers and for programs."""
    refusal = refusal_of(request)
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
            "address": refusal.client_ip,
            "statement": refusal.statement,
            "status_code": 403,
        }
        answer = JsonResponse(body, status=403, json_dumps_params={"ensure_ascii": False})
    answer["Cache-Control"] = "no-store"
    return answer
