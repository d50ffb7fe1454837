"""Tests of hosts with several IP addresses, and of signed URLs."""

from __future__ import annotations

import socket
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest

from haut_ext import ConfigError, HautError, Timeout, TransportError
from haut_ext.sandbox import Sandbox
from tests.support.client_runner import Client, Kind, client_class
from tests.support.sandbox_photos import PHOTO
from tests.support.servers import (
    RewritingServer,
    ScriptedServer,
    black_hole,
    response,
)

NewClient = Callable[..., Client]

SIGNED_URL = r'"http://[^"]+Signature=[^"]*"'


def resolve_localhost_to(monkeypatch: pytest.MonkeyPatch, *hosts: str) -> None:
    """Make localhost resolve to the given IPv4 addresses, in this order."""
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, port: Any, *further: Any, **named: Any) -> list[Any]:
        if host not in ("localhost", b"localhost"):
            return real(host, port, *further, **named)
        kind = socket.SOCK_STREAM
        return [(socket.AF_INET, kind, 6, "", (address, int(port))) for address in hosts]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["refuses connections", "does not answer"])
def test_host_with_an_unreachable_first_address_is_reached(
    new_client: NewClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    port = urlsplit(sandbox.base_url).port
    assert port is not None
    arguments = {"base_url": f"http://localhost:{port}", "timeout": Timeout(connect=1)}
    resolve_localhost_to(monkeypatch, "127.0.0.2", "127.0.0.1")
    if first == "refuses connections":
        assert new_client(**arguments).call(lambda haut: haut.subjects.list()).total == 0
    else:
        with black_hole("127.0.0.2", port=port):
            client = new_client(**arguments, max_retries=0)
            assert client.call(lambda haut: haut.subjects.list()).total == 0
    assert sandbox.received("list_subjects") == 1


@pytest.mark.slow
def test_post_to_a_host_with_an_unreachable_first_address(
    new_client: NewClient, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = urlsplit(sandbox.base_url).port
    assert port is not None
    resolve_localhost_to(monkeypatch, "127.0.0.2", "127.0.0.1")
    with black_hole("127.0.0.2", port=port):
        client = new_client(base_url=f"http://localhost:{port}", timeout=Timeout(connect=1))
        client.call(lambda haut: haut.subjects.create("someone"))
    assert sandbox.received("create_subject") == 1


@pytest.mark.parametrize("method", ["create", "list"])
def test_name_that_does_not_resolve_is_reported_after_one_attempt(
    new_client: NewClient, monkeypatch: pytest.MonkeyPatch, short_backoff: None, method: str
) -> None:
    lookups: list[object] = []
    real = socket.getaddrinfo

    def getaddrinfo(host: Any, *further: Any, **named: Any) -> list[Any]:
        if host not in ("saas.example.invalid", b"saas.example.invalid"):
            return real(host, *further, **named)
        lookups.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    client = new_client(base_url="https://saas.example.invalid")
    with pytest.raises(TransportError, match="Name or service not known") as caught:
        client.call(
            lambda haut: haut.subjects.create("x") if method == "create" else haut.subjects.list()
        )
    assert len(lookups) == 1
    assert "saas.example.invalid" in str(caught.value)
    assert caught.value.attempts == 1
    assert not caught.value.retryable
    assert not caught.value.maybe_delivered


@pytest.mark.parametrize(
    "host",
    ["a" * 64 + ".example", "a..example", ".example", "a b.example", "a\tb.example", "exa\nmple"],
)
def test_invalid_host_name_is_rejected(kind: Kind, sandbox: Sandbox, host: str) -> None:
    arguments = {**sandbox.credentials, "base_url": f"https://{host}"}
    with pytest.raises(ConfigError, match="base_url"):
        client_class(kind)(**arguments)


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example", "a b.example", "[::1"])
def test_signed_url_with_an_invalid_host_raises_an_sdk_error(
    new_client: NewClient, sandbox: Sandbox, host: str
) -> None:
    [subject] = sandbox.add_subjects(1)
    with RewritingServer(sandbox.base_url, SIGNED_URL, f'"https://{host}/photo"') as api:
        client = new_client(base_url=api.origin)
        with pytest.raises(HautError):
            client.call(lambda haut: haut.images.upload(subject.id, PHOTO))


TARGETS = [
    "/bucket/./a/../photo.jpg?Signature=a/../b",
    "/bucket/..%2Fphoto%2ejpg?Signature=%7e%2B+",
    "//bucket//photo.jpg?Signature=x&empty=&&",
    "/.?Signature=1",
    "/bucket/(photo)'~!*;,=:@$?Signature=[1]|2",
]


@pytest.mark.parametrize("target", TARGETS)
def test_photo_is_uploaded_to_the_signed_url_byte_for_byte(
    new_client: NewClient, sandbox: Sandbox, target: str
) -> None:
    [subject] = sandbox.add_subjects(1)
    with (
        ScriptedServer(response("200 OK")) as storage,
        RewritingServer(sandbox.base_url, SIGNED_URL, f'"{storage.origin}{target}"') as api,
    ):
        client = new_client(base_url=api.origin)
        client.call(lambda haut: haut.images.upload(subject.id, PHOTO))
    [(head, body)] = storage.requests
    assert head.splitlines()[0] == f"PUT {target} HTTP/1.1"
    assert "authorization" not in head.lower()
    assert body == PHOTO.read_bytes()


@pytest.mark.parametrize("target", TARGETS)
def test_photo_is_downloaded_from_the_signed_url_byte_for_byte(
    new_client: NewClient, sandbox: Sandbox, target: str
) -> None:
    [subject] = sandbox.add_subjects(1)
    [image] = sandbox.add_images(subject, 1, b"photo")
    with (
        ScriptedServer(response("200 OK", b"photo", "image/jpeg")) as storage,
        RewritingServer(sandbox.base_url, SIGNED_URL, f'"{storage.origin}{target}"') as api,
    ):
        client = new_client(base_url=api.origin)
        received = BytesIO()
        client.call(lambda haut: haut.images.download(image.id, received))
    assert received.getvalue() == b"photo"
    assert storage.requests[0][0].splitlines()[0] == f"GET {target} HTTP/1.1"
    assert "authorization" not in storage.requests[0][0].lower()


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
def test_body_of_a_response_without_content_does_not_reach_the_next_call(
    new_client: NewClient, short_backoff: None, status: str
) -> None:
    """The client does not reuse a connection on which unexpected bytes arrived."""
    subject = "9b810e76-6ec9-4286-a3ca-828dd5f4b3b2"
    page = b'{"count":0,"next":null,"previous":null,"results":[]}'
    spoiled = response(status, b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
    with ScriptedServer(spoiled, response("200 OK", page)) as server:
        client = new_client(base_url=server.origin, max_retries=0)
        if status.startswith("204"):
            client.call(lambda haut: haut.subjects.delete(subject))
        else:
            with pytest.raises(HautError):
                client.call(lambda haut: haut.subjects.delete(subject))
        assert client.call(lambda haut: haut.subjects.list()).total == 0
    assert server.connections == [1, 2]
