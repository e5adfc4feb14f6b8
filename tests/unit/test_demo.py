"""`polardb-bridge demo`: its folder, its servers, and what it leaves alone."""

import json
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from polardb_bridge import cli
from polardb_bridge.demo import demo, servers
from polardb_bridge.demo.project import follow_mariadb
from polardb_bridge.serving import Address
from polardb_bridge.table.images.decode import check_image
from polardb_bridge.table.loading import find_files
from support.command_line import failure, own_environment


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    with own_environment():
        yield


def test_a_demo_leaves_folders_with_other_things_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    code, said = failure(capsys, "demo", "--folder", str(tmp_path), "--port", str(servers.free_port()))
    assert code == 1
    assert "holds something else" in said
    code, said = failure(capsys, "demo", "--folder", str(tmp_path), "--remove")
    assert code == 1
    assert "was not created by the demo" in said
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("text", ["", "[]", '{"user": "a"}', "not json"])
def test_other_accounts_do_not_make_a_folder_a_demos(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "accounts.json").write_text(text)
    code, _ = failure(capsys, "demo", "--folder", str(tmp_path), "--remove")
    assert code == 1
    assert (tmp_path / "accounts.json").exists()


@pytest.fixture
def stopped_demo(tmp_path: Path) -> Path:
    """The folder of a demo that does not run."""
    folder = tmp_path / ".demo"
    (folder / "mariadb" / "data").mkdir(parents=True)
    demo.Accounts.make(folder)
    return folder


def test_removing_a_demo_deletes_its_folder(stopped_demo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["demo", "--folder", str(stopped_demo), "--remove"]) == 0
    assert not stopped_demo.exists()
    assert cli.main(["demo", "--folder", str(stopped_demo), "--remove"]) == 0
    assert f"There is no {stopped_demo}." in capsys.readouterr().out


def test_removing_a_demo_keeps_what_is_not_its_own(
    stopped_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "photo.jpg").touch()
    (stopped_demo / "label-studio").symlink_to(outside)
    (stopped_demo / "notes.txt").touch()
    assert cli.main(["demo", "--folder", str(stopped_demo), "--remove"]) == 0
    assert [path.name for path in stopped_demo.iterdir()] == ["notes.txt"]
    assert (outside / "photo.jpg").exists()


def test_a_demo_that_runs_cannot_be_removed_or_started_again(
    stopped_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with demo._own(stopped_demo):
        for arguments in (("--remove",), ("--port", str(servers.free_port()))):
            code, said = failure(capsys, "demo", "--folder", str(stopped_demo), *arguments)
            assert code == 1
            assert "is running" in said
    assert (stopped_demo / "mariadb").exists()


def test_accounts_are_kept_and_only_for_this_user(tmp_path: Path) -> None:
    made = demo.Accounts.make(tmp_path)
    assert demo.Accounts.read(tmp_path) == made
    assert json.loads((tmp_path / "accounts.json").read_text())["user"] == "demo@example.com"
    assert (tmp_path / "accounts.json").stat().st_mode & 0o777 == 0o600


def test_a_missing_mariadb_is_one_line_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("POLARDB_URL", raising=False)
    monkeypatch.setattr(servers, "ADMINISTRATORS_FOLDERS", ())
    code = cli.main(["demo", "--folder", str(tmp_path / "demo"), "--port", str(servers.free_port())])
    said = capsys.readouterr().err
    assert code == 1
    assert said.startswith("mariadb-install-db is not installed. Install MariaDB (Debian, Ubuntu: apt install")
    assert "POLARDB_URL" in said
    assert said.count("\n") == 1


def test_a_demo_has_a_label_studio_of_its_own_whatever_the_shell_is_set_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = ("SECRET_KEY", "LABEL_STUDIO_DATABASE_NAME", "LABEL_STUDIO_HOST", "HEARTEX_DJANGO_DB", "REDIS_URL")
    production = dict.fromkeys(others, "of the production site")
    for name, value in production.items():
        monkeypatch.setenv(name, value)
    for name in ("DJANGO_SETTINGS_MODULE", "DJANGO_DB", "LABEL_STUDIO_BASE_DATA_DIR", "POLARDB_URL", "PORT"):
        monkeypatch.setenv(name, "is set back after the test")
    url = "mysql://me:it's@h/db"
    demo.use_environment(tmp_path, url, Address("127.0.0.1", 8081))
    assert "of the production site" not in os.environ.values()
    assert os.environ["DJANGO_DB"] == "sqlite"
    kept = tmp_path / "environment"
    assert kept.stat().st_mode & 0o777 == 0o600
    shell = subprocess.run(
        ["sh", "-c", f'. {kept}; printf "%s\\n" "$POLARDB_URL"; env'],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"], **production},
    )
    assert shell.stdout.startswith(f"{url}\n")
    assert "of the production site" not in shell.stdout


def test_a_relative_file_of_authorities_is_found_from_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("DJANGO_SETTINGS_MODULE", "DJANGO_DB", "LABEL_STUDIO_BASE_DATA_DIR", "POLARDB_URL", "PORT"):
        monkeypatch.setenv(name, "is set back after the test")
    monkeypatch.setenv("POLARDB_TLS_CA", "ca.pem")
    demo.use_environment(tmp_path, "mysql://me@h/db", Address("127.0.0.1", 8081))
    assert os.environ["POLARDB_TLS_CA"] == str(tmp_path / "ca.pem")
    assert f"export POLARDB_TLS_CA={tmp_path / 'ca.pem'}" in (tmp_path / "environment").read_text()


def test_the_url_of_a_demo_is_not_taken_for_the_users(tmp_path: Path) -> None:
    accounts = demo.Accounts.make(tmp_path)
    removed = demo.Accounts.make(tmp_path)
    older = demo.Accounts("demo@example.com", "p", "0123456789abcdef")
    for password in (accounts.database_password, removed.database_password, older.database_password):
        assert demo.is_a_demos(f"mysql://root:{password}@127.0.0.1:33333/labeling", older)
    for url in ("mysql://root:secret@127.0.0.1/labeling", "mysql://root@db.example.com/labeling", "not a url"):
        assert not demo.is_a_demos(url, accounts)


def test_mariadb_keeps_its_port_while_it_is_free(tmp_path: Path) -> None:
    port = servers.kept_port(tmp_path / "mariadb")
    assert servers.kept_port(tmp_path / "mariadb") == port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        other = servers.kept_port(tmp_path / "mariadb")
    assert other != port
    assert servers.kept_port(tmp_path / "mariadb") == other


@pytest.mark.parametrize("text", ["", "no number", "99999999", "-1"])
def test_a_broken_port_is_replaced(text: str, tmp_path: Path) -> None:
    (tmp_path / "port").write_text(text)
    assert 0 < servers.kept_port(tmp_path) == int((tmp_path / "port").read_text())


def test_mariadb_is_installed_in_a_folder_with_a_blank(tmp_path: Path) -> None:
    server = servers.MariaDB(tmp_path / "my photos")
    server.folder.mkdir()
    server.prepare()
    assert (server.data / "mysql").is_dir()
    assert not (server.folder / "data.new").exists()


@pytest.mark.parametrize("text", ["", "not json"])
def test_a_demo_with_broken_accounts_can_be_removed(
    text: str, stopped_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (stopped_demo / "accounts.json").write_text(text)
    (stopped_demo / "lock").touch()
    code, said = failure(capsys, "demo", "--folder", str(stopped_demo), "--port", str(servers.free_port()))
    assert code == 1
    assert "--remove" in said
    (stopped_demo / "thesis.txt").touch()
    code, _ = failure(capsys, "demo", "--folder", str(stopped_demo), "--remove")
    assert code == 1
    (stopped_demo / "thesis.txt").unlink()
    assert cli.main(["demo", "--folder", str(stopped_demo), "--remove"]) == 0
    assert not stopped_demo.exists()


def test_a_demo_behind_a_link_is_removed(stopped_demo: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(stopped_demo)
    assert cli.main(["demo", "--folder", str(link), "--remove"]) == 0
    assert not stopped_demo.exists()


def test_a_lock_that_is_a_link_leaves_its_file_alone(
    stopped_demo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "thesis.txt"
    outside.write_text("years of work")
    (stopped_demo / "lock").symlink_to(outside)
    for arguments in (("--remove",), ("--port", str(servers.free_port()))):
        code, said = failure(capsys, "demo", "--folder", str(stopped_demo), *arguments)
        assert code == 1
        assert said.startswith(f"{stopped_demo / 'lock'}: ")
    assert outside.read_text() == "years of work"


@pytest.mark.parametrize("name", ["n" * 300, "file", "file/below", "loop"])
@pytest.mark.parametrize("remove", [True, False])
def test_a_folder_that_cannot_be_is_one_line(
    name: str, remove: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    if remove and name in ("file/below", "loop"):
        assert cli.main(["demo", "--folder", str(tmp_path / name), "--remove"]) == 0
        assert "There is no" in capsys.readouterr().out
        return
    arguments = ["--remove"] if remove else ["--port", str(servers.free_port())]
    code, said = failure(capsys, "demo", "--folder", str(tmp_path / name), *arguments)
    assert code == 1
    assert said.startswith(str(tmp_path / name.partition("/")[0]))


@pytest.mark.django_db
def test_what_people_added_follows_mariadb_to_its_new_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from projects.models import Project

    from polardb_bridge.deployments.models import Deployment
    from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage
    from polardb_bridge.storage.sync.models import KnownTable

    accounts = demo.Accounts.make(tmp_path)
    project = Project.objects.create(title="added by a person")
    account = {"host": "127.0.0.1", "database": "labeling", "user": "root", "table": "t"}
    own, other = accounts.database_password, "of another server"
    for model in (PolarDBImportStorage, PolarDBExportStorage):
        for password in (own, other):
            model.objects.create(project=project, port=40001, password=password, **account)
    for port in (40001, 40003):
        Deployment.objects.create(name=f"d{port}", source="t", table_address=f"127.0.0.1:{port}/labeling.t")

    for number, port in enumerate((40001, 40003)):
        KnownTable.objects.create(storage_id=number, host="127.0.0.1", port=port, database="labeling", table="t")

    monkeypatch.setenv("POLARDB_URL", f"mysql://root:{own}@127.0.0.1:40002/labeling")
    follow_mariadb(accounts.database_password)
    for model in (PolarDBImportStorage, PolarDBExportStorage):
        assert {storage.password: storage.port for storage in model.objects.all()} == {own: 40002, other: 40001}
    addresses = set(Deployment.objects.values_list("table_address", flat=True))
    assert addresses == {"127.0.0.1:40002/labeling.t", "127.0.0.1:40003/labeling.t"}
    assert set(KnownTable.objects.values_list("port", flat=True)) == {40002, 40003}


def test_the_demo_loads_every_file_of_its_photos() -> None:
    """One that is skipped would be a failure of `load_images`, and end the demo."""
    for path in find_files(demo.PHOTOS):
        assert check_image(path.read_bytes()).startswith("image/"), path
