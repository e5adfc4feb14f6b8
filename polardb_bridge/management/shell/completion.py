"""What Tab completes: keywords, options and their values, names."""

from __future__ import annotations

from collections.abc import Iterable

from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document

from polardb_bridge.management.shell.names import KnownNames, Names
from polardb_bridge.statements.names import allow_list_name
from polardb_bridge.statements.options import VALUES
from polardb_bridge.statements.parser import RESERVED
from polardb_bridge.statements.syntax import MODEL
from polardb_bridge.statements.typed import Following, following, last_word, read


class StatementCompleter(Completer):
    """Offers what the parser would take next."""

    def __init__(self, known: KnownNames) -> None:
        self._known = known

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Completion]:
        last = last_word(read(document.text_before_cursor).rest)
        if last is None:
            return
        after = following(last.before)
        names = _names(after, self._known.names)
        if last.quote:
            texts = [f"{name}{last.quote}" for name in names]
        elif after.option:
            texts = [f"'{name}'" for name in names]
        else:
            texts = [_written(word, like=last.word) for word in after.words if word != "."]
            texts += [f"`{name}`" if name.upper() in RESERVED else name for name in names]
        for text in sorted(texts):
            if text.lstrip("'`").lower().startswith(last.word.lower()):
                yield Completion(text, start_position=-len(last.word), display=text.strip(" =") or text)


def _names(after: Following, known: Names) -> Iterable[str]:
    if after.option:
        of_database = {"annotation_template_id": known.templates, "annotation_source": known.tables}
        return of_database.get(after.option) or VALUES.get(after.option, ())
    return {
        "the model's name": (MODEL,),
        "the deployment's name": known.deployments,
        "the allow-list's name": tuple(map(allow_list_name, known.deployments)),
    }.get(after.name, ())


def _written(word: str, *, like: str) -> str:
    """A keyword in the case that was begun, an option, or a sign."""
    if word.isupper():
        return f"{word.lower() if like.islower() else word} "
    return f"{word} = " if word[0].isalpha() else word
