"""Tests that lists which never end are read with a bounded number of requests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

from haut_api.api.subjects import list_subjects
from haut_ext import HautError, ListChanging, NotFound
from haut_ext.sandbox import Request, Sandbox, faults
from tests.support.client_runner import COMPANY, DATASET, Client, Kind
from tests.support.operation_examples import example_response
from tests.support.sandbox_photos import add_photo

SUBJECT = example_response("list_subjects")["results"][0]
MOST_REQUESTS = 60


@pytest.fixture(autouse=True)
def few_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    for client in ("_async", "_sync"):
        monkeypatch.setattr(f"haut_ext.{client}.pagination._MAX_PAGES", 50)
        monkeypatch.setattr(f"haut_ext.{client}.pagination._STALL_DELAYS", (0.0,))
        monkeypatch.setattr(f"haut_ext.{client}.pagination._TIME_RESOLUTION", 0.0)


def page(*items: Any, count: int = 1000) -> dict[str, Any]:
    following = "https://haut.example/?page=2"
    return {"count": count, "next": following, "previous": None, "results": [*items]}


def numbered(number: int) -> dict[str, Any]:
    return {**SUBJECT, "id": str(UUID(int=number, version=4))}


PAGES: dict[str, Callable[[int], dict[str, Any]]] = {
    "the same page": lambda number: page(SUBJECT),
    "two pages in turn": lambda number: page(numbered(number % 2)),
    "an empty page": lambda number: page(),
    "new items": lambda number: page(numbered(number)),
    "new items and a growing total": lambda number: page(numbered(number), count=number * 9),
    "new items and a falling total": lambda number: page(numbered(number), count=9999 - number),
    "new items and a total of zero": lambda number: page(numbered(number), count=0),
    "a huge total": lambda number: page(SUBJECT, count=10**30),
    "a single page with less than the total": lambda number: {**page(SUBJECT), "next": None},
    "a single page without an item": lambda number: {**page(), "next": None},
    "two pages with less than the total": lambda number: {
        **page(numbered(number % 2)),
        "next": "https://haut.example/?page=2"
        if number in (1, 4, 5, 8, 9, 12, 13, 16, 17)
        else None,
    },
}


@pytest.mark.parametrize("pages", PAGES)
def test_endless_list_is_a_typed_error(kind: Kind, pages: str) -> None:
    requests = 0

    def respond(_: httpx.Request) -> httpx.Response:
        nonlocal requests
        requests += 1
        assert requests <= MOST_REQUESTS  # otherwise the test would not end
        return httpx.Response(200, content=json.dumps(PAGES[pages](requests)).encode())

    arguments: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}
    transport = httpx.MockTransport(respond)
    with (
        Client(kind, **arguments, base_url="https://haut.example", transport=transport) as client,
        pytest.raises(HautError) as caught,
    ):
        client.call(lambda haut: haut.paginate_all(list_subjects))
    assert isinstance(caught.value, ListChanging)
    assert requests <= 20 or "new items" in pages


@pytest.mark.parametrize("items", [(), (SUBJECT,)])
def test_list_whose_pages_no_longer_exist_is_no_empty_list(
    kind: Kind, sandbox: Sandbox, items: tuple[Any, ...]
) -> None:
    body = json.dumps(page(*items, count=100)).encode()
    json_type = "application/json"
    missing = b'{"detail":"Invalid page."}'
    sandbox.faults.add("list_subjects", faults.status(200, body, content_type=json_type))
    sandbox.faults.add(
        "list_subjects", faults.status(404, missing, content_type=json_type), times=None
    )
    with Client(kind, **sandbox.credentials) as client, pytest.raises(NotFound):
        client.call(lambda haut: haut.paginate_all(list_subjects, dataset_id=haut.scope.dataset()))
    assert len(sandbox.requests) == 3


def test_images_that_appear_after_each_delete_do_not_block_an_erasure(
    kind: Kind, sandbox: Sandbox
) -> None:
    [subject] = sandbox.add_subjects(1)

    def add_image(request: Request) -> None:
        assert sandbox.received("list_images") <= MOST_REQUESTS
        if request.operation == "list_images":
            sandbox.add_images(subject, 1, b"photo")

    sandbox.before_request = add_image
    with Client(kind, **sandbox.credentials) as client:
        receipt = client.call(lambda haut: haut.erase_subject(subject.id))
    assert receipt.sandbox
    assert sandbox.received("list_images") <= MOST_REQUESTS


@pytest.mark.parametrize("operation", ["delete_image", "delete_batch"])
def test_items_that_are_listed_again_after_each_delete_do_not_block_an_erasure(
    kind: Kind, sandbox: Sandbox, operation: str
) -> None:
    subject = add_photo(sandbox).subject
    sandbox.faults.add(operation, faults.status(204), times=MOST_REQUESTS)
    with Client(kind, **sandbox.credentials) as client:
        client.call(lambda haut: haut.erase_subject(subject))
    assert sandbox.received(operation) <= 2
