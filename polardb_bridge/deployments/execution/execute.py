"""Running statements, wherever they come from: a shell, the REST API, the operator's page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from polardb_bridge.conf import command_database
from polardb_bridge.deployments.access.allow_list import open_to_all
from polardb_bridge.deployments.deploy import deploy
from polardb_bridge.deployments.drop import drop
from polardb_bridge.deployments.execution.answers import (
    HIDDEN_PASSWORD,
    Answer,
    allow_list_row,
    deployment_rows,
    message,
)
from polardb_bridge.deployments.execution.audit import Actor, recorded
from polardb_bridge.deployments.execution.rights import EVERYTHING, Rights
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.deployments.notes import notes_on_table
from polardb_bridge.deployments.status import every_deployment, statuses_of
from polardb_bridge.errors import (
    BridgeError,
    DeniedError,
    DeploymentExistsError,
    InvalidInputError,
    NoSuchDeploymentError,
    ReconfigureError,
    TableTakenError,
)
from polardb_bridge.networks import parse_networks, summarized
from polardb_bridge.statements import syntax
from polardb_bridge.statements.errors import (
    DOES_NOT_EXIST,
    EXISTS,
    UNKNOWN_ERROR,
    WRONG_ARGUMENTS,
    StatementError,
)
from polardb_bridge.statements.names import ALLOW_LIST_PREFIX
from polardb_bridge.statements.parser import parse
from polardb_bridge.storage.labels import vanished_labels


def execute(
    text: str, actor: Actor, on_answer: Callable[[Answer], None] | None = None, rights: Rights = EVERYTHING
) -> list[Answer]:
    """Run the statements in `text` one after another; the caller has checked that `actor` may, as far as `rights` go.

    on_answer: called with each answer as soon as it is there, also if a later statement fails.

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
        answers.append(run(statement, actor, number, rights))
        if on_answer:
            on_answer(answers[-1])
    return answers


def run(statement: syntax.Statement, actor: Actor, number: int = 1, rights: Rights = EVERYTHING) -> Answer:
    """Run one statement, the one of that number in its text.

    Raises:
        StatementError: it failed.
    """
    with recorded(str(statement), actor):
        try:
            rights.check(statement)
            return _run(statement, rights)
        except BridgeError as error:
            raise _in_mysql_form(error, statement, number) from None


def _in_mysql_form(error: BridgeError, statement: syntax.Statement, number: int) -> StatementError:
    code, text = UNKNOWN_ERROR, str(error)
    if isinstance(error, DeniedError):
        code = error.code
    elif isinstance(error, (DeploymentExistsError, TableTakenError)):
        code = EXISTS
    elif isinstance(error, NoSuchDeploymentError):
        code = DOES_NOT_EXIST
    elif isinstance(error, InvalidInputError):
        code, text = WRONG_ARGUMENTS, f"Incorrect arguments to {statement.verb}: {error}"
    return StatementError(code, text, number=number, ran=number - 1)


def _run(statement: syntax.Statement, rights: Rights) -> Answer:
    match statement:
        case syntax.DeployModel():
            return _deploy(statement, rights)
        case syntax.ShowDeployment(name):
            return _rows([rights.find(name)], rights)
        case syntax.ShowDeployments(like):
            return _rows(
                (each for each in every_deployment() if _is_like(each.name, like) and rights.may_read(each)), rights
            )
        case syntax.UpdateWhiteIps(name, ips):
            deployment = _find_by_allow_list(name, rights)
            rights.check_change(deployment, statement)
            return _set_allow_list(deployment, parse_networks(ips))
        case syntax.ShowWhiteIps(name):
            return allow_list_row(_find_by_allow_list(name, rights))
        case syntax.DropDeployment():
            return _drop(statement, rights)


def _rows(deployments: Iterable[Deployment], rights: Rights) -> Answer:
    """How they stand, with first passwords for those only who could give the deployment away."""
    found = list(deployments)
    hidden = {each.name for each in found if not rights.may_change(each)}
    statuses = statuses_of(found)
    return deployment_rows(
        replace(status, password=HIDDEN_PASSWORD) if status.name in hidden else status for status in statuses
    )


def _deploy(statement: syntax.DeployModel, rights: Rights) -> Answer:
    if statement.model.lower() != syntax.MODEL.lower():
        raise NoSuchDeploymentError(f"There is no model {statement.model!r}; the only one is {syntax.MODEL}.")
    try:
        database = command_database()
    except InvalidInputError as error:
        raise ReconfigureError(str(error)) from None
    rights.check_deploy(statement)
    try:
        deployment = deploy(statement, database)
    except DeploymentExistsError:
        # Asked afterwards: of two statements at once, the second finds out in there only.
        there = Deployment.objects.filter(name__iexact=statement.name).first()
        if not (statement.if_not_exists and there and rights.may_read(there)):
            raise
        text = f"There already is a deployment {statement.name}; nothing was done."
        return message("\n".join([text, *(vanished_labels(there.project) if there.project else [])]))
    text = (
        f"Deployment {deployment.name} is created. It is closed to everybody until "
        f"{syntax.UpdateWhiteIps.verb} `{deployment.white_ip_name}` WITH (ips='…') opens it; "
        f"{syntax.ShowDeployment.verb} `{deployment.name}` gives its URL, user and password."
    )
    return message("\n".join([text, *notes_on_table(deployment, database, statement.existing_annotations)]))


def _is_like(name: str, pattern: str | None) -> bool:
    """Whether a name matches a pattern of SQL; names are told apart without regard to case."""
    if pattern is None:
        return True
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    regex = "".join({"%": ".*", "_": "."}.get(part) or re.escape(part.removeprefix("\\") or part) for part in parts)
    return re.fullmatch(regex, name, re.IGNORECASE | re.DOTALL) is not None


def _find_by_allow_list(name: str, rights: Rights) -> Deployment:
    """The deployment that an allow-list belongs to; a deployment's own name will do as well.

    After the prefix there is one deployment's name and no other: the list of one that was dropped must not open the
    deployment that is called like the list.
    """
    owner = name[len(ALLOW_LIST_PREFIX) :] if name.lower().startswith(ALLOW_LIST_PREFIX) else name
    try:
        return rights.find(owner)
    except NoSuchDeploymentError:
        raise NoSuchDeploymentError(
            f"There is no allow-list {name!r}. {syntax.ShowDeployments.verb} lists them."
        ) from None


def _set_allow_list(deployment: Deployment, networks: tuple[str, ...]) -> Answer:
    # Not by save(): the deployment may be dropped at this moment.
    if not Deployment.objects.filter(pk=deployment.pk).update(allowed_networks=list(networks)):
        raise NoSuchDeploymentError(f"The deployment {deployment.name!r} no longer exists.")
    text = f"Deployment {deployment.name} is open to {summarized(networks) or 'nobody'}."
    if open_to_all(networks):
        text += " Warning: that lets in the whole Internet."
    return message(text)


def _drop(statement: syntax.DropDeployment, rights: Rights) -> Answer:
    try:
        deployment = rights.find(statement.name)
    except NoSuchDeploymentError:
        if not statement.if_exists:
            raise
        return message(f"There is no deployment {statement.name}; nothing was done.")
    rights.check_change(deployment, statement)
    lost = drop(deployment, force=statement.force)
    text = f"Deployment {deployment.name} is dropped; its rows and their results stay in {deployment.source}."
    if lost:
        text += f" Warning: {lost} rows are without their newest result."
    return message(text)
