"""The storage: what a signed URL allows, and what Google's own signer has to say about it."""

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
from haut_ext.sandbox.storage import canonical_request, string_to_sign
from tests.sandbox.caller import PHOTO, Caller

Request = dict[str, Any]
Tampering = Callable[[Request], None]


def code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"].startswith("application/xml")
    found = re.fullmatch(r"<\?xml .*\?><Error><Code>(\w+)</Code>.*</Error>", answer.text, re.DOTALL)
    assert found, answer.text
    return found[1]


@pytest.fixture
def signed(caller: Caller) -> Request:
    """A good upload, ready to be tampered with."""
    target = caller.slot(caller.create()["id"])["upload_url"]
    headers = {**target["headers"], "Host": urlsplit(target["url"]).netloc}
    return {"method": "PUT", "url": target["url"], "headers": headers, "content": PHOTO}


def test_a_good_upload_is_taken_and_checksummed(caller: Caller, signed: Request) -> None:
    answer = caller.storage.request(**signed)
    md5 = hashlib.md5(PHOTO)
    assert answer.status_code == 200
    assert answer.headers["etag"] == f'"{md5.hexdigest()}"'
    assert answer.headers["x-goog-hash"] == f"md5={base64.b64encode(md5.digest()).decode()}"
    [image] = caller.sandbox.snapshot()["subjects"][0]["batches"][0]["images"]
    assert image["sha256"] == hashlib.sha256(PHOTO).hexdigest()
    assert caller.sandbox.arrivals[-1].md5 == md5.hexdigest()


def test_a_lower_case_header(caller: Caller) -> None:
    """HTTP knows no case in names, and the canonical form has them lower; values count to the letter."""
    headers = {"Content-Type": "Image/JPEG", "X-Goog-Content-Length-Range": "1,31457280"}
    address = caller.sandbox.storage.sign("PUT", "photo", 600, headers)
    lower = {name: value.lower() for name, value in headers.items()}
    answer = caller.storage.put(address, headers=lower, content=PHOTO)
    assert (answer.status_code, code(answer)) == MISMATCH
    lower = {name.lower(): value for name, value in headers.items()}
    assert caller.storage.put(address, headers=lower, content=PHOTO).status_code == 200


def test_the_name_of_the_signature_may_be_in_any_case(caller: Caller, signed: Request) -> None:
    """It is not itself signed, and Google's command line writes it in lower case."""
    signed["url"] = signed["url"].replace("X-Goog-Signature", "x-goog-signature")
    assert caller.storage.request(**signed).status_code == 200


def url(pattern: str, replacement: str) -> Tampering:
    def tamper(request: Request) -> None:
        changed = re.sub(pattern, replacement, request["url"])
        assert changed != request["url"]
        request["url"] = changed

    return tamper


def header(name: str, value: str | None) -> Tampering:
    def tamper(request: Request) -> None:
        if value is None:
            del request["headers"][name]
        else:
            request["headers"][name] = value

    return tamper


MISMATCH = (403, "SignatureDoesNotMatch")
MALFORMED = (400, "MalformedSecurityHeader")


@pytest.mark.parametrize(
    ("tamper", "expected"),
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
        pytest.param(header("Host", "storage.googleapis.com"), MISMATCH, id="host"),
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
def test_tampering_is_refused_and_stores_nothing(
    caller: Caller, signed: Request, tamper: Tampering, expected: tuple[int, str]
) -> None:
    tamper(signed)
    answer = caller.storage.request(**signed)
    assert (answer.status_code, code(answer)) == expected
    assert caller.sandbox.carried_out("upload_image") == 0
    assert not caller.sandbox.world.objects


def test_the_longest_upload_is_taken(caller: Caller, signed: Request) -> None:
    signed["content"] = bytes(31_457_280)
    assert caller.storage.request(**signed).status_code == 200


def test_a_chunked_upload_is_taken(caller: Caller, signed: Request) -> None:
    signed["content"] = iter([PHOTO[:100], PHOTO[100:]])
    assert caller.storage.request(**signed).status_code == 200
    [stored] = caller.sandbox.world.objects.values()
    assert stored.data == PHOTO


def test_a_url_dies_by_the_clock(caller: Caller, signed: Request) -> None:
    caller.sandbox.clock.advance(900)
    assert caller.storage.request(**signed).status_code == 200
    caller.sandbox.clock.advance(1)
    answer = caller.storage.request(**signed)
    assert (answer.status_code, code(answer)) == (400, "ExpiredToken")


def test_a_url_from_the_future_is_refused(caller: Caller) -> None:
    slot = caller.slot(caller.create()["id"])
    caller.sandbox.clock.advance(-3600)
    answer = caller.put(slot)
    assert (answer.status_code, code(answer)) == (403, "RequestTimeTooSkewed")


def test_an_authorization_header_at_the_storage_is_on_record(
    caller: Caller, signed: Request
) -> None:
    signed["headers"]["Authorization"] = f"Bearer {caller.sandbox.credentials['token']}"
    caller.storage.request(**signed)
    assert [arrival.had_authorization for arrival in caller.sandbox.arrivals][-1]


def test_the_account_holds_no_signed_query(caller: Caller, signed: Request) -> None:
    caller.storage.request(**signed)
    assert "X-Goog" not in repr(caller.sandbox.arrivals)


class SandboxCredentials(google.auth.credentials.Signing):
    """The sandbox's key, in the form in which google-cloud-storage wants one."""

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
def test_googles_signer_agrees_both_ways(caller: Caller, key: str) -> None:
    sandbox = caller.sandbox
    credentials = SandboxCredentials(sandbox)
    headers = {
        "Content-Type": "application/octet-stream",
        "X-Goog-Content-Length-Range": "1,31457280",
    }
    own = sandbox.storage.sign("PUT", key, 600, headers)
    theirs = _signing.generate_signed_url_v4(
        credentials,
        resource=f"/haut-sandbox/{quote(key, safe='/~')}",
        expiration=600,
        api_access_endpoint=sandbox.storage_url,
        method="PUT",
        headers=dict(headers),
        _request_timestamp=f"{sandbox.clock.now():%Y%m%dT%H%M%SZ}",
    )
    assert caller.storage.put(theirs, headers=headers, content=PHOTO).status_code == 200
    assert sandbox.world.objects[key].data == PHOTO

    # Of the same request, ours makes the same canonical form: the hashes they sign are equal.
    sent = urlsplit(theirs)
    query = dict(parse_qsl(sent.query))
    del query["X-Goog-Signature"]
    canonical = canonical_request(
        "PUT",
        sent.path,
        query.items(),
        {"host": sent.netloc, **{name.lower(): value for name, value in headers.items()}},
        query["X-Goog-SignedHeaders"],
    )
    scope = query["X-Goog-Credential"].partition("/")[2]
    message = string_to_sign(query["X-Goog-Algorithm"], query["X-Goog-Date"], scope, canonical)
    assert [message] == credentials.signed
    # And ours asks for it in the same words, but for the algorithm.
    ours = urlsplit(own)
    asked = {**dict(parse_qsl(ours.query)), "X-Goog-Algorithm": query["X-Goog-Algorithm"]}
    del asked["X-Goog-Signature"]
    assert (ours.netloc, ours.path, asked) == (sent.netloc, sent.path, query)


def test_a_download_has_length_and_checksum(caller: Caller) -> None:
    slot = caller.upload(caller.create()["id"])
    signed = caller.image(slot["id"], generate_signed_url="true").json()["signed_url"]
    answer = caller.storage.get(signed)
    assert answer.headers["content-length"] == str(len(PHOTO))
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["x-goog-hash"].startswith("md5=")


def test_an_upload_cut_short_stores_nothing(
    caller: Caller, signed: Request, capfd: pytest.CaptureFixture[str]
) -> None:
    target = urlsplit(signed["url"])
    head = [f"PUT {target.path}?{target.query} HTTP/1.1", "Content-Length: 1000"]
    head += [f"{name}: {value}" for name, value in signed["headers"].items()]
    with socket.create_connection((target.hostname, target.port)) as connection:
        connection.sendall("\r\n".join([*head, "Expect: 100-continue", "", ""]).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")  # the head has been read
        connection.sendall(PHOTO[:500])
    caller.sandbox.close()  # joins the thread that was reading
    [arrival] = [a for a in caller.sandbox.arrivals if a.operation == "upload_image"]
    assert (arrival.carried_out, arrival.status) == (False, None)
    assert not caller.sandbox.world.objects
    assert capfd.readouterr().err == ""
