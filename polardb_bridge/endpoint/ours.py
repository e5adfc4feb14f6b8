"""Answering what is ours on one session: statements, and those that were prepared."""

from __future__ import annotations

from polardb_bridge.endpoint.capabilities import Dialect
from polardb_bridge.endpoint.commands import CLOSE, EXECUTE, OURS, PREPARE, QUERY, RESET, SEND_LONG_DATA, Command
from polardb_bridge.endpoint.questions import Identity, Questions
from polardb_bridge.endpoint.results import Writer
from polardb_bridge.endpoint.statements import Statements
from polardb_bridge.statements.errors import SYNTAX_ERROR, StatementError

_UNKNOWN_STATEMENT = 1243
_MAX_PREPARED = 1000
_TOO_MANY_PREPARED = 1461


class Ours:
    """What a session has prepared here, and who runs it."""

    def __init__(self, statements: Statements, dialect: Dialect, client_ip: str) -> None:
        self._statements = statements
        self._dialect = dialect
        self._client_ip = client_ip
        self._prepared: dict[int, bytes] = {}
        self._count = 0

    def drop(self, command: Command) -> bool:
        """Whether nobody waits for an answer to the command, which is done with then."""
        if command.kind == CLOSE:
            self._prepared.pop(command.number, None)
        return command.kind in (CLOSE, SEND_LONG_DATA)

    def forget(self) -> None:
        """The session begins anew: nothing is prepared any more."""
        self._prepared.clear()

    async def answer(self, command: Command, questions: Questions) -> list[bytes]:
        """The payloads of the answer.

        Raises:
            OutOfStepError, RefusedByServerError: as `Questions.identify`.
        """
        identity = await questions.identify()
        writer = Writer(self._dialect, identity.results, identity.status)
        try:
            return await self._answer(command, questions, identity, writer)
        except StatementError as error:
            return [writer.error(error.code, error.sqlstate, error.message)]

    async def _answer(self, command: Command, questions: Questions, identity: Identity, writer: Writer) -> list[bytes]:
        if command.is_batch:
            raise StatementError(
                SYNTAX_ERROR, "A statement of /*polar4ai*/ cannot follow others in one text: send it by itself"
            )
        if command.kind == PREPARE:
            return writer.prepared(self._prepare(command.text))
        if command.kind == QUERY:
            return await self._run(command.text, questions, identity, writer, as_values=False)
        text = self._prepared.get(command.number)
        if text is None or command.kind not in (EXECUTE, RESET):
            raise StatementError(_UNKNOWN_STATEMENT, "Unknown prepared statement handler")
        if command.kind == RESET:
            return writer.message()
        return await self._run(text, questions, identity, writer, as_values=True)

    def _prepare(self, text: bytes) -> int:
        if len(self._prepared) >= _MAX_PREPARED:
            raise StatementError(_TOO_MANY_PREPARED, f"Can't create more than {_MAX_PREPARED} prepared statements")
        self._count += 1
        self._prepared[OURS + self._count] = text
        return OURS + self._count

    @property
    def last_prepared(self) -> int:
        return OURS + self._count

    async def _run(
        self, text: bytes, questions: Questions, identity: Identity, writer: Writer, *, as_values: bool
    ) -> list[bytes]:
        answer = await self._statements.run(text, identity, questions, self._client_ip)
        if not answer.columns:
            return writer.message(answer.message)
        return writer.rows(answer.columns, answer.rows, as_values=as_values)
