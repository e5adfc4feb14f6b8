"""Figures as tables: what a page shows, what its charts draw, and what a spreadsheet gets, from the same rows."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, TextIO

from django.utils.formats import number_format
from django.utils.translation import gettext as _

# What makes a spreadsheet take a text for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class Column:
    """key: in files, the same in all languages. title: on pages.

    kind: of its values, `text`, `number` or `seconds`. drawn: how the chart draws it, as `bar` or `line`; not at all
    if empty.
    """

    key: str
    title: str
    kind: str = "text"
    drawn: str = ""


@dataclass(frozen=True)
class Cell:
    """value: for scripts. text: for people."""

    value: str
    text: str
    column: Column


@dataclass(frozen=True)
class Sheet:
    """name: in urls and files. chart: `x` with columns, `y` with rows that are read; empty if there is none."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]
    chart: str = ""
    note: str = ""

    @property
    def cells(self) -> Iterable[list[Cell]]:
        for row in self.rows:
            yield [
                Cell("" if value is None else str(value), shown(value, column.kind), column)
                for value, column in zip(row, self.columns, strict=True)
            ]

    def write_csv(self, file: TextIO) -> None:
        """With a byte order mark, without which Excel reads no Chinese; no cell can be a formula."""
        file.write("\ufeff")
        writer = csv.writer(file)
        writer.writerow([column.key for column in self.columns])
        writer.writerows([[in_file(value) for value in row] for row in self.rows])


def in_file(value: Any) -> Any:
    """A value of a CSV file. Texts that a spreadsheet would calculate begin with an apostrophe there."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, float):
        return round(value, 3)
    if isinstance(value, (int, date)):
        return value
    text = str(value)
    # Spreadsheets pass over spaces before a formula.
    return f"'{text}" if text.startswith(_FORMULA) or text.lstrip().startswith(_FORMULA) else text


def shown(value: Any, kind: str) -> str:
    """A value on a page."""
    if value is None:
        return "–"
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M")
    if kind == "seconds":
        return duration(value)
    if kind == "number":
        return str(number_format(value, use_l10n=True, force_grouping=True))
    return str(value)


def duration(seconds: float) -> str:
    """`12.3 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`."""
    if seconds < 1:
        return str(_("{milliseconds} ms").format(milliseconds=round(seconds * 1000)))
    if seconds < 60:
        return str(_("{seconds} s").format(seconds=f"{seconds:.1f}"))
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return str(_("{minutes} min {seconds} s").format(minutes=minutes, seconds=rest))
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return str(_("{hours} h {minutes} min").format(hours=hours, minutes=minutes))
    return str(_("{days} d {hours} h").format(days=hours // 24, hours=hours % 24))
