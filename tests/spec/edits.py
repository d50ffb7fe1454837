"""Functions that edit OpenAPI documents; the tests use them to simulate changes to the API."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.spec.document import Json, escaped, look_up, parse, pointer

SERVICE = Path(__file__).with_name("service.yaml")
DOCUMENT = parse(SERVICE.read_text("utf-8"), SERVICE.name)

Edit = Callable[[Json], None]

COMPANY = "/api/v1/companies/{company_id}"
SUBJECTS = f"{COMPANY}/datasets/{{dataset_id}}/subjects/"
SUBJECT = f"{SUBJECTS}{{subject_id}}/"
IMAGE = f"{COMPANY}/images/{{image_id}}/"
COMPUTE = f"{COMPANY}/batches/{{batch_id}}/compute/"


def edited(*edits: Edit, document: Json = DOCUMENT) -> Json:
    """Return a copy of a document with the given edits applied."""
    changed = copy.deepcopy(document)
    for edit in edits:
        edit(changed)
    return changed


def without_labels(node: Any) -> Any:
    """Return a document without the confidence labels (`x-evidence`) that this project adds."""
    if isinstance(node, list):
        return [without_labels(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: without_labels(item) for key, item in node.items() if not key.startswith("x-ev")}


def at(path: str, rest: str = "") -> str:
    """Return a reference (`#/paths/...`) to an API path or to a location inside it."""
    return f"#/paths/{escaped(path)}{rest}"


def schema(rest: str) -> str:
    """Return a reference to a location in `components/schemas`, such as `Subject/properties/name`."""
    return f"#/components/schemas/{rest}"


def parameter(rest: str) -> str:
    """Return a reference to a location in `components/parameters`, such as `Search/name`."""
    return f"#/components/parameters/{rest}"


def _parent(document: Json, location: str) -> tuple[Any, str]:
    """Return the object or list that contains a location, and the location's key or index in it."""
    *steps, last = pointer(location)
    return look_up(document, "#" + "".join(f"/{escaped(step)}" for step in steps)), last


def put(location: str, value: object) -> Edit:
    """Return an edit that sets the value at a location; `/-` at its end appends to a list."""

    def edit(document: Json) -> None:
        parent, last = _parent(document, location)
        if last == "-":
            parent.append(copy.deepcopy(value))
        elif isinstance(parent, list):
            parent[int(last)] = copy.deepcopy(value)
        else:
            parent[last] = copy.deepcopy(value)

    return edit


def drop(location: str) -> Edit:
    """Return an edit that removes the value at a location."""

    def edit(document: Json) -> None:
        parent, last = _parent(document, location)
        del parent[int(last) if isinstance(parent, list) else last]

    return edit


def move(location: str, to: str) -> Edit:
    """Return an edit that moves the value at one location to another location."""

    def edit(document: Json) -> None:
        value = look_up(document, location)
        drop(location)(document)
        put(to, value)(document)

    return edit


def combined(*edits: Edit) -> Edit:
    """Return an edit that applies the given edits one after another."""

    def edit(document: Json) -> None:
        for single in edits:
            single(document)

    return edit
