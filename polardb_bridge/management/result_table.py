"""Answers to statements as the mysql client prints them."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

from rich.cells import cell_len

from polardb_bridge.deployments.execution.answers import Answer
from polardb_bridge.statements.masking import printable


def as_table(answer: Answer) -> str:
    """Rows in a frame; characters of Chinese, which take two cells of a terminal, stay in line."""
    if not answer.rows:
        return "Empty set"
    lines = [list(answer.columns), *([_text(value) for value in row] for row in answer.rows)]
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    is_number = [all(isinstance(value, int | float) for value in column) for column in zip(*answer.rows, strict=True)]
    border = "+".join(["", *("-" * (width + 2) for width in widths), ""])
    header, *body = [
        "|".join(["", *(f" {_padded(*cell)} " for cell in zip(line, widths, right, strict=True)), ""])
        for line, right in zip(lines, [[False] * len(widths), *[is_number] * len(answer.rows)], strict=True)
    ]
    return "\n".join([border, header, border, *body, border, _count(answer)])


def as_list(answer: Answer) -> str:
    r"""Every value on a line of its own, as the mysql client does after `\G`."""
    if not answer.rows:
        return "Empty set"
    width = max(map(cell_len, answer.columns))
    lines = []
    for number, row in enumerate(answer.rows, start=1):
        lines.append(f"{'*' * 27} {number}. row {'*' * 27}")
        lines += [
            f"{_padded(name, width, right=True)}: {_text(value)}"
            for name, value in zip(answer.columns, row, strict=True)
        ]
    return "\n".join([*lines, _count(answer)])


def as_tabs(answer: Answer) -> str:
    """Columns and values with tabs between them, a row a line, as the mysql client prints into a pipe."""
    if not answer.rows:
        return ""
    lines = [answer.columns, *([_text(value) for value in row] for row in answer.rows)]
    return "\n".join("\t".join(cell.replace("\\", "\\\\") for cell in line) for line in lines)


def width_of(table: str) -> int:
    """How many cells of a terminal the table takes."""
    return cell_len(table.partition("\n")[0])


def _count(answer: Answer) -> str:
    return "1 row in set" if len(answer.rows) == 1 else f"{len(answer.rows)} rows in set"


def _padded(text: str, width: int, right: bool) -> str:
    padding = " " * (width - cell_len(text))
    return padding + text if right else text + padding


def _text(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
    # An error's text may hold anything, a terminal's control characters among it.
    return printable(str(value))
