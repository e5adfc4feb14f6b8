"""What is wrong with a statement, in MySQL's form, which every SQL client shows as it is."""

from __future__ import annotations

from polardb_bridge.errors import InvalidInputError

# MySQL's error numbers: https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html
SYNTAX_ERROR = 1064
EMPTY_QUERY = 1065
UNKNOWN_ERROR = 1105
TABLE_DENIED = 1142
TOO_LARGE = 1153
WRONG_ARGUMENTS = 1210
OPERATORS_ONLY = 1227
EXISTS = 1304
DOES_NOT_EXIST = 1305

_STATES = {
    **dict.fromkeys((SYNTAX_ERROR, EMPTY_QUERY, TABLE_DENIED, OPERATORS_ONLY, EXISTS, DOES_NOT_EXIST), "42000"),
    TOO_LARGE: "08S01",
}
_GENERAL_STATE = "HY000"


class StatementError(InvalidInputError):
    """`ERROR 1064 (42000): …`.

    code, sqlstate: MySQL's numbers for this kind of error. message: without them. line, column: where in the text,
    from 1; None if it is not the text that is wrong. number: which of several statements, from 1. ran: how many
    before it were run.
    """

    def __init__(
        self,
        code: int,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        number: int = 1,
        ran: int = 0,
    ) -> None:
        self.code = code
        self.sqlstate = _STATES.get(code, _GENERAL_STATE)
        self.message = message
        self.line = line
        self.column = column
        self.number = number
        self.ran = ran
        super().__init__(f"ERROR {code} ({self.sqlstate}): {message}")
