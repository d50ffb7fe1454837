"""Which promises of haut_ext and which cassettes rest on an operation.

Read from the sources, without running them: a function rests on an operation when it names the
generated module, or a function of haut_ext that does. Objects are known by name, not by type: a method
counts when its object has the name of the method's module or class (`self.images.delete`), or was made
on the spot (then all its methods do, if it is not called at once). `_sync` is derived from `_async` and
left out.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import urlsplit

import yaml
from attrs import evolve, frozen

from scripts.spec.document import ROOT

CASSETTES = ROOT / "tests" / "cassettes"
_EXT = ROOT / "haut_ext"
_OPERATIONS = "operations"


@frozen
class _Function:
    """A function of haut_ext, and the names that it uses."""

    module: str
    owner: str  # its class, if it has one
    name: str
    uses: frozenset[tuple[str, str]]  # (the module or object it is taken from, name)


def promises(operations: Iterable[str]) -> dict[str, list[str]]:
    """Return, for each operation's module, the public functions of haut_ext that rest on it."""
    functions = _read()
    resting: dict[str, list[str]] = {}
    for operation in operations:
        reached = {
            index for index, found in enumerate(functions) if (_OPERATIONS, operation) in found.uses
        }
        while True:
            more = {
                index
                for index, found in enumerate(functions)
                if index not in reached
                and any(_calls(found, functions[other]) for other in reached)
            }
            if not more:
                break
            reached |= more
        handlers = {
            index
            for index, found in enumerate(functions)
            if found.name == operation and found.module.startswith("sandbox")
        }
        shown = {_shown(functions[index]) for index in reached | handlers}
        resting[operation] = sorted(shown - {""})
    return resting


def _shown(function: _Function) -> str:
    """What a user calls, both faces alike, or nothing where that is another function's part."""
    if function.module.startswith("sandbox"):
        return "the sandbox"
    if function.name.startswith("_") or function.owner.startswith("_"):
        return ""
    if function.module.startswith("_async"):
        owner = function.owner.removeprefix("Async")
        return f"{owner}.{function.name}" if owner else ""
    owner = f"{function.owner}." if function.owner else ""
    return f"{function.module}.{owner}{function.name}"


def _calls(caller: _Function, called: _Function) -> bool:
    if not called.owner:
        return (called.module, called.name) in caller.uses
    same = (caller.module, caller.owner) == (called.module, called.owner)
    usual = (called.module.rpartition(".")[2], called.owner.removeprefix("Async").lower())
    return (
        # Makes one, which it does to have its methods called.
        (called.module, f"{called.owner}()") in caller.uses
        or (called.module, f"{called.owner}().{called.name}") in caller.uses
        or (same and ("self", called.name) in caller.uses)
        or any(name == called.name and source.strip("_") in usual for source, name in caller.uses)
    )


@cache
def _read() -> list[_Function]:
    functions: list[_Function] = []
    for path in sorted(_EXT.rglob("*.py")):
        module = ".".join(path.relative_to(_EXT).with_suffix("").parts)
        if module.startswith("_sync"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        functions += _functions(tree, module, _imported(tree))
    return functions


def _imported(tree: ast.Module) -> dict[str, str]:
    """Where each imported name comes from, in terms of haut_ext."""
    sources: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            source = node.module.removeprefix("haut_ext.")
            if source.startswith("haut_api.api."):
                source = _OPERATIONS
            sources.update((alias.asname or alias.name, source) for alias in node.names)
    return sources


def _functions(tree: ast.Module, module: str, sources: dict[str, str]) -> Iterator[_Function]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    methods: dict[str, dict[str, _Function]] = {}
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = node.name if isinstance(node, ast.ClassDef) else ""
        found = {
            member.name: _Function(
                module, owner, member.name, frozenset(_uses(member, module, sources))
            )
            for member in members
            if isinstance(member, kinds)
        }
        if isinstance(node, ast.ClassDef):
            # What a class inherits from another of its module is its own.
            for base in node.bases:
                inherited = methods.get(base.id, {}) if isinstance(base, ast.Name) else {}
                for name, method in inherited.items():
                    found.setdefault(name, evolve(method, owner=owner))
            methods[owner] = found
        yield from found.values()


def _uses(function: ast.AST, module: str, sources: dict[str, str]) -> Iterator[tuple[str, str]]:
    nodes = list(ast.walk(function))
    # What a variable may stand for, and what is only kept: whoever calls that names where it is kept.
    chosen: dict[str, ast.expr] = {}
    kept: set[ast.AST] = set()
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                chosen[name] = value
            case ast.Assign(targets=[ast.Attribute()], value=value):
                kept.add(value)
            case ast.Attribute(value=ast.Call() as called):
                kept.add(called)
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id=name)) if node not in kept:
                maker = chosen.get(name, node.func)
                for named in ast.walk(maker):
                    if isinstance(named, ast.Name):
                        yield sources.get(named.id, module), f"{named.id}()"
            case ast.Name(id=name):
                yield sources.get(name, module), name
            case ast.Attribute(value=ast.Call(func=ast.Name(id=made)), attr=name):
                yield sources.get(made, module), f"{made}().{name}"
            case ast.Attribute(value=ast.Name(id=source), attr=name):
                yield source, name
            case ast.Attribute(value=ast.Attribute(attr=source), attr=name):
                yield source, name


def cassettes(operations: Iterable[str]) -> dict[str, list[str]]:
    """Return the cassettes that hold each operation, which is given as `GET /path/{id}/`."""
    # A path without parameters goes before one with, as it does on the wire.
    patterns = {key: _pattern(key) for key in sorted(operations, key=lambda key: key.count("{"))}
    held: dict[str, set[str]] = defaultdict(set)
    for name, sent in _recorded():
        for key, pattern in patterns.items():
            if pattern.fullmatch(sent):
                held[key].add(name)
                break
    return {key: sorted(names) for key, names in held.items()}


@cache
def _recorded() -> list[tuple[str, str]]:
    """Every request of every cassette: the cassette's name, and what was sent."""
    found = []
    for path in sorted(CASSETTES.rglob("*.yaml")):
        name = path.relative_to(CASSETTES).with_suffix("").as_posix()
        for interaction in yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["interactions"]:
            request = interaction["request"]
            found.append((name, f"{request['method']} {urlsplit(request['uri']).path}"))
    return found


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(key)))
