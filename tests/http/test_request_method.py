"""Tests that `haut.request` and the generated client send valid arguments and reject invalid ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from haut_ext import ConfigError, HautError
from tests.support.client_runner import COMPANY, DATASET, Client, Kind
from tests.support.servers import ScriptedServer, response

BASE_URL = "https://haut.example"
CREDENTIALS: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}


class Service:
    """A mock service that records requests and always returns the same response."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer = httpx.Response(200, json={})

    def respond(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answer
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def call(kind: Kind, service: Service) -> Any:
    """Call `haut.request` with the given arguments."""
    transport = httpx.MockTransport(service.respond)
    with Client(
        kind, **CREDENTIALS, base_url=BASE_URL, transport=transport, max_retries=0, timeout=1
    ) as client:
        yield lambda *given, **more: client.call(lambda haut: haut.request(*given, **more))


Call = Callable[..., httpx.Response]


@pytest.mark.parametrize(
    "path",
    [
        "http://[::1/x",
        "//[/",
        "https://xn--a/x",
        "https://other.example/x/",
        "https://user:password@haut.example/x/",
        "https://haut.example:444/x/",
        "http://haut.example/x/",
        "http://haut.example:99999999/",
        "/\ud800/",
        "/a\nb/",
        "",
        "x/",
    ],
    ids=ascii,
)
def test_invalid_url_or_url_of_another_origin_is_rejected(
    call: Call, service: Service, path: str
) -> None:
    with pytest.raises(ConfigError):
        call("GET", path)
    assert service.requests == []


@pytest.mark.parametrize("path", ["/api/v1/x/../y/", "/api/v1/x/%2e%2e/", "/api/v1/x/%2E./y/"])
def test_path_with_dot_segments_is_rejected(call: Call, service: Service, path: str) -> None:
    with pytest.raises(ConfigError):
        call("DELETE", path)
    assert service.requests == []


@pytest.mark.parametrize(
    "path", ["/api/v1/x/", "https://haut.example/api/v1/x/", "https://haut.example:443/api/v1/x/"]
)
def test_path_and_url_of_the_api_are_accepted(call: Call, service: Service, path: str) -> None:
    call("GET", path)
    assert str(service.requests[0].url) == "https://haut.example/api/v1/x/"


@pytest.mark.parametrize("method", ["ÄÖ", "GE T", "", "POST\r\nX: y", "é", "G\x00T", 5, None])
def test_invalid_method_is_rejected(call: Call, service: Service, method: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        call(method, "/x/")
    assert "\r" not in str(caught.value)
    assert service.requests == []


def nested(depth: int) -> list[Any]:
    document: list[Any] = []
    for _ in range(depth):
        document = [document]
    return document


@pytest.mark.slow
@pytest.mark.parametrize(
    "document",
    [lambda: nested(100_000), lambda: {1}, lambda: float("nan"), lambda: b"x", object],
    ids=["deep", "set", "not a number", "bytes", "object"],
)
def test_body_that_cannot_be_encoded_as_json_is_rejected(
    call: Call, service: Service, document: Callable[[], Any]
) -> None:
    with pytest.raises(ConfigError):
        call("POST", "/x/", json=document())
    assert service.requests == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "50"},
        {"content-length": "0"},
        {"Host": "other.example"},
        {"Transfer-Encoding": "gzip"},
        {"Authorization": "Bearer other"},
        {"X": None},
        {"X": "é"},
        {"X": "a\r\nY: b"},
        {"X Y": "a"},
        {"": "a"},
        {1: "a"},
        5,
        "abc",
    ],
    ids=ascii,
)
def test_invalid_header_is_rejected(call: Call, service: Service, headers: Any) -> None:
    with pytest.raises(ConfigError):
        call("POST", "/x/", json={}, headers=headers)
    assert service.requests == []


def test_request_with_a_wrong_content_length_is_not_sent(kind: Kind) -> None:
    headers = {"Content-Length": "50"}
    with (
        ScriptedServer(response("200 OK", b"{}")) as server,
        Client(kind, **CREDENTIALS, base_url=server.origin) as client,
        pytest.raises(ConfigError),
    ):
        client.call(lambda haut: haut.request("POST", "/x/", json={}, headers=headers))
    assert server.requests == []


def test_query_of_the_path_and_of_the_argument_are_both_sent(call: Call, service: Service) -> None:
    call("GET", "/x/?a=1&a=2", params={"b": 3})
    assert service.requests[0].url.params.multi_items() == [("a", "1"), ("a", "2"), ("b", "3")]


@pytest.mark.parametrize(
    ("accept", "content_type", "content"),
    [("text/html", "text/html", b"<p>report</p>"), ("text/csv", "text/csv", b"a,b")],
)
def test_response_of_the_requested_content_type_is_accepted(
    call: Call, service: Service, accept: str, content_type: str, content: bytes
) -> None:
    service.answer = httpx.Response(200, content=content, headers={"Content-Type": content_type})
    assert call("GET", "/x/", headers={"Accept": accept}).content == content


@pytest.mark.parametrize("status", [200, 201, 202])
def test_empty_success_is_accepted_with_an_accept_header_other_than_json(
    call: Call, service: Service, status: int
) -> None:
    service.answer = httpx.Response(status)
    assert call("POST", "/x/", json={}, headers={"Accept": "text/plain"}).content == b""


def test_empty_202_is_a_success(call: Call, service: Service) -> None:
    service.answer = httpx.Response(202)
    assert call("POST", "/x/", json={}).status_code == 202


@pytest.mark.parametrize("location", ["https://xn--a/", "http://[", "//", "\x7f", "a" * 70_000])
def test_redirect_to_an_invalid_url_raises_an_sdk_error(
    call: Call, service: Service, location: str
) -> None:
    service.answer = httpx.Response(302, headers={"Location": location})
    with pytest.raises(HautError):
        call("GET", "/x/")
    assert len(service.requests) == 1


def raw(kind: Kind, haut: Any, address: str, **arguments: Any) -> Any:
    http = haut.api.get_httpx_client() if kind == "sync" else haut.api.get_async_httpx_client()
    return http.get(address, **arguments)


@pytest.mark.parametrize("timeout", [1e30, float("inf"), 1e9])
def test_generated_client_accepts_a_very_long_timeout(kind: Kind, timeout: float) -> None:
    with (
        ScriptedServer(response("200 OK", b"{}")) as server,
        Client(kind, **CREDENTIALS, base_url=server.origin, deadline=None) as client,
    ):
        found = client.call(lambda haut: raw(kind, haut, "/x/", timeout=timeout))
        assert found.json() == {}


def test_negative_timeout_of_the_generated_client_raises_an_sdk_error(kind: Kind) -> None:
    began = time.monotonic()
    arguments = {**CREDENTIALS, "deadline": None, "max_retries": 0}
    with (
        ScriptedServer() as server,
        Client(kind, **arguments, base_url=server.origin) as client,
        pytest.raises(HautError),
    ):
        client.call(lambda haut: raw(kind, haut, "/x/", timeout=-1))
    assert time.monotonic() - began < 3
