"""Label Studio in a process of its own, and what a person does on its pages."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as Timeout

import dev.label_studio

# A busy machine needs longer than Playwright's 5 s; where time matters, a test measures it.
expect.set_options(timeout=20_000)

LABELING_CONFIG = """<View><Image name="image" value="$image"/>
<RectangleLabels name="label" toName="image"><Label value="cat"/><Label value="dog"/></RectangleLabels></View>"""


# Email and password.
ADMINISTRATOR = ("admin@example.com", "correct-horse-9")


def log_in(page: Page, email: str, password: str) -> None:
    """Fill in Label Studio's login, which is shown; an email of "" where the page has filled that in."""
    if email:
        page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.get_by_role("button", name="Log in").click()


class LabelStudio(dev.label_studio.LabelStudio):
    """Served as in production; `folder` holds its database."""

    def __init__(self, folder: Path, path: str = "") -> None:
        """path: where it is mounted on its host, such as "/label-studio"; "" for the root."""
        super().__init__(folder, {}, workers=1, threads=8)
        self.path = path
        self.environment = {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.folder),
            "DJANGO_DB": "sqlite",
            "POLARDB_ALLOWED_HOSTS": "127.0.0.1",
            "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "false",
            "LOCAL_FILES_SERVING_ENABLED": "true",
            "LOCAL_FILES_DOCUMENT_ROOT": str(self.local_files),
            **({"LABEL_STUDIO_HOST": self.url, "SCRIPT_NAME": path} if path else {}),
        }

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}{self.path}"

    @property
    def local_files(self) -> Path:
        return self.folder / "files"


@dataclass(frozen=True)
class Account:
    """A database account, as a person types it into the form."""

    host: str
    port: int
    database: str
    user: str
    password: str
    table: str


class StoragePage:
    """The Cloud Storage page of a new project, signed in as a new user."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.project_id = 0

    @classmethod
    def open(cls, page: Page, url: str) -> StoragePage:
        self = cls(page, url)
        page.goto(f"{url}/user/signup")
        page.fill("input[name=email]", f"user-{os.urandom(4).hex()}@example.com")
        page.fill("input[name=password]", "correct-horse-9")
        page.click("button[type=submit]")
        page.wait_for_url(f"{url}/")
        answer = self.api("POST", "/api/projects", {"title": "Animals", "label_config": LABELING_CONFIG})
        self.project_id = answer["id"]
        self.reload()
        return self

    def api(self, method: str, path: str, data: object = None) -> Any:
        """Call the REST API as the signed-in user."""
        tokens = [cookie["value"] for cookie in self.page.context.cookies() if cookie["name"] == "csrftoken"]
        answer = self.page.request.fetch(
            f"{self.url}{path}", method=method, data=data, headers={"X-CSRFToken": tokens[0], "Referer": self.url}
        )
        assert answer.ok, answer.text()
        return answer.json()

    def reload(self) -> None:
        self.page.goto(f"{self.url}/projects/{self.project_id}/settings/storage")
        expect(self._add_button("Source")).to_be_visible()

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def _add_button(self, direction: str) -> Locator:
        # The page has it twice: beside the cards, and in the box that it shows while there are none.
        return self.page.locator(f"button[aria-label='Add {direction} Storage']:visible:enabled")

    def add(self, direction: str) -> None:
        """Open the form for a new storage; direction: "Source" or "Target"."""
        expect(self._add_button(direction)).to_be_visible()
        self._add_button(direction).click()

    def choose_provider(self, direction: str, name: str = "polardb") -> None:
        """Open the wizard on its connection step; direction: "Source" or "Target"."""
        self.add(direction)
        self.page.get_by_test_id(f"storage-provider-{name}").click()
        self.button("Next").click()

    def fill(self, **values: object) -> None:
        for name, value in values.items():
            self.page.locator(f"input[name={name}]").fill(str(value))

    def test_connection(self) -> None:
        self.button("Test Connection").click()
        expect(self.button("Connection Verified")).to_be_visible()

    def field(self, name: str) -> Locator:
        """The field with its label and its message."""
        return self.page.locator("label", has=self.page.locator(f"input[name={name}]"))

    def card(self, title: str) -> Locator:
        return self.page.locator(".lsf-card", has_text=title)

    def expect_synced(self, title: str, rows: str) -> None:
        """See that the source's card tells of a sync that has ended, with so many `rows`; it does so by itself."""
        expect(self.card(title)).to_contain_text("Completed", timeout=90_000)
        expect(self.card(title)).to_contain_text(rows)

    def choose_on_card(self, title: str, action: str) -> None:
        """Choose "Edit" or "Delete" in the menu of a storage's card.

        A card is drawn anew at the end of a sync, and its menu closes: then a person opens it again.
        """
        opened = self.page.locator("input[name=host]") if action == "Edit" else self.button("Confirm")
        for _ in range(3):
            self.card(title).get_by_label("Storage options").click()
            with contextlib.suppress(Timeout):
                self.page.get_by_text(action, exact=True).locator("visible=true").click(timeout=5000)
                opened.first.wait_for(timeout=15_000)
                return
        pytest.fail(f"{action!r} opens nothing on the card of {title!r}")

    def add_source(self, account: Account, title: str = "Animals table") -> None:
        """Through the wizard, with a first sync."""
        self.choose_provider("Source")
        self.fill(title=title, **vars(account))
        self.test_connection()
        self.button("Next").click()
        expect(self.button("✓ Preview Loaded")).to_be_visible()
        self.button("Next").click()
        self.button("Save & Sync").click()
        self.expect_synced(title, "Rows synced")

    def add_target(self, account: Account, title: str = "Results") -> None:
        self.choose_provider("Target")
        self.fill(title=title, **vars(account))
        self.test_connection()
        self.button("Save").click()
        expect(self.card(title)).to_be_visible()

    def delete(self, title: str) -> None:
        self.choose_on_card(title, "Delete")
        self.button("Confirm").click()
        expect(self.card(title)).to_have_count(0)
