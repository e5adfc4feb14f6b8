"""A Label Studio with one project a template, each on a table of its own."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import requests
from playwright.sync_api import BrowserContext

from dev.label_studio import run_command
from polardb_bridge.table.connection import begin, connect, dispose
from polardb_bridge.table.parameters import ConnectionParameters
from support.labeling_actions import ACTIONS
from support.labeling_screen import LabelingScreen
from support.media_tables import create, fields_of
from support.source_data import Source, url_of
from support.storage_page import ADMINISTRATOR, LabelStudio

# One process for all: each start of Label Studio takes seconds.
_PROVISION = """
import json
from polardb_bridge.deployments.projects import provision_project
from polardb_bridge.storage.sync.run import run_sync
from polardb_bridge.table.asked_mapping import AskedMapping
from polardb_bridge.table.parameters import ConnectionParameters
parameters = ConnectionParameters.from_url({url!r})
made = {{}}
for table, fields in json.loads({tables!r}).items():
    project = provision_project(parameters, template=table, source=table, name=table,
                                asked=AskedMapping.from_texts(fields=fields, name="title", version=""))
    run_sync(project.import_storage)
    made[table] = project.project.pk
print("made", json.dumps(made))
"""


@dataclass
class World:
    """projects: their ids by the name of the template, which is that of the table, too."""

    label_studio: LabelStudio
    source: Source
    projects: Mapping[str, int]

    @cached_property
    def session(self) -> requests.Session:
        return self.label_studio.session(*ADMINISTRATOR)

    def wait_for_result(self, name: str) -> Any:
        """What the first row of a project's table holds, as soon as it holds a result."""
        deadline = time.monotonic() + 30
        while True:
            with connect(self.source.parameters) as connection:
                query = f"SELECT annotation_data, annotation_count FROM `{name}` ORDER BY id LIMIT 1"
                [(data, count)] = connection.exec_driver_sql(query).all()
            if count:
                return json.loads(data) if isinstance(data, (str, bytes)) else data
            assert time.monotonic() < deadline, f"the row of {name} still has no result"
            time.sleep(0.1)


@contextmanager
def served(serve: Callable[..., LabelStudio], server_url: str) -> Iterator[tuple[LabelStudio, Source]]:
    """A Label Studio with an administrator, and a new database that its commands work on; it is dropped afterwards."""
    admin = ConnectionParameters.from_url(server_url)
    parameters = replace(admin, database=f"bridge_{secrets.token_hex(4)}")
    with begin(admin) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {parameters.database} CHARACTER SET utf8mb4")
    source = Source.create(parameters)
    yield serve(has_administrator=True, POLARDB_URL=url_of(parameters)), source
    dispose()
    with begin(parameters) as connection:
        connection.exec_driver_sql(f"DROP DATABASE {parameters.database}")


def populate(label_studio: LabelStudio, source: Source, templates: Mapping[str, Any]) -> World:
    """A project for each of the templates, by name; `label_studio` runs, and works on the database of `source`."""
    for name in templates:
        create(source, name, label_studio.url)
    maps = {
        name: ", ".join(f"{field}={read}" for field, read in fields_of(schema).items())
        for name, schema in templates.items()
    }
    return provision(label_studio, source, templates, maps)


def provision(
    label_studio: LabelStudio, source: Source, templates: Mapping[str, Any], maps: Mapping[str, str]
) -> World:
    """The same on tables that are there; maps: what their tasks hold, as `map` of DEPLOY MODEL takes it."""
    with begin(source.parameters) as connection:
        for name, schema in templates.items():
            connection.exec_driver_sql(
                "INSERT INTO annotation_template (tp_name, tp_schema) VALUES (%s, %s)", (name, json.dumps(schema))
            )
    code = _PROVISION.format(url=url_of(source.parameters), tables=json.dumps(maps))
    return World(label_studio, source, run_code(label_studio, code))


def run_code(label_studio: LabelStudio, code: str) -> Any:
    """What a piece of Python, run beside the server, has made."""
    done = run_command(label_studio.environment, "shell", "-c", code)
    assert done.returncode == 0, done.stderr
    [line] = [line for line in done.stdout.splitlines() if line.startswith("made ")]
    return json.loads(line.removeprefix("made "))


def open_first_task(world: World, name: str, context: BrowserContext) -> LabelingScreen:
    """The first task of a project, opened by the administrator."""
    url, project, session = world.label_studio.url, world.projects[name], world.session
    cookies = [{"name": each.name, "value": each.value or "", "url": url} for each in session.cookies]
    context.add_cookies(cookies)  # type: ignore[arg-type]
    tasks = session.get(f"{url}/api/tasks?project={project}&fields=all", timeout=60).json()["tasks"]
    screen = LabelingScreen(context.new_page(), url)
    screen.open(project, min(task["id"] for task in tasks))
    return screen


def label_by_mouse(world: World, title: str, context: BrowserContext) -> Any:
    """Label the first task of an example of the documentation as a person does; what is submitted, and in the row."""
    act, kinds = ACTIONS[title]
    screen = open_first_task(world, name_of(title), context)
    act(screen)
    result = screen.submit()
    assert [region["type"] for region in result] == kinds
    assert world.wait_for_result(name_of(title)) == result
    return result


def name_of(title: str) -> str:
    """A table's name for an example of the documentation."""
    return re.sub(r"\W", "_", title).lower()
