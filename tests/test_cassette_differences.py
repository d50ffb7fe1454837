"""Tests that comparing two cassette folders finds every kind of difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from vcr.serializers import yamlserializer  # type: ignore[import-untyped]  # has no types

from scripts.cassettes import Difference, compare, page

COMPANY = "/api/v1/companies/11111111-1111-4111-8111-111111111111"
SUBJECT, OTHER = "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2", "cd447e35-b8b6-48fe-842e-3d437204e52d"
LIST = "GET /api/v1/companies/{id}/subjects/?page"
ITEM: dict[str, Any] = {"id": SUBJECT, "name": "subject-1", "meta": {"a.b": 1}, "tags": [{"id": 1}]}


def exchange(
    path: str = f"{COMPANY}/subjects/?page=1",
    response: Any = ITEM,
    *,
    method: str = "GET",
    origin: str = "http://127.0.0.1",
    status: int = 200,
    headers: dict[str, str] | None = None,
    sent: Any = None,
) -> dict[str, Any]:
    headers = {"content-type": "application/json"} if headers is None else headers
    return {
        "request": {
            "method": method,
            "uri": origin + path,
            "headers": {"content-type": ["application/json"]},
            "body": None if sent is None else json.dumps(sent),
        },
        "response": {
            "status": {"code": status, "message": ""},
            "headers": {name: [value] for name, value in headers.items()},
            "body": {"string": response if isinstance(response, str) else json.dumps(response)},
        },
    }


def record(folder: Path, *exchanges: dict[str, Any], name: str = "test_one") -> Path:
    folder.mkdir(exist_ok=True)
    text = yamlserializer.serialize({"version": 1, "interactions": [*exchanges]})
    (folder / f"{name}.yaml").write_text(f"recorded_from: {folder.name}\n{text}", "utf-8")
    return folder


def changed(**changes: Any) -> dict[str, Any]:
    return exchange(response={**ITEM, **changes})


IDENTICAL = {
    "identical": exchange(),
    "other ids and values": exchange(
        f"{COMPANY.replace('1', '2')}/subjects/?page=9".replace("/api/v2", "/api/v1"),
        {**ITEM, "id": OTHER, "name": "subject-2", "tags": [{"id": 2.5}, {"id": 3}]},
        origin="https://saas.haut.ai",
    ),
    "an empty list": changed(tags=[]),
    "another parameter of the media type": exchange(
        headers={"content-type": "application/json; charset=utf-8"}
    ),
}

DIFFERENT = {
    "status": (
        exchange(status=201),
        ["status: 200 from sandbox, 201 from live"],
    ),
    "added header": (
        exchange(headers={"content-type": "application/json", "date": "Thu"}),
        ["header date: absent from sandbox, present from live"],
    ),
    "media type": (
        exchange(headers={"content-type": "text/html"}),
        ["header content-type: application/json from sandbox, text/html from live"],
    ),
    "added field": (changed(more=1), ["200 more: only from live (number)"]),
    "missing field": (
        exchange(response={name: ITEM[name] for name in ("id", "name", "tags")}),
        ["200 meta: only from sandbox (object)"],
    ),
    "type of a field": (changed(name=None), ["200 name: string from sandbox, null from live"]),
    "type of a field in a list": (
        changed(tags=[{"id": "1"}]),
        ["200 tags.[].id: number from sandbox, string from live"],
    ),
    "field missing in some items": (
        changed(tags=[{"id": 1}, {}]),
        ["200 tags.[].id: number from sandbox, absent or number from live"],
    ),
    "field with a dot": (changed(meta={}), ["200 meta.a.b: only from sandbox (number)"]),
    "not a UUID": (changed(id="1"), ["200 id: UUID from sandbox, string from live"]),
    "format of a time": (
        changed(name="2025-02-27 03:40:28"),
        ["200 name: string from sandbox, date-time like 2025-01-01 00:00:00 from live"],
    ),
    "zone of a time": (
        changed(name="2025-02-27T03:40:28Z"),
        ["200 name: string from sandbox, date-time like 2025-01-01T00:00:00Z from live"],
    ),
    "type of the body": (
        exchange(response="<html>"),
        ["200 body: object from sandbox, text from live"],
    ),
    "field of the request": (
        exchange(sent={"name": "subject-1"}),
        ["request body: null from sandbox, object from live"],
    ),
}


@pytest.mark.parametrize("other", IDENTICAL.values(), ids=IDENTICAL.keys())
def test_ids_and_values_are_ignored(other: dict[str, Any], tmp_path: Path) -> None:
    one, two = record(tmp_path / "sandbox", exchange()), record(tmp_path / "live", other)
    assert compare(one, two) == []
    assert page([]) == "The two recordings differ only in ids and field values.\n"


@pytest.mark.parametrize(("other", "texts"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_a_difference_is_found(other: dict[str, Any], texts: list[str], tmp_path: Path) -> None:
    one, two = record(tmp_path / "sandbox", exchange()), record(tmp_path / "live", other)
    assert compare(one, two) == [Difference("test_one", LIST, text) for text in texts]


def test_a_header_of_one_status_is_reported_with_the_status(tmp_path: Path) -> None:
    dated = {"content-type": "application/json", "date": "Thu"}
    one = record(tmp_path / "sandbox", exchange(), exchange(status=404))
    two = record(tmp_path / "live", exchange(), exchange(status=404, headers=dated))
    text = "404 header date: absent from sandbox, present from live"
    assert compare(one, two) == [Difference("test_one", LIST, text)]


def test_another_number_of_polls_is_one_difference(tmp_path: Path) -> None:
    one = record(tmp_path / "sandbox", exchange())
    two = record(tmp_path / "live", exchange(), exchange(), exchange())
    assert compare(one, two) == [
        Difference("test_one", LIST, "requests: 1 from sandbox, 3 from live")
    ]


def test_the_order_of_requests_is_compared(tmp_path: Path) -> None:
    upload = exchange("/bucket/photo?generation=1", "", method="PUT", origin="http://127.0.0.2")
    delete = exchange(f"{COMPANY}/subjects/{SUBJECT}/", "", method="DELETE", status=204)
    one = record(tmp_path / "sandbox", exchange(), upload, delete)
    two = record(tmp_path / "live", upload, exchange(), delete)
    text = "only in live: PUT (storage); sandbox: PUT (storage)"
    assert compare(one, two) == [Difference("test_one", "order of requests", text)]


def test_a_request_missing_in_one_folder_is_found(tmp_path: Path) -> None:
    delete = exchange(f"{COMPANY}/tokens/12/", "", method="DELETE", status=204)
    one = record(tmp_path / "sandbox", exchange(), delete)
    two = record(tmp_path / "live", exchange())
    route = "DELETE /api/v1/companies/{id}/tokens/{id}/"
    assert compare(one, two) == [
        Difference("test_one", "order of requests", f"only in sandbox: {route}"),
        Difference("test_one", route, "requests: 1 from sandbox, 0 from live"),
    ]


def test_a_cassette_missing_in_one_folder_is_found(tmp_path: Path) -> None:
    one, two = record(tmp_path / "sandbox", exchange()), record(tmp_path / "live", exchange())
    record(one, exchange(), name="test_two")
    record(two, exchange(), name="test_three")
    assert compare(one, two) == [
        Difference("test_three", "cassette", "not recorded from sandbox"),
        Difference("test_two", "cassette", "not recorded from live"),
    ]


def test_a_difference_of_several_workflows_is_listed_once() -> None:
    found = [Difference(f"test_{name}", LIST, "status: ...") for name in "abcde"]
    found.append(Difference("test_a", LIST, "200 name: ..."))
    assert page(found).splitlines() == [
        "# Differences between the two recordings",
        "",
        f"## {LIST}",
        "",
        "- status: ... (test_a, test_b, test_c and 2 more)",
        "- 200 name: ... (test_a)",
    ]


def test_a_difference_of_many_exchanges_is_listed_once_and_first() -> None:
    found = [Difference("test_a", f"GET /{name}/", "header date: ...") for name in "dcba"]
    found.append(Difference("test_a", "GET /a/", "status: ..."))
    assert page(found).splitlines()[2:] == [
        "## Many exchanges",
        "",
        "- header date: ... (GET /a/, GET /b/, GET /c/ and 1 more)",
        "",
        "## GET /a/",
        "",
        "- status: ... (test_a)",
    ]


def test_the_page_contains_no_values_of_bodies(tmp_path: Path) -> None:
    one = record(tmp_path / "sandbox", changed(name=None))
    two = record(tmp_path / "live", changed(name="Anna", meta={"a.b": 1, SUBJECT: "Anna"}))
    text = page(compare(one, two))
    assert "meta.{id}: only from live (string)" in text
    assert "Anna" not in text
    assert SUBJECT not in text
