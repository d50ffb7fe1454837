"""Tests that a response body of any size, compression and nesting takes limited memory and time."""

from __future__ import annotations

import gzip
import json
import socket
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from haut_ext import (
    Haut,
    HautError,
    ServerError,
    StorageError,
    TransportError,
    UnexpectedResponse,
)
from haut_ext.sandbox import Sandbox
from tests.support.client_runner import COMPANY, DATASET, Client, Kind
from tests.support.sandbox_photos import add_photo
from tests.support.servers import RewritingServer, ScriptedServer, Server, read_head, response

pytestmark = pytest.mark.slow

SCOPE: dict[str, Any] = {"token": "token", "company_id": COMPANY, "dataset_id": DATASET}
MEBIBYTE = 1024 * 1024
MOST_MEMORY = 60 * MEBIBYTE


@cache
def bomb(size: int = 200 * MEBIBYTE, layers: int = 1) -> bytes:
    """Return gzip data that is decoded to `size` spaces."""
    compressor = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    content = b"".join(compressor.compress(b" " * MEBIBYTE) for _ in range(size // MEBIBYTE))
    content += compressor.flush()
    for _ in range(layers - 1):
        content = gzip.compress(content)
    return content


def call(kind: Kind, function: Callable[[Any], Any], **options: Any) -> Any:
    arguments = {**SCOPE, "max_retries": 0, **options}
    with Client(kind, **arguments) as client:
        return client.call(function)


def error_and_memory(kind: Kind, origin: str, function: Callable[[Any], Any]) -> tuple[Any, int]:
    """Return the error of a call, and the memory that the call allocated at most."""
    tracemalloc.start()
    try:
        with pytest.raises(HautError) as caught:
            call(kind, function, base_url=origin)
        return caught.value, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def get_json(haut: Any) -> Any:
    return haut.request("GET", "/x/")


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("status", ["200 OK", "404 Not Found", "500 Internal Server Error"])
def test_compressed_body_is_limited_by_its_decoded_size(
    kind: Kind, status: str, layers: int
) -> None:
    encoding = ", ".join(["gzip"] * layers)
    compressed = response(status, bomb(layers=layers), Content_Encoding=encoding)
    with ScriptedServer(compressed) as server:
        error, memory = error_and_memory(kind, server.origin, get_json)
    assert memory < MOST_MEMORY
    assert error.status == int(status[:3])
    assert error.body == ""
    if status.startswith("200"):
        assert isinstance(error, UnexpectedResponse)
        assert ("larger than" if layers == 1 else "Content-Encoding") in str(error)


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "x-gzip", "gzip, identity"])
def test_compression_that_was_not_requested_is_rejected(kind: Kind, encoding: str) -> None:
    with ScriptedServer(response("200 OK", b"{}", Content_Encoding=encoding)) as server:
        with pytest.raises(UnexpectedResponse, match="Content-Encoding"):
            call(kind, get_json, base_url=server.origin)
        assert "accept-encoding: gzip\r\n" in server.requests[0][0].lower()


COMPRESSED = gzip.compress(b'{"a": 1}')
INVALID_COMPRESSION = {
    "not compressed": b"{}",
    "truncated data": COMPRESSED[:12],
    "without checksum": COMPRESSED[:-8],
    "without the last byte": COMPRESSED[:-1],
    "wrong checksum": COMPRESSED[:-8] + bytes(8),
    "followed by other data": COMPRESSED + b"{}",
    "two parts": COMPRESSED + gzip.compress(b"{}"),
}


@pytest.mark.parametrize("content", INVALID_COMPRESSION.values(), ids=INVALID_COMPRESSION)
def test_invalid_and_truncated_compression_is_a_connection_error(
    kind: Kind, sandbox: Sandbox, tmp_path: Path, content: bytes
) -> None:
    """httpx itself ignores what is missing, and data after the end."""
    compressed = response("200 OK", content, Content_Encoding="gzip")
    with ScriptedServer(compressed) as server, pytest.raises(TransportError):
        call(kind, get_json, base_url=server.origin)
    for method in (get_photo, stream_photo):
        with pytest.raises(TransportError):
            download(kind, sandbox, lambda client: client.sendall(compressed), tmp_path, method)
    assert list(tmp_path.iterdir()) == []


def test_compressed_body_within_the_limit_is_decoded(kind: Kind) -> None:
    content = json.dumps({"text": "x" * 5 * MEBIBYTE}).encode()
    compressed = response("200 OK", gzip.compress(content), Content_Encoding="gzip")
    with ScriptedServer(compressed) as server:
        assert call(kind, get_json, base_url=server.origin).content == content


def endless(head: str, chunk: bytes = b" " * 65_536) -> Server:
    """Return a server whose response bodies are too large: their connections close at 100 MiB."""

    def respond(client: socket.socket) -> None:
        read_head(client)
        client.sendall(f"HTTP/1.1 {head}\r\n\r\n".encode())
        for _ in range(100 * MEBIBYTE // len(chunk)):
            client.sendall(chunk)

    return Server(respond)


@pytest.mark.parametrize("status", ["200 OK", "503 Service Unavailable", "302 Found"])
@pytest.mark.parametrize("framing", ["Content-Length: 999999999999", "Connection: close"])
def test_endless_body_is_limited(kind: Kind, status: str, framing: str) -> None:
    with endless(f"{status}\r\n{framing}") as server:
        error, memory = error_and_memory(kind, server.origin, get_json)
    assert memory < MOST_MEMORY
    assert error.status == int(status[:3])


def test_response_with_an_error_and_an_endless_body_is_retried(
    kind: Kind, short_backoff: None
) -> None:
    with endless("503 Service Unavailable\r\nConnection: close") as server:
        with pytest.raises(ServerError, match="Sent 3 times") as caught:
            call(kind, get_json, base_url=server.origin, max_retries=2)
        assert server.accepted == 3
    assert "larger than" in str(caught.value)


@contextmanager
def with_storage(sandbox: Sandbox, storage: Server) -> Iterator[tuple[str, UUID]]:
    """Yield the origin of an API that names `storage` as the storage of an image, and the image."""
    image = add_photo(sandbox).image
    pattern = r'(?<="signed_url":)"[^"]*"'
    with RewritingServer(sandbox.base_url, pattern, f'"{storage.origin}/photo"') as server:
        yield server.origin, image


def get_photo(haut: Any, image: UUID, folder: Path) -> Any:
    return haut.images.download(image, folder / "photo.jpg")


def stream_photo(haut: Any, image: UUID, _: Path) -> Any:
    def read() -> int:
        with haut.images.stream(image) as chunks:
            return sum(map(len, chunks))

    async def read_async() -> int:
        async with haut.images.stream(image) as chunks:
            return sum([len(chunk) async for chunk in chunks])

    return read() if isinstance(haut, Haut) else read_async()


METHODS = pytest.mark.parametrize("method", [get_photo, stream_photo])


def download(
    kind: Kind,
    sandbox: Sandbox,
    respond: Callable[[socket.socket], None],
    folder: Path,
    method: Callable[..., Any],
) -> None:
    def handle(client: socket.socket) -> None:
        read_head(client)
        respond(client)

    with Server(handle) as storage, with_storage(sandbox, storage) as (origin, image):
        options = {**sandbox.credentials, "base_url": origin}
        call(kind, lambda haut: method(haut, image, folder), **options)


@METHODS
def test_endless_download_is_limited(
    kind: Kind, sandbox: Sandbox, tmp_path: Path, method: Callable[..., Any]
) -> None:
    sent = 0

    def respond(client: socket.socket) -> None:
        nonlocal sent
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        with suppress(OSError):
            while sent < 100 * MEBIBYTE:
                client.sendall(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
                sent += 65_536

    with pytest.raises(UnexpectedResponse, match="larger than 64 MiB"):
        download(kind, sandbox, respond, tmp_path, method)
    assert sent < 80 * MEBIBYTE
    assert list(tmp_path.iterdir()) == []


@METHODS
@pytest.mark.parametrize("status", ["200 OK", "403 Forbidden"])
def test_compressed_download_is_limited_by_its_decoded_size(
    kind: Kind, sandbox: Sandbox, tmp_path: Path, status: str, method: Callable[..., Any]
) -> None:
    def respond(client: socket.socket) -> None:
        client.sendall(response(status, bomb(), "image/jpeg", Content_Encoding="gzip"))

    with pytest.raises((UnexpectedResponse, StorageError), match="larger than"):
        download(kind, sandbox, respond, tmp_path, method)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("depth", [101, 400, 900, 990, 10_000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_json_that_is_nested_too_deep_is_rejected(kind: Kind, depth: int, brackets: str) -> None:
    opening = {"[]": "[", "{}": '{"a": '}[brackets]
    text = opening * depth + "1" + brackets[1] * depth
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=text))
    with pytest.raises(UnexpectedResponse, match="nested"):
        call(kind, get_json, base_url="https://haut.example", transport=transport)


@pytest.mark.parametrize("item", [b"{},", b"[[[1]]],"])
def test_json_with_too_many_values_is_rejected(kind: Kind, item: bytes) -> None:
    content = b"[" + item * (15 * MEBIBYTE // len(item)) + b"1]"
    with ScriptedServer(response("200 OK", content)) as server:
        error, memory = error_and_memory(kind, server.origin, get_json)
    assert "more than 1,000,000 values" in str(error)
    assert memory < MOST_MEMORY


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("document", ["{}", '{{"a": [{}]}}'])
def test_numbers_that_json_cannot_represent_are_rejected(
    kind: Kind, number: str, document: str
) -> None:
    text = document.format(number)
    transport = httpx.MockTransport(lambda _: httpx.Response(200, text=text))
    with pytest.raises(UnexpectedResponse, match=r"too large|not JSON"):
        call(kind, get_json, base_url="https://haut.example", transport=transport)


def test_body_that_the_caller_streams_is_not_limited(kind: Kind) -> None:
    content = b"x" * 20 * MEBIBYTE

    def count(haut: Any) -> int:
        with haut.api.get_httpx_client().stream("GET", "/x/") as streamed:
            return sum(map(len, streamed.iter_bytes()))

    async def count_async(haut: Any) -> int:
        async with haut.api.get_async_httpx_client().stream("GET", "/x/") as streamed:
            return sum([len(chunk) async for chunk in streamed.aiter_bytes()])

    with ScriptedServer(response("200 OK", content, "image/jpeg")) as server:
        function = count if kind == "sync" else count_async
        assert call(kind, function, base_url=server.origin) == len(content)
