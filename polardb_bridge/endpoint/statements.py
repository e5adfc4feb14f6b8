"""Running statements of ours for MySQL clients: in threads, so that nobody else waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

from polardb_bridge.deployments.execution.answers import Answer
from polardb_bridge.deployments.execution.audit import Actor, recorded
from polardb_bridge.deployments.execution.execute import execute
from polardb_bridge.endpoint.account_rights import AccountRights
from polardb_bridge.endpoint.questions import Identity, Questions
from polardb_bridge.statements.errors import UNKNOWN_ERROR, WRONG_ARGUMENTS, StatementError
from polardb_bridge.statements.parser import parse
from polardb_bridge.table.parameters import ConnectionParameters

logger = logging.getLogger(__name__)

WAY_IN = "mysql"
_THREADS = 16
_QUESTION_TIMEOUT_S = 60.0


class Statements:
    """database: whose tables are deployed. operators: as `AccountRights` has them."""

    def __init__(self, database: ConnectionParameters, operators: Collection[str] = ()) -> None:
        self._database = database
        self._operators = frozenset(operators)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="statement")
        self._running = 0

    async def run(self, text: bytes, identity: Identity, questions: Questions, client_ip: str) -> Answer:
        """What the statement answers with.

        Raises:
            StatementError: it failed, or is not for this account.
        """
        loop = asyncio.get_running_loop()

        def check_runs(statement: str) -> None:
            asyncio.run_coroutine_threadsafe(questions.check_prepares(statement), loop).result(_QUESTION_TIMEOUT_S)

        rights = AccountRights(identity.account, self._operators, self._database, check_runs)
        actor = Actor(user=None, client_ip=client_ip, via=WAY_IN, account=identity.account)
        self._running += 1
        try:
            return await loop.run_in_executor(self._threads, _run, text, identity, actor, rights)
        finally:
            self._running -= 1

    def close(self) -> bool:
        """Begin no more. Whether none is running."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        return not self._running


def _run(text: bytes, identity: Identity, actor: Actor, rights: AccountRights) -> Answer:
    try:
        statement = text.decode(identity.characters.codec, "replace")
        if _holds_several(statement):
            with recorded(statement, actor):
                raise StatementError(
                    WRONG_ARGUMENTS, "Several statements at once cannot be answered: send them one by one"
                )
        return execute(statement, actor, rights=rights)[0]
    except StatementError:
        raise
    except Exception as error:
        logger.exception("A statement failed by a mistake of ours")
        raise StatementError(UNKNOWN_ERROR, "The statement failed: the log of serve_mysql says why") from error
    finally:
        # Threads stay, and their connections to Label Studio's database would age.
        connections.close_all()


def _holds_several(statement: str) -> bool:
    try:
        return len(parse(statement)) > 1
    except StatementError:
        return False  # it is said when it is run
