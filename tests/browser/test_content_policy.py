"""What tasks may do to the people who open them: nothing. And all pages do their work under that policy."""

from __future__ import annotations

import base64
import io
import re
import wave
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from dev.label_studio import run_command
from support.storage_page import ADMINISTRATOR, LabelStudio, StoragePage, log_in

pytestmark = pytest.mark.browser

# Each asks for this path if it runs.
RUN = "fetch('/ran?{name}')"
ATTACKS = {
    # Label Studio's sanitizer looks at the `src` of a frame only.
    "srcdoc": '<iframe src="https://www.youtube.com/embed/x" srcdoc="<script>{run}</script>"></iframe>',
    "srcdoc-handler": '<iframe src="https://youtu.be/x" srcdoc="<img src=x onerror=&quot;{run}&quot;>"></iframe>',
    "srcdoc-own-script": '<iframe src="https://youtu.be/x" srcdoc="<script src=/data/upload/1/attack.js></script>">'
    "</iframe>",
    "srcdoc-refresh": '<iframe src="https://youtu.be/x" srcdoc="<meta http-equiv=refresh content=0;url=/ran?refresh>">'
    "</iframe>",
    "handler": '<img src="x" onerror="{run}"><svg onload="{run}"></svg><details open ontoggle="{run}">x</details>',
    "script": "<script>{run}</script><SCRIPT src=/data/upload/1/attack.js></SCRIPT>",
    "link": '<a id="link" href="javascript:{run}">click</a>',
    "frame": '<iframe src="/ran?frame"></iframe><iframe src="//www.youtube.com.attacker.example/ran"></iframe>',
    "embed": '<object data="/ran?object"></object><embed src="/ran?embed">',
    "base": '<base href="https://attacker.example/ran/"><img src="x">',
}


@pytest.fixture
def requested(context: BrowserContext) -> list[str]:
    """What the browser asked for that an attack alone asks for; answered, so that it would run."""
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url) if "/ran" in request.url else None)
    return asked


@pytest.fixture
def page(storage_page: StoragePage) -> Page:
    return storage_page.page


def import_tasks(storage_page: StoragePage, config: str, tasks: list[dict[str, Any]]) -> int:
    """A new project with these tasks; its id."""
    project = storage_page.api("POST", "/api/projects", {"title": "Tasks", "label_config": config})["id"]
    storage_page.api("POST", f"/api/projects/{project}/import", tasks)
    return int(project)


@pytest.mark.parametrize("inline", ["false", "true"])
def test_nothing_in_a_task_runs_in_whoever_opens_it(
    inline: str, storage_page: StoragePage, page: Page, requested: list[str], complaints: list[str]
) -> None:
    upload = re.compile("/data/upload/1/attack.js")
    page.route(upload, lambda route: route.fulfill(body=RUN.format(name="upload"), content_type="text/javascript"))
    attacks = "".join(f"<p>{attack}</p>".format(run=RUN.format(name=name)) for name, attack in ATTACKS.items())
    project = import_tasks(
        storage_page,
        f'<View><HyperText name="text" value="$text" inline="{inline}"/>'
        '<HyperTextLabels name="label" toName="text"><Label value="name"/></HyperTextLabels></View>',
        [{"text": f"<h1>the task</h1>{attacks}"}],
    )
    page.goto(f"{storage_page.url}/projects/{project}/data")
    page.get_by_text("the task").first.click()
    content = page.frame_locator("iframe.lsf-htx-richtext") if inline == "false" else page
    expect(content.locator("h1", has_text="the task")).to_be_visible()
    # By script: while Label Studio draws the text anew, there is a moment at which no mouse reaches it.
    content.locator("#link").evaluate("link => link.click()")
    page.wait_for_load_state("networkidle")
    assert requested == []
    assert any("srcdoc" in complaint or "inline" in complaint for complaint in complaints), "nothing was refused"
    complaints.clear()


@pytest.mark.parametrize("tag", ["HyperText", "Markdown"])
def test_nothing_in_a_task_leads_away_or_signs_out(
    tag: str, storage_page: StoragePage, page: Page, requested: list[str]
) -> None:
    value = (
        "the task\n\n<meta http-equiv='refresh' content='0;url=/ran?refresh'>"
        "<META http-equiv=refresh content='0;url=/ran?again'><img src='/logout/'><img src='/logout'>"
    )
    inline = ' inline="true"' if tag == "HyperText" else ""
    shown = f'<{tag} name="it" value="$it"{inline}/>' if tag == "HyperText" else '<Markdown value="$it"/>'
    config = (
        f'<View>{shown}<Text name="text" value="$text"/>'
        '<Choices name="c" toName="text"><Choice value="yes"/></Choices></View>'
    )
    project = import_tasks(storage_page, config, [{"it": value, "text": "words"}])
    page.goto(f"{storage_page.url}/projects/{project}/data")
    page.locator("[class*=row-wrapper]").first.click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    expect(page.get_by_text("the task").last).to_be_visible()
    page.wait_for_timeout(1500)  # a refresh after 0 s takes its time
    assert requested == []
    assert page.url.startswith(f"{storage_page.url}/projects/{project}/data")
    assert storage_page.api("GET", "/api/current-user/whoami")["email"]


def tone() -> str:
    """A second of sound as a data: URI."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(range(200)) * 80)
    return f"data:audio/wav;base64,{base64.b64encode(file.getvalue()).decode()}"


# What a task of each kind shows when it is open.
KINDS = {
    "audio": (
        '<View><Audio name="it" value="$it"/><Labels name="l" toName="it"><Label value="name"/></Labels></View>',
        tone(),
        "canvas",
    ),
    "hypertext": (
        '<View><HyperText name="it" value="$it"/><HyperTextLabels name="l" toName="it"><Label value="name"/>'
        "</HyperTextLabels></View>",
        "<b style='color: red'>words</b>",
        "iframe",
    ),
    "paragraphs": (
        '<View><Paragraphs name="it" value="$it"/><ParagraphLabels name="l" toName="it"><Label value="name"/>'
        "</ParagraphLabels></View>",
        [{"author": "somebody", "text": "words"}],
        "text=words",
    ),
    "time series": (
        '<View><TimeSeries name="it" value="$it" valueType="json"><Channel column="1"/></TimeSeries>'
        '<TimeSeriesLabels name="l" toName="it"><Label value="name"/></TimeSeriesLabels></View>',
        {"0": [1, 2, 3, 4], "1": [2, 1, 4, 3]},
        "svg.overlay, .htx-timeseries-channel, svg",
    ),
}


def test_tasks_of_all_kinds_are_shown(storage_page: StoragePage, page: Page) -> None:
    for config, value, shown in KINDS.values():
        project = import_tasks(storage_page, config, [{"it": value}])
        page.goto(f"{storage_page.url}/projects/{project}/data")
        page.locator("[class*=row-wrapper]").first.click()
        expect(page.get_by_role("button", name="Submit")).to_be_visible()
        expect(page.locator(shown).first).to_be_attached()


PAGES = [
    *("/", "/projects/{project}/data", "/organization", "/user/account", "/user/account/hotkeys"),
    *(f"/projects/{{project}}/settings/{name}" for name in ("", "labeling", "annotation", "ml", "predictions")),
    *(f"/projects/{{project}}/settings/{name}" for name in ("storage", "webhooks", "danger-zone")),
    *("/docs/api/", "/docs/api/schema/swagger-ui/", "/version/"),
    *("/polardb/", "/polardb/statements", "/admin/", "/admin/users/user/", "/admin/users/user/add/"),
]


def test_the_buttons_of_the_page_for_what_does_not_exist_work(storage_page: StoragePage, page: Page) -> None:
    page.goto(f"{storage_page.url}/nothing-here")
    page.get_by_role("button", name="Go to Home").click()
    page.wait_for_url(f"{storage_page.url}/")


def test_all_pages_keep_to_the_policy(
    context: BrowserContext, label_studio: LabelStudio, storage_page: StoragePage, page: Page
) -> None:
    """The fixture `context` sees to it that nothing was refused."""
    email, password = ADMINISTRATOR
    administrator = {"LABEL_STUDIO_USERNAME": email, "LABEL_STUDIO_PASSWORD": password}
    run_command({**label_studio.environment, **administrator}, "ensure_superuser").check_returncode()
    page.goto(f"{storage_page.url}/logout")
    page.goto(f"{storage_page.url}/user/login/")
    log_in(page, *ADMINISTRATOR)
    page.wait_for_url(f"{storage_page.url}/**")
    for path in PAGES:
        answer = page.goto(f"{storage_page.url}{path.format(project=storage_page.project_id)}")
        assert answer
        assert answer.status == 200, path
        assert answer.headers.get("content-security-policy", "").count("nonce-") <= 1
        page.wait_for_load_state("networkidle")
        if path.startswith("/docs"):
            expect(page.locator(".redoc-wrap, .swagger-ui .opblock").first).to_be_attached()
