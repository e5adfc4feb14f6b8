"""What statements answer with: rows under columns, or a message; and the same as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.status import DeploymentState, DeploymentStatus
from polardb_bridge.networks import written
from polardb_bridge.statements.errors import StatementError

# What stands in place of one.
CHANGED_PASSWORD = "(changed)"  # noqa: S105
HIDDEN_PASSWORD = "(hidden)"  # noqa: S105


@dataclass(frozen=True)
class Answer:
    """What a statement gives: rows under columns, or, without columns, a message."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    message: str


def message(text: str) -> Answer:
    return Answer((), (), text)


def deployment_rows(statuses: Iterable[DeploymentStatus]) -> Answer:
    """What SHOW DEPLOYMENT and SHOW DEPLOYMENTS give."""
    return Answer(
        tuple(_COLUMNS), tuple(tuple(value(status) for value in _COLUMNS.values()) for status in statuses), ""
    )


def state_in_words(status: DeploymentStatus) -> str:
    """`Deploying n/total` until all rows are tasks, `Serving`, `Degraded: why`, `Failed: why`, or `Dropping`."""
    words = status.state.value.capitalize()
    if status.state is DeploymentState.DEPLOYING:
        return f"{words} {status.tasks}/{status.rows}"
    return f"{words}: {status.reason}" if status.reason else words


def _password_in_words(status: DeploymentStatus) -> str:
    return (status.password or CHANGED_PASSWORD) if status.username else ""


# The columns of SHOW DEPLOYMENT: names that PolarDB for AI documents, then ours.
_COLUMNS: dict[str, Callable[[DeploymentStatus], Any]] = {
    "deployment_name": lambda status: status.name,
    "status": state_in_words,
    "request_path": lambda status: status.url,
    "username": lambda status: status.username,
    "password": _password_in_words,
    "white_ip_name": lambda status: status.white_ip_name,
    "annotation_source": lambda status: status.source,
    "annotation_template_id": lambda status: status.template_id,
    "rows": lambda status: status.rows,
    "tasks": lambda status: status.tasks,
    "failed_rows": lambda status: status.failed_rows,
    "annotated": lambda status: status.annotated,
    "pending_writebacks": lambda status: status.pending_writebacks,
    "created_at": lambda status: status.created_at,
    "query": lambda status: status.query,
    "filter": lambda status: status.filter,
}


def allow_list_row(deployment: Deployment) -> Answer:
    """What SHOW WHITEIPS gives."""
    return Answer(("white_ip_name", "ips"), ((deployment.white_ip_name, written(deployment.allowed_networks)),), "")


def as_json(answers: Iterable[Answer]) -> dict[str, Any]:
    """What programs get: `{"results": [{"columns": […], "rows": [[…]], "message": "…"}]}`."""
    return {"results": [asdict(answer) for answer in answers]}


def failure_as_json(error: StatementError, answers: Iterable[Answer]) -> dict[str, Any]:
    """What programs get if a statement failed: MySQL's numbers, the place, and the answers before it.

    statement: which one, from 1. line, column: None if it is not the text that is wrong.
    """
    return {
        "code": error.code,
        "sqlstate": error.sqlstate,
        "message": error.message,
        "line": error.line,
        "column": error.column,
        "statement": error.number,
        **as_json(answers),
    }
