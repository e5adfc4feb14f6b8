from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from polardb_bridge.errors import InvalidInputError
from polardb_bridge.table.parameters import ConnectionParameters


def test_a_url_is_read() -> None:
    found = ConnectionParameters.from_url("mysql://us%40er:p%3Aw%2Fd%20@db.example.com:3307/data%20base?tls=required")
    assert (found.host, found.port, found.database) == ("db.example.com", 3307, "data base")
    assert (found.user, found.password, found.tls) == ("us@er", "p:w/d ", "required")


def test_port_tls_and_password_have_defaults() -> None:
    found = ConnectionParameters.from_url("mysql+mysqldb://me@[::1]/db")
    assert (found.host, found.port, found.tls, found.password) == ("::1", 3306, "disabled", "")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "secret",
        "postgresql://u:secret@h/db",
        "mysql://u:secret@h",
        "mysql://u:secret@h/",
        "mysql://:secret@h/db",
        "mysql://u:secret@/db",
        "mysql://u:secret@h:99999/db",
        "mysql://u:secret@h:port/db",
        "mysql://u:sec[ret@h]/secret",
        "mysql://u:secret@h/db?tls=maybe",
        "mysql://u:secret@h/db?ssl=1",
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ConnectionParameters.from_url(url)
    shown = [str(caught.value), repr(caught.value), repr(caught.value.__cause__)]
    assert not any("secret" in text for text in shown)


@pytest.mark.parametrize(
    "password",
    ["s3cr#et", "s3cr/et", "s3cr?et", "s3cr[et", "s3cr]et", "12/34", "12#34", "12?34", "se@cr/et", "@/", "]@["],
)
def test_a_password_that_ends_the_url_is_told_to_be_encoded(password: str) -> None:
    """Never read as another host, which would be shown and asked for with a part of the password."""
    with pytest.raises(InvalidInputError, match="percent-encode # as %23") as caught:
        ConnectionParameters.from_url(f"mysql://label:{password}@db.example.com:3306/shop?tls=required")
    assert password not in str(caught.value)
    encoded = quote(password, safe="")
    assert ConnectionParameters.from_url(f"mysql://label:{encoded}@db.example.com/shop").password == password


@pytest.mark.parametrize("password", ["s3@cr@et", "a:b", "a+b c&d=e", "100%", "密码Ünï", "'\"\\`"])
def test_what_ends_nothing_need_not_be_encoded(password: str) -> None:
    found = ConnectionParameters.from_url(f"mysql://label:{password}@db.example.com/shop")
    assert (found.password, found.host) == (password, "db.example.com")


@pytest.mark.parametrize(
    ("change", "field"),
    [({"host": ""}, "host"), ({"database": ""}, "database"), ({"user": ""}, "user"), ({"port": 0}, "port"),
     ({"port": 70_000}, "port"), ({"tls": "yes"}, "tls")],
)  # fmt: skip
def test_a_wrong_parameter_is_refused_with_its_field(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        ConnectionParameters(**{"host": "h", "database": "d", "user": "u", **change})
    assert caught.value.field == field


def test_no_text_form_shows_the_password() -> None:
    parameters = ConnectionParameters("h", "d", "u", "hunter2")
    assert "hunter2" not in repr(parameters)
    assert "hunter2" not in str(parameters)
