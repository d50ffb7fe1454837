"""Tests of upload slots that are broken or malicious, and of storages that do not store the photo."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from haut_ext import (
    Haut,
    HautError,
    StorageError,
    TransportError,
    UnexpectedResponse,
    UploadIncomplete,
)
from haut_ext.bulk import bulk_upload
from haut_ext.sandbox import Sandbox
from tests.support.client_runner import Client, Kind
from tests.support.sandbox_photos import PHOTO, add_photo
from tests.support.servers import RewritingServer, ScriptedServer, Server, read_head, response

OTHER_ID = "2fea742a-62ec-4a81-9729-9e0283f9c40c"
PATTERNS = {
    "url": r'(?<="upload_url":\{)"url":"[^"]*"',
    "method": r'"method":"[^"]*"',
    "headers": r'"headers":\{[^}]*\}',
}
BROKEN_HEADERS: list[Any] = [[], ["a"], "a", 1, {"a": 1}, {"a": None}, {"é": "a"}]
BROKEN_METHODS: list[Any] = [1, [], "", "GET", "DELETE", "put", "PUT ", "CONNECT"]
BROKEN_URLS: list[Any] = [None, 1, [], "", "photo", "https://", "https://a..b/"]
BROKEN_SLOTS: list[dict[str, Any]] = [
    *({"headers": value} for value in BROKEN_HEADERS),
    *({"headers": {name: "a"}} for name in ("", "a b", "a\n", ":path", "\ud800")),
    *({"headers": {"a": value}} for value in ("a\r\nCookie: b", "\0", "\ud800")),
    *({"method": value} for value in BROKEN_METHODS),
    *({"url": value} for value in BROKEN_URLS),
    *({"url": f"https://{value}"} for value in ("h:99999/", "h:x/", "[::1/", "\ud800/", "h\n/")),
    *({"url": f"https://{value}"} for value in ("h:0/", "a:b@127.0.0.1:9/", "a@127.0.0.1:9/")),
    *({"url": value} for value in ("http://storage.example/", "file:///etc/passwd", "//h/")),
]
FORBIDDEN_HEADERS = {
    "Host": "evil.example",
    "Authorization": "Bearer x",
    "Cookie": "a=b",
    "TE": "trailers",
    "Transfer-Encoding": "chunked",
    "content-length": "1",
    "Connection": "close",
    "Proxy-Authorization": "Basic x",
    "Upgrade": "h2c",
    "Expect": "100-continue",
    "Keep-Alive": "1",
    "Trailer": "x",
    "Proxy-Connection": "close",
}


@contextmanager
def with_slot(sandbox: Sandbox, changed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the arguments of a client whose upload slots have another URL, method or headers."""
    [name] = changed
    text = json.dumps(changed)[1:-1].replace("\\", "\\\\")
    with RewritingServer(sandbox.base_url, PATTERNS[name], text) as server:
        yield {**sandbox.credentials, "base_url": server.origin, "max_retries": 0}


def upload_error(kind: Kind, sandbox: Sandbox, arguments: dict[str, Any]) -> HautError:
    """Return the cause of the failure of an upload."""
    [subject] = sandbox.add_subjects(1)
    with Client(kind, **arguments) as client, pytest.raises(UploadIncomplete) as caught:
        client.call(lambda haut: haut.upload_and_compute(subject.id, front=PHOTO))
    assert sandbox.received("compute_batch") == 0
    assert isinstance(caught.value.cause, HautError)
    return caught.value.cause


@pytest.mark.parametrize("changed", BROKEN_SLOTS, ids=ascii)
def test_broken_slot_is_a_typed_error(
    kind: Kind, sandbox: Sandbox, changed: dict[str, Any]
) -> None:
    with with_slot(sandbox, changed) as arguments:
        error = upload_error(kind, sandbox, arguments)
    assert isinstance(error, StorageError | UnexpectedResponse)  # not an error of the caller
    assert not error.retryable
    assert sandbox.received("upload_image") == 0


def test_missing_method_is_put(kind: Kind, sandbox: Sandbox) -> None:
    [subject] = sandbox.add_subjects(1)
    with (
        with_slot(sandbox, {"method": None}) as arguments,
        Client(kind, **arguments) as client,
    ):
        client.call(lambda haut: haut.upload_and_compute(subject.id, front=PHOTO))
    assert sandbox.carried_out("upload_image") == 1


@pytest.mark.parametrize("changed", [{"headers": []}, {"method": 1}, {"url": "https://a..b/"}])
def test_broken_slot_is_a_failed_row_of_a_bulk_run(
    sandbox: Sandbox, tmp_path: Path, changed: dict[str, Any], short_backoff: None
) -> None:
    rows = [{"subject": name, "front": PHOTO} for name in "ab"]
    with with_slot(sandbox, changed) as arguments, Haut(**arguments) as haut:
        report = bulk_upload(haut, rows, journal=tmp_path / "journal", outage_timeout=0.1)
    assert report.failed == 2


@pytest.mark.parametrize("name", FORBIDDEN_HEADERS)
def test_forbidden_header_of_a_slot_is_rejected(kind: Kind, sandbox: Sandbox, name: str) -> None:
    with with_slot(sandbox, {"headers": {name: FORBIDDEN_HEADERS[name]}}) as arguments:
        error = upload_error(kind, sandbox, arguments)
    assert isinstance(error, StorageError)
    assert "header" in str(error)
    assert sandbox.received("upload_image") == 0


def test_https_api_cannot_name_plain_http_on_loopback_as_storage(
    kind: Kind, sandbox: Sandbox, https_origin: str, trusted: str
) -> None:
    arguments = {**sandbox.credentials, "base_url": https_origin, "max_retries": 0}
    assert "must be https" in str(upload_error(kind, sandbox, arguments))
    image = add_photo(sandbox).image
    with Client(kind, **arguments) as client, pytest.raises(StorageError, match="must be https"):
        client.call(lambda haut: haut.images.download(image, io.BytesIO()))
    assert sandbox.received("upload_image") == sandbox.received("download_image") == 0


@pytest.mark.parametrize("spelling", ["{}", "%3Fsig%3D{}", "a\\\\u0026sig={}&amp;b"])
def test_parameter_of_any_signed_url_is_removed_from_the_error(
    kind: Kind, sandbox: Sandbox, spelling: str
) -> None:
    secret = "J4%2Bb/signature-of-a-photo"
    echoed = spelling.format(secret)
    code = f"<Error><Code>{echoed.replace('&amp;', '')}{'x' * 5000}</Code></Error>"
    answers = [response("403 Forbidden", f"{code}{echoed}".encode(), "application/xml", X_A=echoed)]
    answers.append(response("403 Forbidden", code.encode(), "application/xml"))
    for answer in answers:
        with (
            ScriptedServer(answer) as storage,
            with_slot(sandbox, {"url": f"{storage.origin}/a?sv=1&sig={secret}"}) as arguments,
        ):
            error = upload_error(kind, sandbox, arguments)
            assert secret in storage.targets[0]
        assert isinstance(error, StorageError)
        for text in (str(error), error.body, *error.headers.values(), error.code or ""):
            assert "signature-of-a-photo" not in text
            assert len(text) < 2000


MD5 = hashlib.md5(PHOTO.read_bytes(), usedforsecurity=False)
OTHER = hashlib.md5(b"other", usedforsecurity=False)


def base64_of(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


NOT_STORED = {
    "text": response("200 OK", b"OK", "text/plain"),
    "JSON": response("200 OK", b'{"ok": true}'),
    "web page": response("200 OK", b"<p>Sign in</p>", "text/html"),
    "accepted": response("202 Accepted"),
    "other MD5": response("200 OK", x_goog_hash=f"md5={base64_of(OTHER.digest())}"),
    "other ETag": response("200 OK", ETag=f'"{OTHER.hexdigest()}"'),
    "other length": response("200 OK", x_goog_stored_content_length="5"),
}
STORED = {
    "no header": response("200 OK"),
    "XML": response("201 Created", b"<PostResponse/>", "application/xml"),
    "MD5": response("200 OK", x_goog_hash=f"crc32c=n03x6A==,md5={base64_of(MD5.digest())}"),
    "ETag": response("204 No Content", ETag=f'"{MD5.hexdigest()}"'),
    "opaque ETag": response("200 OK", ETag='"CJ+v0tqDpfQCEAE="'),
    "ETag of an encrypted object": response(
        "200 OK", ETag=f'"{OTHER.hexdigest()}"', x_amz_server_side_encryption="aws:kms"
    ),
    "length": response("200 OK", x_goog_stored_content_length=str(PHOTO.stat().st_size)),
}


@pytest.mark.parametrize("answer", NOT_STORED)
def test_success_that_does_not_prove_that_the_photo_is_stored(
    kind: Kind, sandbox: Sandbox, answer: str
) -> None:
    with (
        ScriptedServer(NOT_STORED[answer]) as storage,
        with_slot(sandbox, {"url": f"{storage.origin}/photo"}) as arguments,
    ):
        assert isinstance(upload_error(kind, sandbox, arguments), UnexpectedResponse)


@pytest.mark.parametrize("answer", STORED)
def test_success_of_a_storage(kind: Kind, sandbox: Sandbox, answer: str) -> None:
    [subject] = sandbox.add_subjects(1)
    with (
        ScriptedServer(STORED[answer]) as storage,
        with_slot(sandbox, {"url": f"{storage.origin}/photo"}) as arguments,
        Client(kind, **arguments) as client,
    ):
        client.call(lambda haut: haut.images.upload(subject.id, PHOTO))
        assert storage.requests[0][1] == PHOTO.read_bytes()


def headers_of(text: str) -> str:
    return f"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n{text}\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        "Connection: close\r\n",
        f"x-goog-hash: md5={base64_of(OTHER.digest())}\r\n",
        f'Content-Length: 5\r\nETag: "{OTHER.hexdigest()}"\r\n',
        "x-goog-stored-content-length: 6\r\n",
    ],
)
def test_download_that_may_be_cut_short_is_an_error(
    kind: Kind, sandbox: Sandbox, tmp_path: Path, headers: str
) -> None:
    def respond(client: socket.socket) -> None:
        read_head(client)
        client.sendall(headers_of(headers).encode() + b"photo")

    image = add_photo(sandbox).image
    pattern = r'(?<="signed_url":)"[^"]*"'
    with (
        Server(respond) as storage,
        RewritingServer(sandbox.base_url, pattern, f'"{storage.origin}/photo"') as server,
    ):
        arguments = {**sandbox.credentials, "base_url": server.origin, "max_retries": 0}
        with Client(kind, **arguments) as client, pytest.raises(UnexpectedResponse):
            client.call(lambda haut: haut.images.download(image, tmp_path / "photo.jpg"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("headers", ["", "Connection: close\r\n"])
def test_response_before_the_complete_photo_was_received_does_not_count(
    kind: Kind, sandbox: Sandbox, headers: str
) -> None:
    """httpx ignores the error of the broken connection if there is a response."""

    def respond(client: socket.socket) -> None:
        read_head(client)
        client.recv(1000)
        client.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{headers}\r\n".encode())

    [subject] = sandbox.add_subjects(1)
    content = PHOTO.read_bytes()
    comment = b"\xff\xfe\xff\xff" + bytes(65_533)
    large = content[:2] + comment * 200 + content[2:]
    with (
        Server(respond) as storage,
        with_slot(sandbox, {"url": f"{storage.origin}/photo"}) as arguments,
        Client(kind, **arguments) as client,
        pytest.raises((UnexpectedResponse, TransportError)),
    ):
        client.call(lambda haut: haut.images.upload(subject.id, large))


CALLS: dict[str, Any] = {
    "images.get": lambda haut, image, _: haut.images.get(image),
    "images.download": lambda haut, image, _: haut.images.download(image, io.BytesIO()),
    "subjects.update": lambda haut, _, subject: haut.subjects.update(subject, name="a"),
    "datasets.get": lambda haut, _, __: haut.datasets.get(),
}


@pytest.mark.parametrize("call", CALLS)
def test_record_of_another_item_is_an_error(kind: Kind, sandbox: Sandbox, call: str) -> None:
    """A cache that ignores a part of the path may respond."""
    stored = add_photo(sandbox)
    with RewritingServer(sandbox.base_url, r'"id":"[^"]*"', f'"id":"{OTHER_ID}"') as server:
        arguments = {**sandbox.credentials, "base_url": server.origin}
        with Client(kind, **arguments) as client, pytest.raises(UnexpectedResponse) as caught:
            client.call(lambda haut: CALLS[call](haut, stored.image, stored.subject))
    assert "another record" in str(caught.value)
    assert sandbox.received("download_image") == 0
