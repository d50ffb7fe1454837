"""Find the haut_ext functions and the cassettes that use a given API operation.

The source files are parsed, not run. A function uses an operation if it refers to the operation's
generated module, or calls another function that uses the operation. Objects are recognized by name,
not by type: `self.images.delete` is taken for the method `delete` of the module or class named
`images`. A function that creates an object uses the method that it calls on the new object, or every
method of the class if it only stores or returns the object. A `lazy_resource` uses none: the methods
that callers use are found by its name. The `_sync` package is derived from `_async`, so it is not read.
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
    """A function or method defined in haut_ext.

    Attributes:
        module: Name of the module, relative to haut_ext.
        owner: Name of the class that defines a method; empty for a function.
        name: Name of the function or method.
        uses: Names that the function refers to, each as (module or object, name).
    """

    module: str
    owner: str
    name: str
    uses: frozenset[tuple[str, str]]


def dependents(operations: Iterable[str]) -> dict[str, list[str]]:
    """Map each operation's module name to the public functions that use the operation."""
    functions = _functions_of_package()
    return {operation: _dependents(operation, functions) for operation in operations}


def _dependents(operation: str, functions: list[_Function]) -> list[str]:
    found = [function for function in functions if (_OPERATIONS, operation) in function.uses]
    remaining = [function for function in functions if function not in found]
    added = found
    while added:
        added = [caller for caller in remaining if any(_calls(caller, called) for called in added)]
        remaining = [function for function in remaining if function not in added]
        found = found + added
    found += [
        function
        for function in functions
        if function.name == operation and function.module.startswith("sandbox")
    ]
    return sorted({_label(function) for function in found} - {""})


def _label(function: _Function) -> str:
    """Return a function's public name, without the prefix `Async`; return "" if it is private."""
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
    same_class = (caller.module, caller.owner) == (called.module, called.owner)
    usual_names = (called.module.rpartition(".")[2], called.owner.removeprefix("Async").lower())
    return (
        # If the caller keeps an object that it created, any method of the object may be called
        # later.
        (called.module, f"{called.owner}()") in caller.uses
        or (called.module, f"{called.owner}().{called.name}") in caller.uses
        or (same_class and ("self", called.name) in caller.uses)
        or any(
            name == called.name and source.strip("_") in usual_names for source, name in caller.uses
        )
    )


@cache
def _functions_of_package() -> list[_Function]:
    functions: list[_Function] = []
    for path in sorted(_EXT.rglob("*.py")):
        module = ".".join(path.relative_to(_EXT).with_suffix("").parts)
        if module.startswith("_sync"):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        functions += _functions(tree, module, _imported(tree))
    return functions


def _imported(tree: ast.Module) -> dict[str, str]:
    """Map each imported name to its module, relative to haut_ext."""
    sources: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            source = node.module.removeprefix("haut_ext.")
            if source.startswith("haut_api.api."):
                source = _OPERATIONS
            sources.update((alias.asname or alias.name, source) for alias in node.names)
    return sources


def _functions(tree: ast.Module, module: str, sources: dict[str, str]) -> Iterator[_Function]:
    methods: dict[str, dict[str, _Function]] = {}
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else [node]
        owner = node.name if isinstance(node, ast.ClassDef) else ""
        found = {
            member.name: _Function(
                module, owner, member.name, frozenset(_uses(member, module, sources))
            )
            for member in members
            if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef)
            and "lazy_resource" not in map(ast.unparse, member.decorator_list)
        }
        if isinstance(node, ast.ClassDef):
            # Add the methods inherited from a base class in the same module.
            for base in node.bases:
                inherited = methods.get(base.id, {}) if isinstance(base, ast.Name) else {}
                for name, method in inherited.items():
                    found.setdefault(name, evolve(method, owner=owner))
            methods[owner] = found
        yield from found.values()


def _uses(function: ast.AST, module: str, sources: dict[str, str]) -> Iterator[tuple[str, str]]:
    nodes = list(ast.walk(function))
    # Expressions assigned to local variables. A variable may hold a class that is called later.
    assigned: dict[str, ast.expr] = {}
    # Calls whose result is stored in an attribute, or whose result's method is called at once. The
    # methods used are found by the attribute name or the method name.
    traced: set[ast.AST] = set()
    for node in nodes:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                assigned[name] = value
            case ast.Assign(targets=[ast.Attribute()], value=value):
                traced.add(value)
            case ast.Attribute(value=ast.Call() as called):
                traced.add(called)
    for node in nodes:
        match node:
            case ast.Call(func=ast.Name(id=name)) if node not in traced:
                for named in ast.walk(assigned.get(name, node.func)):
                    if isinstance(named, ast.Name):
                        yield sources.get(named.id, module), f"{named.id}()"
            case ast.Name(id=name):
                yield sources.get(name, module), name
            case ast.Attribute(value=ast.Call(func=ast.Name(id=created)), attr=name):
                yield sources.get(created, module), f"{created}().{name}"
            case ast.Attribute(value=ast.Name(id=source) | ast.Attribute(attr=source), attr=name):
                yield source, name


def cassettes(operations: Iterable[str]) -> dict[str, list[str]]:
    """Map each operation, such as `GET /path/{id}/`, to the cassettes that contain requests to it."""
    # Try paths with fewer parameters first, so that `/subjects/delete/` is not matched by
    # `/subjects/{subject_id}/`.
    patterns = {key: _pattern(key) for key in sorted(operations, key=lambda key: key.count("{"))}
    found: dict[str, set[str]] = defaultdict(set)
    for cassette, request in _recorded_requests():
        for key, pattern in patterns.items():
            if pattern.fullmatch(request):
                found[key].add(cassette)
                break
    return {key: sorted(names) for key, names in found.items()}


@cache
def _recorded_requests() -> list[tuple[str, str]]:
    """Return every recorded request as a tuple (cassette name, "METHOD path")."""
    found = []
    for path in sorted(CASSETTES.rglob("*.yaml")):
        name = path.relative_to(CASSETTES).with_suffix("").as_posix()
        for interaction in yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["interactions"]:
            request = interaction["request"]
            found.append((name, f"{request['method']} {urlsplit(request['uri']).path}"))
    return found


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"(?:\\{[^{}]*\\})+", "[^/]+", re.escape(key)))
