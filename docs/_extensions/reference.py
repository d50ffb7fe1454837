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
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import signature, stringify_signature

import haut_api.api
import haut_api.models
import haut_ext.bulk
import haut_ext.sandbox
import haut_ext.spec_check
from haut_ext._async.operations import lazy_resource as async_lazy_resource
from haut_ext._sync.operations import lazy_resource

logger = logging.getLogger(__name__)

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
    for client, lazy in ((haut_ext.Haut, lazy_resource), (haut_ext.AsyncHaut, async_lazy_resource)):
        for name, member in list(vars(client).items()):
            if isinstance(member, lazy):
                setattr(
                    client, name, property(member._create)
                )  # which has the type of the resource


def keep_annotations(_: Sphinx, function: Any, bound_method: bool) -> None:
    """Show annotations as in the source. Sphinx would expand type aliases, such as `Id`."""
    function = getattr(function, "__func__", function)
    if isinstance(function, FunctionType):
        function.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
        function.__annotations__ = {}


def simplify_arguments(
    _: Sphinx, kind: str, name: str, value: Any, options: Any, arguments: str | None, returns: Any
) -> tuple[str, Any] | None:
    """Simplify constructors, and hide the arguments of those that only the package itself can call."""
    if kind not in ("class", "exception") or arguments is None:
        return None
    if re.search(r"\b((Async)?(Operations|Connections)|OpenSource)\b", arguments):
        return "", returns
    return re.sub(r"InitVar\[(\w+)\]", r"\1", arguments).replace("<factory>", "...").replace(
        "NOTHING", "..."
    ), returns


def show_public_bases(_: Sphinx, name: str, value: type, options: Any, bases: list[type]) -> None:
    """Show the nearest public ancestors of a class instead of private base classes."""
    bases[:] = dict.fromkeys(
        next(
            it
            for it in base.__mro__
            if it.__module__ == "builtins" or it.__name__ in haut_ext.__all__
        )
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


def show_types_after_names(
    _: Sphinx, kind: str, name: str, value: Any, options: Any, lines: list[str]
) -> None:
    """Show the type of an attribute beside its name instead of on lines of its own."""
    attribute = r"(\.\. attribute:: \w+\n)((?:   .*\n|\n)*?)   :type: (.*\n)"
    lines[:] = re.sub(attribute, r"\1   :type: \3\2", "\n".join([*lines, ""])).split("\n")


def find_imported_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Element | None:
    """Find the class that a signature calls by its bare name, because its module imports it."""
    target = node.get("reftarget", "")
    if node.get("refdomain") != "py" or "." in target:
        return None
    domain = env.domains.python_domain
    module = str(node.get("py:module"))
    found = [
        (not name.startswith(module.partition(".")[0]), len(name), name)
        for name, entry in domain.objects.items()
        if name.endswith(f".{target}") and entry.objtype in ("class", "exception", "type")
    ]
    if not found:
        return None
    if module.startswith("haut_ext.sandbox") and target in haut_api.models.__all__:
        return content  # a record of the sandbox, which is another class and not public
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
            lines += [f".. py:currentmodule:: {module}", "", f".. py:type:: {name}"]
            lines += [f"   :canonical: {definition}", "", f"   {text}", ""]
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
        names = [
            it
            for it in ("sync", "sync_detailed", "asyncio", "asyncio_detailed")
            if hasattr(operation, it)
        ]
        for name in names:
            function = getattr(operation, name)
            text = stringify_signature(signature(function), unqualified_typehints=True)
            body: list[str] = []
            if name == names[0]:
                body = str(
                    GoogleDocstring(inspect.getdoc(function) or "", self.config)
                ).splitlines()
            else:  # the arguments of all functions are the same
                text = f"(...){text[text.rindex(' -> ') :]}\n   :single-line-parameter-list:"
            if name.startswith("asyncio"):
                text += "\n   :async:"
            lines += [f".. py:function:: {name}{text}", "   :no-contents-entry:", ""]
            lines += [f"   {it}" for it in body] + [""]
        return lines


FUNCTIONS = ("sync", "sync_detailed", "asyncio", "asyncio_detailed")
"""Functions of an operation of haut_api. Operations without a response body have only two of them."""


def check_that_nothing_is_missing(_: Sphinx, env: BuildEnvironment) -> None:
    """Warn of public names that no page of the reference describes."""
    public = {
        f"{package.__name__}.{name}"
        for package in PACKAGES
        for name in package.__all__
        if name != "__version__"
        and (package is haut_api.models or name not in haut_api.models.__all__)
    }
    for section in submodules(haut_api.api):
        for operation in submodules(section):
            public |= {f"{operation.__name__}.{it}" for it in FUNCTIONS if hasattr(operation, it)}
    for name in sorted(public.difference(env.domains.python_domain.objects)):
        if name != "haut_ext.sandbox.faults":  # a module
            logger.warning("%s is public, but not in docs/reference", name)


def submodules(package: ModuleType) -> list[ModuleType]:
    return [
        importlib.import_module(f"{package.__name__}.{found.name}")
        for found in pkgutil.iter_modules(package.__path__)
    ]


def setup(app: Sphinx) -> dict[str, Any]:
    show_public_modules()
    app.add_directive("type-aliases", TypeAliases)
    app.add_directive("haut-api-operations", Operations)
    app.connect("env-check-consistency", check_that_nothing_is_missing)
    app.connect("missing-reference", find_imported_name)
    app.connect("autodoc-before-process-signature", keep_annotations)
    app.connect("autodoc-process-signature", simplify_arguments)
    app.connect("autodoc-process-bases", show_public_bases)
    app.connect("autodoc-process-docstring", mark_example, priority=400)
    app.connect("autodoc-process-docstring", show_types_after_names, priority=600)
    return {"parallel_read_safe": True}
