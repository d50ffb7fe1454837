"""Tests of the generated client (`haut.api`) and of the copies that its methods return."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest

from haut_api.api.subjects import list_subjects
from haut_ext import ConfigError
from haut_ext.sandbox import Sandbox, faults
from tests.support.client_runner import COMPANY, Client, Kind

NewClient = Callable[..., Client]

COPIES: dict[str, Callable[[Any], Any]] = {
    "with_headers": lambda api: api.with_headers({"X-Extra": "1"}),
    "with_timeout": lambda api: api.with_timeout(httpx.Timeout(7)),
    "with_cookies": lambda api: api.with_cookies({"extra": "1"}),
}


def call(client: Client, api: Any, function: str) -> Any:
    scope = client.haut.scope
    operation = getattr(list_subjects, function)
    return client.call(lambda _: operation(scope.company_id, scope.dataset_id, client=api))


@pytest.mark.parametrize("method", COPIES)
def test_copy_keeps_token_and_retries_and_does_not_change_the_original(
    kind: Kind, sandbox: Sandbox, short_backoff: None, method: str
) -> None:
    sent: list[httpx.Request] = []

    async def async_hook(request: httpx.Request) -> None:
        sent.append(request)

    hook = async_hook if kind == "async" else sent.append
    sandbox.faults.add("list_subjects", faults.bad_gateway(), times=2)
    function = "asyncio" if kind == "async" else "sync"
    with Client(kind, **sandbox.credentials, event_hooks={"request": [hook]}) as client:
        copy = COPIES[method](client.haut.api)
        assert type(copy) is type(client.haut.api)
        assert call(client, copy, function).count == 0
        assert call(client, client.haut.api, function).count == 0
        assert client.call(lambda haut: haut.subjects.list()).total == 0
    of_copy, of_parent = sent[:3], sent[3:]
    assert len(of_parent) == 2
    assert {it.headers["authorization"] for it in sent} == {
        f"Bearer {sandbox.credentials['token']}"
    }
    found = {
        "with_headers": lambda request: request.headers.get("x-extra") == "1",
        "with_timeout": lambda request: request.extensions["timeout"]["read"] == 7,
        "with_cookies": lambda request: "extra=1" in request.headers.get("cookie", ""),
    }[method]
    assert all(map(found, of_copy))
    assert not any(map(found, of_parent))


def test_repr_shows_no_token(new_client: NewClient, sandbox: Sandbox) -> None:
    client = new_client()
    client.call(lambda haut: haut.subjects.list())
    for shown in (
        client.haut,
        client.haut.api,
        *(copy(client.haut.api) for copy in COPIES.values()),
    ):
        assert sandbox.credentials["token"] not in repr(shown)


@pytest.mark.parametrize("detailed", ["", "_detailed"])
def test_generated_function_of_the_other_kind_is_rejected(
    new_client: NewClient, sandbox: Sandbox, kind: Kind, detailed: str
) -> None:
    client = new_client()
    other = "sync" if kind == "async" else "asyncio"
    with pytest.raises(ConfigError, match=other):
        result = call(client, client.haut.api, other + detailed)
        asyncio.run(result)  # with Haut, the error is raised when the coroutine runs
    assert sandbox.requests == []


def test_custom_transport_gets_complete_requests(kind: Kind, short_backoff: None) -> None:
    """The request of every attempt includes the query, the headers and the body."""
    attempts: list[tuple[str, str, str, set[str]]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        attempts.append(
            (
                request.method,
                str(request.url),
                request.headers["authorization"],
                set(request.extensions),
            )
        )
        if len(attempts) == 1:
            return httpx.Response(502)
        return httpx.Response(200, json={"count": 0, "next": None, "previous": None, "results": []})

    company, dataset = (
        "11111111-2222-4333-8444-555555555555",
        "66666666-7777-4888-9999-aaaaaaaaaaaa",
    )
    arguments = {"token": "t0ken", "company_id": company, "dataset_id": dataset}
    with Client(kind, **arguments, transport=httpx.MockTransport(answer)) as client:
        client.call(lambda haut: haut.subjects.list(q="Ada"))
    url = f"https://saas.haut.ai/api/v1/companies/{company}/datasets/{dataset}/subjects/"
    for method, address, authorization, extensions in attempts:
        assert method == "GET"
        assert address.partition("?")[0] == url
        assert httpx.URL(address).params["q"] == "Ada"
        assert authorization == "Bearer t0ken"
        assert {"timeout"} <= extensions <= {"timeout", "trace"}
    assert len(attempts) == 2


def raw(haut: Any, kind: Kind) -> Any:
    return haut.api.get_httpx_client() if kind == "sync" else haut.api.get_async_httpx_client()


@pytest.fixture
def mocked(kind: Kind) -> Iterator[Client]:
    transport = httpx.MockTransport(lambda request: httpx.Response(200, json={}))
    with Client(kind, token="token", company_id=COMPANY, transport=transport) as client:
        yield client


def test_generated_client_can_be_used_as_context_manager_more_than_once(
    mocked: Client, kind: Kind
) -> None:
    def use_sync(haut: Any) -> None:
        with haut.api as api:
            assert api.get_httpx_client().get("/x/").status_code == 200

    async def use_async(haut: Any) -> None:
        async with haut.api as api:
            response = await api.get_async_httpx_client().get("/x/")
            assert response.status_code == 200

    for _ in range(2):
        mocked.call(use_sync if kind == "sync" else use_async)


async def async_chunks() -> AsyncIterator[bytes]:
    yield b"chunk"


@pytest.mark.parametrize("argument", ["params", "content"])
def test_argument_that_httpx_cannot_send_is_rejected(
    mocked: Client, kind: Kind, argument: str
) -> None:
    values: dict[str, Any] = {
        "params": object(),
        "content": async_chunks() if kind == "sync" else iter([b"chunk"]),
    }
    with pytest.raises(ConfigError):
        mocked.call(lambda haut: raw(haut, kind).post("/x/", **{argument: values[argument]}))
