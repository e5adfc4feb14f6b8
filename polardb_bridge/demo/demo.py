"""`polardb-bridge demo`: photos in a table, a labeling project for them, and Label Studio.

All that it creates is in one folder. If POLARDB_URL is set, the tables are created in that database instead of a
private MariaDB. A second run goes on with what is there. Django is imported when the folder is ready, not before:
Label Studio reads its environment then.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import shlex
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path

from polardb_bridge.demo.servers import LabelStudio, MariaDB, kept_port
from polardb_bridge.errors import InvalidInputError
from polardb_bridge.label_studio.settings import ENVIRONMENT_PREFIXES
from polardb_bridge.serving import Address

PHOTOS = Path(__file__).parent / "photos"
DATABASE = "labeling"
TABLE = "polardb4ai_annotation_source_animal"
PROJECT = "mark_animal"

# What is in the folder. The accounts tell that a demo has made it.
ACCOUNTS = "accounts.json"
ENVIRONMENT = "environment"
LOCK = "lock"
MARIADB = "mariadb"
LABEL_STUDIO = "label-studio"
UNFINISHED = (f"{ENVIRONMENT}.new", f"{ACCOUNTS}.new")
CONTENTS = (*UNFINISHED, ENVIRONMENT, MARIADB, LABEL_STUDIO, f"{LABEL_STUDIO}.log", LOCK, ACCOUNTS)

# Tells the url of a demo's database, which `environment` sets in a shell, from that of the user's: also if that demo
# is in another folder, or was removed.
_DATABASE_PASSWORD = "polardb-bridge-demo-"  # noqa: S105  # the beginning; a secret follows

# Variables that say which Label Studio is meant: the demo has one of its own, whatever the shell was set up for.
_ANOTHER_LABEL_STUDIO = {"BASE_DATA_DIR", "DATABASE_NAME", "DJANGO_DB", "HOST", "SECRET_KEY", "REDIS_URL"}
_NAMES_OF_ANOTHER = tuple(prefix + name for prefix in ENVIRONMENT_PREFIXES for name in sorted(_ANOTHER_LABEL_STUDIO))


@dataclass(frozen=True)
class Accounts:
    """Made at the first run, kept for the next ones."""

    user: str
    password: str
    database_password: str

    @classmethod
    def read(cls, folder: Path) -> Accounts | None:
        """Those of the demo in the folder; None if there are none, or they cannot be understood.

        Raises:
            OSError: the file cannot be read.
        """
        try:
            accounts = cls(**json.loads((folder / ACCOUNTS).read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return accounts if all(isinstance(value, str) for value in asdict(accounts).values()) else None

    @classmethod
    def make(cls, folder: Path) -> Accounts:
        accounts = cls("demo@example.com", secrets.token_urlsafe(9), _DATABASE_PASSWORD + secrets.token_hex(12))
        write_secret(folder / ACCOUNTS, json.dumps(asdict(accounts)))
        return accounts


def run(folder: Path, address: Address) -> None:
    """Run until Ctrl-C.

    Raises:
        InvalidInputError: POLARDB_URL cannot be read, the port is in use, or the folder holds something else, or a demo
            that runs.
        ServerError: MariaDB is not installed, or a server did not start or has ended.
        BridgeError: the database of POLARDB_URL cannot be used.
        OSError: the folder cannot be used.
    """
    folder = _real(folder)
    database_url = _given_database()
    address.check_free()
    # A shell that starts the demo in the background has SIGINT ignored; a terminal that is closed sends SIGHUP.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    try:
        with ExitStack() as running:
            accounts = running.enter_context(_own(folder))
            where = "the database of POLARDB_URL"
            if not database_url or is_a_demos(database_url, accounts):
                print("Starting a private MariaDB …", flush=True)
                where = database_url = start_mariadb(running, folder, accounts)
            use_environment(folder, database_url, address)
            print("Preparing Label Studio (about a minute at the first time) …", flush=True)
            with redirect_stdout(StringIO()):  # what Label Studio's migrations and the commands print
                path = set_up(accounts)
            label_studio = LabelStudio(folder, address, {**os.environ, "LOG_LEVEL": "WARNING"})
            running.enter_context(label_studio)
            print(f"\n  Label Studio  http://{address.local}{path}")
            print(f"  User          {accounts.user}\n  Password      {accounts.password}")
            print(f"  Table         {TABLE} in {where}")
            print(f"  Deployments   http://{address.local}/polardb/")
            print(f"  Commands      . {shlex.quote(str(folder / ENVIRONMENT))}; polardb-bridge manage help")
            print("\nDraw a box and submit it: it is in the row's annotation_data at once. Ctrl-C stops.", flush=True)
            assert label_studio.process is not None  # noqa: S101  # it was started
            label_studio.process.wait()
            raise label_studio.failure("Label Studio has ended")
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on; with --remove it deletes all that the demo created.")


def remove(folder: Path) -> None:
    """Delete what a demo has put into the folder, and the folder unless there is more in it.

    Raises:
        InvalidInputError: no demo has made the folder, or it runs.
        OSError: something cannot be deleted.
    """
    folder = _real(folder)
    if not folder.exists():
        print(f"There is no {folder}.")
        return
    if Accounts.read(folder) is None and not _is_broken_demo(folder):
        raise InvalidInputError(f"{folder} was not created by the demo; nothing was deleted.")
    with _lock(folder):
        # The accounts last: after an interruption, the folder is still known as a demo's.
        for path in (folder / name for name in CONTENTS):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    if any(folder.iterdir()):
        print(f"The demo in {folder} is deleted; what else is in the folder stays.")
    else:
        folder.rmdir()
        print(f"{folder} is deleted.")


def _real(folder: Path) -> Path:
    """Without links; unlike Path.resolve, a link that leads to itself is left for the next use to fail at."""
    return Path(os.path.realpath(folder))


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _is_broken_demo(folder: Path) -> bool:
    """Whether all that is there has the names that a demo gives, although the accounts cannot be understood."""
    return {LOCK, ACCOUNTS} <= _names(folder) <= set(CONTENTS)


@contextmanager
def _own(folder: Path) -> Iterator[Accounts]:
    """Have the folder to itself; what is in it is this demo's, or nothing."""
    accounts = Accounts.read(folder)
    if accounts is None and folder.exists() and not _names(folder) <= {LOCK, *UNFINISHED}:
        if _is_broken_demo(folder):
            raise InvalidInputError(
                f"The accounts.json of the demo in {folder} is broken: delete that demo with --remove, and start again."
            )
        raise InvalidInputError(f"{folder} holds something else: choose another folder with --folder.")
    folder.mkdir(parents=True, exist_ok=True)
    with _lock(folder):
        yield accounts or Accounts.make(folder)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Raises InvalidInputError if another process has it; it ends with the process, however that ends."""
    # Never the file that a link leads to, which would be somebody else's.
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "rb+", buffering=0) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInputError(f"A demo is running in {folder}: stop it first (Ctrl-C).") from None
        yield


def write_secret(path: Path, text: str) -> None:
    """For the eyes of this user only; the file is whole, or as it was."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _given_database() -> str:
    """The url of POLARDB_URL; empty if it is not set.

    Raises:
        InvalidInputError: it cannot be read.
    """
    from polardb_bridge.table.parameters import ConnectionParameters

    url = os.environ.get("POLARDB_URL", "").strip()
    try:
        if url:
            ConnectionParameters.from_url(url)
    except InvalidInputError as error:
        raise InvalidInputError(f"POLARDB_URL: {error}") from None
    return url


def is_a_demos(url: str, accounts: Accounts) -> bool:
    """Whether it is the url of a private MariaDB, of this demo or another."""
    from polardb_bridge.table.parameters import ConnectionParameters

    try:
        database = ConnectionParameters.from_url(url)
    except InvalidInputError:
        return False
    return (database.host, database.user) == ("127.0.0.1", "root") and (
        database.password == accounts.database_password or database.password.startswith(_DATABASE_PASSWORD)
    )


def start_mariadb(running: ExitStack, folder: Path, accounts: Accounts) -> str:
    """A MariaDB that is stopped with `running`; the url of its database."""
    server = MariaDB(folder / MARIADB, kept_port(folder / MARIADB), password=accounts.database_password)
    running.enter_context(server)

    from polardb_bridge.table.connection import begin
    from polardb_bridge.table.parameters import ConnectionParameters

    with begin(ConnectionParameters.from_url(server.url("mysql"))) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4")
    return server.url(DATABASE)


def use_environment(folder: Path, database_url: str, address: Address) -> None:
    """Set what this process, Label Studio and, by a file in the folder, a shell need to work on this demo."""
    for name in _NAMES_OF_ANOTHER:
        os.environ.pop(name, None)
    variables = {
        "DJANGO_SETTINGS_MODULE": "polardb_bridge.settings",
        "DJANGO_DB": "sqlite",
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder / LABEL_STUDIO),
        "POLARDB_URL": database_url,
        "PORT": str(address.port),
    }
    if authorities := os.environ.get("POLARDB_TLS_CA", "").strip():
        # Label Studio runs in a folder of its own, and a shell may be in any.
        variables["POLARDB_TLS_CA"] = str(Path(authorities).absolute())
    write_secret(folder / ENVIRONMENT, _for_a_shell(variables))
    os.environ.update(variables)


def _for_a_shell(variables: Mapping[str, str]) -> str:
    exports = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    return "".join([f"unset {' '.join(_NAMES_OF_ANOTHER)}\n", *exports])


def set_up(accounts: Accounts) -> str:
    """Tables, photos, user and project, as far as they are not there yet; the project's path."""
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections
    from projects.models import Project
    from users.models import User

    from polardb_bridge.demo.project import TEMPLATE, connect_storages, follow_mariadb, insert_template

    call_command("migrate", verbosity=0)
    call_command("create_tables", source=[TABLE])
    insert_template()
    call_command("load_images", PHOTOS, table=TABLE)
    if not User.objects.filter(email=accounts.user).exists():
        User.objects.create_superuser(email=accounts.user, password=accounts.password)
    call_command("provision_project", template=TEMPLATE, source=TABLE, name=PROJECT, user=accounts.user)

    project = Project.objects.get(title=PROJECT)
    connect_storages(project.pk)
    follow_mariadb(accounts.database_password)
    connections.close_all()
    return f"/projects/{project.pk}/data"
