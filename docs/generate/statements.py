"""Statements: their grammar, their options, and what they answer."""

from __future__ import annotations

import inspect

from docs.generate.texts import Texts, code, table
from polardb_bridge.choices import Choice, ExistingAnnotations, ImageDelivery
from polardb_bridge.deployments.execution.answers import allow_list_row, deployment_rows
from polardb_bridge.deployments.models import Deployment
from polardb_bridge.statements import errors, syntax
from polardb_bridge.statements.options import ALLOW_LIST_OPTIONS, DEPLOY_OPTIONS, DROP_OPTIONS
from polardb_bridge.statements.syntax import DeployModel, DropDeployment, UpdateWhiteIps

_STATEMENTS = {
    DeployModel.verb: DEPLOY_OPTIONS,
    UpdateWhiteIps.verb: ALLOW_LIST_OPTIONS,
    DropDeployment.verb: DROP_OPTIONS,
}
_CHOICES: dict[str, type[Choice]] = {"image_delivery": ImageDelivery, "existing_annotations": ExistingAnnotations}


def grammar() -> str:
    """The grammar in the docstring of `syntax`."""
    lines = inspect.cleandoc(syntax.__doc__ or "").splitlines()
    return inspect.cleandoc("\n".join(line for line in lines if line.startswith("    "))) + "\n"


def options(texts: Texts) -> str:
    """A section for each statement that takes options."""
    meanings = texts.of("options", [name for readers in _STATEMENTS.values() for name in readers])
    heads = [texts.word(word) for word in ("option", "meaning", "choices")]
    return "".join(
        f"### {verb}\n\n" + table(heads, [(code(name), meanings[name], _choices(name)) for name in readers])
        for verb, readers in _STATEMENTS.items()
    )


def _choices(name: str) -> str:
    """The values that an option takes; the first of them is the default."""
    choices = _CHOICES.get(name)
    return ", ".join(code(value) for value in choices.values()) if choices else ""


def answers(texts: Texts) -> str:
    """The columns of the statements that show something, and the numbers of errors."""
    shown = deployment_rows([]).columns
    meanings = texts.of("columns", dict.fromkeys((*shown, *allow_list_row(Deployment()).columns)))
    numbers = {str(n): name for name, n in vars(errors).items() if name.isupper() and isinstance(n, int)}
    found = texts.of("errors", numbers)
    states = {number: errors.StatementError(int(number), "").sqlstate for number in found}
    return (
        f"### SHOW DEPLOYMENT, SHOW DEPLOYMENTS\n\n{_columns(shown, meanings, texts)}"
        f"### SHOW WHITEIPS\n\n{_columns(allow_list_row(Deployment()).columns, meanings, texts)}"
        f"### {texts.word('errors')}\n\n"
        + table(
            [texts.word(word) for word in ("number", "sqlstate", "meaning")],
            [(code(number), code(states[number]), meaning) for number, meaning in found.items()],
        )
    )


def _columns(names: tuple[str, ...], meanings: dict[str, str], texts: Texts) -> str:
    return table([texts.word("column"), texts.word("meaning")], [(code(name), meanings[name]) for name in names])
