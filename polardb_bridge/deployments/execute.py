"""Running statements, wherever they come from: a shell, the REST API, the operator's page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, astuple, dataclass, fields
from typing import Any

from polardb_bridge.conf import command_database
from polardb_bridge.deployments.allow_list import open_to_all, parse_networks
from polardb_bridge.deployments.audit import Actor, recorded
from polardb_bridge.deployments.describe import DeploymentRow, all_deployments, describe_all
from polardb_bridge.deployments.lifecycle import DeployRequest, deploy, drop, find
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.statements import (
    DOES_NOT_EXIST,
    EXISTS,
    UNKNOWN_ERROR,
    WHITE_IP_PREFIX,
    WRONG_ARGUMENTS,
    DeployModel,
    DropDeployment,
    ShowDeployment,
    ShowDeployments,
    ShowWhiteIps,
    Statement,
    StatementError,
    UpdateWhiteIps,
    parse,
)
from polardb_bridge.errors import (
    BridgeError,
    DeploymentExistsError,
    InvalidInputError,
    NoSuchDeploymentError,
    ReconfigureError,
)

MODEL = "Label-Studio"


@dataclass(frozen=True)
class Answer:
    """What a statement gives: rows under columns, or, without columns, a message."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    message: str


def execute(text: str, actor: Actor, on_answer: Callable[[Answer], None] | None = None) -> list[Answer]:
    """Run the statements in `text` one after another; whether `actor` may do so, the caller has checked.

    on_answer: called with each answer as soon as it is there, also where a later statement fails.

    Raises:
        StatementError: a statement cannot be read, and nothing was run; or one failed, and `ran` before it were run.
    """
    try:
        statements = parse(text)
    except StatementError:
        with recorded(text, actor):
            raise
    answers = []
    for number, statement in enumerate(statements, start=1):
        answers.append(run(statement, actor, number))
        if on_answer:
            on_answer(answers[-1])
    return answers


def run(statement: Statement, actor: Actor, number: int = 1) -> Answer:
    """Run one statement, the one of that number in its text.

    Raises:
        StatementError: it failed.
    """
    with recorded(str(statement), actor):
        try:
            return _run(statement)
        except BridgeError as error:
            raise _in_mysql_form(error, statement, number) from None


def _in_mysql_form(error: BridgeError, statement: Statement, number: int) -> StatementError:
    code, message = UNKNOWN_ERROR, str(error)
    if isinstance(error, DeploymentExistsError):
        code = EXISTS
    elif isinstance(error, NoSuchDeploymentError):
        code = DOES_NOT_EXIST
    elif isinstance(error, InvalidInputError):
        code, message = WRONG_ARGUMENTS, f"Incorrect arguments to {statement.verb}: {error}"
    return StatementError(code, message, number=number, ran=number - 1)


def _run(statement: Statement) -> Answer:
    match statement:
        case DeployModel():
            return _deploy(statement)
        case ShowDeployment(name):
            return _table_of([find(name)])
        case ShowDeployments():
            return _table_of(all_deployments())
        case UpdateWhiteIps(name, ips):
            return _set_white_ips(_find_by_white_ip_name(name), parse_networks(ips))
        case ShowWhiteIps(name):
            deployment = _find_by_white_ip_name(name)
            row = (deployment.white_ip_name, _in_words(deployment.allowed_networks))
            return Answer(("white_ip_name", "ips"), (row,), "")
        case DropDeployment(name, force):
            return _drop(find(name), force)


def _deploy(statement: DeployModel) -> Answer:
    if statement.model.lower() != MODEL.lower():
        raise NoSuchDeploymentError(f"There is no model {statement.model!r} to deploy, only {MODEL}.")
    try:
        database = command_database()
    except InvalidInputError as error:
        raise ReconfigureError(str(error)) from None
    request = DeployRequest(
        name=statement.name,
        template_id=statement.template_id,
        source=statement.source,
        title=statement.title,
        image_delivery=statement.image_delivery,
        existing_annotations=statement.existing_annotations,
    )
    deployment = deploy(request, database)
    return _done(
        f"Deployment {deployment.name} is made. It is closed to everybody until "
        f"{UpdateWhiteIps.verb} `{deployment.white_ip_name}` WITH (ips='…') opens it; "
        f"{ShowDeployment.verb} `{deployment.name}` gives its address, user and password."
    )


def _table_of(deployments: Iterable[Deployment]) -> Answer:
    columns = tuple(field.name for field in fields(DeploymentRow))
    return Answer(columns, tuple(astuple(row) for row in describe_all(deployments)), "")


def _find_by_white_ip_name(name: str) -> Deployment:
    """The deployment that an allow-list belongs to; a deployment's own name will do as well."""
    has_prefix = name.lower().startswith(WHITE_IP_PREFIX)
    for candidate in [name[len(WHITE_IP_PREFIX) :], name] if has_prefix else [name]:
        try:
            return find(candidate)
        except NoSuchDeploymentError:
            continue
    raise NoSuchDeploymentError(f"There is no allow-list {name!r}. {ShowDeployments.verb} lists them.")


def _set_white_ips(deployment: Deployment, networks: tuple[str, ...]) -> Answer:
    # Not by save(): the deployment may be dropped at this moment.
    if not Deployment.objects.filter(pk=deployment.pk).update(allowed_networks=list(networks)):
        raise NoSuchDeploymentError(f"There is no deployment {deployment.name!r} any more.")
    message = f"Deployment {deployment.name} is open to {_in_words(networks) or 'nobody'}."
    if open_to_all(networks):
        message += " Warning: that lets in the whole Internet."
    return _done(message)


def _drop(deployment: Deployment, force: bool) -> Answer:
    lost = drop(deployment, force=force)
    message = f"Deployment {deployment.name} is dropped; its rows and their results stay in {deployment.source}."
    if lost:
        message += f" Warning: {lost} rows are without their newest result."
    return _done(message)


def _in_words(networks: Iterable[str]) -> str:
    """As they are typed: one address without the length of its network."""
    return ",".join(network.removesuffix("/128" if ":" in network else "/32") for network in networks)


def _done(message: str) -> Answer:
    return Answer((), (), message)


def as_json(answers: Iterable[Answer]) -> dict[str, Any]:
    """What programs get: `{"results": [{"columns": […], "rows": [[…]], "message": "…"}]}`."""
    return {"results": [asdict(answer) for answer in answers]}


def failure_as_json(error: StatementError, answers: Iterable[Answer]) -> dict[str, Any]:
    """What programs get where a statement failed: MySQL's numbers, the place, and the answers before it.

    statement: which one, from 1. line, column: None where it is not the text that is wrong.
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
