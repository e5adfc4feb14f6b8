"""What is typed at a prompt: where statements end, what is open, and what Tab offers."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.history import InMemoryHistory

from polardb_bridge.management.shell.completion import StatementCompleter
from polardb_bridge.management.shell.history import NAME, StatementHistory, open_history
from polardb_bridge.management.shell.loop import HELP_TEXT
from polardb_bridge.management.shell.names import KnownNames, Names
from polardb_bridge.management.shell.prompt import is_complete
from polardb_bridge.statements import syntax
from polardb_bridge.statements.parser import parse
from polardb_bridge.statements.typed import read
from support.statements import DOCUMENTED


@pytest.mark.parametrize(
    ("text", "statements", "rest"),
    [
        ("", (), ""),
        (" ;; -- nothing\n", (), ""),
        ("/* nothing */", (), ""),
        ("SHOW DEPLOYMENTS", (), "SHOW DEPLOYMENTS"),
        ("SHOW\nDEPLOYMENTS; ", ("SHOW\nDEPLOYMENTS;",), ""),
        ("SHOW DEPLOYMENTS\\G", ("SHOW DEPLOYMENTS\\G",), ""),
        ("a; b\\g c", ("a;", "b\\g"), " c"),
        ("a ';' `;` -- ;\n/* ; */;", ("a ';' `;` -- ;\n/* ; */;",), ""),
        ("SHOW DEPLOYMENTS；", ("SHOW DEPLOYMENTS；",), ""),
    ],
)
def test_a_text_is_taken_apart_at_the_ends_of_statements(text: str, statements: tuple[str, ...], rest: str) -> None:
    typed = read(text)
    assert (typed.statements, typed.rest, typed.opened) == (statements, rest, None)
    assert is_complete(text) == (not rest)


@pytest.mark.parametrize(
    ("text", "mark"), [("a ';", "'"), ('a ";', '"'), ("a `;", "`"), ("a /* ;", "/*"), ("/*!;", "/*")]
)
def test_what_is_not_closed_is_open_to_the_end(text: str, mark: str) -> None:
    typed = read(f"SHOW DEPLOYMENTS; {text}")
    assert typed.opened
    assert typed.opened.value == mark
    assert not is_complete(f"{text}\nexit")


@pytest.mark.parametrize("text", ["exit", "QUIT;", "\\q", " help ", "?", "\\h"])
def test_commands_need_no_semicolon(text: str) -> None:
    assert is_complete(text)


def test_every_documented_statement_stays_what_it_is() -> None:
    assert [parse(statement) for statement in read(DOCUMENTED).statements] == [[each] for each in parse(DOCUMENTED)]


NAMES = Names(("cars", "mark_animal", "if"), ("animals", "2"), ("photos", "polardb4ai"))


def completed(text: str, names: Names = NAMES) -> list[str]:
    known = KnownNames()
    known.names = names
    found = StatementCompleter(known).get_completions(Document(text), CompleteEvent(completion_requested=True))
    return [text[: len(text) + each.start_position] + each.text for each in found]


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        ("", ["DEPLOY ", "DROP ", "SHOW ", "UPDATE "]),
        ("SHOW DEPLOYMENTS; d", ["SHOW DEPLOYMENTS; deploy ", "SHOW DEPLOYMENTS; drop "]),
        ("sh", ["show "]),
        ("SHOW D", ["SHOW DEPLOYMENT ", "SHOW DEPLOYMENTS "]),
        ("SHOW DEPLOYMENT ", ["SHOW DEPLOYMENT `if`", "SHOW DEPLOYMENT cars", "SHOW DEPLOYMENT mark_animal"]),
        ("SHOW DEPLOYMENT MA", ["SHOW DEPLOYMENT mark_animal"]),
        ("SHOW DEPLOYMENT `ma", ["SHOW DEPLOYMENT `mark_animal`"]),
        ("SHOW WHITEIPS model_c", ["SHOW WHITEIPS model_cars"]),
        ("DROP DEPLOYMENT I", ["DROP DEPLOYMENT IF ", "DROP DEPLOYMENT `if`"]),
        ("DEPLOY MODEL l", ["DEPLOY MODEL Label-Studio"]),
        ("DEPLOY MODEL `L", ["DEPLOY MODEL `Label-Studio`"]),
        ("UPDATE WHITEIPS a WITH ", ["UPDATE WHITEIPS a WITH ("]),
        ("UPDATE WHITEIPS a WITH (", ["UPDATE WHITEIPS a WITH (ips = "]),
        ("DROP DEPLOYMENT a WITH (force = T", ["DROP DEPLOYMENT a WITH (force = 'true'"]),
        ("-- SHOW\nDR", ["-- SHOW\nDROP "]),
        ("/* sh", []),
        ("SHOW 'x", []),
        ("SELECT ", []),
    ],
)  # fmt: skip
def test_tab_offers_what_the_parser_would_take(text: str, offered: list[str]) -> None:
    assert completed(text) == offered


def test_tab_offers_what_can_be_deployed_and_each_option_once() -> None:
    begun = "DEPLOY MODEL `Label-Studio` WITH (annotation_template_id = "
    assert completed(begun) == [f"{begun}'2'", f"{begun}'animals'"]
    begun += "'animals', annotation_"
    assert completed(begun) == [f"{begun}source = "]
    begun += "source = 'po"
    assert completed(begun) == [f"{begun}lardb4ai'"]
    begun += "lardb4ai', image_delivery = 'da"
    assert completed(begun) == [f"{begun}ta_uri'"]


@given(st.text("SHOWDEPLYMNT whitepsmodl_`'\"=(),;\\/*-1\n", max_size=80))
def test_tab_can_be_pressed_anywhere(text: str) -> None:
    assert all(isinstance(each, str) for each in completed(text))


def test_the_help_shows_every_statement() -> None:
    statements = (
        syntax.DeployModel, syntax.ShowDeployment, syntax.ShowDeployments, syntax.ShowWhiteIps, syntax.UpdateWhiteIps,
        syntax.DropDeployment,
    )  # fmt: skip
    shown = HELP_TEXT.replace("[", "").replace("]", "").replace(", …", "").replace("'…'", "'1'")
    assert {type(statement) for statement in parse(shown)} == set(statements)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_history_keeps_whole_statements_and_no_passwords(home: Path) -> None:
    history = open_history()
    for text in ("SHOW\nDEPLOYMENTS;", "SHOW DEPLOYMENT 'a' WITH (password = 'hunter2');", "SHOW WHITEIPS `标注`;"):
        history.append_string(text)
    assert "hunter2" in history.get_strings()[1]  # until the end
    assert "hunter2" not in (home / NAME).read_text()
    assert (home / NAME).stat().st_mode & 0o777 == 0o600
    again = open_history()
    assert isinstance(again, StatementHistory)
    assert list(again.load_history_strings()) == ["SHOW WHITEIPS `标注`;", "SHOW\nDEPLOYMENTS;"]


def test_a_history_of_others_or_one_that_is_broken_is_survived(home: Path, tmp_path: Path) -> None:
    kept = home / NAME
    kept.write_bytes(b'"SHOW DEPLOYMENTS;"\nnot json\n[1]\n\xff\n"SHOW')
    kept.chmod(0o644)
    assert list(open_history().load_history_strings()) == ["SHOW DEPLOYMENTS;"]
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.unlink()
    outside = tmp_path / "outside"
    outside.write_text("mine")
    kept.symlink_to(outside)
    assert isinstance(open_history(), InMemoryHistory)
    assert outside.read_text() == "mine"
    kept.unlink()
    os.mkfifo(kept)
    assert isinstance(open_history(), InMemoryHistory)


@pytest.mark.parametrize("home", ["/no/such/home", "/dev/null"])
def test_without_a_home_there_is_no_history_and_no_failure(home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home)
    history = open_history()
    history.append_string("SHOW DEPLOYMENTS;")
    assert history.get_strings() == ["SHOW DEPLOYMENTS;"]


def test_an_entry_that_was_cut_off_spoils_no_other(home: Path) -> None:
    (home / NAME).write_text('"SHOW')
    open_history().append_string("SHOW DEPLOYMENTS;")
    assert json.loads((home / NAME).read_text().splitlines()[-1]) == "SHOW DEPLOYMENTS;"
