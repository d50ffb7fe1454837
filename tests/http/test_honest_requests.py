"""Tests that a custom transport receives complete requests in every attempt of every call."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest

from haut_ext.sandbox import Sandbox, faults
from tests.support.client_runner import COMPANY, DATASET, Client, Kind
from tests.support.sandbox_photos import PHOTO

BASE_URL = "https://haut.example"
ORDINARY = {"timeout", "target", "trace"}


def subject(number: int, created: str = "2024-12-31 23:59:59") -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "name": f"subject-{number}",
        "birth_date": None,
        "biological_sex": None,
        "meta": None,
        "author_id": 1,
        "creation_time": created,
        "company": {"id": COMPANY, "name": "company"},
        "dataset": {"id": DATASET, "name": "dataset"},
        "promote_image_id": None,
    }


class Service:
    """A mock service that records requests and fails the first attempt of each GET."""

    def __init__(self, date: str | None = None) -> None:
        self.requests: list[httpx.Request] = []
        self.bodies: list[bytes] = []
        self.date = date
        self._failed: set[tuple[str, str]] = set()

    def sync(self, request: httpx.Request) -> httpx.Response:
        return self._respond(request, request.read())

    async def asynchronous(self, request: httpx.Request) -> httpx.Response:
        return self._respond(request, await request.aread())

    def _respond(self, request: httpx.Request, body: bytes) -> httpx.Response:
        self.requests.append(request)
        self.bodies.append(body)
        key = (request.method, request.url.path)
        if request.method == "GET" and key not in self._failed:
            self._failed.add(key)
            return httpx.Response(500, text="first attempt")
        headers = {} if self.date is None else {"Date": self.date}
        page = int(request.url.params.get("page", 1))
        items = [subject(2 * page - 1), subject(2 * page)]
        following = f"{BASE_URL}/?page=2" if page == 1 else None
        document = {"count": 4, "next": following, "previous": None, "results": items}
        return httpx.Response(200, json=document, headers=headers)


@pytest.fixture
def service(kind: Kind, short_backoff: None) -> Service:
    return Service()


def client(kind: Kind, service: Service, **arguments: Any) -> Client:
    handler: Any = service.sync if kind == "sync" else service.asynchronous
    return Client(
        kind,
        token="secret-token",
        company_id=COMPANY,
        dataset_id=DATASET,
        base_url=BASE_URL,
        transport=httpx.MockTransport(handler),
        **arguments,
    )


def test_every_attempt_sends_a_complete_request(kind: Kind, service: Service) -> None:
    with client(kind, service, headers={"X-Request-Source": "clinic"}) as haut:
        found = haut.call(lambda it: it.subjects.iterate("Ada & Co"))
    assert [item.name for item in found] == [f"subject-{number}" for number in range(1, 5)]
    path = f"/api/v1/companies/{COMPANY}/datasets/{DATASET}/subjects/"
    assert [str(request.url.copy_with(query=None)) for request in service.requests] == [
        f"{BASE_URL}{path}"
    ] * 3
    assert [dict(request.url.params) for request in service.requests] == [
        {"q": "Ada & Co", "page": "1"},
        {"q": "Ada & Co", "page": "1"},
        {"q": "Ada & Co", "page": "2"},
    ]
    for request in service.requests:
        assert request.method == "GET"
        assert request.headers["authorization"] == "Bearer secret-token"
        assert request.headers["x-request-source"] == "clinic"
        assert request.headers["host"] == "haut.example"
        assert set(request.extensions) <= ORDINARY
        assert not [name for name in request.headers if name.startswith("x-haut")]


class Recorder(httpx.HTTPTransport):
    """An httpx HTTP transport that also records requests and their bodies."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[httpx.Request, bytes]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((request, request.read()))
        return super().handle_request(request)


class AsyncRecorder(httpx.AsyncHTTPTransport):
    """An async httpx HTTP transport that also records requests and their bodies."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[httpx.Request, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((request, await request.aread()))
        return await super().handle_async_request(request)


def test_every_attempt_of_an_upload_sends_a_complete_request(
    kind: Kind, sandbox: Sandbox, short_backoff: None
) -> None:
    [owner] = sandbox.add_subjects(1)
    sandbox.faults.add("upload_image", faults.status(500))
    recorder: Any = Recorder() if kind == "sync" else AsyncRecorder()
    with Client(kind, **sandbox.credentials, transport=recorder) as haut:
        batch = haut.call(lambda it: it.upload_and_compute(owner.id, front=PHOTO))
    (slot, slot_body), *puts, (compute, _) = recorder.sent
    assert [request.method for request, _ in recorder.sent] == ["POST", "PUT", "PUT", "POST"]
    assert json.loads(slot_body) == {"side_id": 1}
    assert slot.headers["content-length"] == str(len(slot_body))
    assert str(batch.batch_id) in compute.url.path
    for put, body in puts:
        assert body == PHOTO.read_bytes()
        assert put.headers["content-length"] == str(len(body))
        assert "X-Goog-Signature" in put.url.params
        assert "authorization" not in put.headers
        assert set(put.extensions) <= ORDINARY
    for request in (slot, compute):
        assert request.headers["authorization"] == f"Bearer {sandbox.credentials['token']}"


@pytest.mark.parametrize("date", ["Wed, 27 Feb 2025 03:40:28 -0000", "Thu, 27 Feb 2025 03:40:28"])
def test_date_header_without_a_time_zone_is_utc(kind: Kind, service: Service, date: str) -> None:
    service.date = date
    with client(kind, service) as haut:
        found = haut.call(lambda it: it.subjects.iterate())
    assert len(found) == 4
    assert found[0].creation_time == datetime(2024, 12, 31, 23, 59, 59, tzinfo=UTC)
