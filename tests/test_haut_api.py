"""Tests of the generated package haut_api without haut_ext."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
from importlib.resources import files
from typing import Any

import httpx
import pytest

import haut_api
from haut_api.client import AuthenticatedClient, Client
from haut_api.models import ErrorResponse
from scripts.generate import OVERLAY, load_contract
from scripts.spec.document import operations
from tests.support import operation_examples


def test_package_contains_the_openapi_document() -> None:
    content = files("haut_api").joinpath("openapi.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == haut_api.SPEC_SHA256
    assert haut_api.spec() == load_contract(OVERLAY)
    assert haut_api.spec()["info"]["version"] == haut_api.SPEC_VERSION


@pytest.mark.parametrize("kind", [Client, AuthenticatedClient])
def test_default_timeout_limits_every_phase_of_a_request(kind: Any) -> None:
    token = {"token": "s3cret"} if kind is AuthenticatedClient else {}
    with kind(base_url="https://saas.haut.ai", **token) as client:
        timeout = client.get_httpx_client().timeout
    assert None not in (timeout.connect, timeout.read, timeout.write, timeout.pool)


def test_repr_of_a_client_shows_no_secrets() -> None:
    client = AuthenticatedClient(
        base_url="https://saas.haut.ai",
        token="s3cret-token",
        headers={"x": "s3cret-header"},
        cookies={"session": "s3cret-cookie"},
        httpx_args={"proxy": "http://user:s3cret-proxy@proxy.example"},
    )
    client.get_httpx_client()
    assert "s3cret" not in repr(client)
    assert " at 0x" not in repr(client)
    client.get_httpx_client().close()


@pytest.mark.anyio
@pytest.mark.parametrize("operation", [one.id for one in operations(haut_api.spec())])
async def test_every_operation_can_be_called_in_four_ways(operation: str) -> None:
    sent: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        sent.append(request)
        return httpx.Response(401, json={"type": "client_error", "errors": []})

    transport = httpx.MockTransport(respond)
    client = AuthenticatedClient(
        base_url="https://saas.haut.ai", token="t", httpx_args={"transport": transport}
    )
    module, arguments = operation_examples.example_call(operation)
    if "company_id" in inspect.signature(module.sync_detailed).parameters:
        arguments["company_id"] = operation_examples.EXAMPLE_ID
    detailed = module.sync_detailed(client=client, **arguments)
    async_detailed = await module.asyncio_detailed(client=client, **arguments)
    parsed = module.sync(client=client, **arguments)
    async_parsed = await module.asyncio(client=client, **arguments)
    method, path, _ = operation_examples.OPERATIONS[operation]
    template = re.sub(r"\{\w+\}", "[^/]+", path)
    assert all(request.method == method for request in sent)
    assert all(re.fullmatch(template, request.url.path) for request in sent)
    assert [detailed.status_code, async_detailed.status_code] == [401, 401]
    assert len(sent) == 4
    for found in (parsed, async_parsed, detailed.parsed, async_detailed.parsed):
        assert isinstance(found, ErrorResponse)


@pytest.mark.parametrize(("status", "body"), [(404, True), (520, False)])
def test_error_statuses_are_returned_unchanged(status: int, body: bool) -> None:
    error = {"type": "client_error", "errors": []}
    served = httpx.Response(status, content=json.dumps(error).encode())
    transport = httpx.MockTransport(lambda _: served)
    client = AuthenticatedClient(
        base_url="https://saas.haut.ai", token="t", httpx_args={"transport": transport}
    )
    module, arguments = operation_examples.example_call("get_image")
    response = module.sync_detailed(
        client=client, company_id=operation_examples.EXAMPLE_ID, **arguments
    )
    assert response.status_code == status
    assert isinstance(response.parsed, ErrorResponse) is body
