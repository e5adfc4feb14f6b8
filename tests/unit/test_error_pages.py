"""Every message that a person may meet has a page in both languages, and every page is about such a message."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import yaml
from django.core.management import get_commands, load_command_class
from sqlalchemy import exc

from polardb_bridge import cli
from polardb_bridge.errors import BridgeError
from polardb_bridge.statements.parser import parse
from polardb_bridge.table.driver_errors import _REACTIONS, translated_errors
from polardb_bridge.table.parameters import ConnectionParameters
from support.error_messages import anonymous, as_regex, messages_in

ROOT = Path(__file__).parents[2]
LANGUAGES = ("en", "zh")
SECTIONS = {
    "en": ["What it means", "Why it happens", "What to do", "What happens to the data meanwhile"],
    "zh": ["含义", "原因", "处理方法", "数据的状态"],
}
# Texts that are no message by themselves, each with the reason.
NO_PAGE = {
    "is missing": "ends 'tp_schema: type …', which has a page",
    "'{}' is not supported": "ends 'tp_schema: type …', which has a page",
    "{} or {}": "ends 'for image_delivery, expected …', which has a page: the values that an option takes",
    "the row is older than the one that was read before": "nobody is told: the primary is asked instead",
    "The database cannot be read:": "stands before an error that has a page of its own",
    "POLARDB_URL: {}": "stands before a message of table/parameters.py, which has a page",
    "ERROR 1317 (70100): Query execution was interrupted": "answers the Ctrl-C of who reads it",
}
# What is said, but only running the program tells, each with the reason that it needs no page here.
PASSED_ON = {
    "str(error)": "another message, which has a page",
    "str(advice)": "the same",
    "{error.field or 'non_field_errors': [str(error)]}": "another message, which has a page",
    "configuration().database_problem": "why POLARDB_URL cannot be read: a message of table/parameters.py",
    "exc.messages": "what a form of Label Studio says",
    "problem": "the same, as a system check",
    "key.problem": "why a row cannot be a task: a message of table/row_keys.py, which has a page",
    "message": "a warning of `check --deploy`, whose hint says what to do",
    "reason": "a line of a sync's report: the reasons in it have pages",
    "' '.join(problems)": "what Label Studio says of an ML backend",
    "error.text": "what the database says of an account's privileges",
    "name_rule(max_length)": "ends '… must be 1 to 64 letters', which has a page",
}


@dataclass(frozen=True)
class Page:
    """messages: patterns, as the front matter has them. title: the first heading. body: what follows."""

    slug: str
    language: str
    subject: str
    messages: tuple[str, ...]
    title: str
    body: str


@cache
def messages() -> dict[str, list[str]]:
    """The package's messages, without the names of their placeholders, and the places that say them."""
    places: dict[str, list[str]] = {}
    for pattern, found in messages_in(ROOT / "polardb_bridge").messages.items():
        places.setdefault(anonymous(pattern), []).extend(f"{place}: {pattern}" for place in found)
    return places


@cache
def pages(language: str) -> dict[str, Page]:
    """By slug, all but the index."""
    folder = ROOT / "docs" / language / "errors"
    found = (read_page(path, language) for path in sorted(folder.glob("*.md")) if path.stem != "index")
    return {page.slug: page for page in found}


def read_page(path: Path, language: str) -> Page:
    _, front, text = path.read_text(encoding="utf-8").split("---\n", 2)
    matter = yaml.safe_load(front)
    title, body = text.strip().split("\n", 1)
    assert title.startswith("# "), path
    return Page(path.stem, language, matter["subject"], tuple(matter["messages"]), plain(title[2:]), body)


def plain(markdown: str) -> str:
    return re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", markdown)


def all_pages() -> list[Page]:
    return [page for language in LANGUAGES for page in pages(language).values()]


def code_of(page: Page, language: str) -> list[str]:
    """What stands in the page's blocks of this language of code."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.body, re.MULTILINE | re.DOTALL)


def test_every_message_has_one_page() -> None:
    documented = [anonymous(pattern) for page in pages("en").values() for pattern in page.messages]
    assert len(documented) == len(set(documented))
    missing = set(messages()) - set(documented) - set(NO_PAGE)
    assert not missing, "no page for:\n" + "\n".join(place for text in sorted(missing) for place in messages()[text])


def test_every_page_is_about_a_message_that_there_is() -> None:
    gone = [(page.slug, text) for page in all_pages() for text in page.messages if anonymous(text) not in messages()]
    assert not gone
    assert set(NO_PAGE) <= set(messages())


def test_no_message_escapes_the_finder() -> None:
    assert messages_in(ROOT / "polardb_bridge").unread == set(PASSED_ON)


def test_every_page_is_there_in_both_languages() -> None:
    english, chinese = ({slug: (p.subject, p.messages) for slug, p in pages(lang).items()} for lang in LANGUAGES)
    assert english == chinese
    assert len(english) > 100


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: f"{page.language}-{page.slug}")
class TestPage:
    def test_it_begins_with_its_message(self, page: Page) -> None:
        assert any(as_regex(pattern).fullmatch(page.title) for pattern in page.messages), page.title

    def test_it_answers_four_questions(self, page: Page) -> None:
        assert re.findall(r"^## (.+)$", page.body, re.MULTILINE) == SECTIONS[page.language]
        answers = re.split(r"^## .+$", page.body, flags=re.MULTILINE)[1:]
        assert all(answer.strip() for answer in answers)

    def test_its_links_lead_somewhere(self, page: Page) -> None:
        folder = ROOT / "docs" / page.language / "errors"
        for target in re.findall(r"\]\(([^)#]+)", page.body):
            assert target.startswith("https://") or (folder / target).is_file(), target

    def test_its_commands_and_statements_exist(self, page: Page) -> None:
        for line in "".join(code_of(page, "sh")).splitlines():
            program, *words = shlex.split(line)
            if program == "polardb-bridge" and words[0] != "manage":
                cli.parse(words)
            elif program == "polardb-bridge":
                _, name, *arguments = words
                app = get_commands()[name]
                command = load_command_class(app, name) if isinstance(app, str) else app
                command.create_parser(program, name).parse_args(arguments)
                if name == "polar4ai" and not arguments[0].startswith("--"):
                    assert parse(arguments[0])
        for code in code_of(page, "sql"):
            assert not code.startswith("/*polar4ai*/") or parse(code)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_index_lists_every_message(language: str) -> None:
    index = (ROOT / "docs" / language / "errors" / "index.md").read_text(encoding="utf-8")
    listed = {
        (plain(text), slug) for text, slug in re.findall(r"^\| \[(.+)\]\(([\w-]+)\.md\) \|$", index, re.MULTILINE)
    }
    assert listed == {
        (re.sub("(\\{[^{}]*\\})+", "…", pattern), page.slug)
        for page in pages(language).values()
        for pattern in page.messages
    }


@pytest.mark.parametrize("number", _REACTIONS)
def test_what_the_driver_raises_has_its_page(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of the table, with what is put around it when it is raised."""
    monkeypatch.setattr("socket.create_connection", None)  # no reaction of the table looks at the network
    parameters = ConnectionParameters("db.example.com", "labeling", "labeler")
    with pytest.raises(BridgeError) as raised, translated_errors(parameters):
        raise exc.OperationalError("SELECT 1", {}, Exception(number, "said by the server"))
    about_it = [
        page.slug
        for page in pages("en").values()
        if any(as_regex(p).fullmatch(str(raised.value)) for p in page.messages)
    ]
    assert about_it


class TestFinder:
    """What finds the messages finds them however they are put together."""

    @pytest.fixture
    def found(self, tmp_path: Path) -> Callable[[str], set[str]]:
        def find(source: str) -> set[str]:
            (tmp_path / "errors.py").write_text("class BridgeError(Exception): ...\nclass RowError(BridgeError): ...\n")
            (tmp_path / "module.py").write_text(source)
            return set(messages_in(tmp_path).messages)

        return find

    @pytest.mark.parametrize(
        ("source", "expected"),
        [
            ("raise RowError('It is gone.')", {"It is gone."}),
            ("def f(row):\n  return RowError(f'row {row.id} is {row.name!r}')", {"row {row.id} is '{row.name}'"}),
            ("class Lost(RowError): ...\nraise Lost('Lost it.')", {"Lost it."}),
            ("TEXT = 'Row {id} went.'\nraise RowError(TEXT.format(id=1))", {"Row {id} went."}),
            (
                "def f(x):\n  text = 'It is ' + ('old' if x else 'new')\n  raise RowError(text)",
                {"It is old", "It is new"},
            ),
            ("def f(what):\n  raise RowError(f'{what} is bad')\nf('a')\nf('b')", {"a is bad", "b is bad"}),
            ("def f(what):\n  raise RowError(f'{what} is bad')\nf(other)", {"{what} is bad"}),
            (
                "def f(a, b):\n  raise RowError(f'{a}: {b}')\ndef g(c):\n  f('one', f'not {c}')\ng('x')\nf('two', 'y')",
                {"one: not x", "two: y"},
            ),
            ("raise ValidationError({'field': ['Wrong.']})", {"Wrong."}),
            ("logger.warning('Row %s took %.1f s', 1, 2)", {"Row {} took {} s"}),
            ("def f(error):\n  raise RowError(str(error))", set()),
            ("def f():\n  return DeploymentState.FAILED, 'it broke'", {"it broke"}),
            ("_REACTIONS = {1: (RowError, None, '{p.user!r} may not')}", {"'{p.user}' may not (MySQL error 1)"}),
        ],
    )
    def test_a_message_is_found(self, found: Callable[[str], set[str]], source: str, expected: set[str]) -> None:
        assert found(source) == expected

    def test_what_pages_warn_of_is_found(self, found: Callable[[str], set[str]], tmp_path: Path) -> None:
        (tmp_path / "templates").mkdir()
        (tmp_path / "templates" / "page.html").write_text('<p role="alert">{% translate "Nothing here." %}</p>')
        assert found("") == {"Nothing here."}
