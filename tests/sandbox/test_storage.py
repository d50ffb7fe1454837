"""Tests of the sandbox's storage: signed URLs, modified requests, and google-cloud-storage."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import google.auth.credentials
import httpx
import pytest
from google.cloud.storage import _signing  # type: ignore[import-untyped]  # has no types

from haut_ext.sandbox import Sandbox
from haut_ext.sandbox.signed_urls import canonical_request, string_to_sign
from tests.sandbox.http_client import PHOTO, SandboxClient

Request = dict[str, Any]
Change = Callable[[Request], None]


def code(response: httpx.Response) -> str:
    assert response.headers["content-type"].startswith("application/xml")
    found = re.fullmatch(
        r"<\?xml .*\?><Error><Code>(\w+)</Code>.*</Error>", response.text, re.DOTALL
    )
    assert found, response.text
    return found[1]


@pytest.fixture
def signed(client: SandboxClient) -> Request:
    """Arguments of a valid upload request, which a test can modify before sending it."""
    target = client.slot(client.create()["id"])["upload_url"]
    headers = {**target["headers"], "Host": urlsplit(target["url"]).netloc}
    return {"method": "PUT", "url": target["url"], "headers": headers, "content": PHOTO}


def test_valid_upload_is_stored_and_returns_checksums(
    client: SandboxClient, signed: Request
) -> None:
    response = client.storage.request(**signed)
    md5 = hashlib.md5(PHOTO)
    assert response.status_code == 200
    assert response.headers["etag"] == f'"{md5.hexdigest()}"'
    assert response.headers["x-goog-hash"] == f"md5={base64.b64encode(md5.digest()).decode()}"
    [image] = client.sandbox.snapshot()["subjects"][0]["batches"][0]["images"]
    assert image["sha256"] == hashlib.sha256(PHOTO).hexdigest()
    assert client.sandbox.requests[-1].md5 == md5.hexdigest()


def test_signed_header_names_are_case_insensitive(client: SandboxClient) -> None:
    """The signature ignores the case of header names, but not the case of header values."""
    headers = {"Content-Type": "Image/JPEG", "X-Goog-Content-Length-Range": "1,31457280"}
    address = client.sandbox.storage.sign("PUT", "photo", 600, headers)
    lower = {name: value.lower() for name, value in headers.items()}
    response = client.storage.put(address, headers=lower, content=PHOTO)
    assert (response.status_code, code(response)) == MISMATCH
    lower = {name.lower(): value for name, value in headers.items()}
    assert client.storage.put(address, headers=lower, content=PHOTO).status_code == 200


def test_signature_parameter_name_is_case_insensitive(
    client: SandboxClient, signed: Request
) -> None:
    """The name of the signature parameter is not signed, and gcloud writes it in lower case."""
    signed["url"] = signed["url"].replace("X-Goog-Signature", "x-goog-signature")
    assert client.storage.request(**signed).status_code == 200


def url(pattern: str, replacement: str) -> Change:
    def change(request: Request) -> None:
        changed = re.sub(pattern, replacement, request["url"])
        assert changed != request["url"]
        request["url"] = changed

    return change


def header(name: str, value: str | None) -> Change:
    def change(request: Request) -> None:
        if value is None:
            del request["headers"][name]
        else:
            request["headers"][name] = value

    return change


MISMATCH = (403, "SignatureDoesNotMatch")
MALFORMED = (400, "MalformedSecurityHeader")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda request: request.update(method="GET"), MISMATCH, id="method"),
        pytest.param(lambda request: request.update(method="DELETE"), MISMATCH, id="delete"),
        pytest.param(url(r"(/[0-9a-f-]{35}).\?", r"\1x?"), MISMATCH, id="path"),
        pytest.param(url("Expires=900", "Expires=9000"), MISMATCH, id="expiry"),
        pytest.param(url("Expires=900", "Expires=604801"), MALFORMED, id="expiry-past-a-week"),
        pytest.param(url(r"(Date=\d{8}T)0", r"\g<1>1"), MISMATCH, id="date"),
        pytest.param(url(r"Date=2025", "Date=2026"), MALFORMED, id="date-out-of-scope"),
        pytest.param(url("(Signature=..).", r"\1g"), MISMATCH, id="signature"),
        pytest.param(url("&X-Goog-Signature=.*", ""), (403, "AccessDenied"), id="unsigned"),
        pytest.param(url("Credential=sandbox", "Credential=other"), MISMATCH, id="credential"),
        pytest.param(url("GOOG4-HMAC-SHA256", "GOOG4-NONE"), MALFORMED, id="algorithm"),
        pytest.param(url("GOOG4-HMAC", "GOOG4-RSA"), MISMATCH, id="other-algorithm"),
        pytest.param(url("$", "&generation=1"), MISMATCH, id="extra-query"),
        pytest.param(url("$", "&X-Goog-Expires=900"), MISMATCH, id="doubled-query"),
        pytest.param(url("content-type%3B", ""), MISMATCH, id="fewer-signed-headers"),
        pytest.param(url("=content-type", "=Content-Type"), MALFORMED, id="signed-headers-case"),
        pytest.param(url("host%3B", ""), MALFORMED, id="unsigned-host"),
        pytest.param(header("Content-Type", "image/jpeg"), MISMATCH, id="content-type"),
        pytest.param(header("Content-Type", "APPLICATION/octet-stream"), MISMATCH, id="value-case"),
        pytest.param(
            header("X-Goog-Content-Length-Range", "1,99999999"), MISMATCH, id="length-range"
        ),
        pytest.param(
            url("%3Bx-goog-content-length-range", ""), MALFORMED, id="unsigned-length-range"
        ),
        pytest.param(header("X-Goog-Content-Length-Range", None), MALFORMED, id="no-length-range"),
        pytest.param(header("X-Goog-Meta-Note", "x"), MALFORMED, id="extra-header"),
        pytest.param(header("Host", "localhost"), MISMATCH, id="host"),
        pytest.param(
            header("Authorization", "Bearer token"), (400, "InvalidArgument"), id="authorization"
        ),
        pytest.param(
            lambda request: request.update(content=b""), (400, "EntityTooSmall"), id="empty"
        ),
        pytest.param(
            lambda request: request.update(content=bytes(31_457_281)),
            (400, "EntityTooLarge"),
            id="too-long",
        ),
    ],
)
def test_changed_request_is_rejected_and_stores_nothing(
    client: SandboxClient, signed: Request, change: Change, expected: tuple[int, str]
) -> None:
    change(signed)
    response = client.storage.request(**signed)
    assert (response.status_code, code(response)) == expected
    assert client.sandbox.carried_out("upload_image") == 0
    assert not client.sandbox.database.objects


def test_upload_of_maximum_size_is_accepted(client: SandboxClient, signed: Request) -> None:
    signed["content"] = bytes(31_457_280)
    assert client.storage.request(**signed).status_code == 200


def test_chunked_upload_is_accepted(client: SandboxClient, signed: Request) -> None:
    signed["content"] = iter([PHOTO[:100], PHOTO[100:]])
    assert client.storage.request(**signed).status_code == 200
    [stored] = client.sandbox.database.objects.values()
    assert stored.data == PHOTO


def test_signed_url_expires(client: SandboxClient, signed: Request) -> None:
    client.sandbox.clock.advance(900)
    assert client.storage.request(**signed).status_code == 200
    client.sandbox.clock.advance(1)
    response = client.storage.request(**signed)
    assert (response.status_code, code(response)) == (400, "ExpiredToken")


def test_signed_url_with_a_future_date_is_rejected(client: SandboxClient) -> None:
    slot = client.slot(client.create()["id"])
    client.sandbox.clock.advance(-3600)
    response = client.put(slot)
    assert (response.status_code, code(response)) == (403, "RequestTimeTooSkewed")


def test_request_log_shows_an_authorization_header_sent_to_the_storage(
    client: SandboxClient, signed: Request
) -> None:
    signed["headers"]["Authorization"] = f"Bearer {client.sandbox.credentials['token']}"
    client.storage.request(**signed)
    assert [request.had_authorization for request in client.sandbox.requests][-1]


def test_request_log_contains_no_signed_query(client: SandboxClient, signed: Request) -> None:
    client.storage.request(**signed)
    assert "X-Goog" not in repr(client.sandbox.requests)


class SandboxCredentials(google.auth.credentials.Signing):
    """Credentials with which google-cloud-storage signs URLs with the sandbox's key."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.signed: list[str] = []

    def sign_bytes(self, message: bytes) -> bytes:
        self.signed.append(message.decode())
        return self._sandbox.storage.sign_bytes(message)

    @property
    def signer_email(self) -> str:
        return self._sandbox.storage.signer_email

    @property
    def signer(self) -> None:
        return None


@pytest.mark.parametrize("key", ["plain", "with space/ü~(1)+%&=.jpg"])
def test_signatures_agree_with_those_of_google_cloud_storage(
    client: SandboxClient, key: str
) -> None:
    sandbox = client.sandbox
    credentials = SandboxCredentials(sandbox)
    headers = {
        "Content-Type": "application/octet-stream",
        "X-Goog-Content-Length-Range": "1,31457280",
    }
    sandbox_url = sandbox.storage.sign("PUT", key, 600, headers)
    google_url = _signing.generate_signed_url_v4(
        credentials,
        resource=f"/haut-sandbox/{quote(key, safe='/~')}",
        expiration=600,
        api_access_endpoint=sandbox.storage_url,
        method="PUT",
        headers=dict(headers),
        _request_timestamp=f"{sandbox.clock.now():%Y%m%dT%H%M%SZ}",
    )
    assert client.storage.put(google_url, headers=headers, content=PHOTO).status_code == 200
    assert sandbox.database.objects[key].data == PHOTO

    # The sandbox and google-cloud-storage sign the same string for an identical request.
    google_parts = urlsplit(google_url)
    query = dict(parse_qsl(google_parts.query))
    del query["X-Goog-Signature"]
    canonical = canonical_request(
        "PUT",
        google_parts.path,
        query.items(),
        {"host": google_parts.netloc, **{name.lower(): value for name, value in headers.items()}},
        query["X-Goog-SignedHeaders"],
    )
    scope = query["X-Goog-Credential"].partition("/")[2]
    message = string_to_sign(query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, canonical)
    assert [message] == credentials.signed
    # The URLs of the sandbox and of google-cloud-storage differ only in the algorithm parameter.
    sandbox_parts = urlsplit(sandbox_url)
    parameters = {
        **dict(parse_qsl(sandbox_parts.query)),
        "X-Goog-Algorithm": query["X-Goog-Algorithm"],
    }
    del parameters["X-Goog-Signature"]
    assert (sandbox_parts.netloc, sandbox_parts.path, parameters) == (
        google_parts.netloc,
        google_parts.path,
        query,
    )


def test_download_has_length_and_checksum(client: SandboxClient) -> None:
    slot = client.upload(client.create()["id"])
    signed = client.image(slot["id"], generate_signed_url="true").json()["signed_url"]
    response = client.storage.get(signed)
    assert response.headers["content-length"] == str(len(PHOTO))
    assert response.headers["content-type"] == "application/octet-stream"
    assert response.headers["x-goog-hash"].startswith("md5=")


def test_incomplete_upload_stores_nothing(
    client: SandboxClient, signed: Request, capfd: pytest.CaptureFixture[str]
) -> None:
    target = urlsplit(signed["url"])
    head = [f"PUT {target.path}?{target.query} HTTP/1.1", "Content-Length: 1000"]
    head += [f"{name}: {value}" for name, value in signed["headers"].items()]
    with socket.create_connection((target.hostname, target.port)) as connection:
        connection.sendall("\r\n".join([*head, "Expect: 100-continue", "", ""]).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")  # the server has read the headers
        connection.sendall(PHOTO[:500])
    client.sandbox.close()  # close() joins the thread that reads the body
    [request] = [logged for logged in client.sandbox.requests if logged.operation == "upload_image"]
    assert (request.carried_out, request.status) == (False, None)
    assert not client.sandbox.database.objects
    assert capfd.readouterr().err == ""
