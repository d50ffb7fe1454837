"""Which promises of haut_ext and which cassettes rest on an operation.

Read from the sources, without running them: a function rests on an operation when it names the
generated module, or a function of haut_ext that does. Objects are known by name, not by type: a method
counts when its object has the name of the method's module or class (`self.images.delete`). `_sync` is
derived from `_async` and left out.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

import yaml
from attrs import frozen

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


def promises() -> dict[str, list[str]]:
    """Return, for each operation's module, the public functions of haut_ext that rest on it."""
    functions, operations = _read()
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
        or (same and ("self", called.name) in caller.uses)
        or any(name == called.name and source.strip("_") in usual for source, name in caller.uses)
    )


def _read() -> tuple[list[_Function], list[str]]:
    functions: list[_Function] = []
    operations: set[str] = set()
    for path in sorted(_EXT.rglob("*.py")):
        module = ".".join(path.relative_to(_EXT).with_suffix("").parts)
        if module.startswith("_sync"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        sources = _imported(tree)
        operations.update(name for name, source in sources.items() if source == _OPERATIONS)
        functions += _functions(tree, module, sources)
    return functions, sorted(operations)


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
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = node.name if isinstance(node, ast.ClassDef) else ""
        for member in members:
            if isinstance(member, kinds):
                uses = frozenset(_uses(member, module, sources))
                yield _Function(module, owner, member.name, uses)


def _uses(function: ast.AST, module: str, sources: dict[str, str]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(function):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                yield sources.get(name, module), f"{name}()"
            case ast.Name(id=name):
                yield sources.get(name, module), name
            case ast.Attribute(value=ast.Name(id=source), attr=name):
                yield source, name
            case ast.Attribute(value=ast.Attribute(attr=source), attr=name):
                yield source, name


def cassettes(operations: Iterable[str]) -> dict[str, list[str]]:
    """Return the cassettes that hold each operation, which is given as `GET /path/{id}/`."""
    # A path without parameters goes before one with, as it does on the wire.
    patterns = {key: _pattern(key) for key in sorted(operations, key=lambda key: key.count("{"))}
    held: dict[str, set[str]] = defaultdict(set)
    for path in sorted(CASSETTES.rglob("*.yaml")):
        content = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
        for interaction in content["interactions"]:
            request = interaction["request"]
            sent = f"{request['method']} {urlsplit(request['uri']).path}"
            for key, pattern in patterns.items():
                if pattern.fullmatch(sent):
                    held[key].add(path.relative_to(CASSETTES).with_suffix("").as_posix())
                    break
    return {key: sorted(names) for key, names in held.items()}


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(key)))
