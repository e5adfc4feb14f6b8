from __future__ import annotations

import pytest

from polardb_bridge.deployments.access.allow_list import allows, open_to_all
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.networks import parse_networks, summarized


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("118.178.1.2,192.168.100.0/24", ("118.178.1.2/32", "192.168.100.0/24")),
        ("", ()),
        (" , ,", ()),
        (" 10.0.0.1 ,\n10.0.0.2,", ("10.0.0.1/32", "10.0.0.2/32")),
        ("10.0.0.1, 10.0.0.1/32,10.0.0.1", ("10.0.0.1/32",)),
        ("0.0.0.0/0,::/0", ("0.0.0.0/0", "::/0")),
        ("2001:DB8:0::1,2001:db8::/32", ("2001:db8::1/128", "2001:db8::/32")),
        ("::ffff:118.178.1.2", ("118.178.1.2/32",)),
        ("::ffff:10.0.0.0/104", ("10.0.0.0/8",)),
    ],
)
def test_networks_come_in_one_form(text: str, networks: tuple[str, ...]) -> None:
    assert parse_networks(text) == networks
    assert parse_networks(",".join(networks)) == networks


@pytest.mark.parametrize(
    "part",
    [
        "example.com",
        "localhost",
        "10.0.0",
        "10.0.0.256",
        "010.0.0.1",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0/0.0.0.0",
        "10.0.0.0/８",
        "10.0.0.0/8/8",
        "10.0.0.1:80",
        "[::1]",
        "::1%eth0",
        "fe80::/10%1",
        "10.0.0.1-10.0.0.9",
        "10.0.0.1;10.0.0.2",
        "10.0.0.1、10.0.0.2",
        "10.0.0.1\u200b",
        "*",
        "x" * 1000,
    ],
)
def test_what_is_no_network_is_named(part: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse_networks(f"10.0.0.1,{part}")
    assert repr(part[:50])[:-1] in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("1.2.3.4，5.6.7.8", "it has ， instead of a comma"),
        ("1.2.3.4、5.6.7.8", "it has 、 instead of a comma"),
        ("1.2.3.4；5.6.7.8", "it has ； instead of a comma"),
        ("1.2.3.4;5.6.7.8", "it has ; instead of a comma"),
        ("1.2.3.4\u200b", "an invisible character, U+200B (zero width space)"),
        ("\u202a1.2.3.4", "an invisible character, U+202A (left-to-right embedding)"),
        ("１.2.3.4", "１ is a full-width character of a Chinese input method: type 1"),
    ],
)
def test_what_input_methods_and_web_pages_put_into_addresses_is_named(text: str, hint: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse_networks(text)
    assert hint in str(error.value)


def test_lines_and_blanks_are_between_networks_too() -> None:
    assert parse_networks("1.2.3.4\r\n5.6.7.8 10.0.0.0/8,\n") == ("1.2.3.4/32", "5.6.7.8/32", "10.0.0.0/8")


def test_a_long_list_is_summarized() -> None:
    networks = parse_networks(",".join(f"10.0.{number}.1" for number in range(200)))
    assert summarized(networks) == ",".join(f"10.0.{number}.1" for number in range(10)) + " and 190 more"
    assert summarized(networks[:2]) == "10.0.0.1,10.0.1.1"


@pytest.mark.parametrize(
    ("text", "meant"), [("192.168.100.7/24", "192.168.100.0/24"), ("2001:db8::1/32", "2001:db8::/32")]
)
def test_bits_after_the_prefix_are_an_error_that_names_the_network(text: str, meant: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        parse_networks(text)
    assert meant in str(error.value)


def test_a_list_lets_in_its_addresses_only() -> None:
    networks = parse_networks("118.178.1.2,192.168.100.0/24,2001:db8::/32")
    for address in ("118.178.1.2", "192.168.100.0", "192.168.100.255", "2001:db8::1", "2001:DB8:ffff::"):
        assert allows(networks, address), address
    for address in ("118.178.1.3", "192.168.101.0", "2001:db9::1", "127.0.0.1", "::1"):
        assert not allows(networks, address), address


def test_an_ipv4_address_is_the_same_in_ipv6() -> None:
    networks = parse_networks("118.178.1.2")
    assert allows(networks, "::ffff:118.178.1.2")
    assert allows(networks, "::FFFF:76b2:0102")
    assert allows(parse_networks("::ffff:118.178.1.2"), "118.178.1.2")
    assert not allows(networks, "::118.178.1.2")
    assert not allows(parse_networks("::/0"), "::ffff:118.178.1.2"), "all of IPv6 is nothing of IPv4"


@pytest.mark.parametrize(
    "address", [None, "", " ", "118.178.1.2 ", "118.178.1.2:80", "118.178.1", "118.178.1.2/32", "x" * 10**6]
)
def test_what_is_no_address_is_not_let_in(address: str | None) -> None:
    assert not allows(parse_networks("0.0.0.0/0,::/0"), address)


def test_an_empty_list_lets_nobody_in() -> None:
    assert not allows((), "127.0.0.1")


@pytest.mark.parametrize("text", ["0.0.0.0/0", "10.0.0.1,::/0", "0.0.0.0/1,128.0.0.0/1", "::ffff:0:0/96"])
def test_a_list_with_a_whole_family_is_open_to_all(text: str) -> None:
    assert open_to_all(parse_networks(text))


@pytest.mark.parametrize("text", ["", "0.0.0.0/32", "0.0.0.0/1,192.0.0.0/2", "::/1", "10.0.0.0/8,2001:db8::/32"])
def test_any_other_list_is_not(text: str) -> None:
    assert not open_to_all(parse_networks(text))
