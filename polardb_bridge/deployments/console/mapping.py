"""What the form "Deploy a table" shows of a table's columns, and the statement that it stands for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.http.response import HttpResponseBase
from django.utils.translation import get_language
from django.views.decorators.http import require_GET, require_POST

from polardb_bridge.characters import escaped
from polardb_bridge.deployments.console.administrators import for_administrators
from polardb_bridge.deployments.console.database import asked
from polardb_bridge.deployments.console.forms import DeployForm
from polardb_bridge.deployments.console.said import for_page, in_page_language
from polardb_bridge.errors import BridgeError, InvalidInputError
from polardb_bridge.labeling import labeling_config
from polardb_bridge.storage.image_field import image_field
from polardb_bridge.storage.mapping_step import Look, look
from polardb_bridge.storage.ui.editor import editor_script
from polardb_bridge.table import catalog
from polardb_bridge.table.catalog import Offer
from polardb_bridge.table.choosing import to_ask_for
from polardb_bridge.table.templates import Template
from polardb_bridge.web.assets import SCRIPT, respond
from polardb_bridge.web.language import in_readers_language

_SCRIPT = Path(__file__).with_name("deploy.js")


@require_POST
@for_administrators
def mapping(request: HttpRequest) -> JsonResponse:
    """Of the form as it stands: what `look` tells of the table `source`, and what it leads to.

    Beside it, `asked`: what the form is to send of the mapping; `statement`: the whole form, if it is complete;
    `unfit`: by id, why a template does not go with these columns. `{"problem": …}` if the database cannot be read.
    """
    text = request.POST.get("asked", "")
    try:
        value = json.loads(text) if text else None
    except (ValueError, RecursionError):
        value = ""
    try:
        with asked() as connection:
            configs = {str(each.id): (each, _config(each)) for each, _ in catalog.templates(connection)}
            _, chosen = configs.get(request.POST.get("template", ""), (None, None))
            # Beside a result table, rows get results only if somebody says into which columns.
            to_write = not request.POST.get("result_table") or bool(isinstance(value, dict) and value.get("result"))
            found = look(connection, request.POST.get("source", ""), value, chosen, to_write=to_write)
    except BridgeError as error:
        return JsonResponse({"problem": in_page_language(str(error))})
    for problem in found.answer["problems"]:
        problem["message"] = for_page(problem["message"])
    found.answer["warnings"] = list(map(in_page_language, found.answer["warnings"]))
    return JsonResponse(
        found.answer | {"is_fixed": False, "unfit": _unfit(found, configs), **_to_send(request, found, configs)}
    )


def _config(template: Template) -> str | None:
    """None if the template cannot be deployed, which the form's list says."""
    try:
        return labeling_config(template.schema)
    except InvalidInputError:
        return None


def _unfit(found: Look, configs: dict[str, tuple[Template, str | None]]) -> dict[str, str]:
    reasons = {}
    for pk, (_, config) in configs.items():
        try:
            if config is not None and found.mapping is not None:
                image_field(config, found.mapping)
        except BridgeError as error:
            reasons[pk] = in_page_language(str(error))
    return reasons


def _to_send(request: HttpRequest, found: Look, configs: dict[str, tuple[Template, str | None]]) -> dict[str, Any]:
    # What is wrong is sent as it is, and DEPLOY says why it refuses that.
    value = to_ask_for(found.mapping, found.found).to_json() if found.mapping else found.answer["mapping"]
    text = json.dumps(value) if value else ""
    templates = [Offer(pk, escaped(each.name)) for pk, (each, _) in configs.items()]
    source = request.POST.get("source", "")
    form = DeployForm(templates, [Offer(source, source, 0)], {**request.POST.dict(), "mapping": text})
    is_complete = found.mapping is not None and form.is_valid()
    return {"asked": text, "statement": f"{form.statement()};" if is_complete else ""}


@require_GET
@in_readers_language
def script(request: HttpRequest) -> HttpResponseBase:
    parts = [
        '(() => {\n"use strict";\n',
        editor_script(get_language() or ""),
        _SCRIPT.read_text(encoding="utf-8"),
        "})();\n",
    ]
    return respond(request, "\n".join(parts).encode(), SCRIPT)
