"""What the package says to people, found in its source: the texts of errors, refusals, warnings and reasons.

A message is found as a pattern, with a placeholder in braces for each part that is not known before it is said:
`There is no template '{id_or_name}' in {table.name}.` A function that only puts a text of its callers into a message
(`def error(problem): return RowError(f"annotation_data {problem}")`) gives one message a caller.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# Whose argument is said to a person, and which argument that is. The errors of the package itself come on top.
SAID_BY_CALLS = {
    "CommandError": 0,
    "PermissionDenied": 0,
    "ValidationError": 0,
    "WrongValueError": 0,
    "Warning": 0,  # system checks
    "Info": 0,
    "TableWarning": 0,  # table/columns.py
    "StatementError": 1,
    "Text": 2,  # deployments/access/refusal.py
    "plain": 0,  # storage/images/answers.py
    "_put_off": 2,  # webhooks/batch.py
    "_close": 2,  # deployments/execution/audit.py
    "error_payload": 2,  # endpoint/packets.py
    "logger.warning": 0,
    "logger.exception": 0,
    "stderr.write": 0,
}
ROOT_ERROR = "BridgeError"
# What is assigned to these is shown by the cards of storages, the preview and the REST API.
SAID_BY_NAMES = {"traceback", "problem", "message", "_UNFINISHED"}
# Parameters that are one of many: what the grammar of statements allows in a place, the name of a variable.
LEFT_OPEN = {"expected", "name"}
REACTIONS = "_REACTIONS"  # table/driver_errors.py: by MySQL's number, (class, field, text)

_HOLE = re.compile("\0(\\w+)\0")
_PERCENT = re.compile(r"%\.?\d*[sdf]")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_ALERT = re.compile(r"""role="(?:alert|status)"[^>]*>\s*\{%\s*translate\s+"([^"]+)"\s*%\}""")

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Found:
    """messages: by pattern, the places (`table/schema.py:31`) that say it. unread: texts that only running tells."""

    messages: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unread: set[str] = field(default_factory=set)


def messages_in(package: Path) -> Found:
    """What the modules and templates of `package` say."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(package.rglob("*.py"))}
    said_by = SAID_BY_CALLS | {name: 0 for name in _error_classes(trees.values()) if name not in SAID_BY_CALLS}
    found = Found()
    for path, tree in trees.items():
        module = _Module(tree, said_by)
        for pattern, line in module.messages():
            found.messages[pattern].append(f"{path.relative_to(package)}:{line}")
        found.unread |= module.unread
    for path in sorted(package.rglob("templates/**/*.html")):
        for pattern in _ALERT.findall(path.read_text(encoding="utf-8")):
            found.messages[pattern].append(str(path.relative_to(package)))
    return found


def anonymous(pattern: str) -> str:
    """`pattern` without the names of its placeholders: variables may be renamed."""
    return _PLACEHOLDER.sub("{}", pattern)


def as_regex(pattern: str) -> re.Pattern[str]:
    """What a message of this pattern looks like."""
    return re.compile(".*".join(map(re.escape, anonymous(pattern).split("{}"))), re.DOTALL)


def _error_classes(trees: Iterable[ast.Module]) -> set[str]:
    """The names of the package's own errors."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    errors = {ROOT_ERROR}
    while more := {c.name for c in classes if errors & {_last_name(base) for base in c.bases}} - errors:
        errors |= more
    return errors


@dataclass
class _Module:
    """One module. calls: by the name of what is called, with the functions around each.

    said: (functions around it, pattern with holes for their parameters, line). open_names: those being looked up.
    """

    tree: ast.Module
    said_by: dict[str, int]
    functions: dict[str, _Function] = field(default_factory=dict)
    calls: dict[str, list[tuple[ast.Call, list[_Function]]]] = field(default_factory=lambda: defaultdict(list))
    said: list[tuple[list[_Function], str, int]] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)
    open_names: set[str] = field(default_factory=set)

    def messages(self) -> Iterator[tuple[str, int]]:
        self._visit(self.tree, [])
        for inside, text, line in self.said:
            for pattern in self._filled(text, inside):
                if _says_something(pattern):
                    yield pattern, line

    def _visit(self, node: ast.AST, inside: list[_Function]) -> None:
        if isinstance(node, _Function):
            self.functions[node.name] = node
            inside = [*inside, node]
        for text in self._texts_said_at(node):
            patterns = self._patterns(text, inside)
            self.said += [(inside, pattern, text.lineno) for pattern in patterns]
            if not patterns and isinstance(node, ast.Call):
                self.unread.add(ast.unparse(text))
        if isinstance(node, ast.Call):
            self.calls[_last_name(node.func)].append((node, inside))
        for child in ast.iter_child_nodes(node):
            self._visit(child, inside)

    def _texts_said_at(self, node: ast.AST) -> Iterator[ast.expr]:
        if isinstance(node, ast.Call):
            position = self.said_by.get(_last_name(node.func), self.said_by.get(_last_two_names(node.func)))
            if position is not None and len(node.args) > position:
                yield node.args[position]
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            targets: list[ast.expr] = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name, value in _pairs(targets, node.value):
                if name in SAID_BY_NAMES:
                    yield value
                if name == REACTIONS and isinstance(value, ast.Dict):
                    yield from (_with_number(key, entry) for key, entry in zip(value.keys, value.values, strict=True))
        elif isinstance(node, ast.AugAssign):
            # Answers of statements: `text += " Warning: …"`
            for text in self._patterns(node.value, []):
                if text.startswith(" Warning: "):
                    yield ast.copy_location(ast.Constant(text.strip()), node)
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            state, *reasons = node.value.elts
            if _last_two_names(state) == "DeploymentState.FAILED":
                yield from reasons

    def _patterns(self, node: ast.expr | None, inside: list[_Function]) -> list[str]:
        """The texts that the expression can be; nothing for what is not text."""
        match node:
            case ast.Constant(value=str(text)):
                return [_PERCENT.sub("{}", text)]
            case ast.JoinedStr(values=parts):
                patterns = [""]
                for part in parts:
                    patterns = [before + after for before in patterns for after in self._part(part, inside)]
                return patterns
            case ast.IfExp(body=body, orelse=orelse):
                return self._patterns(body, inside) + self._patterns(orelse, inside)
            case ast.BoolOp(values=values):
                return [p for value in values for p in self._patterns(value, inside) or [f"{{{ast.unparse(value)}}}"]]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                ends = self._patterns(right, inside) or [f"{{{ast.unparse(right)}}}"]
                return [start + end for start in self._patterns(left, inside) for end in ends]
            case ast.Dict(values=values) | ast.List(elts=values):
                return [pattern for value in values for pattern in self._patterns(value, inside)]
            case ast.Call(func=ast.Attribute(value=template, attr="format")):
                return self._patterns(template, inside)
            case ast.Call(func=ast.Name(id="_" | "gettext" | "gettext_lazy"), args=[text]):
                return self._patterns(text, inside)
            case ast.Name(id=name):
                return self._named(name, inside)
        return []

    def _part(self, part: ast.expr, inside: list[_Function]) -> list[str]:
        """A part of an f-string: text, or what is put in."""
        if not isinstance(part, ast.FormattedValue):
            return self._patterns(part, inside)
        placeholder = f"{{{ast.unparse(part.value)}}}"
        if isinstance(part.value, ast.Name):
            named = self._named(part.value.id, inside)
            if len(named) == 1 and not _PLACEHOLDER.search(named[0]):
                placeholder = named[0]
        return [f"'{placeholder}'" if part.conversion == ord("r") else placeholder]

    def _named(self, name: str, inside: list[_Function]) -> list[str]:
        """What a variable can be: the texts assigned to it, or a hole if it is a parameter."""
        if name in self.open_names:  # `text = shortened(text)`
            return []
        self.open_names.add(name)
        try:
            for function in reversed(inside):
                assigned = list(_assigned(function, name))
                holes = [f"\0{name}\0"] if name in _parameters(function) else []
                if assigned or holes:
                    return holes + [pattern for value in assigned for pattern in self._patterns(value, inside)]
            return [pattern for value in _assigned(self.tree, name) for pattern in self._patterns(value, [])]
        finally:
            self.open_names.discard(name)

    def _filled(self, text: str, inside: list[_Function]) -> list[str]:
        """`text` with its holes filled by what the callers of its function pass, or with placeholders."""
        hole = _HOLE.search(text)
        if hole is None:
            return [text]
        function = next(function for function in reversed(inside) if hole[1] in _parameters(function))
        holes = [name for name in dict.fromkeys(_HOLE.findall(text)) if name in _parameters(function)]
        filled = []
        for call, around in self.calls[function.name]:
            passed = [
                [] if name in LEFT_OPEN else self._patterns(_argument(call, function, name), around) for name in holes
            ]
            if any(any(map(_says_something, values)) for values in passed):
                for values in itertools.product(
                    *([*v] or [f"{{{name}}}"] for v, name in zip(passed, holes, strict=True))
                ):
                    # A hole of the caller's own is filled by its callers in turn.
                    filled += self._filled(_with_holes_filled(text, dict(zip(holes, values, strict=True))), around)
        return filled or [_with_holes_filled(text, {name: f"{{{name}}}" for name in holes})]


def _with_holes_filled(text: str, values: dict[str, str]) -> str:
    return _HOLE.sub(lambda hole: values.get(hole[1], hole[0]), text)


def _pairs(targets: list[ast.expr], value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Names with what is assigned to them, in `a, b = 1, 2` too."""
    for target in targets:
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            yield from ((_last_name(t), v) for t, v in zip(target.elts, value.elts, strict=False))
        else:
            yield _last_name(target), value


def _assigned(scope: ast.Module | _Function, name: str) -> Iterator[ast.expr]:
    nodes = scope.body if isinstance(scope, ast.Module) else ast.walk(scope)
    for node in nodes:
        if isinstance(node, ast.Assign):
            yield from (value for target, value in _pairs(node.targets, node.value) if target == name)


def _parameters(function: _Function) -> list[str]:
    names = [argument.arg for argument in (*function.args.posonlyargs, *function.args.args)]
    return [name for name in names if name != "self"]


def _argument(call: ast.Call, function: _Function, name: str) -> ast.expr | None:
    for keyword in call.keywords:
        if keyword.arg == name:
            return keyword.value
    position = _parameters(function).index(name)
    return call.args[position] if position < len(call.args) else None


def _with_number(number: ast.expr | None, entry: ast.expr) -> ast.expr:
    """The text of a reaction, as the driver's error gets it."""
    assert number is not None
    assert isinstance(entry, ast.Tuple)
    text = re.sub(r"(\{[^{}]*?)!r\}", r"'\1}'", ast.literal_eval(entry.elts[2]))
    return ast.copy_location(ast.Constant(f"{text} (MySQL error {ast.unparse(number)})"), entry)


def _last_name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _last_two_names(node: ast.AST) -> str:
    return f"{_last_name(node.value)}.{node.attr}" if isinstance(node, ast.Attribute) else ""


def _says_something(pattern: str) -> bool:
    """Whether it is more than another message passed on."""
    return any(character.isalpha() for character in _PLACEHOLDER.sub("", _HOLE.sub("", pattern)))
