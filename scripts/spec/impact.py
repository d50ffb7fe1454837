"""Find the functions of haut_ext and the cassettes that use an operation of the API.

The source files are parsed, not run. A function uses an operation if it refers to the generated module,
or to a function of haut_ext that does. Objects are recognized by name, not by type: a method counts if
its object is named like the method's module or class (`self.images.delete`). If a function creates an
object, it uses the method that it calls on the new object, or all methods of the class if it only stores
or returns the object. `_sync` is derived from `_async`, so it is not read.
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
    """A function or method of haut_ext.

    Attributes:
        module: The module, relative to haut_ext.
        owner: The class of a method; empty for a function.
        name: The name of the function.
        uses: Names that the function refers to, each as (module or object, name).
    """

    module: str
    owner: str
    name: str
    uses: frozenset[tuple[str, str]]


def dependents(operations: Iterable[str]) -> dict[str, list[str]]:
    """Return, for the module name of each operation, the public functions that use the operation."""
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
    """Return the public name of a function, the same for both clients; empty if it is private."""
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
        # An object that is created and kept may have any of its methods called.
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
    """Return the module, relative to haut_ext, from which each name is imported."""
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
        }
        if isinstance(node, ast.ClassDef):
            # Add the methods that are inherited from another class of the same module.
            for base in node.bases:
                inherited = methods.get(base.id, {}) if isinstance(base, ast.Name) else {}
                for name, method in inherited.items():
                    found.setdefault(name, evolve(method, owner=owner))
            methods[owner] = found
        yield from found.values()


def _uses(function: ast.AST, module: str, sources: dict[str, str]) -> Iterator[tuple[str, str]]:
    nodes = list(ast.walk(function))
    # The expressions that are assigned to variables, which may be classes.
    assigned: dict[str, ast.expr] = {}
    # Created objects that are stored in an attribute, or whose method is called at once. Their methods
    # are found by the name of the attribute or of the method.
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
    """Return the cassettes with requests of each operation; operations are like `GET /path/{id}/`."""
    # Paths with fewer parameters match first: `/subjects/delete/` before `/subjects/{subject_id}/`.
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
    """Return every recorded request as (name of the cassette, method and path)."""
    found = []
    for path in sorted(CASSETTES.rglob("*.yaml")):
        name = path.relative_to(CASSETTES).with_suffix("").as_posix()
        for interaction in yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)["interactions"]:
            request = interaction["request"]
            found.append((name, f"{request['method']} {urlsplit(request['uri']).path}"))
    return found


def _pattern(key: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(key)))
