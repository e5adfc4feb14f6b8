"""The deployments that the operator's page shows: those searched for, in order, a page at a time.

All that is shown comes from Label Studio's own database: no table is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.core.paginator import Page, Paginator
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from polardb_bridge.deployments.access.allow_list import allows, open_to_all
from polardb_bridge.deployments.console.said import in_page_language
from polardb_bridge.deployments.status import DeploymentState, DeploymentStatus, all_statuses

LINES_A_PAGE = 25
CLOSED = "closed"
# In the order of how much they ask for a look.
MARKS: dict[str, Any] = {
    DeploymentState.FAILED.value: _("Failed"),
    DeploymentState.DEGRADED.value: _("Degraded"),
    DeploymentState.DROPPING.value: _("Dropping"),
    DeploymentState.DEPLOYING.value: _("Deploying"),
    CLOSED: _("Closed"),
    DeploymentState.SERVING.value: _("Serving"),
}
_BY_MARK = list(MARKS)


@dataclass(frozen=True)
class Line:
    """A deployment as the page shows it.

    mark: of MARKS. networks: its allow-list, one a line; as it was typed if that was refused. is_open: to every
    address. lets_me_in: to that of whoever looks.
    """

    status: DeploymentStatus
    mark: str
    networks: str
    is_open: bool
    lets_me_in: bool
    refused: bool

    @property
    def mark_in_words(self) -> Any:
        return MARKS[self.mark]

    @property
    def share(self) -> float:
        """How much of it is annotated, from 0 to 1."""
        return self.status.annotated / self.status.tasks if self.status.tasks else 0.0


_ORDERS: dict[str, tuple[Any, Callable[[Line], Any]]] = {
    "name": (_("By name"), lambda line: line.status.name.lower()),
    "state": (_("What needs a look first"), lambda line: (_BY_MARK.index(line.mark), line.status.name.lower())),
    "newest": (_("Newest first"), lambda line: -line.status.created_at.timestamp()),
    "least": (_("Least annotated first"), lambda line: line.share),
    "most": (_("Most annotated first"), lambda line: -line.share),
    "waiting": (_("Most waiting write-backs first"), lambda line: -line.status.pending_writebacks),
}


@dataclass(frozen=True)
class Listing:
    """One page. searched: what was typed; mark: that is asked for, empty: any. marks: how many there are of each.

    query: what leads to this page again, without a question mark; others: the same without the page's number.
    """

    page: Page[Line]
    total: int
    searched: str
    mark: str
    order: str
    marks: list[tuple[str, Any, int]]
    query: str
    others: str

    @property
    def orders(self) -> list[tuple[str, Any]]:
        return [(order, words) for order, (words, _key) in _ORDERS.items()]


def listing(asked: QueryDict, client_ip: str | None, typed: dict[str, str] | None = None) -> Listing:
    """asked: `q`, `state`, `sort` and `page`; what makes no sense is passed over.

    typed: allow-lists as they were typed and refused, by name of the deployment in lower case.
    """
    searched = asked.get("q", "").strip()[:100]
    mark = asked.get("state", "") if asked.get("state") in MARKS else ""
    order = asked.get("sort", "") if asked.get("sort") in _ORDERS else "name"
    lines = [line_of(status, client_ip, typed) for status in all_statuses(with_passwords=False)]
    found = [line for line in lines if _holds(line, searched.lower())]
    counts = Counter(line.mark for line in found)
    chosen = sorted((line for line in found if mark in ("", line.mark)), key=_ORDERS[order][1])
    page = Paginator(chosen, LINES_A_PAGE).get_page(asked.get("page"))
    others = QueryDict(mutable=True)
    for name, value, default in (("q", searched, ""), ("state", mark, ""), ("sort", order, "name")):
        if value != default:
            others[name] = value
    query = others.copy()
    if page.number > 1:
        query["page"] = str(page.number)
    marks = [(name, words, counts[name]) for name, words in MARKS.items() if counts[name] or name == mark]
    return Listing(page, len(lines), searched, mark, order, marks, query.urlencode(), others.urlencode())


def _holds(line: Line, searched: str) -> bool:
    status = line.status
    return any(searched in text.lower() for text in (status.name, status.source, status.username, status.template_id))


def line_of(status: DeploymentStatus, client_ip: str | None, typed: dict[str, str] | None = None) -> Line:
    """How a deployment is shown to somebody at that address; typed as in `listing`."""
    networks = status.allowed_networks
    refused = (typed or {}).get(status.name.lower())
    is_closed = status.state is DeploymentState.SERVING and not networks
    return Line(
        replace(status, reason=in_page_language(status.reason), late=in_page_language(status.late)),
        CLOSED if is_closed else status.state.value,
        networks="\n".join(networks) if refused is None else refused,
        is_open=open_to_all(networks),
        lets_me_in=client_ip is None or allows(networks, client_ip),
        refused=refused is not None,
    )
