"""Requests with the ids of another tenant's objects, and what comes of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import unquote

from django.db import connection, transaction
from django.test import Client, TestCase

from support.tenants import Tenant
from support.walk import Pattern, body_of, is_guarded, methods_of, patterns, queries_of, values_of
from support.world import World

# Routes that the walk leaves out, and why.
LEFT_OUT = {
    r"docs/api/schema/.*": "the description of the API, made from classes in seconds: it has a test of its own",
}


@dataclass(frozen=True)
class Attempt:
    """One request. sent: everything in it that may come back without telling anything."""

    pattern: Pattern
    method: str
    path: str
    query: dict[str, Any]
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def sent(self) -> str:
        return f"{self.path} {json.dumps(self.query)} {json.dumps(self.body)}"


def is_left_out(pattern: Pattern) -> bool:
    return any(re.fullmatch(left_out, pattern.route) for left_out in LEFT_OUT)


def attempts(world: World, own: Tenant | None) -> Iterator[Attempt]:
    """Each pattern by each method: with their ids everywhere, with the visitor's own path and project, and mixed."""
    theirs = world.theirs
    for pattern in patterns():
        if is_left_out(pattern):
            continue
        own_too = None if is_guarded(pattern) else own
        foreign = values_of(pattern, theirs)
        mine = values_of(pattern, own_too) if own_too else foreign
        head = pattern.parameters[0] if pattern.parameters else None
        for method in methods_of(pattern):
            for query in queries_of(pattern, method, theirs):
                yield Attempt(pattern, method, pattern.path(foreign), query, body_of(pattern, theirs))
            # HEAD is GET's code and OPTIONS nearly none: once is enough.
            if own_too is None or method in ("HEAD", "OPTIONS"):
                continue
            paths = [mine]
            if head and len(pattern.parameters) > 1:
                paths += [{**foreign, head: mine[head]}, {**mine, head: foreign[head]}]
            for values in paths:
                for query in queries_of(pattern, method, theirs):
                    project = dict.fromkeys(("project", "projectId", "project_id"), own_too.project.pk)
                    body = {**body_of(pattern, theirs), **project}
                    yield Attempt(pattern, method, pattern.path(values), {**query, **project}, body)
            if method == "GET":
                yield Attempt(pattern, method, pattern.path(mine), {}, {})


@dataclass(frozen=True)
class Outcome:
    status: int
    seen: tuple[str, ...]
    changed: tuple[str, ...]


class Prober:
    """Makes attempts, each in a transaction that is undone, and tells what of the other tenant came of it."""

    def __init__(self, world: World, client: Client) -> None:
        self.world = world
        self.client = client
        self.client.raise_request_exception = False
        self.cookies = {name: morsel.value for name, morsel in client.cookies.items()}
        self.before = world.rows.state()
        self.ids = world.rows.ids()

    def probe(self, attempt: Attempt) -> Outcome:
        written: set[str] = set()

        def watch(execute: Any, sql: str, *arguments: Any) -> Any:
            if change := re.match(r'(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM) "(\w+)"', sql):
                written.add(change[1])
            return execute(sql, *arguments)

        self.client.cookies = SimpleCookie(self.cookies)
        with transaction.atomic(), connection.execute_wrapper(watch):
            with TestCase.captureOnCommitCallbacks(execute=True):
                answer = self.client.generic(
                    attempt.method,
                    attempt.path,
                    json.dumps(attempt.body),
                    content_type="application/json",
                    query_params=attempt.query,
                )
                content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            after = self.world.rows.state(written)
            changed = tuple(table for table, state in after.items() if state != self.before[table])
            transaction.set_rollback(True)
        return Outcome(answer.status_code, tuple(self._seen(attempt, answer, content)), changed)

    def _seen(self, attempt: Attempt, answer: Any, content: bytes) -> Iterator[str]:
        text = unquote(f"{dict(answer.items())} {content.decode(errors='replace')}")
        sent = unquote(attempt.sent)
        for found in re.finditer(rf"{self.world.theirs.marker}[\w.@/-]*", text):
            if found[0] not in sent:
                yield found[0]
        for found in re.finditer(r"(?<![\d.])7\d{6}(?!\d)", text):
            if int(found[0]) in self.ids and found[0] not in sent:
                yield f"the id of {self.ids[int(found[0])]}"
