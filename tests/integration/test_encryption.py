"""TLS to the database: judged at our own end, with a certificate of ours if the account asks for one."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.servers import MariaDB
from polardb_bridge.errors import BridgeError, InvalidInputError, ReconfigureError
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from support.certificates import Authority, Certificate
from support.labeling import Provisioned
from support.sessions import signed_in
from support.tls_proxy import tls_proxy

Account = Callable[[str], ConnectionParameters]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def tls_server(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A server that offers TLS."""
    own = authority.certificate("server")
    options = [f"--ssl-ca={authority.ca}", f"--ssl-cert={own.cert}", f"--ssl-key={own.key}"]
    server = MariaDB(tmp_path_factory.mktemp("mariadb"), options=options)
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def client(authority: Authority) -> Certificate:
    return authority.certificate("client")


@pytest.fixture
def account(tls_server: MariaDB) -> Iterator[Account]:
    """Makes an account that requires something."""
    admin = ConnectionParameters.from_url(tls_server.url("mysql"))

    def make(requires: str) -> ConnectionParameters:
        name = f"tls_{secrets.token_hex(4)}"
        with begin(admin) as connection:
            connection.exec_driver_sql(f"CREATE USER {name}@'%%' IDENTIFIED BY 'hunter2' {requires}")
            connection.exec_driver_sql(f"GRANT SELECT ON mysql.* TO {name}@'%%'")
        return dataclasses.replace(admin, user=name, password="hunter2")

    yield make
    dispose()


def cipher_at_the_server(parameters: ConnectionParameters) -> str:
    with connect(parameters) as connection:
        return str(connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'").one()[1])


def test_a_proxy_that_speaks_tls_to_us_only_is_encrypted(mariadb: MariaDB, client: Certificate) -> None:
    admin = ConnectionParameters.from_url(mariadb.url("mysql"))
    with tls_proxy(admin.port, client, towards_server=False) as port:
        through = dataclasses.replace(admin, port=port, tls="required")
        assert cipher_at_the_server(through) == ""
        dispose(through)


def test_a_proxy_that_speaks_tls_to_the_server_only_is_not(account: Account, client: Certificate) -> None:
    plain = account("")
    with tls_proxy(plain.port, client, towards_server=True) as port:
        through = dataclasses.replace(plain, port=port)
        assert cipher_at_the_server(through)
        with (
            pytest.raises(ReconfigureError, match="does not offer TLS") as caught,
            connect(dataclasses.replace(through, tls="required")),
        ):
            pass
    assert caught.value.field == "tls"
    dispose()


@pytest.mark.parametrize("tls", ["required", "verify_ca", "verify_identity"])
def test_an_account_that_asks_for_a_certificate_gets_it(
    account: Account, client: Certificate, authority: Authority, tls: str
) -> None:
    parameters = dataclasses.replace(
        account("REQUIRE X509"), tls=tls, tls_ca=str(authority.ca), tls_cert=str(client.cert), tls_key=str(client.key)
    )
    assert cipher_at_the_server(parameters)


@pytest.mark.parametrize(
    ("requires", "changes", "explanation"),
    [
        ("REQUIRE SSL", {}, r"REQUIRE SSL, require_secure_transport\): then set TLS to required"),
        ("REQUIRE X509", {"tls": "required"}, r"REQUIRE X509\): then name one by tls_cert and tls_key"),
        ("REQUIRE SUBJECT '/CN=somebody'", {"tls": "required", "tls_cert": "c", "tls_key": "k"}, "REQUIRE SUBJECT"),
        ("", {"password": "wrong"}, "user name or password is wrong"),
    ],
)
def test_a_refused_login_has_the_words_of_the_server_and_what_it_may_want(
    account: Account, client: Certificate, requires: str, changes: dict[str, str], explanation: str
) -> None:
    files = {"tls_cert": str(client.cert), "tls_key": str(client.key)}
    parameters = account(requires)
    chosen: Any = {name: files.get(name, value) for name, value in changes.items()}
    parameters = dataclasses.replace(parameters, **chosen)
    with pytest.raises(ReconfigureError, match=explanation) as caught, connect(parameters):
        pass
    assert f"'{parameters.user}'@'" in str(caught.value)  # whom the server takes us for
    assert "hunter2" not in str(caught.value)


def test_an_account_of_another_host_is_told_which_host_we_are(tls_server: MariaDB) -> None:
    admin = ConnectionParameters.from_url(tls_server.url("mysql"))
    with begin(admin) as connection:
        connection.exec_driver_sql("CREATE USER far_away@'10.1.2.3' IDENTIFIED BY 'hunter2'")
    far = dataclasses.replace(admin, user="far_away", password="hunter2")
    with pytest.raises(ReconfigureError, match=r"the account is for another host.*'far_away'@'.+'") as caught:
        cipher_at_the_server(far)
    assert caught.value.field == "password"


def test_a_server_that_wants_tls_of_all_says_so(tls_server: MariaDB, account: Account) -> None:
    parameters = account("")
    admin = ConnectionParameters.from_url(tls_server.url("mysql"))
    with begin(dataclasses.replace(admin, tls="required")) as connection:
        connection.exec_driver_sql("SET GLOBAL require_secure_transport = 1")
        try:
            with pytest.raises(ReconfigureError, match="set TLS to required"):
                cipher_at_the_server(parameters)
            assert cipher_at_the_server(dataclasses.replace(parameters, tls="required"))
        finally:
            connection.exec_driver_sql("SET GLOBAL require_secure_transport = 0")


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda made: made.key.unlink(), "tls_key cannot be read: No such file"),
        (lambda made: made.cert.unlink(), "tls_cert cannot be read: No such file"),
        (lambda made: made.key.chmod(0o644), "let its owner alone have it"),
        (lambda made: made.key.chmod(0o620), "let its owner alone have it"),
        (lambda made: made.key.write_text("hello"), "cannot be used"),
        (lambda made: made.cert.write_text("hello"), "cannot be used"),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said_before_it_is_used(
    tmp_path: Path, account: Account, damage: Callable[[Certificate], Any], message: str
) -> None:
    made = Authority(tmp_path).certificate("client")
    damage(made)
    with pytest.raises(ReconfigureError, match=message) as caught:
        cipher_at_the_server(
            dataclasses.replace(account(""), tls="required", tls_cert=str(made.cert), tls_key=str(made.key))
        )
    assert (caught.value.field or "").startswith("tls_")


def test_a_key_with_a_password_and_one_of_another_certificate_are_refused(tmp_path: Path, account: Account) -> None:
    authority = Authority(tmp_path)
    locked, mine, other = (
        authority.certificate("locked", "secret"),
        authority.certificate("a"),
        authority.certificate("b"),
    )
    for cert, key in ((locked.cert, locked.key), (mine.cert, other.key)):
        with pytest.raises(ReconfigureError, match="both must be PEM and belong together"):
            cipher_at_the_server(dataclasses.replace(account(""), tls="required", tls_cert=str(cert), tls_key=str(key)))


def test_a_url_names_the_files() -> None:
    found = ConnectionParameters.from_url("mysql://u:p@h/d?tls=required&tls_cert=/a%20b.pem&tls_key=/k.pem")
    assert (found.tls_cert, found.tls_key) == ("/a b.pem", "/k.pem")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("tls=required&tls_cert=/a.pem", "belong together"),
        ("tls=required&tls_key=/a.pem", "belong together"),
        ("tls_cert=/a.pem&tls_key=/b.pem", "which is disabled"),
        ("tls=required&tls_cert=/a&tls_cert=/b&tls_key=/c", "tls_cert more than once"),
    ],
)
def test_half_a_certificate_is_refused(options: str, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        ConnectionParameters.from_url(f"mysql://u:p@h/d?{options}")


class TestStorage:
    """Files of the server are for administrators to name."""

    @pytest.fixture
    def member(self, provisioned: Provisioned) -> Any:
        """The session of somebody who may use the project, and is no administrator."""
        from users.models import User

        member = User.objects.create_user(email="member@example.com", password="correct-horse-9")
        provisioned.project.organization.add_user(member)
        member.active_organization = provisioned.project.organization
        member.save()
        return signed_in("member@example.com", "correct-horse-9")

    def url(self, provisioned: Provisioned) -> str:
        return f"/api/storages/polardb/{provisioned.import_storage.pk}"

    def test_an_administrator_names_them(self, api: Any, provisioned: Provisioned, client: Certificate) -> None:
        files = {"tls_cert": str(client.cert), "tls_key": str(client.key)}
        answer = api.patch(self.url(provisioned), {**files, "tls": "required"}, format="json")
        assert answer.status_code == 200, answer.content
        assert {name: answer.json()[name] for name in files} == files
        provisioned.import_storage.refresh_from_db()
        found = provisioned.import_storage.connection_parameters()
        assert (found.tls_cert, found.tls_key) == (files["tls_cert"], files["tls_key"])

    @pytest.mark.parametrize("name", ["tls_cert", "tls_key"])
    def test_nobody_else_does(self, member: Any, provisioned: Provisioned, name: str) -> None:
        answer = member.patch(self.url(provisioned), {name: "/etc/passwd"}, format="json")
        assert answer.status_code == 400
        assert "Only administrators may name files" in str(answer.json())

    def test_others_see_no_names_and_change_none(self, member: Any, provisioned: Provisioned) -> None:
        storage = provisioned.import_storage
        storage.tls, storage.tls_cert, storage.tls_key = "required", "/a.pem", "/b.key"
        storage.save()
        shown = member.get(self.url(provisioned)).json()
        assert (shown["tls_cert"], shown["tls_key"]) == ("", "")
        form = {name: shown[name] for name in ("tls_cert", "tls_key", "host", "port", "user", "tls")}
        assert member.patch(self.url(provisioned), {**form, "title": "New"}, format="json").status_code == 200
        storage.refresh_from_db()
        assert (storage.title, storage.tls_cert, storage.tls_key) == ("New", "/a.pem", "/b.key")
        answer = member.patch(self.url(provisioned), {"user": "other"}, format="json")
        assert "Only administrators may change the account" in str(answer.json())

    def test_commands_hand_them_on_to_storages(
        self, provisioned: Provisioned, client: Certificate, authority: Authority
    ) -> None:
        from polardb_bridge.storage.models import stored_parameters

        parameters = ConnectionParameters(
            "h", "d", "u", tls="required", tls_cert=str(client.cert), tls_key=str(client.key)
        )
        stored = stored_parameters(parameters)
        assert (stored["tls_cert"], stored["tls_key"]) == (parameters.tls_cert, parameters.tls_key)


def test_no_error_is_a_traceback(account: Account) -> None:
    with pytest.raises(BridgeError):
        cipher_at_the_server(dataclasses.replace(account(""), tls="required", tls_cert="\0", tls_key="/k"))
