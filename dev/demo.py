"""`make demo`: photos in a table, a labeling project for them, and Label Studio on http://localhost:8080.

All that it makes is in `.demo/`. With POLARDB_URL set, the tables are made in that database instead of a private
MariaDB. A second run goes on with what is there.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, redirect_stdout
from dataclasses import asdict, dataclass
from io import StringIO
from pathlib import Path
from urllib.request import urlopen

from dev.servers import MariaDB, ServerError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".demo"
PHOTOS = ROOT / "dev" / "photos"
DATABASE = "labeling"
TABLE = "polardb4ai_annotation_source_animal"
TEMPLATE = "animals"
LABELS = ["cat", "dog", "horse", "cow", "sheep", "bird", "car", "plane"]
PROJECT = "mark_animal"
START_TIMEOUT_S = 120


@dataclass(frozen=True)
class Accounts:
    """Made at the first run, kept for the next ones."""

    user: str
    password: str
    database_password: str

    @classmethod
    def of_this_demo(cls) -> Accounts:
        path = FOLDER / "accounts.json"
        if path.exists():
            return cls(**json.loads(path.read_text()))
        accounts = cls("demo@example.com", secrets.token_urlsafe(9), secrets.token_hex(12))
        path.touch(mode=0o600)
        path.write_text(json.dumps(asdict(accounts)))
        return accounts


def main() -> int:
    port = int(os.environ.get("PORT") or 8080)
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            print(f"Port {port} is in use. Choose another one: make demo PORT={port + 1}", file=sys.stderr)
            return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # A shell that starts the demo in the background has SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    FOLDER.mkdir(exist_ok=True)
    accounts = Accounts.of_this_demo()
    try:
        with ExitStack() as running:
            where = "the database of POLARDB_URL"
            if not os.environ.get("POLARDB_URL"):
                print("Starting a private MariaDB …", flush=True)
                where = os.environ["POLARDB_URL"] = start_mariadb(running, accounts)
            os.environ["LABEL_STUDIO_BASE_DATA_DIR"] = str(FOLDER / "label-studio")
            os.environ["DJANGO_SETTINGS_MODULE"] = "polardb_bridge.settings"
            url = set_up(accounts, port)
            start_label_studio(running, port)
            print(f"\n  Label Studio  http://localhost:{port}{url}")
            print(f"  User          {accounts.user}\n  Password      {accounts.password}")
            print(f"  Table         {TABLE} in {where}")
            print("\nDraw a box and submit it: it is in the row's annotation_data at once. Ctrl-C stops.", flush=True)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        print("\nStopped. `make demo` goes on, `make demo-clean` removes all.")
        return 0
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1


def start_mariadb(running: ExitStack, accounts: Accounts) -> str:
    server = MariaDB(FOLDER / "mariadb", password=accounts.database_password)
    running.enter_context(server)

    from polardb_bridge.table.connection import begin
    from polardb_bridge.table.parameters import ConnectionParameters

    with begin(ConnectionParameters.from_url(server.url("mysql"))) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE IF NOT EXISTS {DATABASE} CHARACTER SET utf8mb4")
    return server.url(DATABASE)


def set_up(accounts: Accounts, port: int) -> str:
    """Tables, photos, user and project, as far as they are not there yet; the project's path."""
    print("Preparing Label Studio (about a minute at the first time) …", flush=True)
    os.environ.setdefault("LOG_LEVEL", "ERROR")
    (FOLDER / "label-studio").mkdir(exist_ok=True)
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from users.models import User

    # As `label-studio start` does: addresses that the commands print have this port.
    settings.INTERNAL_PORT = str(port)
    with redirect_stdout(StringIO()):  # Label Studio's migrations print
        call_command("migrate", verbosity=0)
    call_command("create_tables", source=[TABLE])
    insert_template()
    call_command("load_images", PHOTOS, table=TABLE)
    if not User.objects.filter(email=accounts.user).exists():
        User.objects.create_superuser(email=accounts.user, password=accounts.password)
    call_command("provision_project", template=TEMPLATE, source=TABLE, name=PROJECT, user=accounts.user)

    from projects.models import Project

    project = Project.objects.get(title=PROJECT)
    connect_storages(project.pk)
    return f"/projects/{project.pk}/data"


def connect_storages(project_id: int) -> None:
    """The private MariaDB has another port at each start, and POLARDB_URL may have been set or changed."""
    from polardb_bridge.conf import command_database
    from polardb_bridge.storage.models import PolarDBExportStorage, PolarDBImportStorage

    database = command_database()
    for model in (PolarDBImportStorage, PolarDBExportStorage):
        for storage in model.objects.filter(project=project_id):
            for name in ("host", "port", "database", "user", "password", "tls"):
                setattr(storage, name, getattr(database, name))
            storage.save()


def insert_template() -> None:
    """What a user does with one INSERT."""
    import sqlalchemy as sa

    from polardb_bridge.conf import command_database
    from polardb_bridge.table.connection import begin
    from polardb_bridge.table.schema import template_table

    table = template_table()
    with begin(command_database()) as connection:
        if not connection.scalar(sa.select(table.c.id).where(table.c.tp_name == TEMPLATE)):
            schema = {"type": "ObjectDetection", "labels": LABELS}
            connection.execute(sa.insert(table).values(tp_name=TEMPLATE, tp_schema=schema))


def start_label_studio(running: ExitStack, port: int) -> None:
    log = running.enter_context((FOLDER / "label-studio.log").open("ab"))
    process = subprocess.Popen(
        [Path(sys.executable).parent / "label-studio", "start", "--no-browser", "--port", str(port)],
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "LOG_LEVEL": "WARNING"},
    )
    running.callback(stop, process)
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        if process.poll() is not None or time.monotonic() > deadline:
            raise ServerError(f"Label Studio did not start; see {log.name}")
        try:
            with urlopen(f"http://127.0.0.1:{port}/health", timeout=2):
                return
        except OSError:
            time.sleep(0.3)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


if __name__ == "__main__":
    sys.exit(main())
