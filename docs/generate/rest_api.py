"""The REST API: the OpenAPI schema of our routes, and a section for each of them."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from typing import Any, TypeAlias

from core.urls import urlpatterns as label_studio_urlpatterns
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer

from docs.generate.texts import MissingTextError, Texts, code, table
from polardb_bridge import __version__
from polardb_bridge.urls import urlpatterns

Schema: TypeAlias = dict[str, Any]

# What drf-spectacular calls the objects that PATCH takes.
_PARTIAL = "Patched"
_INFO = {
    "title": "PolarDB Bridge",
    "version": __version__,
    "description": "What PolarDB Bridge adds to Label Studio's REST API. Sign in as for Label Studio's own.",
}


def schema() -> Schema:
    """The OpenAPI schema of what this package adds.

    Raises:
        MissingTextError: an operation lacks its summary or description.
    """
    ours = [route for route in urlpatterns if route not in label_studio_urlpatterns]
    # What it guesses at (the field `type`, of no model), it says on standard error.
    with GENERATOR_STATS.silence(), redirect_stderr(io.StringIO()):
        generator: Any = SchemaGenerator
        found: Schema = generator(patterns=ours).get_schema(request=None, public=True)
    # Label Studio's page asks with a slash, programs without: one of the two is enough.
    paths = found["paths"]
    found["paths"] = {p: paths[p] for p in paths if not (p.endswith("/") and p[:-1] in paths)}
    for path, method, operation in operations(found):
        if not (operation.get("summary") and operation.get("description")):
            raise MissingTextError(f"{method} {path} lacks its summary or description: see extend_schema")
    return found | {"info": _INFO}


def operations(found: Schema) -> list[tuple[str, str, Schema]]:
    """Path, method and operation, in their order."""
    return [(path, method.upper(), value) for path, item in found["paths"].items() for method, value in item.items()]


def as_yaml(found: Schema) -> str:
    renderer: Any = OpenApiYamlRenderer()
    return str(renderer.render(found, renderer_context={}).decode())


def page(found: Schema, texts: Texts) -> str:
    """A section for each operation, then one for each kind of object that they take and give."""
    sections = [_operation(found, *operation, texts) for operation in operations(found)]
    objects = found["components"]["schemas"]
    shown = [_object(name, objects[name], texts) for name in objects if _has_section(name, objects[name])]
    return "".join([*sections, f"## {texts.word('objects')}\n\n", *shown])


def _has_section(name: str, value: Schema) -> bool:
    return "properties" in value and not name.startswith(_PARTIAL)


def _operation(found: Schema, path: str, method: str, operation: Schema, texts: Texts) -> str:
    rows = [
        (texts.word("parameter"), f"{code(p['name'])} ({p['in']}, {_kind(p['schema'])}) {p.get('description', '')}")
        for p in operation.get("parameters", [])
    ]
    if "requestBody" in operation:
        rows.append((texts.word("request"), _content(operation["requestBody"]["content"])))
    for status, answer in operation["responses"].items():
        content = _content(answer.get("content", {}))
        rows.append((status, "; ".join(part for part in (answer.get("description", ""), content) if part)))
    return f"### {operation['summary']}\n\n`{method} {path}`\n\n{operation['description']}\n\n" + table(
        [texts.word("part"), texts.word("meaning")], rows
    )


def _content(content: Schema) -> str:
    for media_type, value in content.items():
        return _kind(value["schema"]) + ("" if media_type == "application/json" else f" ({media_type})")
    return ""


def _object(name: str, value: Schema, texts: Texts) -> str:
    required = set(value.get("required", []))
    rows = []
    for field, details in value["properties"].items():
        is_read_only = details.get("readOnly", False)
        note = "read_only" if is_read_only else "required" if field in required else ""
        rows.append((code(field), _kind(details), texts.word(note) if note else "", _described(details)))
    heads = [texts.word(word) for word in ("field", "type", "note", "meaning")]
    return f"### {name}\n\n" + table(heads, rows)


def _described(details: Schema) -> str:
    """Without the list of choices, which stands in the column before."""
    return str(details.get("description", "")).split("\n\n*")[0].split("\n* `")[0]


def _kind(details: Schema) -> str:
    """The type of a value, with a link if it has a section."""
    if "$ref" in details:
        return _reference(details["$ref"].rpartition("/")[2])
    for several in ("allOf", "oneOf", "anyOf"):
        if several in details:
            return " / ".join(_kind(part) for part in details[several])
    if "enum" in details:
        return ", ".join(code(str(value)) for value in details["enum"] if value not in ("", None))
    if details.get("type") == "array":
        return f"[{_kind(details['items'])}]" if details.get("items") else "array"
    kind = str(details.get("format") or details.get("type") or "any")
    return kind + (" / null" if details.get("nullable") else "")


def _reference(name: str) -> str:
    # A partial object has the fields of the whole one, all of them optional.
    return name if name.endswith("Enum") else f"[{name}](#{name.removeprefix(_PARTIAL).lower()})"
