"""Tests that all types in the signatures of public methods can be imported from haut_ext."""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any
from unittest.mock import create_autospec

import pytest

import haut_ext

OTHER_PACKAGES = {"haut_api", "httpx", *sys.stdlib_module_names}
"""Packages whose types may occur in public signatures. haut_ext must also export haut_api's models."""

INTERNAL_METHODS = {"exchange"}
"""Methods of HTTPClient and AsyncHTTPClient that upload and download photos without calling `send`."""

CLASSES = [
    exported
    for name in haut_ext.__all__
    if inspect.isclass(exported := getattr(haut_ext, name))
    and exported.__module__.startswith("haut_ext")
]


def names_in(annotation: str) -> Iterator[str]:
    """Yield the names that an annotation refers to, such as `a` and `c` in `a.b[c]`."""
    for node in ast.walk(ast.parse(annotation, mode="eval")):
        if isinstance(node, ast.Name):
            yield node.id


def annotations_of(exported: type[Any]) -> Iterator[tuple[str, str, ModuleType]]:
    """Yield the annotations of public methods and of the members of TypedDicts.

    Each annotation comes with a description of its place and the module that defines its names. Only the
    constructors of clients are included, because users do not create other objects.
    """
    for name, member in inspect.getmembers(exported):
        function = member.fget if isinstance(member, property) else member
        function = getattr(function, "__func__", function)
        module = sys.modules.get(str(getattr(function, "__module__", None)))
        is_constructor = name == "__init__" and exported in (haut_ext.Haut, haut_ext.AsyncHaut)
        is_public = is_constructor or not name.startswith("_")
        is_public = is_public and name not in INTERNAL_METHODS
        if is_public and module is not None and module.__name__.startswith("haut_ext"):
            for annotation in getattr(function, "__annotations__", {}).values():
                yield f"{exported.__name__}.{name}", str(annotation), module
    if hasattr(exported, "__total__"):
        for name, reference in exported.__annotations__.items():
            module = sys.modules[reference.__forward_module__]
            yield f"{exported.__name__}[{name!r}]", reference.__forward_arg__, module


def is_public(name: str, module: ModuleType) -> bool:
    """Return whether users can import the object that `name` refers to in the given module."""
    if name in haut_ext.__all__ or hasattr(builtins, name):
        return True
    value = vars(module).get(name) or sys.modules[name]  # imported only for type checkers
    package = value.__name__ if isinstance(value, ModuleType) else value.__module__
    is_model = package.startswith("haut_api.models")
    is_type_variable = type(value).__module__ == "typing" and hasattr(value, "__constraints__")
    return is_type_variable or (not is_model and package.split(".")[0] in OTHER_PACKAGES)


@pytest.mark.parametrize("exported", CLASSES, ids=lambda exported: exported.__name__)
def test_names_in_signatures_are_exported(exported: type[Any]) -> None:
    missing = {
        f"{name} (in {place})"
        for place, annotation, module in annotations_of(exported)
        for name in names_in(annotation)
        if not is_public(name, module)
    }
    assert not missing


def test_signatures_of_methods_and_members_of_typed_dicts_are_found() -> None:
    found = {
        place: set(names_in(annotation))
        for exported in (haut_ext.Haut, haut_ext.UploadOptions)
        for place, annotation, _ in annotations_of(exported)
    }
    assert "UploadedBatch" in found["Haut.upload_and_compute"]
    assert "OnState" in found["UploadOptions['on_state']"]


def test_resources_of_the_client_are_exported() -> None:
    haut = haut_ext.Haut(token="none", company_id="2fea742a-62ec-4a81-9729-9e0283f9c40c")
    with haut:
        resources = ("subjects", "images", "datasets", "private_tokens", "batches")
        for resource in resources:
            kind = type(getattr(haut, resource))
            assert getattr(haut_ext, kind.__name__) is kind
            assert f"Async{kind.__name__}" in haut_ext.__all__


@pytest.mark.parametrize("name", haut_ext.__all__)
def test_exported_name_exists(name: str) -> None:
    assert getattr(haut_ext, name) is not None


def test_unknown_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Unknown'"):
        haut_ext.Unknown  # noqa: B018


@pytest.mark.parametrize("client", [haut_ext.Haut, haut_ext.AsyncHaut])
@pytest.mark.parametrize("name", ["subjects", "images", "datasets", "private_tokens", "batches"])
def test_autospec_knows_the_methods_of_resources(client: type, name: str) -> None:
    resource = getattr(create_autospec(client, instance=True), name)
    assert isinstance(resource, getattr(client, name))
    with pytest.raises(TypeError):
        resource.list(*range(9))
    with pytest.raises(AttributeError):
        resource.lst()
