"""Where statements are typed: several lines until the end of the last one, with a history and Tab."""

from __future__ import annotations

from functools import lru_cache

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, has_focus
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.shortcuts import CompleteStyle

from polardb_bridge.management.shell.completion import StatementCompleter
from polardb_bridge.management.shell.history import open_history
from polardb_bridge.management.shell.names import KnownNames
from polardb_bridge.statements.typed import read

PROMPT = "polar4ai> "
_GOES_ON = "-> "
# Commands of the mysql client, which need no semicolon.
LEAVE = frozenset({"exit", "quit", "\\q"})
HELP = frozenset({"help", "\\h", "?", "\\?"})


def command_of(text: str) -> str:
    """`text` as LEAVE and HELP have it."""
    return text.strip().rstrip("; \t").lower()


def is_complete(text: str) -> bool:
    return command_of(text) in LEAVE | HELP or not read(text).rest


class StatementPrompt:
    """Asks for statements."""

    def __init__(self) -> None:
        self._known = KnownNames()
        self._session: PromptSession[str] = PromptSession(
            PROMPT,
            multiline=True,
            prompt_continuation=_continuation,
            history=open_history(),
            completer=StatementCompleter(self._known),
            complete_style=CompleteStyle.READLINE_LIKE,
            complete_while_typing=False,
            key_bindings=_keys(),
        )

    def ask(self) -> str:
        """What was typed: whole statements, or a command.

        Raises:
            KeyboardInterrupt: Ctrl-C drops what is typed.
            EOFError: Ctrl-D, or the terminal is gone.
        """
        self._known.refresh()
        return self._session.prompt()


def _continuation(width: int, line_number: int, wraps: int) -> str:
    """What stands before a further line: the arrow, or the quote that is still open, as in the mysql client."""
    if wraps:
        return ""
    first_line, mark = _opened_in(get_app().current_buffer.text)
    return (f"{mark}> " if mark and line_number > first_line else _GOES_ON).rjust(width)


@lru_cache(maxsize=1)
def _opened_in(text: str) -> tuple[int, str]:
    """In which line what is not closed begins, and how; asked for each line that is drawn."""
    opened = read(text).opened
    return (text.count("\n", 0, opened.start), opened.value) if opened else (0, "")


def _keys() -> KeyBindings:
    keys = KeyBindings()
    is_typing = has_focus(DEFAULT_BUFFER)

    @keys.add("enter", filter=is_typing)
    def end_line(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if is_complete(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    @Condition
    def is_at_empty_line() -> bool:
        document = get_app().current_buffer.document
        return document.is_cursor_at_the_end and not document.current_line.strip()

    @keys.add("c-d", filter=is_typing & is_at_empty_line)
    def leave(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError())

    return keys
