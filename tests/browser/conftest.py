"""One Label Studio and one Chromium for a module of tests; a new user, project and database account for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from dev.label_studio import run_command
from polardb_bridge.table.connection import begin
from support.migrated_database import copy_database
from support.source_data import Source, base64_text, image_bytes
from support.storage_page import ADMINISTRATOR, Account, LabelStudio, StoragePage

PASSWORD = "right-horse-7"


@pytest.fixture(scope="session")
def label_studio_database(migrated_copy: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database."""
    copy = tmp_path_factory.mktemp("database") / "label_studio.sqlite3"
    if migrated_copy and migrated_copy.exists():
        copy_database(migrated_copy, copy)
    else:
        run_command(LabelStudio(copy.parent).environment, "migrate").check_returncode()
    return copy


@pytest.fixture(scope="session")
def administered_database(label_studio_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database with an administrator."""
    copy = tmp_path_factory.mktemp("administered") / "label_studio.sqlite3"
    copy.write_bytes(label_studio_database.read_bytes())
    email, password = ADMINISTRATOR
    administrator = {"LABEL_STUDIO_USERNAME": email, "LABEL_STUDIO_PASSWORD": password}
    environment = LabelStudio(copy.parent).environment
    run_command({**environment, **administrator}, "ensure_superuser").check_returncode()
    return copy


@pytest.fixture(scope="module")
def serve(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., LabelStudio]]:
    """Start a Label Studio with a database of its own; has_administrator: that holds ADMINISTRATOR."""
    servers: list[LabelStudio] = []

    def start(path: str = "", *, has_administrator: bool = False, **environment: str) -> LabelStudio:
        server = LabelStudio(tmp_path_factory.mktemp("label-studio"), path)
        server.environment = {**server.environment, **environment}
        database: Path = request.getfixturevalue(
            "administered_database" if has_administrator else "label_studio_database"
        )
        (server.folder / "label_studio.sqlite3").write_bytes(database.read_bytes())
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def label_studio(serve: Callable[..., LabelStudio]) -> LabelStudio:
    return serve()


@pytest.fixture(scope="module")
def browser(label_studio_database: Path) -> Iterator[Browser]:
    # While Playwright runs, Django's ORM refuses to work in this process: no test of this folder uses it.
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"),
                *("--disable-sync", "--no-first-run"),
            ],
        )


@pytest.fixture
def complaints() -> list[str]:
    """What our scripts complained about in the browser, what the pages' policy refused, and all uncaught errors."""
    return []


@pytest.fixture
def context(browser: Browser, complaints: list[str]) -> Iterator[BrowserContext]:
    """A clean browser; the test fails if our scripts complain in it, or a page breaks its own policy."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(20_000)

    def on_message(message: ConsoleMessage) -> None:
        ours = "polardb-ui/wizard" in f"{message.location}{message.text}" or message.text.startswith("PolarDB table:")
        refused = "Content Security Policy" in message.text
        if (ours or refused) and message.type in ("error", "warning"):
            complaints.append(f"{message.text} {message.location}")

    def on_page(page: Page) -> None:
        page.on("console", on_message)
        page.on("pageerror", lambda error: complaints.append(f"{error.message} {error.stack}"))

    context.on("page", on_page)
    yield context
    context.close()
    assert complaints == []


@pytest.fixture
def storage_page(context: BrowserContext, label_studio: LabelStudio) -> StoragePage:
    return StoragePage.open(context.new_page(), label_studio.url)


@pytest.fixture
def photos(source: Source) -> Source:
    """`source` with three images that are large enough to draw on, and one row that is none."""
    data = base64_text(image_bytes("JPEG", (640, 480)))
    source.add(*((f"photo-{number}.jpg", data) for number in (1, 2, 3)), ("broken.jpg", "%%%"))
    return source


@contextmanager
def _user(source: Source, name: str, privilege: str) -> Iterator[str]:
    def execute(statement: str) -> None:
        with begin(source.parameters) as connection:
            connection.execute(sa.text(statement))

    execute(f"CREATE USER {name}@'%' IDENTIFIED BY '{PASSWORD}'")
    execute(f"GRANT {privilege} ON {source.parameters.database}.* TO {name}@'%'")
    yield name
    execute(f"DROP USER {name}@'%'")


@pytest.fixture
def account(photos: Source) -> Iterator[Account]:
    """An account that may do everything in the database of `photos`."""
    parameters = photos.parameters
    with _user(photos, parameters.database, "ALL") as user:
        yield Account(parameters.host, parameters.port, parameters.database, user, PASSWORD, photos.table)


@pytest.fixture
def reader(photos: Source, account: Account) -> Iterator[dict[str, Any]]:
    """User and password of an account that may only read."""
    with _user(photos, f"{account.database}_r", "SELECT") as user:
        yield {"user": user, "password": PASSWORD}
