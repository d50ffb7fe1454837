"""Single changes of a document, as upstream would make them: what the tests of this folder compare."""

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
    """Return a copy of a document with some edits made."""
    changed = copy.deepcopy(document)
    for edit in edits:
        edit(changed)
    return changed


def unmarked(node: Any) -> Any:
    """Return the same as upstream would write it: without our marks."""
    if isinstance(node, list):
        return [unmarked(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {key: unmarked(item) for key, item in node.items() if not key.startswith("x-ev")}


def at(path: str, rest: str = "") -> str:
    """Return the place of something below a path."""
    return f"#/paths/{escaped(path)}{rest}"


def schema(rest: str) -> str:
    """Return the place of something below the schemas: `Subject/properties/name`."""
    return f"#/components/schemas/{rest}"


def parameter(rest: str) -> str:
    """Return the place of something below the parameters: `Search/name`."""
    return f"#/components/parameters/{rest}"


def put(place: str, value: object) -> Edit:
    """Set what stands at a place, or append it where that is a list's end (`-`)."""

    def edit(document: Json) -> None:
        *steps, last = pointer(place)
        parent = look_up(document, "#" + "".join(f"/{escaped(step)}" for step in steps))
        if last == "-":
            parent.append(copy.deepcopy(value))
        elif isinstance(parent, list):
            parent[int(last)] = copy.deepcopy(value)
        else:
            parent[last] = copy.deepcopy(value)

    return edit


def drop(place: str) -> Edit:
    """Remove what stands at a place."""

    def edit(document: Json) -> None:
        *steps, last = pointer(place)
        parent = look_up(document, "#" + "".join(f"/{escaped(step)}" for step in steps))
        del parent[int(last) if isinstance(parent, list) else last]

    return edit


def move(place: str, to: str) -> Edit:
    """Move what stands at a place to another."""

    def edit(document: Json) -> None:
        found = look_up(document, place)
        drop(place)(document)
        put(to, found)(document)

    return edit


def together(*edits: Edit) -> Edit:
    """Several edits that are one change to whoever sees the document."""

    def edit(document: Json) -> None:
        for single in edits:
            single(document)

    return edit
