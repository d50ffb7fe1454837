"""Extension of Sphinx that shows public names as a reader imports them.

The package defines its public names in private modules and imports them lazily. This extension shows
each name in the package that exports it, type aliases by their name and definition, and the
operations of haut_api, which are one module each, on one page.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from types import FunctionType, ModuleType
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon.docstring import GoogleDocstring
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import signature, stringify_signature

import haut_api.api
import haut_api.models
import haut_ext.bulk
import haut_ext.sandbox
import haut_ext.spec_check

PACKAGES = (
    haut_api,
    haut_api.models,
    haut_ext,
    haut_ext.bulk,
    haut_ext.sandbox,
    haut_ext.spec_check,
)
"""Packages whose `__all__` names what is public."""


def show_public_modules() -> None:
    """Make each public class and function a member of the package that exports it."""
    for package in PACKAGES:
        for name in package.__all__:
            value = getattr(package, name)
            if isinstance(value, type | FunctionType) and value.__module__ != "builtins":
                value.__module__ = package.__name__


def keep_annotations(_: Sphinx, function: Any, bound_method: bool) -> None:
    """Show annotations as in the source. Sphinx would expand type aliases, such as `Id`."""
    function = getattr(function, "__func__", function)
    if isinstance(function, FunctionType):
        function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        function.__annotations__ = {}


def hide_private_arguments(
    _: Sphinx, kind: str, name: str, value: Any, options: Any, arguments: str | None, returns: Any
) -> tuple[str, str] | None:
    """Hide the arguments of constructors that only the package itself can call."""
    private = re.search(r"\b((Async)?(Operations|Connections)|OpenSource)\b", arguments or "")
    return ("", "") if kind == "class" and private else None


def show_public_bases(_: Sphinx, name: str, value: type, options: Any, bases: list[type]) -> None:
    """Show the nearest public ancestors of a class instead of private base classes."""
    bases[:] = dict.fromkeys(
        next(it for it in base.__mro__ if it.__module__ in ("builtins", "haut_ext"))
        for base in bases
        if isinstance(base, type)
    )


def mark_example(
    _: Sphinx, kind: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Make the code in an `Example:` section a literal block."""
    if "Example:" in lines:
        start = lines.index("Example:")
        lines[start : start + 1] = ["Example::", ""]


def find_imported_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Find the class that a signature calls by its bare name, because its module imports it."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or "." in target:
        return None
    domain = env.domains.python_domain
    here = str(node.get("py:module")).partition(".")[0]
    found = [
        (not name.startswith(here), len(name), name)
        for name, entry in domain.objects.items()
        if name.endswith(f".{target}") and entry.objtype in ("class", "exception", "type")
    ]
    if not found:
        return None
    nearest = min(found)[-1]
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", nearest, node, content)


class TypeAliases(SphinxDirective):
    """Describes type aliases, given as `module.name`, by their definition in the source."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        lines: list[str] = []
        for entry in self.content:
            module, _, name = entry.rpartition(".")
            definition, text = definition_of(importlib.import_module(module), name)
            lines += [f".. py:type:: {entry}", f"   :canonical: {definition}", "", f"   {text}", ""]
        return self.parse_text_to_nodes("\n".join(lines))


def definition_of(module: ModuleType, name: str) -> tuple[str, str]:
    """Return the value of a module's attribute as source code, and its docstring."""
    tree = ast.parse(inspect.getsource(module))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and name in (it.name for it in node.names):
            return definition_of(importlib.import_module(node.module or ""), name)
    for statement, following in zip(tree.body, [*tree.body[1:], ast.Pass()], strict=True):
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id=found)], value=value)
                | ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value)
            ) if found == name:
                match following:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        return ast.unparse(value).replace("'", '"'), " ".join(text.split())
                return ast.unparse(value).replace("'", '"'), ""
    raise LookupError(f"{module.__name__} does not define {name}")


class Operations(SphinxDirective):
    """Describes the functions of every operation of haut_api, by section of the specification."""

    def run(self) -> list[nodes.Node]:
        lines: list[str] = []
        for section in submodules(haut_api.api):
            title = section.__name__.rpartition(".")[2].replace("_", " ").capitalize()
            lines += [title, "-" * len(title), ""]
            for operation in submodules(section):
                lines += self._describe(operation)
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)

    def _describe(self, operation: ModuleType) -> list[str]:
        title = operation.__name__.rpartition(".")[2]
        lines = [title, "~" * len(title), "", f"``{operation.__doc__}``", ""]
        lines += [f".. py:module:: {operation.__name__}", ""]
        start = ".. py:function:: "
        for name in ("sync", "asyncio", "sync_detailed", "asyncio_detailed"):
            if hasattr(operation, name):
                function = signature(getattr(operation, name))
                text = stringify_signature(function, unqualified_typehints=True)
                # The arguments of all four functions are the same.
                arguments = text if name == "sync" else f"(...){text[text.rindex(' -> ') :]}"
                lines.append(f"{start}{name}{arguments}")
                start = " " * len(start)
        docstring = inspect.getdoc(operation.sync_detailed) or ""
        text = str(GoogleDocstring(docstring, self.config))
        return [*lines, "   :no-contents-entry:", "", *(f"   {it}" for it in text.splitlines()), ""]


def submodules(package: ModuleType) -> list[ModuleType]:
    return [
        importlib.import_module(f"{package.__name__}.{found.name}")
        for found in pkgutil.iter_modules(package.__path__)
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    show_public_modules()
    app.add_directive("type-aliases", TypeAliases)
    app.add_directive("haut-api-operations", Operations)
    app.connect("missing-reference", find_imported_name)
    app.connect("autodoc-before-process-signature", keep_annotations)
    app.connect("autodoc-process-signature", hide_private_arguments)
    app.connect("autodoc-process-bases", show_public_bases)
    app.connect("autodoc-process-docstring", mark_example, priority=400)
    return {"parallel_read_safe": True}
