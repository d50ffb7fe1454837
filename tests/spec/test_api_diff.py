"""Tests that comparing two Python APIs reports every kind of change."""

# ruff: noqa: E501  (one line for each row of the table)
from __future__ import annotations

from pathlib import Path

import pytest

from scripts.spec.api_diff import compare

OPERATION = """
from uuid import UUID
from ...models.thing import Thing
from ...models.thing_request import ThingRequest
from ...types import UNSET, Response, Unset

def _get_kwargs(id: UUID) -> dict[str, object]: ...

def sync_detailed(id: UUID, group: UUID, *, client: Client, body: ThingRequest, q: str | Unset = UNSET) -> Response[Thing | Problem]: ...

def sync(id: UUID, group: UUID, *, client: Client, body: ThingRequest, q: str | Unset = UNSET) -> Thing | Problem | None: ...
"""

REQUEST = """
T = TypeVar("T")

@_attrs_define
class ThingRequest:
    name: str
    note: str | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]: ...
"""

RESPONSE = """
T = TypeVar("T")

@_attrs_define
class Thing:
    name: str
    score: float | None
    part: Part
"""

PART = """
@_attrs_define
class Part:
    size: int
"""

PROBLEM = """
@_attrs_define
class Problem:
    code: str
"""

FILES = {
    "__init__.py": "",
    "types.py": "class Unset: ...\nUNSET: Unset = Unset()\nclass Response: ...\n",
    "api/__init__.py": "",
    "api/things/__init__.py": "",
    "api/things/get_thing.py": OPERATION,
    "models/__init__.py": "from .thing import Thing\n",
    "models/thing.py": RESPONSE,
    "models/thing_request.py": REQUEST,
    "models/part.py": PART,
    "models/problem.py": PROBLEM,
}
CALL, SENT, RECEIVED, PART_FILE = (
    "api/things/get_thing.py",
    "models/thing_request.py",
    "models/thing.py",
    "models/part.py",
)

BREAKING, COMPATIBLE = True, False

# Columns: file, old text, new text, BREAKING or COMPATIBLE, reported name, reported text.
CHANGES: list[tuple[str, str, str, bool, str, str]] = [
    (CALL, "q: str | Unset = UNSET", "term: str | Unset = UNSET", BREAKING, "api.things.get_thing(q)", "argument removed"),
    (CALL, "q: str | Unset = UNSET", "q: str", BREAKING, "api.things.get_thing(q)", "default UNSET → no default"),
    (CALL, "q: str | Unset = UNSET", "q: str | None | Unset = UNSET", COMPATIBLE, "api.things.get_thing(q)", "str | Unset → str | None | Unset"),
    (CALL, "q: str | Unset = UNSET", "q: int | Unset = UNSET", BREAKING, "api.things.get_thing(q)", "str | Unset → int | Unset"),
    (CALL, "q: str | Unset = UNSET", "q: str | Unset = UNSET, page: int | Unset = UNSET", COMPATIBLE, "api.things.get_thing(page)", "argument added: int | Unset"),
    (CALL, "q: str | Unset = UNSET", "q: str | Unset = UNSET, page: int", BREAKING, "api.things.get_thing(page)", "argument added: int, required"),
    (CALL, "id: UUID, group: UUID, *", "group: UUID, id: UUID, *", BREAKING, "api.things.get_thing", "2 arguments at another position"),
    (CALL, "Response[Thing | Problem]", "Response[Any | Thing | Problem]", BREAKING, "api.things.get_thing → result", "Response[Thing | Problem] → Response[Any | Thing | Problem]"),
    (CALL, "Response[Thing | Problem]", "Response[Thing]", COMPATIBLE, "api.things.get_thing → result", "Response[Thing | Problem] → Response[Thing]"),
    (CALL, "def _get_kwargs(id: UUID)", "def _get_kwargs(id: str)", COMPATIBLE, "", ""),
    (SENT, "note: str", "note: None | str", COMPATIBLE, "models.ThingRequest.note", "str | Unset → None | str | Unset"),
    (SENT, "name: str", "name: str\n    kind: str", BREAKING, "models.ThingRequest.kind", "field added: str, required"),
    (SENT, "note: str | Unset = UNSET", "note: str | Unset = UNSET\n    kind: str | Unset = UNSET", COMPATIBLE, "models.ThingRequest.kind", "field added: str | Unset"),
    (SENT, "    note: str | Unset = UNSET\n", "", BREAKING, "models.ThingRequest.note", "field removed"),
    (SENT, "class ThingRequest", "class NewThing", BREAKING, "models.ThingRequest", "class removed"),
    (RECEIVED, "name: str", "name: None | str", BREAKING, "models.Thing.name", "str → None | str"),
    (RECEIVED, "score: float | None", "score: float", COMPATIBLE, "models.Thing.score", "float | None → float"),
    (RECEIVED, "score: float | None", "score: float | None\n    kind: str", COMPATIBLE, "models.Thing.kind", "field added: str"),
    (RECEIVED, "    name: str\n    score: float | None\n", "    score: float | None\n    name: str\n", COMPATIBLE, "models.Thing", "2 arguments at another position"),
    (PART_FILE, "size: int", "size: int | None", BREAKING, "models.Part.size", "int → int | None"),
    (PART_FILE, "size: int", "size: int\n    unit: str", COMPATIBLE, "models.Part.unit", "field added: str"),
]  # fmt: skip


def package(folder: Path, changes: dict[str, str]) -> Path:
    for name, text in {**FILES, **changes}.items():
        path = folder / "haut_api" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize(("file", "old", "new", "breaking", "name", "text"), CHANGES)
def test_a_change_is_found_and_rated(
    tmp_path: Path, file: str, old: str, new: str, breaking: bool, name: str, text: str
) -> None:
    assert old in FILES[file]
    before = package(tmp_path / "before", {})
    after = package(tmp_path / "after", {file: FILES[file].replace(old, new)})
    rows = compare(before, after)
    assert any(row.breaking for row in rows) is breaking
    if not name:
        assert rows == []
        return
    [row] = [row for row in rows if (row.name, row.text) == (f"haut_api.{name}", text)]
    assert row.breaking is breaking


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"api/things/put_thing.py": OPERATION}, [("api.things.put_thing", "module added", False)]),
        (
            {"api/others/__init__.py": "", "api/others/get_thing.py": OPERATION},
            [("api.others", "module added", False)],
        ),
        ({"models/new.py": PART.replace("Part", "New")}, [("models.New", "class added", False)]),
    ],
)
def test_an_addition_is_reported_without_its_members(
    tmp_path: Path, changes: dict[str, str], expected: list[tuple[str, str, bool]]
) -> None:
    rows = compare(package(tmp_path / "before", {}), package(tmp_path / "after", changes))
    assert [
        (row.name.removeprefix("haut_api."), row.text, row.breaking) for row in rows
    ] == expected
    back = compare(tmp_path / "after", tmp_path / "before")
    assert [(row.name, row.breaking) for row in back] == [(row.name, True) for row in rows]
