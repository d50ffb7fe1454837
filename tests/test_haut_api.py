"""The generated package by itself, as users of the whole Swagger import it."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from typing import Any

import httpx
import pytest

import haut_api
from haut_api.client import AuthenticatedClient, Client
from haut_api.models import ErrorResponse
from scripts.generate import OVERLAY, overlaid
from tests import answers


def test_the_document_comes_with_the_package() -> None:
    content = files("haut_api").joinpath("openapi.json").read_bytes()
    assert hashlib.sha256(content).hexdigest() == haut_api.SPEC_SHA256
    assert haut_api.spec() == overlaid(OVERLAY)
    assert haut_api.spec()["info"]["version"] == haut_api.SPEC_VERSION


@pytest.mark.parametrize("kind", [Client, AuthenticatedClient])
def test_requests_end_in_finite_time(kind: Any) -> None:
    token = {"token": "s3cret"} if kind is AuthenticatedClient else {}
    with kind(base_url="https://saas.haut.ai", **token) as client:
        timeout = client.get_httpx_client().timeout
    assert None not in (timeout.connect, timeout.read, timeout.write, timeout.pool)


def test_a_repr_shows_no_secret() -> None:
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


@pytest.mark.parametrize("operation", answers.ANSWERING)
def test_every_operation_can_be_called_in_four_ways(operation: str) -> None:
    module, _ = answers.call(operation)
    for name in ("sync", "sync_detailed", "asyncio", "asyncio_detailed"):
        assert callable(getattr(module, name))


@pytest.mark.parametrize(("status", "body"), [(404, True), (520, False)])
def test_a_status_is_returned_as_it_is(status: int, body: bool) -> None:
    error = {"type": "client_error", "errors": []}
    answer = httpx.Response(status, content=json.dumps(error).encode())
    transport = httpx.MockTransport(lambda _: answer)
    client = AuthenticatedClient(
        base_url="https://saas.haut.ai", token="t", httpx_args={"transport": transport}
    )
    module, arguments = answers.call("get_image")
    response = module.sync_detailed(client=client, company_id=answers.SOMEBODY, **arguments)
    assert response.status_code == status
    assert isinstance(response.parsed, ErrorResponse) is body
